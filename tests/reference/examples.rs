//! The settings that the project shows work as they are.

use std::fs;
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
