//! Runs a command of the operator's within bounds: of time, memory and output, without our environment, without our
//! files, without the network, and with nothing left of it afterwards.
//!
//! Namespaces and limits are set by `unshare` and `prlimit` of util-linux in front of the command, because this project
//! has no `unsafe`. In a PID namespace of its own all that a command began ends with it, wherever it has gone.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// Where programs are looked for.
pub const PATHS: &str = "/usr/local/bin:/usr/bin:/bin";
/// The longest output, in octets.
const MOST_OUTPUT: usize = 64 << 10;
/// How much of what it complains of is kept, in octets.
const MOST_COMPLAINTS: usize = 4 << 10;
/// The largest file it may write, in octets.
const MOST_FILE: u64 = 256 << 20;
/// How many files it may have open, and how many processes there may be of it.
const MOST_OPEN: u64 = 256;
/// How many processes and threads it may have.
const MOST_PROCESSES: u64 = 1024;
/// How long the output is waited for once the command is over: somebody else may hold it.
const AFTER_ITS_END: Duration = Duration::from_millis(500);

/// How a command is kept to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// In namespaces of its own: of processes, and of networks where it may not use ours.
    Namespaces,
    /// In a process group alone.
    Group,
}

/// How a command can be kept to itself on this machine. The error says what is missing.
pub fn probe(network: bool) -> Result<Confinement, String> {
    match works(network, Confinement::Namespaces) {
        Ok(()) => Ok(Confinement::Namespaces),
        Err(why) if !network => Err(format!(
            "this machine lets no command be cut off from the network ({why}); allow user namespaces \
             (docs/guide/transcripts.md), or write network = true"
        )),
        Err(_) => works(network, Confinement::Group).map(|()| Confinement::Group),
    }
}

fn works(network: bool, confinement: Confinement) -> Result<(), String> {
    let words = around(vec!["true".to_owned()], 64 << 20, Duration::from_secs(10), network, confinement);
    let mut command = bare(&words)?;
    let done = command.current_dir("/").stdin(Stdio::null()).output();
    match done {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(last_line(&done.stderr).unwrap_or_else(|| done.status.to_string())),
        Err(why) => Err(why.to_string()),
    }
}

/// A command for a message.
#[derive(Debug)]
pub struct Run {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The message, on standard input.
    pub input: PathBuf,
    /// A folder that is its own while it runs.
    pub scratch: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
    /// How much memory each of its processes may have, in octets.
    pub memory: u64,
    /// Whether it may use the network.
    pub network: bool,
    /// How it is kept to itself.
    pub confinement: Confinement,
    /// It is killed when the other end of this is let go of.
    pub leash: io::PipeReader,
}

impl Run {
    /// What it said. Blocks until it has ended or was killed. The error says why it said nothing, in half a sentence.
    pub fn go(&self) -> Result<Vec<u8>, String> {
        let input = File::open(&self.input).map_err(|why| format!("the message cannot be read: {why}"))?;
        let scratch =
            Scratch::new(&self.scratch).map_err(|why| format!("its folder cannot be made: {why}"))?;
        let words = around(self.command.clone(), self.memory, self.timeout, self.network, self.confinement);
        let mut command = bare(&words)?;
        command
            .current_dir(scratch.0)
            .env("HOME", scratch.0)
            .env("TMPDIR", scratch.0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Led { child: command.spawn().map_err(|why| why.to_string())?, reaped: false };
        child.listen(Instant::now() + self.timeout, &self.leash).map_err(|fault| match fault {
            Fault::Stopped => "it was stopped".to_owned(),
            Fault::Late => format!("it was not done after {} s", self.timeout.as_secs()),
            Fault::Long => format!("it said more than {} KiB", MOST_OUTPUT >> 10),
            Fault::Ended(how) => how,
            Fault::Io(why) => why.to_string(),
        })
    }
}

/// A command without our environment, at the head of a process group.
fn bare(words: &[String]) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("it names no program")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATHS).env("LANG", "C.UTF-8").process_group(0);
    Ok(command)
}

