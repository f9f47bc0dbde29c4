//! The daemon as an operator runs it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::foreign::{folder, free_ports};

/// A daemon in a folder of its own.
pub struct Daemon {
    folder: PathBuf,
    port: u16,
    child: Child,
    log: Log,
}

/// The lines that the daemon has logged, and whoever waits for one.
type Log = Arc<(Mutex<Vec<String>>, Condvar)>;

impl Daemon {
    /// Starts a daemon that rings these people, one level each, at loopback ports. `more` is
    /// written into the route.
    pub fn start(people: &[(&str, u16)], more: &str) -> Self {
        Self::start_with(people, "", "", more)
    }

    /// The same, with lines for the trunk, the hotline and the route.
    pub fn start_with(people: &[(&str, u16)], trunk: &str, hotline: &str, route: &str) -> Self {
        let phones: Vec<_> =
            people.iter().map(|(id, port)| (*id, format!("sip:{id}@127.0.0.1:{port}"))).collect();
        let people: Vec<_> = phones.iter().map(|(id, phone)| (*id, phone.as_str())).collect();
        Self::start_behind(|port| (listen(port), format!("{TRUNK}{trunk}\n")), &people, [hotline, route])
    }

    /// Starts a daemon with one person, whose phone at a loopback port is not confirmed.
    pub fn start_unconfirmed(id: &str, phone: &str) -> Self {
        let people = [(id, phone)];
        let port = free_ports();
        let written = format!("\"{phone}\"");
        let unconfirmed =
            oncall(&people).replace(&written, &format!("{{ phone = {written}, unconfirmed = true }}"));
        Self::with(port, |_| {}, &config(&listen(port), TRUNK, &people, ["", ""]), &unconfirmed)
    }

    /// Starts a daemon that rings all these people together. `trunk` is written into the trunk.
    pub fn start_together(people: &[(&str, u16)], trunk: &str) -> Self {
        let phones: Vec<_> =
            people.iter().map(|(id, port)| (*id, format!("sip:{id}@127.0.0.1:{port}"))).collect();
        let people: Vec<_> = phones.iter().map(|(id, phone)| (*id, phone.as_str())).collect();
        let port = free_ports();
        let trunk = format!("{TRUNK}{trunk}\n");
        let settings = config(&listen(port), &trunk, &people, ["", "order = \"all-at-once\""]);
        let one_level = settings.replace("\"], [\"", "\", \"");
        Self::with(port, |_| {}, &one_level, &oncall(&people))
    }

    /// Starts a daemon behind a trunk of another kind. `settings` makes the tables `[sip]` and `[[trunks]]`
    /// for its port, which is free for UDP and TCP, and so is the next one. `more` is for hotline and route.
    pub fn start_behind(
        settings: impl FnOnce(u16) -> (String, String),
        people: &[(&str, &str)],
        more: [&str; 2],
    ) -> Self {
        let port = free_ports();
        let (sip, trunk) = settings(port);
        Self::with(port, |_| {}, &config(&sip, &trunk, people, more), &oncall(people))
    }

    /// Starts a daemon with these settings, once its folder has been prepared.
    pub fn with(port: u16, prepare: impl FnOnce(&Path), settings: &str, oncall: &str) -> Self {
        let folder = folder("wire", port);
        prepare(&folder);
        std::fs::write(folder.join("nightbell.toml"), settings).unwrap();
        std::fs::write(folder.join("oncall.toml"), oncall).unwrap();
        let (child, log) = run(&folder);
        Self { folder, port, child, log }
    }

    /// Starts a daemon that rings this person, in a folder that is prepared first.
    pub fn start_in(prepare: impl FnOnce(&Path), id: &str, phone: u16) -> Self {
        let (port, phone) = (free_ports(), format!("sip:{id}@127.0.0.1:{phone}"));
        let people = [(id, phone.as_str())];
        Self::with(port, prepare, &config(&listen(port), TRUNK, &people, ["", ""]), &oncall(&people))
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would; something happens before it is started again.
    pub fn kill_and_restart_after(&mut self, what: impl FnOnce(&Path)) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        what(&self.folder.join("data"));
        (self.child, self.log) = run(&self.folder);
    }

    /// Kills it as a power cut would, and starts it again.
    pub fn kill_and_restart(&mut self) {
        self.kill_and_restart_after(|_| {});
    }

    /// Whether the log has said this so far.
    pub fn has_logged(&self, part: &str) -> bool {
        self.log.0.lock().unwrap().iter().any(|line| line.contains(part))
    }

