//! `sipp` as caller and responder.

use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// An installed `sipp`.
pub struct Sipp;

/// A running scenario.
pub struct Scenario {
    pub port: u16,
    child: Child,
}

impl Sipp {
    /// The installed `sipp`; tells of a test that is left out without it.
    pub fn find(test: &str) -> Option<Self> {
        if !installed("sipp", "sip-tester", test) {
            return None;
        }
        let root = rustix::process::geteuid().is_root();
        if !root {
            left_out(&format!("{test} needs root: sipp plays recordings through raw sockets"));
        }
        root.then_some(Self)
    }

    /// Starts one call of a scenario on a free port of its own.
    pub fn start(&self, scenario: &str, more: &[&str]) -> Scenario {
        let port = free_port();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/sipp");
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(scenario)
            .current_dir(folder)
            .args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "60s"])
            .args(["-p", &port.to_string(), "-mp", &free_port().to_string()])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Scenario { port, child }
    }
}

impl Scenario {
    /// Waits for its end; 0 tells that every step went as written.
    pub fn finish(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a foreign program is installed; tells of a test that is left out without it.
pub fn installed(program: &str, package: &str, test: &str) -> bool {
    let found = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        left_out(&format!("{test} needs {program} (Debian: apt-get install {package})"));
    }
    found
}

/// Tells of a test that is left out, or fails where none may be.
pub fn left_out(why: &str) {
    assert!(std::env::var_os("NIGHTBELL_REQUIRE_WIRE").is_none(), "NIGHTBELL_REQUIRE_WIRE is set, but {why}");
    // Not by a macro: what those print is hidden while the test passes.
    let _ = std::io::stderr().write_all(format!("LEFT OUT: {why}\n").as_bytes());
}

/// A UDP port that is free now.
pub fn free_port() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
