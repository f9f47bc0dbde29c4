//! The daemon under load: its settings, its process, and what it takes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Kind;

/// People a hotline rings, one of whom is free for each of its callers.
pub const PEOPLE: usize = 10;
/// The length of each prompt of ours, and the tone in it.
pub const PROMPT: Duration = Duration::from_secs(1);
const TONE_HZ: f64 = 425.0;
/// How long the daemon may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon, and the folder it lives in. Both are gone when it is dropped.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    pub port: u16,
}

/// What threads have had of a core, by what they do.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub media: Duration,
    pub signalling: Duration,
    pub store: Duration,
    pub recorder: Duration,
}

impl Daemon {
    /// Starts a daemon that takes calls from the carrier at a port, and waits until it does.
    pub fn start(kind: Kind, calls: usize, carrier: u16) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("nightbell-load-{}", std::process::id()));
        let port = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = write_settings(&folder, kind, calls, port, carrier)?;
        let log = fs::File::create(folder.join("log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_nightbell"))
            .args(["run", "--drain", "5", "-c"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let daemon = Self { child, folder, port };
        let begun = Instant::now();
        while !daemon.log().contains("ready for calls") {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("the daemon did not start:\n{}", daemon.log())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What its log says went wrong, and how often.
    pub fn complaints(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for line in self.log().lines() {
            let grave = [" WARN ", "ERROR "].iter().find_map(|level| line.split_once(level));
            // What stands behind it, which call it was, differs from line to line.
            let said = grave.map(|(_, said)| said.split_whitespace().filter(|word| !word.contains('=')));
            if let Some(said) = said {
                *counted.entry(said.collect::<Vec<_>>().join(" ")).or_default() += 1;
            }
        }
        counted
    }

    /// Its resident memory in octets.
    pub fn memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0) * 1024)
    }

    /// What its threads have had of a core so far, by the scheduler's account.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let mut cpu = Cpu::default();
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let thread = thread?.path();
            // A thread may end meanwhile.
            let Ok(account) = fs::read_to_string(thread.join("schedstat")) else { continue };
            let name = fs::read_to_string(thread.join("comm")).unwrap_or_default();
            let ns = account.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
            *cpu.of(name.trim()) += Duration::from_nanos(ns);
        }
        Ok(cpu)
    }

    /// Datagrams that its sockets had no room for.
    pub fn dropped(&self, media: bool) -> u64 {
        let text = fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let of_line = |line: &str| {
            let columns: Vec<_> = line.split_whitespace().collect();
            let port = u16::from_str_radix(columns.get(1)?.split(':').nth(1)?, 16).ok()?;
            let counts = if media { MEDIA_PORTS.contains(&port) } else { port == self.port };
            counts.then(|| columns.last()?.parse::<u64>().ok()).flatten()
        };
        text.lines().skip(1).filter_map(of_line).sum()
    }

    /// Ends it as an operator would, and tells whether it went by itself.
    pub fn stop(&mut self) -> io::Result<bool> {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            kill_process(pid, Signal::TERM)?;
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Cpu {
    fn of(&mut self, thread: &str) -> &mut Duration {
        match thread {
            name if name.starts_with("media") => &mut self.media,
            "store" | "checkpoint" => &mut self.store,
            name if name.starts_with("recorder") || name.starts_with("sync") => &mut self.recorder,
            _ => &mut self.signalling,
        }
    }

    /// What came since. A thread that has ended is in neither account, and those that end have done little.
    pub fn since(self, before: Self) -> Self {
        Self {
            media: self.media.saturating_sub(before.media),
            signalling: self.signalling.saturating_sub(before.signalling),
            store: self.store.saturating_sub(before.store),
            recorder: self.recorder.saturating_sub(before.recorder),
        }
    }

    pub fn total(self) -> Duration {
        self.media + self.signalling + self.store + self.recorder
    }

    /// Shares of a core over a time.
    pub fn shown(self, over: Duration) -> String {
        let share = |part: Duration| part.as_secs_f64() / over.as_secs_f64() * 100.0;
        format!(
            "{:.1} % of a core (media {:.1}, signalling {:.1}, store {:.1}, recorder {:.1})",
            share(self.total()),
            share(self.media),
            share(self.signalling),
            share(self.store),
            share(self.recorder)
        )
    }
}

/// Below the ports that programs are given by the system.
const MEDIA_PORTS: std::ops::RangeInclusive<u16> = 10_000..=32_767;

/// The number that a call dials.
pub fn number(kind: Kind, call: usize) -> String {
    match kind {
        Kind::Bridge => format!("+4930{:05}", call / PEOPLE),
        Kind::Answer | Kind::Voicemail => format!("+4930{:05}", 0),
    }
}

fn write_settings(folder: &Path, kind: Kind, calls: usize, port: u16, carrier: u16) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    write_prompt(&folder.join("tone.wav"))?;
    let hotlines = if kind == Kind::Bridge { calls.div_ceil(PEOPLE) } else { 1 };
    let mut config = format!(
        "data_dir = \"data\"\noncall = \"oncall.toml\"\n[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\n\
         [media]\nports = \"{}-{}\"\n\
         [[trunks]]\nname = \"carrier\"\nserver = \"udp:127.0.0.1:{carrier}\"\nping = \"off\"\ncountry = \"49\"\n\
         codecs = [\"PCMA\"]\nmax_calls = 20000\n[trunks.limits]\ncalls_per_second = 1000\n",
        MEDIA_PORTS.start(),
        MEDIA_PORTS.end()
    );
    for hotline in 0..hotlines {
        let number = number(kind, hotline * PEOPLE);
        let _ = write!(
            config,
            "[[hotlines]]\nname = \"Hotline {hotline}\"\nnumbers = [\"{number}\"]\ntrunks = [\"carrier\"]\n\
             welcome = {{ file = \"tone.wav\" }}\nmax_calls = 20000\n"
        );
        config.push_str(&route(kind, hotline));
    }
    let mut oncall = String::new();
    for person in 0..hotlines * PEOPLE {
        let available = kind == Kind::Bridge;
        let _ = write!(
            oncall,
            "[[people]]\nid = \"p{person}\"\nphones = [\"+49151{person:08}\"]\navailable = {available}\n"
        );
    }
    fs::write(folder.join("oncall.toml"), oncall)?;
    let path = folder.join("nightbell.toml");
    fs::write(&path, config)?;
    Ok(path)
}

