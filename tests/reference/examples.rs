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

/// A hotline on the trunk of a page, and somebody to be rung: what the pages on trunks leave out.
fn completed(block: &str) -> String {
    let name = values(block, "name").next().expect("a trunk has a name");
    format!(
        "oncall = \"oncall.toml\"\n{block}\n[[hotlines]]\nname = \"Hotline\"\nnumbers = [\"+4930123456\"]\n\
         trunks = [\"{name}\"]\n[[hotlines.routes]]\nname = \"All\"\nlevels = [[\"person:anna\"]]\n"
    )
}

/// The values of a key that is written `key = "value"` at the beginning of a line.
fn values<'a>(block: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("{key} = \"");
    block
        .lines()
        .filter_map(move |line| line.strip_prefix(start.as_str()))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value)
}

/// The files that a block names: passwords, a certificate with its key.
fn named_files(block: &str, folder: &Path) {
    for password in values(block, "password_file") {
        let path = folder.join(password);
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let own = rcgen::generate_simple_self_signed(["nightbell.acme.example".to_owned()]).unwrap();
    for (key, pem) in [("certificate", own.cert.pem()), ("key", own.signing_key.serialize_pem())] {
        for file in values(block, key) {
            fs::write(folder.join(file), &pem).unwrap();
        }
    }
}

#[test]
fn the_trunks_of_the_guide_have_no_faults() {
    let pages = ["twilio", "telnyx", "telekom-companyflex", "sipgate", "freepbx-asterisk", "generic"];
    for name in pages {
        let page = read(&format!("docs/guide/trunks/{name}.md"));
        assert!(!blocks(&page).is_empty(), "{name}.md shows no settings");
        for (number, block) in blocks(&page).into_iter().enumerate() {
            let folder = Folder::new(&format!("{name}-{number}"));
            named_files(block, &folder.0);
            fs::write(folder.0.join("nightbell.toml"), completed(block)).unwrap();
            let anna = "[[people]]\nid = \"anna\"\nphones = [\"+4915112345678\"]\n";
            fs::write(folder.0.join("oncall.toml"), anna).unwrap();
            assert_clean(&folder.0.join("nightbell.toml"));
        }
    }
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
