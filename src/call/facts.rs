//! What is known of a call whatever becomes of its script: the epilogue reads it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::call::journal::{Action, Journal, Outcome, Record, Step, StepResult};
use crate::call::leg::Recorded;
use crate::call::timeline::Timeline;
use crate::call::{CallId, describe_ms};

/// How long the end of a call waits for its recording to be whole.
const RECORDING_PATIENCE: Duration = Duration::from_secs(10);

/// Facts of a call, shared between the script and the epilogue.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    known: Arc<Mutex<Known>>,
    message: Arc<tokio::sync::Mutex<Option<oneshot::Receiver<Recorded>>>>,
}

/// The facts themselves.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// When we answered.
    pub answered_at: Option<Timestamp>,
    /// The name of the chosen route.
    pub route: Option<String>,
    /// The id of the person who accepted.
    pub responder: Option<String>,
    /// The caller and a responder were bridged.
    pub bridged: bool,
    /// The caller was not let in.
    pub blocked: bool,
    /// We broke it.
    pub broken: bool,
    /// A message was kept.
    pub message_kept: bool,
}

impl Facts {
    /// Writes down a fact.
    pub fn learn(&self, fact: impl FnOnce(&mut Known)) {
        fact(&mut self.lock());
    }

    /// All that is known now.
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is being recorded.
    pub async fn recording(&self, ended: oneshot::Receiver<Recorded>) {
        *self.message.lock().await = Some(ended);
    }

    /// Waits until the message, if one was begun, is whole, and writes its end down once.
    pub async fn close_message(&self, call: CallId, timeline: &Timeline, journal: &Journal) {
        let mut slot = self.message.lock().await;
        let Some(ended) = slot.as_mut() else { return };
        let recorded = tokio::time::timeout(RECORDING_PATIENCE, ended).await;
        *slot = None;
        let Ok(Ok(recorded)) = recorded else {
            self.learn(|known| known.broken = true);
            let lost = "the recording could not be closed";
            timeline.write(Step::RecordMessage, Action::Internal, StepResult::Failed, None, lost);
            return;
        };
        self.learn(|known| {
            known.message_kept = recorded.kept;
            known.broken |= recorded.truncated;
        });
        journal.write(Record::RecordingEnded {
            call,
            kept: recorded.kept,
            duration_ms: recorded.duration_ms,
            truncated: recorded.truncated,
        });
        let (result, detail) = describe(&recorded);
        timeline.write(Step::RecordMessage, Action::Internal, result, None, &detail);
    }
}

impl Known {
    /// How the call went, in one word.
    pub fn outcome(&self) -> Outcome {
        match self {
            Known { blocked: true, .. } => Outcome::Blocked,
            Known { bridged: true, .. } => Outcome::Accepted,
            Known { message_kept: true, .. } => Outcome::Voicemail,
            Known { broken: true, .. } => Outcome::Failed,
            _ => Outcome::Missed,
        }
    }
}

fn describe(recorded: &Recorded) -> (StepResult, String) {
    let length = describe_ms(recorded.duration_ms);
    match (recorded.kept, recorded.truncated) {
        (true, false) => (StepResult::Processed, format!("a message of {length} was kept")),
        (true, true) => {
            (StepResult::Failed, format!("the disk failed; the first {length} of the message were kept"))
        }
        (false, false) => (StepResult::Ignored, "nothing was said; no message was kept".to_owned()),
        (false, true) => (StepResult::Failed, "the disk failed; the message was lost".to_owned()),
    }
}
