//! What the daemon does when it is told to reload or to stop.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::{Folder, ONCALL, SETTINGS};

/// A voice that says when it is asked, and speaks only when it is let.
const SLOW_VOICE: &str =
    "#!/bin/sh\ncat >/dev/null\necho asked >asked\nread -r go <go\ncp voice.wav \"$1\"\n";

pub struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.command(arguments);
        let mut child =
            command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Reads on until a line says this; panics where the daemon ends first.
    pub fn wait_for(&mut self, part: &str) -> Vec<String> {
        let mut said = Vec::new();
        for line in self.log.by_ref() {
            said.push(line.unwrap());
            if said.last().unwrap().contains(part) {
                return said;
            }
        }
        panic!("the daemon ended and never said {part:?}: {said:#?}");
    }

    pub fn ends_with_status_0(mut self) {
        self.signal("-TERM");
        while self.log.next().is_some() {}
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fifo(folder: &Folder, name: &str) {
    assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
}

#[test]
fn a_reload_that_is_asked_for_while_the_daemon_starts_does_not_end_it() {
    let settings =
        SETTINGS.replace("[sip]", "[voice]\ncommand = [\"sh\", \"voice.sh\", \"{output}\"]\n[sip]");
    let folder = Folder::with("early-reload", settings.as_bytes(), ONCALL.as_bytes());
    std::fs::write(folder.path().join("voice.sh"), SLOW_VOICE).unwrap();
    std::fs::write(folder.path().join("voice.wav"), crate::silence()).unwrap();
    fifo(&folder, "asked");
    fifo(&folder, "go");
    let mut running = Running::start(&folder, &["run"]);
    // It speaks: the start is under way and cannot go on.
    std::fs::read(folder.path().join("asked")).unwrap();
    running.signal("-HUP");
    std::fs::write(
        folder.path().join("voice.sh"),
        SLOW_VOICE.replace("echo asked >asked\nread -r go <go\n", ""),
    )
    .unwrap();
    std::fs::write(folder.path().join("go"), "go\n").unwrap();
    running.wait_for("the settings were read again");
    running.ends_with_status_0();
}

#[test]
fn a_broken_file_keeps_the_settings_and_a_good_one_is_taken() {
    let folder = Folder::with("reload", SETTINGS.as_bytes(), ONCALL.as_bytes());
    let mut running = Running::start(&folder, &["run"]);
    running.wait_for("ready for calls");
    std::fs::write(folder.path().join("nightbell.toml"), SETTINGS.replace("levels", "level")).unwrap();
    running.signal("-HUP");
    running.wait_for("were not taken into use");
    running.wait_for("did you mean `levels`?");
    std::fs::write(folder.path().join("nightbell.toml"), SETTINGS).unwrap();
    running.signal("-HUP");
    running.wait_for("the settings were read again");
    running.ends_with_status_0();
}

#[test]
fn what_waits_for_the_next_start_is_named_as_long_as_it_waits() {
    let folder = Folder::with("waits", SETTINGS.as_bytes(), ONCALL.as_bytes());
    let mut running = Running::start(&folder, &["run"]);
    running.wait_for("ready for calls");
    let reload = |running: &mut Running, settings: &str| {
        std::fs::write(folder.path().join("nightbell.toml"), settings).unwrap();
        running.signal("-HUP");
        running.wait_for("the settings were read again")
    };
    let moved = SETTINGS.replace("[sip]", "[sip]\npublic_address = \"192.0.2.1\"");
    let waits = "not in use before the next start: public_address";
    for _ in 0..2 {
        let said = reload(&mut running, &moved);
        assert!(said.iter().any(|line| line.ends_with(waits)), "{said:#?}");
    }
    let said = reload(&mut running, SETTINGS);
    assert!(!said.iter().any(|line| line.contains("next start")), "as it was started: {said:#?}");
    running.ends_with_status_0();
}

#[test]
fn a_command_that_only_asks_whether_the_daemon_runs_is_no_trouble() {
    let folder = Folder::with("asked", SETTINGS.as_bytes(), ONCALL.as_bytes());
    let mut running = Running::start(&folder, &["run"]);
    running.wait_for("ready for calls");
    drop(std::os::unix::net::UnixStream::connect(folder.path().join("data/control.sock")).unwrap());
    running.signal("-HUP");
    let said = running.wait_for("the settings were read again");
    assert!(!said.iter().any(|line| line.contains("control socket")), "{said:#?}");
    running.ends_with_status_0();
}

#[test]
fn a_log_of_json_is_nothing_but_json() {
    // A phone that no trunk may dial: there is a warning to tell.
    let oncall = ONCALL.replace("127.0.0.1:9", "127.0.0.2:9");
    let folder = Folder::with("json-log", SETTINGS.as_bytes(), oncall.as_bytes());
    let mut running = Running::start(&folder, &["run", "--log-format", "json"]);
    let said = running.wait_for("ready for calls");
    assert!(said.iter().any(|line| line.contains("no trunk may dial")), "{said:#?}");
    for line in said {
        assert!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|line| line.is_object()),
            "{line}"
        );
    }
    running.ends_with_status_0();
}