/// The command behind those that set its bounds.
fn around(
    command: Vec<String>,
    memory: u64,
    timeout: Duration,
    network: bool,
    confinement: Confinement,
) -> Vec<String> {
    let processors = std::thread::available_parallelism().map_or(1, |processors| processors.get() as u64);
    let mut words: Vec<String> = ["nice", "-n", "10", "prlimit", "--core=0"].map(str::to_owned).into();
    words.extend([
        format!("--as={memory}"),
        format!("--cpu={}", timeout.as_secs().saturating_add(1).saturating_mul(processors)),
        format!("--fsize={MOST_FILE}"),
        format!("--nofile={MOST_OPEN}"),
        format!("--nproc={MOST_PROCESSES}"),
        "--".to_owned(),
    ]);
    if confinement == Confinement::Namespaces {
        words.extend(
            ["unshare", "--user", "--map-current-user", "--ipc", "--pid", "--fork", "--kill-child=KILL"]
                .map(str::to_owned),
        );
        words.extend((!network).then(|| "--net".to_owned()));
        // The first process of a namespace heeds no signal that it has not asked for, its own crash among them: a shell
        // is first, and passes on how the command ended. The command's words are its arguments, and no text of its own.
        words.extend(["--", "sh", "-c", "\"$@\"; exit $?", "sh"].map(str::to_owned));
    }
    words.extend(command);
    words
}

/// A folder that is gone with this value.
struct Scratch<'a>(&'a Path);

impl<'a> Scratch<'a> {
    fn new(path: &'a Path) -> io::Result<Self> {
        // One that a crash left behind.
        let _ = fs::remove_dir_all(path);
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}

/// A child that leads its process group, which is killed with this value.
struct Led {
    child: Child,
    reaped: bool,
}

/// Why nothing came of a command.
enum Fault {
    Stopped,
    Late,
    Long,
    Ended(String),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

impl From<rustix::io::Errno> for Fault {
    fn from(why: rustix::io::Errno) -> Self {
        Self::Io(why.into())
    }
}

impl Led {
    /// What it says until it has ended.
    fn listen(&mut self, deadline: Instant, leash: &io::PipeReader) -> Result<Vec<u8>, Fault> {
        let process = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty())?;
        let (mut said, mut complaints) = (Vec::new(), Vec::new());
        let mut out = self.child.stdout.take();
        let mut err = self.child.stderr.take();
        let mut ended: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let until = match ended {
                Some(at) if (out.is_none() && err.is_none()) || now >= at + AFTER_ITS_END => break,
                Some(at) => at + AFTER_ITS_END,
                None if now >= deadline => return Err(Fault::Late),
                None => deadline,
            };
            let watched = [
                ended.is_none().then(|| process.as_fd()),
                out.as_ref().map(|out| out.as_fd()),
                err.as_ref().map(|err| err.as_fd()),
                Some(leash.as_fd()),
            ];
            let [over, speaks, complains, stopped] = ready(watched, until.saturating_duration_since(now))?;
            if stopped {
                return Err(Fault::Stopped);
            }
            if speaks && !take(&mut out, &mut said)? {
                out = None;
            }
            if complains && !take(&mut err, &mut complaints)? {
                err = None;
            }
            if said.len() > MOST_OUTPUT {
                return Err(Fault::Long);
            }
            complaints.drain(..complaints.len().saturating_sub(MOST_COMPLAINTS));
            if over {
                ended = Some(Instant::now());
            }
        }
        let status = self.end()?;
        if status.success() {
            return Ok(said);
        }
        let why = last_line(&complaints).map_or_else(String::new, |line| format!(": {line}"));
        Err(Fault::Ended(format!("it ended with {status}{why}")))
    }

    /// Kills what is left of the group, before the child is reaped and its number can be another's.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if !self.reaped {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Which of these have something to say, or have ended, after this time at most.
fn ready<const N: usize>(
    watched: [Option<BorrowedFd<'_>>; N],
    at_most: Duration,
) -> Result<[bool; N], Fault> {
    let mut events: Vec<_> =
        watched.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    wait(&mut events, at_most)?;
    let mut found = events.iter().map(|event| !event.revents().is_empty());
    Ok(watched.map(|fd| fd.is_some() && found.next().unwrap_or(false)))
}

fn wait(events: &mut [PollFd<'_>], at_most: Duration) -> Result<(), Fault> {
    let timeout = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match poll(events, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(why) => Err(why.into()),
    }
}

/// Takes what is there; answers whether there may be more.
fn take(from: &mut Option<impl io::Read>, to: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 8 << 10];
    let Some(from) = from else { return Ok(false) };
    let read = from.read(&mut chunk)?;
    to.extend_from_slice(chunk.get(..read).unwrap_or_default());
    Ok(read > 0)
}

/// The last thing that was complained of.
fn last_line(complaints: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaints);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
}
