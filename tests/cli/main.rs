//! The commands as an operator types them: what they print, and the status they end with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod alarms;
mod calendars;
mod changes;
mod doctor;
mod foresight;
mod import;
mod incidents;
mod notify;
mod settings;
mod signals;
mod simulated;
mod verify;
mod waiting;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One trunk, one hotline, one person: nothing is wrong with these.
pub const SETTINGS: &str = r#"data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["udp:127.0.0.1:0"]
[[trunks]]
name = "lan"
sources = ["127.0.0.1/32"]
destinations = ["sip:*@127.0.0.1"]
[[hotlines]]
name = "Hotline"
numbers = ["+4930123456"]
trunks = ["lan"]
[[hotlines.routes]]
name = "Production"
levels = [["person:bob"]]
"#;

/// Who can be rung.
pub const ONCALL: &str = "[[people]]\nid = \"bob\"\nphones = [\"sip:bob@127.0.0.1:9\"]\n";

/// A folder with settings, gone when the test has passed.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A folder of this name with these two files.
    pub fn with(name: &str, settings: &[u8], oncall: &[u8]) -> Self {
        let folder = std::env::temp_dir().join(format!("nightbell-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("nightbell.toml"), settings).unwrap();
        std::fs::write(folder.join("oncall.toml"), oncall).unwrap();
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command on these settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        command.args(arguments).arg("-c").arg(self.0.join("nightbell.toml")).env("NO_COLOR", "1");
        command
    }

    /// What a command says, once it has ended.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A tenth of a second of silence as a WAV file.
pub fn silence() -> Vec<u8> {
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    let data = [0_u8; 1600];
    wav.extend_from_slice(&(data.len() as u32).to_le_bytes());
    wav.extend_from_slice(&data);
    let length = (wav.len() as u32 - 8).to_le_bytes();
    wav.splice(4..8, length);
    wav
}
