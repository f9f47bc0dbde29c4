//! What a daemon did to its disk, and what it told the outside, as `strace` saw it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::ahead::{Ahead, Log};

/// The system calls that are recorded.
pub const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,\
    syncfs,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,lseek,dup,dup2,\
    dup3,fcntl,close,sendto,sendmsg,copy_file_range,sendfile";

/// Where the log goes.
const STANDARD_ERROR: i32 = 2;

/// A file, by its number in the recording: names come and go.
pub type File = usize;

/// One thing that happened, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A file or folder got a name.
    Name {
        path: PathBuf,
        file: File,
        folder: bool,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    Write {
        file: File,
        at: u64,
        bytes: Vec<u8>,
    },
    Length {
        file: File,
        length: u64,
    },
    /// The file is at least so long.
    Room {
        file: File,
        length: u64,
    },
    /// What had been done before step `since` to this file, or to the names in this folder, is on the disk.
    Sync {
        file: File,
        since: usize,
    },
    /// The same of everything.
    SyncAll {
        since: usize,
    },
    /// A call was answered: its Call-ID.
    Answered(String),
    /// A phone was rung: the Call-ID.
    Rang(String),
    /// A notice was sent: its id.
    Told(String),
    /// The log says that something was told before it was on the disk.
    Ahead(Ahead),
}

/// All that happened.
#[derive(Debug, Default)]
pub struct Recording {
    pub steps: Vec<Step>,
    /// The longest sync, in seconds.
    pub slowest_sync: f64,
    /// What each name stands for at the end.
    names: HashMap<PathBuf, File>,
    files: usize,
}

/// A line of a trace.
struct Line<'a> {
    thread: &'a str,
    at: f64,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (thread, rest) = line.split_once(' ')?;
        let (at, rest) = rest.trim_start().split_once(' ')?;
        Some(Self { thread, at: at.parse().ok()?, rest })
    }
}

/// A call that has begun.
struct Begun {
    text: String,
    at: f64,
    /// How many steps there were then.
    since: usize,
}

/// An open file, as all its descriptors share it.
#[derive(Clone, Copy)]
struct Open {
    file: File,
    place: usize,
}

/// One process.
struct Process<'a> {
    recording: &'a mut Recording,
    root: &'a Path,
    begun: HashMap<String, Begun>,
    open: HashMap<i32, Open>,
    places: Vec<u64>,
    log: Log,
}

impl Recording {
    /// A recording of what happens below a folder, which is there already.
    pub fn below(root: &Path) -> Self {
        let mut recording = Self::default();
        recording.name(root, true);
        recording
    }

    /// Adds what the next process did.
    pub fn add(&mut self, trace: &str, root: &Path) {
        let (begun, open, places) = (HashMap::new(), HashMap::new(), Vec::new());
        let mut process = Process { recording: self, root, begun, open, places, log: Log::default() };
        trace.lines().filter_map(Line::of).for_each(|line| process.line(&line));
        // A write that a kill found under way is in the memory of the system, which has not died.
        for (_, begun) in std::mem::take(&mut process.begun) {
            if begun.text.starts_with("pwrite64(") || begun.text.starts_with("write(") {
                let octets = decoded(begun.text.split(", ").nth(1).unwrap_or_default()).len();
                process.call(&format!("{}) = {octets}", begun.text), &begun);
            }
        }
    }

    fn name(&mut self, path: &Path, folder: bool) -> File {
        if let Some(file) = self.names.get(path) {
            return *file;
        }
        let file = self.files;
        self.files += 1;
        self.names.insert(path.to_owned(), file);
        self.steps.push(Step::Name { path: path.to_owned(), file, folder });
        file
    }
}