fn route(kind: Kind, hotline: usize) -> String {
    let tone = "{ file = \"tone.wav\" }";
    match kind {
        Kind::Answer => format!(
            "[[hotlines.routes]]\nname = \"Nobody\"\nlevels = [[\"person:p0\"]]\n[hotlines.routes.fallback]\n\
             then = \"closing\"\nclosing = {tone}\n"
        ),
        Kind::Voicemail => format!(
            "[[hotlines.routes]]\nname = \"Messages\"\ndirect = \"voicemail\"\n[hotlines.routes.fallback]\n\
             greeting = {tone}\n"
        ),
        Kind::Bridge => {
            let people = hotline * PEOPLE..(hotline + 1) * PEOPLE;
            let people: Vec<_> = people.map(|person| format!("\"person:p{person}\"")).collect();
            format!(
                "[hotlines.menu]\nprompt = \"welcome\"\n[[hotlines.routes]]\nkey = \"1\"\nname = \"Production\"\n\
                 levels = [[{}]]\n",
                people.join(", ")
            )
        }
    }
}

/// A tone, so that the phones can tell our words from silence.
fn write_prompt(path: &Path) -> io::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).map_err(io::Error::other)?;
    for n in 0..PROMPT.as_millis() as u32 * 8 {
        let angle = f64::from(n) * TONE_HZ / 8000.0 * std::f64::consts::TAU;
        file.write_sample((angle.sin() * 8000.0) as i16).map_err(io::Error::other)?;
    }
    file.finalize().map_err(io::Error::other)
}
