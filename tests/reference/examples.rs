//! The settings that the project shows work as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{read, root};

/// A folder that is gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nightbell-reference-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(settings: &Path) -> Output {
    let nightbell = env!("CARGO_BIN_EXE_nightbell");
    Command::new(nightbell).arg("check").arg("-c").arg(settings).output().unwrap()
}

/// Neither an error nor a warning.
fn assert_clean(settings: &Path) {
    let output = check(settings);
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{complained}{said}", settings.display());
    assert!(said.ends_with("0 errors, 0 warnings\n"), "{}:\n{complained}{said}", settings.display());
}

/// The TOML blocks of a page, in order.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block)
        .collect()
}

#[test]
fn the_example_for_a_carrier_has_no_faults() {
    assert_clean(&root().join("config/nightbell.toml"));
}

#[test]
fn the_example_for_desk_phones_has_no_faults() {
    assert_clean(&root().join("config/lan.toml"));
}

#[test]
fn the_first_hotline_of_the_readme_has_no_faults() {
    let page = read("README.md");
    let [settings, oncall] = blocks(&page)[..] else { panic!("the README shows two files") };
    let folder = Folder::new("readme");
    fs::write(folder.0.join("nightbell.toml"), settings).unwrap();
    fs::write(folder.0.join("oncall.toml"), oncall).unwrap();
    assert_clean(&folder.0.join("nightbell.toml"));
}

/// The hotline of the trunk guides, behind a trunk `carrier`.
const HOTLINE: &str = "[[hotlines]]\nname = \"Emergency hotline\"\nnumbers = [\"+4930123456\"]\ntrunks = [\"carrier\"]\n\
    [[hotlines.routes]]\nname = \"Production\"\nlevels = [[\"person:anna\"]]\n";
const ANNA: &str = "[[people]]\nid = \"anna\"\nname = \"Anna\"\nphones = [\"+4915112345678\"]\n";

/// What the tables of the trunk guides name: a password, and a certificate with its key.
fn files_of_a_trunk(folder: &Path) {
    let password = folder.join("carrier.password");
    fs::write(&password, "secret\n").unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["hotline.example".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join("fullchain.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    for file in [password, folder.join("key.pem")] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn every_trunk_of_the_guides_has_no_faults() {
    let pages = fs::read_dir(root().join("docs/guide/trunks")).unwrap();
    let mut tried = 0;
    for page in pages.map(|page| page.unwrap().path()) {
        let text = fs::read_to_string(&page).unwrap();
        for trunk in blocks(&text).into_iter().filter(|block| block.contains("[[trunks]]")) {
            let folder = Folder::new(&format!("trunk-{tried}"));
            files_of_a_trunk(&folder.0);
            let settings = folder.0.join("nightbell.toml");
            fs::write(&settings, format!("oncall = \"oncall.toml\"\n{trunk}{HOTLINE}")).unwrap();
            fs::write(folder.0.join("oncall.toml"), ANNA).unwrap();
            assert_clean(&settings);
            tried += 1;
        }
    }
    assert!(tried >= 9, "{tried} tables were tried");
}

#[test]
fn a_misspelt_key_is_named_with_its_place_and_the_nearest_known_one() {
    let folder = Folder::new("misspelt");
    let settings = folder.0.join("nightbell.toml");
    let text = read("config/nightbell.toml").replace("max_calls = 30", "max_cals = 30");
    let line = text.lines().position(|line| line.starts_with("max_cals")).unwrap() + 1;
    fs::write(&settings, &text).unwrap();
    fs::write(folder.0.join("oncall.toml"), read("config/oncall.toml")).unwrap();
    let output = check(&settings);
    assert_eq!(output.status.code(), Some(2));
    let complained = String::from_utf8_lossy(&output.stderr);
    for expected in [format!("nightbell.toml:{line}:1"), "max_cals".to_owned(), "`max_calls`".to_owned()] {
        assert!(complained.contains(&expected), "no `{expected}` in:\n{complained}");
    }
}