impl Process<'_> {
    fn line(&mut self, line: &Line<'_>) {
        let since = self.recording.steps.len();
        if let Some(text) = line.rest.strip_suffix(" <unfinished ...>") {
            self.begins(text);
            let begun = Begun { text: text.to_owned(), at: line.at, since };
            self.begun.insert(line.thread.to_owned(), begun);
        } else if let Some(rest) = line.rest.strip_prefix("<... ") {
            let Some(begun) = self.begun.remove(line.thread) else { return };
            let Some((_, rest)) = rest.split_once("resumed>") else { return };
            self.took(&begun, line.at);
            self.call(&format!("{}{rest}", begun.text), &begun);
        } else {
            self.begins(line.rest);
            // Within one line nothing else has happened.
            self.call(line.rest, &Begun { text: String::new(), at: line.at, since });
        }
    }

    fn took(&mut self, begun: &Begun, end: f64) {
        if ["fsync(", "fdatasync(", "syncfs("].iter().any(|sync| begun.text.starts_with(sync)) {
            self.recording.slowest_sync = self.recording.slowest_sync.max(end - begun.at);
        }
    }

    /// What takes place as soon as a call begins: a word to the outside, and the end of a descriptor.
    fn begins(&mut self, text: &str) {
        let Some((name, arguments)) = text.split_once('(') else { return };
        let mut arguments = arguments.split(", ");
        match name {
            "sendto" => self.sends(&decoded(arguments.nth(1).unwrap_or_default())),
            "close" => _ = arguments.next().and_then(descriptor).and_then(|fd| self.open.remove(&fd)),
            _ => {}
        }
    }

    fn sends(&mut self, octets: &[u8]) {
        let text = String::from_utf8_lossy(octets);
        if let Some(body) = text.find('{').and_then(|at| text.get(at..))
            && let Ok(notice) = serde_json::from_str::<serde_json::Value>(body)
            && let Some(id) = notice["id"].as_str()
        {
            self.recording.steps.push(Step::Told(id.to_owned()));
        }
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let Some(call) = header("Call-ID:").map(str::to_owned) else { return };
        if text.starts_with("SIP/2.0 200") && header("CSeq:").is_some_and(|of| of.ends_with("INVITE")) {
            self.recording.steps.push(Step::Answered(call));
        } else if text.starts_with("INVITE ") {
            self.recording.steps.push(Step::Rang(call));
        }
    }

    /// A call that is over.
    fn call(&mut self, text: &str, begun: &Begun) {
        let Some((name, rest)) = text.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(") = ") else { return };
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let Some(number) = leading(result).filter(|number| *number >= 0) else { return };
        match (name, arguments.as_slice()) {
            ("openat", [_, _, flags, ..]) => self.opens(number, result, flags),
            ("fcntl", [of, "F_DUPFD_CLOEXEC" | "F_DUPFD", ..]) | ("dup" | "dup2" | "dup3", [of, ..]) => {
                if let Some(open) = self.known(of) {
                    self.open.insert(i32::try_from(number).unwrap(), open);
                }
            }
            ("lseek", [of, ..]) => self.seeks(of, number),
            ("write", [of, octets, ..]) if descriptor(of) == Some(STANDARD_ERROR) => self.logs(octets),
            ("write", [of, octets, ..]) => self.writes(of, octets, number),
            ("pwrite64", [of, octets, _, at]) => {
                if let Some(open) = self.known(of) {
                    self.writes_at(open.file, leading(at).unwrap(), octets, number);
                }
            }
            ("ftruncate", [of, length]) => {
                if let Some(Open { file, .. }) = self.known(of) {
                    let length = u64::try_from(leading(length).unwrap()).unwrap();
                    self.recording.steps.push(Step::Length { file, length });
                }
            }
            // Room that is asked for beforehand.
            ("fallocate", [of, "0", from, length]) => {
                if let Some(Open { file, .. }) = self.known(of) {
                    let end = leading(from).unwrap() + leading(length).unwrap();
                    self.recording.steps.push(Step::Room { file, length: u64::try_from(end).unwrap() });
                }
            }
            ("fsync" | "fdatasync", [of]) => {
                if let Some(Open { file, .. }) = self.known(of) {
                    self.recording.steps.push(Step::Sync { file, since: begun.since });
                }
            }
            ("syncfs", [of]) if self.known(of).is_some() => {
                self.recording.steps.push(Step::SyncAll { since: begun.since });
            }
            ("rename", [from, to]) => self.renames(path(from), path(to)),
            ("unlink", [name]) => self.unlinks(path(name)),
            ("mkdir", [name, ..]) => {
                let name = path(name);
                if name.starts_with(self.root) {
                    self.recording.name(&name, true);
                }
            }
            ("fcntl" | "close" | "sendto" | "sendmsg", _) => {}
            // Whatever else touches our files has to be taught to this recorder before it counts.
            _ => {
                let root = self.root.to_string_lossy();
                let ours = |argument: &&str| decoded_text(argument).contains(&*root);
                assert!(!arguments.iter().any(ours), "not understood: {text:.100}");
            }
        }
    }

    fn known(&self, of: &str) -> Option<Open> {
        descriptor(of).and_then(|fd| self.open.get(&fd)).copied()
    }

    fn opens(&mut self, fd: i64, result: &str, flags: &str) {
        let path = PathBuf::from(decoded_text(between(result, '<', '>')));
        let fd = i32::try_from(fd).unwrap();
        self.open.remove(&fd);
        // The shared memory of the WAL is made anew from it after a power cut.
        if !path.starts_with(self.root) || path.to_string_lossy().ends_with("-shm") {
            return;
        }
        let file = self.recording.name(&path, false);
        if flags.contains("O_TRUNC") {
            self.recording.steps.push(Step::Length { file, length: 0 });
        }
        assert!(!flags.contains("O_APPEND"), "not understood: {flags} of {}", path.display());
        self.places.push(0);
        self.open.insert(fd, Open { file, place: self.places.len() - 1 });
    }

    fn seeks(&mut self, of: &str, to: i64) {
        if let Some(open) = self.known(of) {
            self.places[open.place] = u64::try_from(to).unwrap();
        }
    }

    fn logs(&mut self, octets: &str) {
        for line in decoded_text(octets).lines() {
            if let Some(ahead) = self.log.take(line) {
                self.recording.steps.push(Step::Ahead(ahead));
            }
        }
    }

    fn writes(&mut self, of: &str, octets: &str, number: i64) {
        if let Some(open) = self.known(of) {
            let at = self.places[open.place];
            self.places[open.place] += u64::try_from(number).unwrap();
            self.writes_at(open.file, i64::try_from(at).unwrap(), octets, number);
        }
    }

    fn writes_at(&mut self, file: File, at: i64, octets: &str, number: i64) {
        let mut bytes = decoded(octets);
        bytes.truncate(usize::try_from(number).unwrap());
        assert_eq!(bytes.len() as i64, number, "strace has cut a write short");
        self.recording.steps.push(Step::Write { file, at: u64::try_from(at).unwrap(), bytes });
    }

    fn renames(&mut self, from: PathBuf, to: PathBuf) {
        if let Some(file) = self.recording.names.remove(&from) {
            self.recording.names.insert(to.clone(), file);
            self.recording.steps.push(Step::Rename { from, to });
        }
    }

    fn unlinks(&mut self, path: PathBuf) {
        if self.recording.names.remove(&path).is_some() {
            self.recording.steps.push(Step::Unlink { path });
        }
    }
}

/// The descriptor in `12</path>`.
fn descriptor(text: &str) -> Option<i32> {
    leading(text).and_then(|number| i32::try_from(number).ok())
}

/// The number that a text begins with.
fn leading(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn between(text: &str, open: char, close: char) -> &str {
    let inner = text.split_once(open).map_or("", |(_, inner)| inner);
    inner.rsplit_once(close).map_or(inner, |(inner, _)| inner)
}

/// The octets of `"\x41\x42"`.
fn decoded(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "strace has cut a text short");
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.split("\\x").skip(1).filter_map(|pair| digits(pair.as_bytes().get(..2)?)).collect()
}

fn decoded_text(text: &str) -> String {
    String::from_utf8_lossy(&decoded(text)).into_owned()
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(decoded_text(text))
}
