//! What is known of a call whatever becomes of its script: the epilogue reads it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::call::journal::{Action, Journal, Outcome, Record, RecordingKind, Step, StepResult};
use crate::call::leg::Recorded;
use crate::call::timeline::Timeline;
use crate::call::{CallId, describe_ms};
use crate::oncall::{PersonId, Rung};

/// How long the end of a call waits for its recording to be whole.
const RECORDING_PATIENCE: Duration = Duration::from_secs(10);

/// Facts of a call, shared between the script and the epilogue.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    known: Arc<Mutex<Known>>,
    message: Arc<tokio::sync::Mutex<Slot>>,
    /// A message that is whole, and stays unless a later one takes its place.
    whole: Arc<Mutex<Option<Recorded>>>,
    call: Arc<tokio::sync::Mutex<Slot>>,
}

/// A recording, as far as it has come.
#[derive(Debug, Default)]
enum Slot {
    /// There is none, or its end is written down.
    #[default]
    Empty,
    /// It goes on, or is being made whole.
    Running(oneshot::Receiver<Recorded>),
    /// It is over. Nothing: nobody could tell how it ended.
    Ended(Option<Recorded>),
}

impl Slot {
    /// Waits for the end. May be dropped at any time.
    async fn ended(&mut self) -> Option<Recorded> {
        match self {
            Self::Empty => None,
            Self::Ended(recorded) => recorded.clone(),
            Self::Running(running) => {
                let recorded = running.await.ok();
                *self = Self::Ended(recorded.clone());
                recorded
            }
        }
    }
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
    /// Who was rung, and what came of it last.
    pub asked: BTreeMap<PersonId, Rung>,
    /// The caller and a responder were bridged.
    pub bridged: bool,
    /// Nobody is there any more whom the caller was bridged with.
    pub alone: bool,
    /// The caller was not let in.
    pub blocked: bool,
    /// We broke it.
    pub broken: bool,
    /// A message was kept.
    pub message_kept: bool,
    /// The key with which the caller has asked to leave a message instead of waiting.
    pub message_key: Option<char>,
    /// The last person was tried, or those who had accepted left the caller alone.
    pub nobody_answered: bool,
    /// The caller hung up.
    pub hung_up: bool,
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

    /// A recording has begun.
    pub async fn recording(&self, kind: RecordingKind, ended: oneshot::Receiver<Recorded>) {
        *self.slot(kind).lock().await = Slot::Running(ended);
    }

    /// Waits until the message that is being recorded has ended, which it may by itself. Nothing: there is
    /// none, or nobody could tell how it ended.
    pub async fn message_ended(&self) -> Option<Recorded> {
        self.message.lock().await.ended().await
    }

    /// The message is whole and may be recorded again: until a later one is kept, it counts.
    pub fn message_is_whole(&self, recorded: Recorded) {
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(recorded);
    }

    /// What counts of all that was recorded: the last message that was kept.
    fn last_kept(&self, kind: RecordingKind, last: Option<Recorded>) -> Option<Recorded> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            RecordingKind::Message if !last.as_ref().is_some_and(|last| last.kept) => whole.take().or(last),
            RecordingKind::Message | RecordingKind::Call => last,
        }
    }

    /// Waits until what was recorded is whole, and writes the end of each recording down once.
    pub async fn close_recordings(&self, call: CallId, timeline: &Timeline, journal: &Journal) {
        for kind in RecordingKind::ALL {
            let mut slot = self.slot(kind).lock().await;
            if let Slot::Empty = *slot {
                continue;
            }
            let recorded = tokio::time::timeout(RECORDING_PATIENCE, slot.ended()).await;
            *slot = Slot::Empty;
            let recorded = self.last_kept(kind, recorded.ok().flatten());
            self.closed(call, kind, recorded, timeline, journal);
        }
    }

    fn slot(&self, kind: RecordingKind) -> &tokio::sync::Mutex<Slot> {
        match kind {
            RecordingKind::Message => &self.message,
            RecordingKind::Call => &self.call,
        }
    }

    fn closed(
        &self,
        call: CallId,
        kind: RecordingKind,
        recorded: Option<Recorded>,
        timeline: &Timeline,
        journal: &Journal,
    ) {
        let Some(recorded) = recorded else {
            self.learn(|known| known.broken = true);
            let lost = "the recording could not be closed";
            timeline.write(Step::RecordMessage, Action::Internal, StepResult::Failed, None, lost);
            return;
        };
        self.learn(|known| {
            known.message_kept |= recorded.kept && kind == RecordingKind::Message;
            known.broken |= recorded.truncated;
        });
        journal.write(Record::RecordingEnded {
            call,
            at: timeline.now(),
            kind,
            kept: recorded.kept,
            duration_ms: recorded.duration_ms,
            truncated: recorded.truncated,
        });
        let (result, detail) = describe(kind, &recorded);
        timeline.write(Step::RecordMessage, Action::Internal, result, None, &detail);
    }
}

impl Known {
    /// Whether the caller gave up before anybody answered and before the last person had been tried.
    pub fn abandoned(&self) -> bool {
        self.hung_up && !(self.bridged || self.nobody_answered || self.message_kept || self.broken)
    }

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

fn describe(kind: RecordingKind, recorded: &Recorded) -> (StepResult, String) {
    let length = describe_ms(recorded.duration_ms);
    let what = kind.as_str();
    match (kind, recorded.kept, recorded.truncated) {
        (RecordingKind::Message, true, false) => {
            (StepResult::Processed, format!("a message of {length} was kept"))
        }
        (RecordingKind::Call, true, false) => {
            (StepResult::Processed, format!("a call of {length} was recorded"))
        }
        (_, true, true) => {
            (StepResult::Failed, format!("the disk failed; the first {length} of the {what} were kept"))
        }
        (RecordingKind::Message, false, false) if recorded.duration_ms > 0 => {
            (StepResult::Ignored, format!("only {length} of sound: too short for a message, and not kept"))
        }
        (_, false, false) => (StepResult::Ignored, format!("nothing was said; no {what} was kept")),
        (_, false, true) => (StepResult::Failed, format!("the disk failed; the {what} was lost")),
    }
}
