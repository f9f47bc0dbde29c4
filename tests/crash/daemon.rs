//! The daemon as an operator runs it, in a folder that outlives it: what is killed here is the real thing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::ahead::{self, Ahead};
use crate::sound;

/// The number of the hotline.
pub const NUMBER: &str = "+4930123456";
/// How many lines there are beside each other: as many people, each with a route and a phone.
pub const LINES: usize = 4;
/// The keys of the routes that take messages alone: nobody is chased about those of the first.
pub const MESSAGES: [char; 2] = ['9', '8'];
/// The name of the route about whose messages somebody is chased.
pub const CHASED: &str = "Chased";

/// A folder with settings, and the phones that they name.
pub struct House {
    folder: PathBuf,
    pub address: SocketAddr,
}

impl House {
    /// Settings for these phones of responders, for that of somebody who is chased, and for a target of notices at
    /// `sink`.
    pub fn new(folder: &Path, phones: &[SocketAddr], chased: SocketAddr, sink: SocketAddr) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        for (name, ms) in [("long.wav", 1200), ("short.wav", 300)] {
            sound::write_prompt(&folder.join(name), ms);
        }
        let address = free_address();
        std::fs::write(folder.join("nightbell.toml"), settings(address, phones.len(), sink)).unwrap();
        std::fs::write(folder.join("oncall.toml"), oncall(phones, chased)).unwrap();
        Self { folder: folder.to_owned(), address }
    }

    /// Where the daemon keeps its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the daemon, under `strace` with these arguments where there are any, and waits until it takes calls.
    /// The error is what it said before it died.
    pub fn start(&self, strace: &[&str]) -> Result<Daemon, (ExitStatus, Vec<String>)> {
        let began = Instant::now();
        let mut child = self.command(strace).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let ready = lines
            .by_ref()
            .inspect(|line| said.push(line.clone()))
            .any(|line| line.contains("ready for calls"));
        if !ready {
            return Err((child.wait().unwrap(), said));
        }
        let start_took = began.elapsed();
        let log = Arc::new(Mutex::new(said));
        let keeper = log.clone();
        // Somebody must go on reading, or the daemon would block on a full pipe.
        let reader = std::thread::spawn(move || lines.for_each(|line| keeper.lock().unwrap().push(line)));
        Ok(Daemon { child, log, reader: Some(reader), start_took })
    }

    fn command(&self, strace: &[&str]) -> Command {
        // Another one may be named, such as the one that is installed.
        let daemon = std::env::var_os("NIGHTBELL_DAEMON");
        let daemon = daemon.unwrap_or_else(|| env!("CARGO_BIN_EXE_nightbell").into());
        let mut command = match strace {
            [] => Command::new(daemon),
            // As a grandchild: the child is the daemon itself, and a kill is its own.
            arguments => {
                let mut command = Command::new("strace");
                command.args(["-D", "-f", "-q", "--seccomp-bpf"]).args(arguments).arg(daemon);
                command
            }
        };
        command.arg("run").arg("-c").arg(self.folder.join("nightbell.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

/// Whether `strace` is here and may be used; tells of what is left out without it. Where nothing may be (as in CI), that
/// is a failure.
pub fn can_trace(test: &str) -> bool {
    let probe = Command::new("strace")
        .args(["-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let found = probe.is_ok_and(|status| status.success());
    if !found {
        left_out(&format!("{test} need strace, and the right to use it (Debian: apt-get install strace)"));
    }
    found
}

/// Tells of a part that is left out, or fails where none may be.
fn left_out(why: &str) {
    assert!(std::env::var_os("NIGHTBELL_REQUIRE_WIRE").is_none(), "NIGHTBELL_REQUIRE_WIRE is set, but {why}");
    // Not by a macro: what those print is hidden while the test passes.
    let _ = std::io::stderr().write_all(format!("LEFT OUT: {why}\n").as_bytes());
}

/// A running daemon.
pub struct Daemon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    /// From its start until it took calls.
    pub start_took: Duration,
}

impl Daemon {
    /// Kills it as nobody can refuse.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.buries();
    }

    /// Waits for the death that `strace` has in store for it; whether it came in this time.
    pub fn dies_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.has_died() {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        false
    }

    /// Whether it has died.
    pub fn has_died(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it as systemd would.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the daemon did not end well: {:?}", self.log());
        self.buries();
    }

    fn buries(&mut self) {
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Its log.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The calls it has answered in this run before their rows were on the disk, as its log says: their Call-IDs.
    pub fn answered_ahead(&self) -> BTreeSet<String> {
        let mut log = ahead::Log::default();
        let ahead = self.log().into_iter().filter_map(|line| log.take(&line));
        ahead
            .filter_map(|what| if let Ahead::Answered { call, .. } = what { Some(call) } else { None })
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free now for UDP and TCP, and that nobody is given who asks for any: it has to stay free while the
/// daemon is dead.
fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::random_range(5100..9900)));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The phones of so many people, each with a line of its own.
pub fn lines() -> Vec<UdpSocket> {
    (0..LINES).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect()
}

fn settings(address: SocketAddr, people: usize, sink: SocketAddr) -> String {
    // A range for each house: two of them may run beside each other.
    let first = 10_000 + address.port() % 11 * 2000;
    let last = first + 1999;
    let fallback =
        "{ greeting = { file = \"short.wav\" }, closing = { file = \"short.wav\" }, silence = \"off\" }";
    let routes: String = (1..=people)
        .map(|n| {
            // On every second line people are told of the call itself, on the others of what came of it.
            let incident = if n % 2 == 1 { "incident = { open = \"call\" }\n" } else { "" };
            format!(
                "[[hotlines.routes]]\nkey = \"{n}\"\nname = \"Line {n}\"\nlevels = [[\"person:p{n}\"]]\nring = \"20s\"\n\
                 accept = {{ prompt = {{ file = \"long.wav\" }} }}\nfallback = {fallback}\n\
                 {incident}"
            )
        })
        .collect();
    // Short and our own: to make all that is shipped ready takes a while, at each start.
    let prompts = ["next_person", "closed", "say_name", "thanks", "goodbye", "no_message", "cut_short"]
        .map(|prompt| format!("{prompt} = {{ file = \"short.wav\" }}\n"))
        .concat();
    let [messages, chased] = MESSAGES;
    format!(
        r#"
data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["udp:{address}"]
[media]
ports = "{first}-{last}"
[[trunks]]
name = "carrier"
sources = ["127.0.0.1/32"]
destinations = ["sip:*@127.0.0.1"]
country = "49"
[[notify]]
name = "sink"
kind = "webhook"
url = "http://{sink}/"
allow_private = true
[[hotlines]]
name = "Emergency hotline"
numbers = ["{NUMBER}"]
trunks = ["carrier"]
welcome = {{ file = "long.wav" }}
hold = {{ file = "short.wav" }}
[hotlines.keys]
enabled = false
[hotlines.prompts]
connected = false
please_hold = false
cannot_hear = false
caller_gone = false
taken = false
unknown_key = false
{prompts}
[hotlines.menu]
prompt = {{ file = "long.wav" }}
timeout = "4s"
{routes}
[[hotlines.routes]]
key = "{messages}"
name = "Messages"
direct = "voicemail"
fallback = {fallback}
[[hotlines.routes]]
key = "{chased}"
name = "{CHASED}"
direct = "voicemail"
levels = [["person:chased"]]
ring = "5s"
fallback = {fallback}
incident = {{ chase = true }}
chase = {{ wait = "10s", repeat = 50 }}
"#
    )
}

fn oncall(phones: &[SocketAddr], chased: SocketAddr) -> String {
    let person = |id: &str, phone: SocketAddr| {
        format!("[[people]]\nid = \"{id}\"\nname = \"{id}\"\nphones = [\"sip:{id}@{phone}\"]\n")
    };
    let lines = (1..).zip(phones).map(|(n, phone)| person(&format!("p{n}"), *phone));
    lines.chain([person("chased", chased)]).collect()
}
