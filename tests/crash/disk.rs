//! A disk that loses its power: what may be on it after any step of a recording.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

use crate::trace::{File, Step};

/// What a disk writes at once.
const SECTOR: usize = 512;

/// What may have become of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// All of it got there.
    All,
    /// Nothing of it did.
    Synced,
    /// Some writes and names did, others did not.
    Some,
    /// Some sectors of each write did.
    Torn,
    /// All content did, and no name: of a new file there is nothing, and a renamed one has its old name.
    Unnamed,
}

impl Fate {
    pub const ALL: [Self; 5] = [Self::All, Self::Synced, Self::Some, Self::Torn, Self::Unnamed];
}

/// Something that was done to a file.
#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
    Room(u64),
}

/// Something that was done to names.
#[derive(Debug, Clone)]
enum Naming {
    Name { path: PathBuf, file: File, folder: bool },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
}

impl Naming {
    fn path(&self) -> &Path {
        match self {
            Self::Name { path, .. } | Self::Unlink { path } => path,
            Self::Rename { to, .. } => to,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Name { path, file, folder } => _ = names.insert(path.clone(), (*file, *folder)),
            Self::Unlink { path } => _ = names.remove(path),
            Self::Rename { from, to } => {
                if let Some(what) = names.remove(from) {
                    names.insert(to.clone(), what);
                }
            }
        }
    }
}

/// What each name stands for, and whether that is a folder.
type Names = BTreeMap<PathBuf, (File, bool)>;

/// A file: what is certainly on the disk, and what may be, with the step in which it was done.
#[derive(Debug, Default)]
struct Content {
    safe: Vec<u8>,
    open: Vec<(usize, Change)>,
}

/// The disk after some steps.
#[derive(Debug, Default)]
pub struct Disk {
    steps: usize,
    files: BTreeMap<File, Content>,
    names: Names,
    naming: Vec<(usize, Naming)>,
}

impl Disk {
    /// The next step.
    pub fn take(&mut self, step: &Step) {
        let now = self.steps;
        self.steps += 1;
        match step.clone() {
            Step::Name { path, file, folder } if now == 0 => _ = self.names.insert(path, (file, folder)),
            Step::Name { path, file, folder } => self.naming.push((now, Naming::Name { path, file, folder })),
            Step::Rename { from, to } => self.naming.push((now, Naming::Rename { from, to })),
            Step::Unlink { path } => self.naming.push((now, Naming::Unlink { path })),
            Step::Write { file, at, bytes } => self.change(file, Change::Write { at, bytes }),
            Step::Length { file, length } => self.change(file, Change::Length(length)),
            Step::Room { file, length } => self.change(file, Change::Room(length)),
            Step::Sync { file, since } => self.sync(file, since),
            Step::SyncAll { since } => {
                self.files.values_mut().for_each(|content| content.settle(since));
                self.settle_names(since, |_| true);
            }
            Step::Answered(_) | Step::Rang(_) | Step::Told(_) | Step::Ahead(_) => {}
        }
    }

    fn change(&mut self, file: File, change: Change) {
        self.files.entry(file).or_default().open.push((self.steps - 1, change));
    }

    fn sync(&mut self, file: File, since: usize) {
        let mut all = self.names.clone();
        self.naming.iter().for_each(|(_, naming)| naming.apply(&mut all));
        let folder =
            all.iter().find(|(_, (known, folder))| *folder && *known == file).map(|(path, _)| path.clone());
        match folder {
            Some(folder) => self.settle_names(since, |naming| naming.path().parent() == Some(&folder)),
            None => self.files.entry(file).or_default().settle(since),
        }
    }

    fn settle_names(&mut self, since: usize, which: impl Fn(&Naming) -> bool) {
        let names = &mut self.names;
        self.naming.retain(|(step, naming)| {
            let settled = *step < since && which(naming);
            if settled {
                naming.apply(names);
            }
            !settled
        });
    }

    /// What is found after a power cut now: files with their content, and folders.
    pub fn after_a_cut(&self, fate: Fate, random: &mut StdRng) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut names = self.names.clone();
        for (_, naming) in &self.naming {
            let there = match fate {
                Fate::All => true,
                Fate::Synced | Fate::Unnamed => false,
                Fate::Some | Fate::Torn => random.random_bool(0.5),
            };
            if there {
                naming.apply(&mut names);
            }
        }
        let mut found = BTreeMap::new();
        for (path, (file, folder)) in &names {
            // A file in a folder without a name is nowhere.
            if path.parent().is_some_and(|parent| names.get(parent).is_some_and(|(_, folder)| *folder))
                || found.is_empty()
            {
                let content = self.files.get(file);
                let octets = content.map_or_else(Vec::new, |content| content.after_a_cut(fate, random));
                found.insert(path.clone(), (!folder).then_some(octets));
            }
        }
        found
    }
}

impl Content {
    /// What was done before this step is on the disk.
    fn settle(&mut self, since: usize) {
        let settled = self.open.iter().take_while(|(step, _)| *step < since).count();
        for (_, change) in self.open.drain(..settled) {
            change.apply(&mut self.safe);
        }
    }

    fn after_a_cut(&self, fate: Fate, random: &mut StdRng) -> Vec<u8> {
        let mut octets = self.safe.clone();
        for (_, change) in &self.open {
            match fate {
                Fate::All | Fate::Unnamed => change.apply(&mut octets),
                Fate::Synced => {}
                Fate::Some if random.random_bool(0.5) => change.apply(&mut octets),
                Fate::Some => {}
                Fate::Torn => change.apply_torn(&mut octets, random),
            }
        }
        octets
    }
}

impl Change {
    fn apply(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(octets, usize::try_from(*at).unwrap(), bytes),
            Self::Length(length) => octets.resize(usize::try_from(*length).unwrap(), 0),
            Self::Room(length) => octets.resize(octets.len().max(usize::try_from(*length).unwrap()), 0),
        }
    }

    fn apply_torn(&self, octets: &mut Vec<u8>, random: &mut StdRng) {
        let Self::Write { at, bytes } = self else {
            if random.random_bool(0.5) {
                self.apply(octets);
            }
            return;
        };
        let at = usize::try_from(*at).unwrap();
        let mut from = 0;
        while from < bytes.len() {
            let to = ((at + from) / SECTOR * SECTOR + SECTOR - at).min(bytes.len());
            if random.random_bool(0.5) {
                put(octets, at + from, &bytes[from..to]);
            }
            from = to;
        }
    }
}

fn put(octets: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if octets.len() < at + bytes.len() {
        octets.resize(at + bytes.len(), 0);
    }
    octets[at..at + bytes.len()].copy_from_slice(bytes);
}
