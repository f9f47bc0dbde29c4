//! Bad settings: `check` and `run` say what is wrong, where, and what to do, and end with status 2.
#![allow(clippy::unwrap_used, reason = "tests say what broke")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const SETTINGS: &str = r#"data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["udp:127.0.0.1:0"]
[[trunks]]
name = "carrier"
server = "udp:192.0.2.1"
sources = ["198.51.100.0/24"]
country = "49"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
[[hotlines.routes]]
name = "Production"
levels = [["schedule:production"]]
"#;

const ONCALL: &str = r#"[[people]]
id = "anna"
name = "Anna"
phones = ["+4915112345678"]
[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["anna"]
every = "1 week"
start = "2026-01-05 09:00"
"#;

const OTHER_TRUNK: &str = "[[trunks]]\nname = \"other\"\nsources = [\"198.51.100.7/32\"]\n[[hotlines]]";
const OTHER_HOTLINE: &str = "[[hotlines]]\nname = \"Other\"\nnumbers = [\"+4930123456\"]\ntrunks = [\"carrier\"]\n\
     [[hotlines.routes]]\nname = \"All\"\ndirect = \"voicemail\"\n[[hotlines]]";

const SAME_NAME: &str = "[[hotlines]]\nname = \"Support\"\nnumbers = [\"+4930987654\"]\ntrunks = [\"carrier\"]\n\
     [[hotlines.routes]]\nname = \"All\"\ndirect = \"voicemail\"\n[[hotlines]]";

/// What is replaced by what, in either file; then what is said of it, where, and what helps.
const BAD: [(&str, &str, [&str; 3]); 12] = [
    (
        "country =",
        "contry =",
        ["there is no key `contry` here", "nightbell.toml:9:1", "did you mean `country`?"],
    ),
    (
        "[[hotlines]]",
        SAME_NAME,
        ["there are two hotlines `Support`", "nightbell.toml:18:8", "name of its own"],
    ),
    (
        "phones = [\"+4915112345678\"]",
        "phones = []",
        ["person `anna` has no phone", "oncall.toml:2:6", "help"],
    ),
    (
        "schedule:production\"]]",
        "schedule:prodution\"]]",
        ["prodution", "nightbell.toml:16:12", "did you mean"],
    ),
    ("trunks =", "welcome = { file = \"no.wav\" }\ntrunks =", ["no.wav", "nightbell.toml:13:11", "help"]),
    (
        "\"+4930123456\"",
        "\"030123456\"",
        ["not a number in E.164", "nightbell.toml:12:12", "as in +4930123456"],
    ),
    ("\"+4915112345678\"", "\"0151 12345678\"", ["0151 12345678", "oncall.toml:4:11", "as in +4930123456"]),
    (
        "[[hotlines]]",
        OTHER_TRUNK,
        ["198.51.100.7/32 overlaps 198.51.100.0/24", "nightbell.toml:12:12", "help"],
    ),
    ("[[hotlines]]", OTHER_HOTLINE, ["+4930123456 already belongs", "nightbell.toml:19:12", "help"]),
    ("trunks =", "welcome = { say = \"Hello.\" }\ntrunks =", ["Hello.", "nightbell.toml:13:11", "[voice]"]),
    (
        "name = \"Production\"",
        "name = \"Production\"\nenabled = false",
        ["no route of the hotline is enabled", "nightbell.toml:11:8", "hear that it is closed"],
    ),
    (
        "trunks = [\"carrier\"]",
        "trunks = [\"carier\"]",
        ["no trunk `carier`", "nightbell.toml:13:11", "`carrier`"],
    ),
];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, settings: &str, oncall: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nightbell-settings-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("nightbell.toml"), settings).unwrap();
        fs::write(path.join("oncall.toml"), oncall).unwrap();
        Self(path)
    }

    /// The status of a command, and what it complained of.
    fn nightbell(&self, command: &str) -> (Option<i32>, String) {
        let mut nightbell = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        let output = nightbell.arg(command).arg("-c").arg(self.0.join("nightbell.toml")).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_settings_that_the_bad_ones_are_made_from_are_good() {
    assert_eq!(Folder::new("good", SETTINGS, ONCALL).nightbell("check"), (Some(0), String::new()));
}

#[test]
fn bad_settings_are_an_error_with_its_place_and_a_remedy() {
    for (index, (good, bad, said)) in BAD.into_iter().enumerate() {
        let (settings, oncall) = match ONCALL.contains(good) {
            true => (SETTINGS.to_owned(), ONCALL.replace(good, bad)),
            false => (SETTINGS.replacen(good, bad, 1), ONCALL.to_owned()),
        };
        let folder = Folder::new(&format!("bad-{index}"), &settings, &oncall);
        for command in ["check", "run"] {
            let (status, complained) = folder.nightbell(command);
            assert_eq!(status, Some(2), "{command}, {bad}: {complained}");
            for part in said {
                assert!(complained.contains(part), "{command}, {bad}: no `{part}` in\n{complained}");
            }
        }
    }
}
