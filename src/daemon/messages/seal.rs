//! Recordings are encrypted once they are whole and their call is over. Until the encrypted file is safe on the disk
//! and the database knows it, the one in the clear stays; a fault changes nothing, and it is tried again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::age::{self, Recipient};
use crate::call::journal::RecordingKind;
use crate::store::{KeptFile, Store, StoreError};

/// How the name of an encrypted file ends.
pub const ENDING: &str = ".age";
/// How it ends while it is written.
const PART: &str = ".age.part";

/// Encrypts all recordings that are in the clear, and removes what a crash left of those that are not. Answers how
/// many were encrypted, and how many are to be later. Blocks.
pub fn seal_all(store: &Store, recordings: &Path, to: &[Recipient]) -> Result<(usize, usize), StoreError> {
    finish_removals(store, recordings)?;
    if to.is_empty() {
        return Ok((0, 0));
    }
    let (mut sealed, mut left) = (0, 0);
    for recording in store.reader().in_the_clear()? {
        // What is to be written out has to be read first.
        if recording.kind == RecordingKind::Message && store.reader().awaits_transcript(recording.call)? {
            left += 1;
            continue;
        }
        match seal(store, recordings, &recording, to)? {
            Ok(()) => sealed += 1,
            Err(error) => {
                left += 1;
                let file = &recording.file;
                tracing::error!(file, %error, "ALARM: a recording is not encrypted yet: it stays in the clear");
            }
        }
    }
    Ok((sealed, left))
}

/// The file in the clear goes last: whatever stops us, there is one that can be read.
fn seal(
    store: &Store,
    recordings: &Path,
    recording: &KeptFile,
    to: &[Recipient],
) -> Result<io::Result<()>, StoreError> {
    let plain = recordings.join(&recording.file);
    let name = format!("{}{ENDING}", recording.file);
    if let Err(error) = write(recordings, &plain, &name, &recording.file, to) {
        let _ = fs::remove_file(recordings.join(format!("{}{PART}", recording.file)));
        return Ok(Err(error));
    }
    if !store.recording_encrypted(recording, &name)? {
        // It was deleted meanwhile.
        return Ok(remove(recordings, &name));
    }
    Ok(remove(recordings, &recording.file))
}

fn write(recordings: &Path, plain: &Path, name: &str, file: &str, to: &[Recipient]) -> io::Result<()> {
    let part = recordings.join(format!("{file}{PART}"));
    let sealed = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let mut writer = BufWriter::new(sealed);
    age::encrypt(to, File::open(plain)?, &mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&part, recordings.join(name))?;
    File::open(recordings)?.sync_all()
}

fn remove(recordings: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(recordings.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::open(recordings)?.sync_all(),
    }
}

/// A crash may have come between the row and the removal of the file in the clear, or while one was written.
fn finish_removals(store: &Store, recordings: &Path) -> Result<(), StoreError> {
    for recording in store.reader().encrypted()? {
        let Some(plain) = recording.file.strip_suffix(ENDING) else { continue };
        if recordings.join(plain).exists() && recordings.join(&recording.file).exists() {
            match remove(recordings, plain) {
                Ok(()) => {
                    tracing::info!(file = plain, "the recording in the clear is removed, as it is encrypted")
                }
                Err(error) => tracing::error!(file = plain, %error, "ALARM: a recording stays in the clear"),
            }
        }
    }
    Ok(())
}
