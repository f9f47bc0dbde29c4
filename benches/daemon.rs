//! The daemon at rest: how soon it answers after its start, what it weighs, and whether it sleeps.
//!
//! `cargo bench --bench daemon` starts the daemon several times on loopback and prints the median
//! time from the start of the process to the first OPTIONS answered; then it leaves one alone for
//! ten seconds and prints its memory and how often its threads woke up.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 11;
const REST: Duration = Duration::from_secs(10);

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("nightbell-bench-{}", std::process::id()));
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..STARTS {
        drop(last.take());
        let _ = fs::remove_dir_all(&folder);
        let daemon = Running::start(&folder)?;
        times.push(daemon.answered_after);
        last = Some(daemon);
    }
    times.sort();
    let shown: Vec<_> = times.iter().map(|time| time.as_millis().to_string()).collect();
    println!(
        "start to the first OPTIONS answered, ms, median of {STARTS}: {}",
        times[STARTS / 2].as_millis()
    );
    println!("  all: {}", shown.join(" "));
    if let Some(daemon) = &last {
        rest(daemon.child.id())?;
    }
    drop(last);
    fs::remove_dir_all(&folder)
}

/// Leaves a daemon alone, and counts.
fn rest(pid: u32) -> io::Result<()> {
    // Whatever the start has left to do is over after a second.
    std::thread::sleep(Duration::from_secs(1));
    let before = wakeups(pid)?;
    std::thread::sleep(REST);
    let after = wakeups(pid)?;
    let woken: u64 = after.iter().map(|(thread, count)| count - before.get(thread).unwrap_or(count)).sum();
    let memory = status(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:");
    println!(
        "idle: {:.1} MiB resident, {woken} wake-ups of its threads in {} s",
        memory as f64 / 1024.0,
        REST.as_secs()
    );
    Ok(())
}

/// How often each thread of a process has gone to sleep by itself: once for each wake-up.
fn wakeups(pid: u32) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut counts = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let text = fs::read_to_string(thread.join("status"))?;
        counts.insert(thread, status(&text, "voluntary_ctxt_switches:"));
    }
    Ok(counts)
}

fn status(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

struct Running {
    child: Child,
    answered_after: Duration,
}

impl Running {
    fn start(folder: &Path) -> io::Result<Self> {
        let port = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = write_config(folder, port)?;
        let asking = UdpSocket::bind(("127.0.0.1", 0))?;
        asking.set_read_timeout(Some(Duration::from_millis(2)))?;
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_nightbell"))
            .args(["run", "-c"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let options = options(asking.local_addr()?.port(), port);
        let mut answer = [0; 2048];
        loop {
            let _ = asking.send_to(options.as_bytes(), ("127.0.0.1", port));
            if asking.recv(&mut answer).is_ok() {
                return Ok(Self { child, answered_after: begun.elapsed() });
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other("the daemon never answered"));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(own: u16, port: u16) -> String {
    format!(
        "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKbench;rport\r\n\
         From: <sip:bench@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: bench\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn write_config(folder: &Path, port: u16) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let oncall = "[[people]]\nid = \"anna\"\nname = \"Anna\"\nphones = [\"+4915112345678\"]\n";
    fs::write(folder.join("oncall.toml"), oncall)?;
    let config = format!(
        "data_dir = \"data\"\noncall = \"oncall.toml\"\n[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\n\
         [[trunks]]\nname = \"carrier\"\nserver = \"udp:127.0.0.1:5999\"\nping = \"off\"\ncountry = \"49\"\n\
         [[hotlines]]\nname = \"Hotline\"\nnumbers = [\"+4930123456\"]\ntrunks = [\"carrier\"]\n[hotlines.menu]\n\
         [[hotlines.routes]]\nkey = \"1\"\nname = \"Production\"\nlevels = [[\"person:anna\"]]\n"
    );
    let path = folder.join("nightbell.toml");
    fs::write(&path, config)?;
    Ok(path)
}