    /// Waits until a line of the log has this in it.
    pub fn wait_for_log(&self, part: &str) {
        let (lines, one_more) = &*self.log;
        let missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(part));
        let waited = one_more.wait_timeout_while(lines.lock().unwrap(), Duration::from_secs(30), missing);
        let (lines, waited) = waited.unwrap();
        assert!(!waited.timed_out(), "the log never said `{part}`: {lines:?}");
    }

    /// Ends it as systemd would.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "the daemon did not end well");
    }

    /// Where it takes SIP.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port it takes SIP at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `calls --json` prints.
    pub fn calls(&self) -> Vec<Value> {
        self.json(&["calls", "--json"]).as_array().unwrap().clone()
    }

    /// The only call there is, once it has ended, with its timeline.
    pub fn only_call(&self) -> Value {
        let started = std::time::Instant::now();
        loop {
            let calls = self.calls();
            assert!(calls.len() <= 1, "one call, one record: {calls:?}");
            match calls.first() {
                Some(call) if call["outcome"] != "ongoing" => {
                    return self.json(&["calls", call["id"].as_str().unwrap(), "--json"]);
                }
                // The last record is written just after the last BYE.
                _ => assert!(started.elapsed().as_secs() < 20, "the call's record never ended: {calls:?}"),
            }
        }
    }

    /// How the legs of the only call sounded, once so many of them have ended: they may do so after the call.
    pub fn legs(&self, count: usize) -> Vec<Value> {
        let started = std::time::Instant::now();
        loop {
            let legs = self.only_call()["legs"].as_array().cloned().unwrap_or_default();
            if legs.len() >= count {
                return legs;
            }
            assert!(started.elapsed().as_secs() < 20, "{legs:?}");
        }
    }

    /// Waits until the only call has come to a step.
    pub fn wait_for_step(&self, step: &str) {
        let started = std::time::Instant::now();
        loop {
            let first = self.calls().first().map(|call| call["id"].as_str().unwrap().to_owned());
            let whole = first.map(|id| self.json(&["calls", &id, "--json"])).unwrap_or_default();
            let timeline = whole["timeline"].as_array();
            if timeline.is_some_and(|events| events.iter().any(|event| event["step"] == step)) {
                return;
            }
            assert!(started.elapsed().as_secs() < 30, "the call never came to {step}: {whole:#}");
        }
    }

    /// Waits until some of a message is on the disk.
    pub fn wait_for_recording(&self) {
        let started = std::time::Instant::now();
        let there = || {
            let files = std::fs::read_dir(self.data().join("recordings")).into_iter().flatten().flatten();
            files.flat_map(|file| file.metadata()).any(|file| file.len() > 16_000)
        };
        while !there() {
            assert!(started.elapsed().as_secs() < 40, "nothing was recorded");
            std::thread::yield_now();
        }
    }

    /// The file of the only message.
    pub fn message(&self) -> PathBuf {
        let listed = self.json(&["voicemail", "list", "--json"]);
        PathBuf::from(listed[0]["path"].as_str().unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.prints(arguments)).unwrap()
    }

    /// Starts a command; what it prints can be read.
    pub fn begins(&self, arguments: &[&str]) -> Child {
        command(&self.folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What a command prints.
    pub fn prints(&self, arguments: &[&str]) -> Vec<u8> {
        let output = command(&self.folder, arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// A trunk on loopback without any peculiarity.
const TRUNK: &str = r#"
[[trunks]]
name = "carrier"
sources = ["127.0.0.1/32"]
destinations = ["sip:*@127.0.0.1"]
country = "49"
"#;

fn listen(port: u16) -> String {
    format!("[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\n")
}

fn config(sip: &str, trunk: &str, people: &[(&str, &str)], [hotline, route]: [&str; 2]) -> String {
    let levels: Vec<String> = people.iter().map(|(id, _)| format!("[\"person:{id}\"]")).collect();
    // Where a test is not about that, nobody is phoned after the calls.
    let chase = if route.contains("routes.chase") { "" } else { "incident = { chase = false }" };
    format!(
        r#"
data_dir = "data"
oncall = "oncall.toml"
{sip}
[media]
ports = "43000-53000"
{trunk}
[[hotlines]]
name = "Emergency hotline"
numbers = ["+4930123456"]
trunks = ["carrier"]
prompts = {{ connected = false }}
{hotline}
[hotlines.menu]
timeout = "2s"
silence = "route:1"
[[hotlines.routes]]
key = "1"
name = "Production"
levels = [{}]
ring = "5s"
{chase}
{route}
"#,
        levels.join(", ")
    )
}

fn oncall(people: &[(&str, &str)]) -> String {
    people
        .iter()
        .map(|(id, phone)| format!("[[people]]\nid = \"{id}\"\nname = \"{id}\"\nphones = [\"{phone}\"]\n"))
        .collect()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightbell"));
    command.args(arguments).arg("-c").arg(folder.join("nightbell.toml"));
    command
}

/// Starts the daemon and waits until it takes calls.
fn run(folder: &Path) -> (Child, Log) {
    let mut child = command(folder, &["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let ready =
        log.by_ref().inspect(|line| said.push(line.clone())).any(|line| line.contains("ready for calls"));
    assert!(ready, "the daemon did not start: {said:?}");
    // Somebody must go on reading, or the daemon would block on a full pipe.
    let kept: Log = Arc::new((Mutex::new(said), Condvar::new()));
    let keeper = kept.clone();
    std::thread::spawn(move || {
        log.for_each(|line| {
            keeper.0.lock().unwrap().push(line);
            keeper.1.notify_all();
        });
    });
    (child, kept)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
