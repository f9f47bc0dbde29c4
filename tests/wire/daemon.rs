//! The daemon as an operator runs it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::sipp::free_port;

/// A running daemon in a folder of its own.
pub struct Daemon {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Daemon {
    /// Starts a daemon whose trunk, and whose only responder, is at a loopback port.
    pub fn start(responder: u16) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("nightbell-wire-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = include_str!("nightbell.toml")
            .replace("LISTEN", &port.to_string())
            .replace("RESPONDER", &responder.to_string());
        std::fs::write(folder.join("nightbell.toml"), config).unwrap();
        std::fs::write(folder.join("oncall.toml"), include_str!("oncall.toml")).unwrap();
        let mut child =
            Self::command(&folder, &["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let ready = log.by_ref().find(|line| line.contains("ready for calls"));
        assert!(ready.is_some(), "the daemon did not start");
        // Somebody must go on reading, or the daemon would block on a full pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self { folder, port, child }
    }

    /// Where it takes SIP.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn command(folder: &std::path::Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
        command.args(arguments).arg("-c").arg(folder.join("nightbell.toml"));
        command
    }

    /// What `calls --json` prints.
    pub fn calls(&self) -> Vec<Value> {
        self.json(&["calls", "--json"]).as_array().unwrap().clone()
    }

    /// What `calls ID --json` prints.
    pub fn call(&self, id: &str) -> Value {
        self.json(&["calls", id, "--json"])
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = Self::command(&self.folder, arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
