//! Recordings that are to be encrypted, and those that are.

use rusqlite::params;

use super::entries::recordings;
use super::purge::kept_files;
use super::{KeptFile, Reader, Store, StoreError};
use crate::call::journal::RecordingKind;

impl Reader {
    /// Recordings of calls that are over, whose files are in the clear and are not waited for by whoever writes
    /// messages out.
    pub fn in_the_clear(&self) -> Result<Vec<KeptFile>, StoreError> {
        self.recordings_that(
            "encrypted = 0 AND calls.ended_at IS NOT NULL AND NOT EXISTS
             (SELECT 1 FROM transcripts WHERE transcripts.call_id = calls.id AND transcripts.state = 'waiting')",
        )
    }

    /// Whether recordings are in the clear because they are still to be written out.
    pub fn clear_ones_wait(&self) -> Result<bool, StoreError> {
        Ok(!self.recordings_that("encrypted = 0")?.is_empty())
    }

    /// Recordings that are encrypted.
    pub fn encrypted(&self) -> Result<Vec<KeptFile>, StoreError> {
        self.recordings_that("encrypted = 1")
    }

    fn recordings_that(&self, are: &str) -> Result<Vec<KeptFile>, StoreError> {
        self.read(|connection| {
            let mut found = Vec::new();
            for kind in RecordingKind::ALL {
                let sql = format!(
                    "SELECT call_id, file, recording.started_at AS at FROM {} AS recording
                     JOIN calls ON calls.id = call_id WHERE recording.state = 'kept' AND {are} ORDER BY at",
                    recordings(kind)
                );
                found.extend(kept_files(connection, kind, &sql, [])?);
            }
            Ok(found)
        })
    }
}

impl Store {
    /// A recording is encrypted: its file has another name now. Tells whether it is still kept.
    pub fn recording_encrypted(&self, recording: &KeptFile, file: &str) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE {} SET file = ?2, encrypted = 1 WHERE call_id = ?1 AND state = 'kept'",
            recordings(recording.kind)
        );
        let changed =
            self.write(|connection| connection.execute(&sql, params![recording.call.to_string(), file]))?;
        Ok(changed > 0)
    }
}
