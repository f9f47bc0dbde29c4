//! What the foreign programs have in common: what they say, where they listen, how they end.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::daemon::Daemon;

/// Longer than anything here takes; a wait for it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a program says, line by line.
pub struct Words {
    whose: String,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Words {
    /// Lines of text.
    pub fn of(whose: &str, source: impl Read + Send + 'static) -> Self {
        let (say, lines) = channel();
        std::thread::spawn(move || {
            // Somebody must go on reading, or the program would block on a full pipe.
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                let _ = say.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self::from(whose, lines)
    }

    /// What comes out of a channel.
    pub fn from(whose: &str, lines: Receiver<String>) -> Self {
        Self { whose: whose.to_owned(), lines, said: Vec::new() }
    }

    /// Waits for a line with this in it.
    pub fn expects(&mut self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{} never said {part:?}: {}", self.whose, self.said.join("\n"))
                }
            }
        }
    }
}

/// A folder of its own in the folder for temporary files.
pub fn folder(name: &str, port: u16) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("nightbell-{name}-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A port that is free now for UDP and TCP, with the next one free too: that is for TLS.
pub fn free_ports() -> u16 {
    loop {
        let first = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        let next = port.checked_add(1);
        if next.is_some_and(|next| free(port) && free(next) && UdpSocket::bind(("127.0.0.1", next)).is_ok()) {
            return port;
        }
    }
}

/// Asks a program to end, waits for it, and throws its folder away unless somebody may want to look into it.
pub fn end(child: &mut Child, folder: &Path) {
    if let Ok(pid) = i32::try_from(child.id())
        && let Some(pid) = rustix::process::Pid::from_raw(pid)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _ = child.wait();
    if !std::thread::panicking() {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Somebody with a softphone.
pub trait Handset {
    /// Registers at a carrier and waits until that has been accepted.
    fn registers(&mut self, account: &Account, carrier: Carrier);
    /// Calls.
    fn dials(&mut self, uri: &str);
    /// Waits until it rings.
    fn is_rung(&mut self);
    /// Takes the call that rings.
    fn picks_up(&mut self);
    /// Waits until the call is up.
    fn is_connected(&mut self);
    /// Sends a key.
    fn presses(&mut self, key: char);
    /// Ends the call.
    fn hangs_up(&mut self);
    /// Waits until the other side has ended the call.
    fn is_hung_up_on(&mut self);
    /// The tone it sends, in Hz.
    fn tone(&self) -> f64;
    /// Waits until it hears a tone.
    fn hears(&mut self, hz: f64);
}

/// Anna has picked up: she accepts the call, and both hear each other.
pub fn accepts(daemon: &Daemon, caller: &mut dyn Handset, anna: &mut dyn Handset) {
    daemon.wait_for_step("ConfirmTarget");
    anna.presses('1');
    daemon.wait_for_step("Bridge");
    caller.hears(anna.tone());
    anna.hears(caller.tone());
}

/// A number at a carrier.
pub struct Account {
    pub number: &'static str,
    pub password: &'static str,
}

/// How a carrier is reached.
#[derive(Clone, Copy)]
pub struct Carrier {
    /// `udp`, `tcp` or `tls`; with `tls` calls are encrypted too.
    pub transport: &'static str,
    pub port: u16,
}

impl Carrier {
    pub fn uri(self) -> String {
        format!("sip:127.0.0.1:{};transport={}", self.port, self.transport)
    }

    pub fn is_secure(self) -> bool {
        self.transport == "tls"
    }
}
