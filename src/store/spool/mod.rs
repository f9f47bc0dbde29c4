//! The spool: where entries of the journal go while the database does not take them. A file that was given all
//! its room while there still was some, so that a full disk does not matter; `[storage] spool` may put it on
//! another disk. It holds what was written last: the timelines' steps in one ring, everything else in another
//! and larger one, so that many steps never push out a call.
//!
//! What it holds outlives the process. It is on the disk a moment later, by a thread that does nothing else:
//! whoever writes here never waits for a sync.

mod ring;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use rustix::fs::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use self::ring::{Frame, Ring};
use super::backlog::can_be_missed;
use crate::call::journal::Record;

/// The whole file, in octets.
pub const SIZE: u64 = 16 << 20;
/// Where the rings begin. The head before them is written whole, twice.
const HEAD: u64 = 8192;
const COPY: u64 = 4096;
/// Of the steps.
const STEPS: u64 = 4 << 20;
/// What the file is.
const KIND: &str = "nightbell spool 1";

/// The first lines of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    kind: String,
    /// Tells this file from every other spool.
    id: u64,
    /// Counts the heads that were written: the newest whole one holds.
    written: u64,
    /// Entries up to this number are in the database.
    done: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: Arc<File>,
    head: Head,
    steps: Ring,
    others: Ring,
    /// The number of the last entry.
    last: u64,
    sync: SyncSender<()>,
}

/// An entry that was found in the spool.
#[derive(Debug)]
pub(super) struct Left {
    pub number: u64,
    pub record: Record,
}

impl Spool {
    /// Opens the file, made and given its room where it is missing. What an earlier run has left in it is told in the
    /// order in which it happened.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<Left>)> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        take_room(&file)?;
        let head = match read_head(&file)? {
            Some(head) => head,
            None => begin(&file)?,
        };
        let mut steps = Ring::new(HEAD, STEPS as usize);
        let mut others = Ring::new(HEAD + STEPS, (SIZE - HEAD - STEPS) as usize);
        let mut frames = steps.read(&file)?;
        frames.extend(others.read(&file)?);
        frames.sort_by_key(|frame| frame.number);
        let last = frames.last().map_or(0, |frame| frame.number).max(head.done);
        let left = frames.iter().filter(|frame| frame.number > head.done).filter_map(left).collect();
        let file = Arc::new(file);
        let sync = syncer(Arc::clone(&file))?;
        Ok((Self { path: path.to_owned(), file, head, steps, others, last, sync }, left))
    }

    /// Tells this spool from every other one.
    pub fn id(&self) -> u64 {
        self.head.id
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the last entry that it has seen.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether it may hold anything that is not in the database.
    pub fn is_empty(&self) -> bool {
        self.last == self.head.done
    }

    /// Writes an entry, which is safe from the end of the process then. Its number is higher than any before.
    pub fn write(&mut self, number: u64, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        let ring = if can_be_missed(record) { &mut self.steps } else { &mut self.others };
        ring.write(&self.file, number, &text)?;
        self.last = self.last.max(number);
        Ok(())
    }

    /// Has what was written brought to the disk, without waiting for it.
    pub fn sync(&self) {
        // Full: a sync is asked for already, and has not begun.
        let _ = self.sync.try_send(());
    }

    /// Everything in it is in the database: it is emptied.
    pub fn clear(&mut self) -> io::Result<()> {
        let next =
            Head { written: self.head.written.saturating_add(1), done: self.last, ..self.head.clone() };
        write_head(&self.file, &next)?;
        self.head = next;
        self.steps.clear(&self.file)?;
        self.others.clear(&self.file)?;
        self.sync();
        Ok(())
    }
}

/// Gives the file its room on the disk.
fn take_room(file: &File) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, SIZE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP) => fill(file),
        Err(error) => Err(error.into()),
    }
}

/// The same by hand, where the file system has no way of its own.
fn fill(file: &File) -> io::Result<()> {
    let mut at = file.metadata()?.len();
    while at < SIZE {
        let part = usize::try_from((SIZE - at).min(1 << 16)).unwrap_or(1 << 16);
        file.write_all_at(&vec![0; part], at)?;
        at += part as u64;
    }
    Ok(())
}

fn begin(file: &File) -> io::Result<Head> {
    let head = Head { kind: KIND.to_owned(), id: rand::random(), written: 0, done: 0 };
    write_head(file, &head)?;
    Ok(head)
}

/// Writes the head over the older of its two copies: whatever is cut short, one of them is whole.
fn write_head(file: &File, head: &Head) -> io::Result<()> {
    let mut copy = Ring::new(head.written % 2 * COPY, COPY as usize);
    copy.write(file, head.written, &serde_json::to_vec(head).map_err(io::Error::other)?)
}

