//! Files of recordings, as far as they are removed or missed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::call::CallId;

/// Removes a recording's file; one that is not there is removed already. Names with a folder in them are refused.
pub fn remove(folder: &Path, name: &str) -> io::Result<()> {
    if Path::new(name).file_name().is_none_or(|plain| plain != name) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a recording"));
    }
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes sure that what was removed stays so after a power cut.
pub fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes whatever a call has left in the folder: its recordings, parts of them, and what could not be put right.
/// Answers how many files there were.
pub fn remove_all_of(folder: &Path, call: CallId) -> io::Result<u64> {
    let begin = format!("{call}.");
    let mut removed = 0;
    for name in names(folder)? {
        if name.starts_with(&begin) {
            remove(folder, &name)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// What is in the folder and what the database knows differ in this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strays {
    /// Files that no row names.
    pub files: BTreeSet<String>,
    /// Names in rows that no file has.
    pub missing: BTreeSet<String>,
}

/// Compares the folder with the names that rows have. A file that is being written, or encrypted, has the name of its
/// row and more.
pub fn strays(folder: &Path, known: &BTreeSet<String>) -> io::Result<Strays> {
    let names: BTreeSet<String> = names(folder)?.collect();
    let belongs = |name: &str| known.iter().any(|known| name.starts_with(known.trim_end_matches(".age")));
    let files = names.iter().filter(|name| !belongs(name)).cloned().collect();
    let there = |known: &str| names.iter().any(|name| name.starts_with(known));
    let missing = known.iter().filter(|known| !there(known)).cloned().collect();
    Ok(Strays { files, missing })
}

fn names(folder: &Path) -> io::Result<impl Iterator<Item = String> + use<>> {
    Ok(fs::read_dir(folder)?.flatten().filter_map(|entry| entry.file_name().into_string().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    fn folder(names: &[&str]) -> Scratch {
        let folder = Scratch::new();
        fs::create_dir_all(folder.path()).unwrap();
        names.iter().for_each(|name| fs::write(folder.path().join(name), "sound").unwrap());
        folder
    }

    #[test]
    fn a_name_with_a_folder_in_it_removes_nothing() {
        let folder = folder(&["x.wav"]);
        for name in ["../x.wav", "/etc/passwd", "", "..", "a/x.wav"] {
            assert!(remove(folder.path(), name).is_err(), "{name}");
        }
        remove(folder.path(), "x.wav").unwrap();
        remove(folder.path(), "x.wav").unwrap();
        assert_eq!(names(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn all_of_a_call_is_its_own_and_nothing_else() {
        let own = ["000000000000002a.wav", "000000000000002a.wav.part", "000000000000002a.call.wav.age"];
        let folder = folder(&[own[0], own[1], own[2], "000000000000002b.wav"]);
        assert_eq!(remove_all_of(folder.path(), CallId(42)).unwrap(), 3);
        assert_eq!(names(folder.path()).unwrap().collect::<Vec<_>>(), ["000000000000002b.wav"]);
    }

    #[test]
    fn files_without_rows_and_rows_without_files_are_found() {
        let folder = folder(&["a.wav", "b.wav.part", "c.wav", "c.wav.age", "stray.wav"]);
        let known = ["a.wav", "b.wav", "c.wav.age", "gone.wav"].map(str::to_owned);
        let strays = strays(folder.path(), &known.into()).unwrap();
        assert_eq!(strays.files, BTreeSet::from(["stray.wav".to_owned()]));
        assert_eq!(strays.missing, BTreeSet::from(["gone.wav".to_owned()]));
    }
}