fn read_head(file: &File) -> io::Result<Option<Head>> {
    let mut found: Option<Head> = None;
    for begin in [0, COPY] {
        for frame in Ring::new(begin, COPY as usize).read(file)? {
            let head = serde_json::from_slice(&frame.text).ok().filter(|head: &Head| head.kind == KIND);
            found = found.into_iter().chain(head).max_by_key(|head| head.written);
        }
    }
    Ok(found)
}

fn left(frame: &Frame) -> Option<Left> {
    match serde_json::from_slice(&frame.text) {
        Ok(record) => Some(Left { number: frame.number, record }),
        Err(why) => {
            error!(%why, entry = %String::from_utf8_lossy(&frame.text), "entry of the spool not understood");
            None
        }
    }
}

/// Starts the thread that syncs. It ends with the spool.
fn syncer(file: Arc<File>) -> io::Result<SyncSender<()>> {
    let (ask, asked) = sync_channel(1);
    Builder::new().name("spool-sync".to_owned()).spawn(move || sync_when_asked(&file, &asked))?;
    Ok(ask)
}

fn sync_when_asked(file: &File, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        if let Err(why) = file.sync_data() {
            warn!(%why, "the spool is not on the disk: it outlives the process, but not the machine");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples::{ended, started, step};
    use crate::store::scratch::Scratch;

    fn place() -> (Scratch, PathBuf) {
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path()).unwrap();
        let path = scratch.path().join("spool.ring");
        (scratch, path)
    }

    fn left(path: &Path) -> Vec<(u64, String)> {
        let left = Spool::open(path).unwrap().1;
        left.into_iter().map(|left| (left.number, format!("{:?}", left.record))).collect()
    }

    #[test]
    fn a_start_finds_what_an_earlier_run_has_left_in_order() {
        let (_scratch, path) = place();
        let (mut spool, left_before) = Spool::open(&path).unwrap();
        assert!(left_before.is_empty());
        let records = [started(1), step(1, 1), started(2), step(1, 2), ended(1)];
        for (number, record) in (1..).zip(&records) {
            spool.write(number, record).unwrap();
        }
        let expected: Vec<_> = (1..).zip(records.iter().map(|record| format!("{record:?}"))).collect();
        assert_eq!(left(&path), expected);
        assert!(!Spool::open(&path).unwrap().0.is_empty());
    }

    #[test]
    fn the_file_has_all_its_room_from_the_first_on_and_never_grows() {
        use std::os::unix::fs::MetadataExt;
        let (_scratch, path) = place();
        let (mut spool, _) = Spool::open(&path).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.len(), SIZE);
        assert!(found.blocks() * 512 >= SIZE, "it has holes");
        assert_eq!(found.mode() & 0o777, 0o600);
        for number in 1..=30_000 {
            spool.write(number, &step(1, 1)).unwrap();
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), SIZE);
    }

    #[test]
    fn many_steps_push_out_older_steps_and_no_call() {
        let (_scratch, path) = place();
        let (mut spool, _) = Spool::open(&path).unwrap();
        spool.write(1, &started(1)).unwrap();
        for seq in 1..=30_000 {
            spool.write(u64::from(seq) + 1, &step(1, seq)).unwrap();
        }
        let left = Spool::open(&path).unwrap().1;
        assert!(matches!(left.first().unwrap().record, Record::Started(_)));
        assert_eq!(left.last().unwrap().number, 30_001);
        assert!(left.len() < 30_000 && left.len() > 10_000, "{}", left.len());
    }

    #[test]
    fn an_emptied_spool_tells_nothing_and_holds_no_number_of_a_caller() {
        let (_scratch, path) = place();
        let (mut spool, _) = Spool::open(&path).unwrap();
        spool.write(1, &started(1)).unwrap();
        let id = spool.id();
        spool.clear().unwrap();
        assert!(spool.is_empty());
        assert_eq!(left(&path), []);
        let octets = std::fs::read(&path).unwrap();
        assert!(!octets.windows(6).any(|part| part == b"+49151"));
        // Numbers go on behind those that are done.
        let (mut spool, _) = Spool::open(&path).unwrap();
        assert_eq!((spool.id(), spool.last()), (id, 1));
        spool.write(2, &started(2)).unwrap();
        assert_eq!(left(&path).len(), 1);
    }

    #[test]
    fn a_head_that_was_cut_short_gives_way_to_the_one_before() {
        let (_scratch, path) = place();
        let (mut spool, _) = Spool::open(&path).unwrap();
        spool.write(1, &started(1)).unwrap();
        spool.clear().unwrap();
        spool.write(2, &started(2)).unwrap();
        spool.clear().unwrap();
        let id = spool.id();
        // The third head has taken the place of the first one.
        spool.file.write_all_at(&[0; 40], 0).unwrap();
        let (spool, left) = Spool::open(&path).unwrap();
        assert_eq!((spool.id(), left.len()), (id, 0));
    }
}
