//! Voicemail: greeting, consent, beep, recording, review, thanks.

use std::time::Duration;

use tokio::time::Instant;

use crate::call::consent::Consent;
use crate::call::journal::{Action, Record, RecordingKind, Step, StepResult};
use crate::call::leg::{Cut, Heard, Leg, Limits, Recorded, Recording, Told};
use crate::call::plan::{Fallback, MessageConsent, Route};
use crate::call::prompt::{Piece, Prompt};
use crate::call::run::DISK_PATIENCE;
use crate::call::{Desk, describe};

/// After the beep, before the recording begins: what comes back of the beep from the caller's end is no part
/// of it, and nobody speaks so soon.
const ECHO: Duration = Duration::from_millis(200);
/// How long a caller who is asked what to do with a message may think.
const THINKING: Duration = Duration::from_secs(8);
/// How long it may take until a message can be heard again: ten minutes of it are read and made as loud as prompts.
const LOADING: Duration = Duration::from_secs(4);
/// A message is heard again so often at most.
const MOST_HEARD: u32 = 10;

/// The key that sends a message.
pub const SEND: char = '1';
/// The key with which it is heard.
pub const LISTEN: char = '2';
/// The key with which it is recorded again.
pub const AGAIN: char = '3';

/// How a message came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The caller pressed `#`.
    Key,
    /// It is as long as it may be.
    Longest,
    /// Nothing was said for too long.
    Silence,
    /// The disk failed.
    Disk,
    /// The caller pressed `*`: what was said does not count.
    Anew,
}

/// Takes a message. Hanging up is its normal end; then the epilogue closes the recording.
pub async fn take(caller: &mut Leg, desk: &Desk, route: &Route) -> String {
    let fallback = &route.fallback;
    let why = match desk.facts.known() {
        known if known.message_key.is_some() => "the caller asked for it with a key",
        _ if route.direct_voicemail => "the route takes messages only",
        known if known.bridged => "nobody is left whom the caller could speak with",
        _ => "nobody accepted",
    };
    desk.timeline.write(Step::Voicemail, Action::Sent, StepResult::Processed, None, why);
    if let Err(why) = caller.room(Recording::Message(fallback.max_length), DISK_PATIENCE).await {
        return no_room(caller, desk, &why).await;
    }
    caller.forget_keys();
    // A key ends the greeting, for those who know it.
    if let Heard::Gone(_) = caller.play(&fallback.greeting).await {
        return std::future::pending().await;
    }
    tell_of_recording(caller, desk, fallback).await;
    let mut message = Message { caller, desk, fallback, file: RecordingKind::Message.file(desk.id) };
    let end = message.take().await;
    conclude(caller, desk, end).await;
    reason(end, fallback, desk.facts.known().message_kept)
}

/// Says that the message is recorded, where the route wants it. No key ends that.
async fn tell_of_recording(caller: &mut Leg, desk: &Desk, fallback: &Fallback) {
    let words = match &fallback.consent {
        MessageConsent::None => return,
        MessageConsent::AsForCalls if desk.consent == Consent::Heard => return,
        MessageConsent::AsForCalls => &desk.hotline.prompts.consent,
        MessageConsent::Own(words) => words,
    };
    let (result, detail) = match caller.tell(words).await {
        Told::Whole => (StepResult::Processed, "the caller was told that the message is recorded"),
        // A message is not refused for that: the beep tells of the recording as well.
        Told::Cut => (StepResult::Failed, "the caller did not hear to the end that the message is recorded"),
        Told::Gone(_) => return std::future::pending().await,
    };
    desk.timeline.write(Step::RecordMessage, Action::Sent, result, None, detail);
}

/// A message while it is taken.
struct Message<'a> {
    caller: &'a mut Leg,
    desk: &'a Desk,
    fallback: &'a Fallback,
    file: String,
}

impl Message<'_> {
    /// Records until there is a message that the caller does not want to record again.
    async fn take(&mut self) -> End {
        let mut end = self.record(true).await;
        loop {
            end = match end {
                End::Anew if discard(self.caller, self.desk).await => self.record(false).await,
                End::Anew => End::Disk,
                End::Key | End::Longest | End::Silence if self.is_to_be_recorded_again(end).await => {
                    self.record(false).await
                }
                End::Disk => {
                    self.caller.stop_recording(Cut::Nothing);
                    return end;
                }
                End::Key | End::Longest | End::Silence => return end,
            };
        }
    }

    /// The beep, and the message.
    async fn record(&mut self, first: bool) -> End {
        self.caller.say(&self.fallback.beep).await;
        tokio::time::sleep(ECHO).await;
        if first {
            self.desk.house.journal.write(Record::RecordingStarted {
                call: self.desk.id,
                kind: RecordingKind::Message,
                file: self.file.clone(),
                at: self.desk.house.clock.now(),
            });
        }
        let Fallback { max_length, silence, min_length, .. } = *self.fallback;
        let limits = Limits { longest: max_length, silence, least: min_length };
        let recording = self.caller.record(self.file.clone(), limits);
        self.desk.facts.recording(RecordingKind::Message, recording).await;
        finished(self.caller, self.desk, max_length).await
    }

    /// Ends the recording, and asks the caller what to do with it where the route says so. Whoever says nothing, or
    /// hangs up, has sent it; and it stays until a later one is kept.
    async fn is_to_be_recorded_again(&mut self, end: End) -> bool {
        self.caller.stop_recording(if end == End::Key { Cut::NewestKey } else { Cut::Nothing });
        let Some(question) = &self.fallback.review else { return false };
        let whole = tokio::time::timeout(DISK_PATIENCE, self.desk.facts.message_ended()).await;
        let Ok(Some(recorded)) = whole else { return false };
        if !recorded.kept || recorded.truncated {
            return false;
        }
        self.desk.facts.message_is_whole(recorded);
        for _ in 0..=MOST_HEARD {
            match self.ask(question).await {
                Some(LISTEN) => self.play().await,
                Some(AGAIN) => {
                    self.tell("the caller pressed 3 and records the message again");
                    return true;
                }
                _ => return false,
            }
        }
        false
    }

    /// The key that is the answer; nothing: there was none.
    async fn ask(&mut self, question: &Prompt) -> Option<char> {
        let answers = |key| matches!(key, SEND | LISTEN | AGAIN);
        let mut heard = self.caller.play_unless(question, answers).await;
        let deadline = Instant::now() + THINKING;
        loop {
            match heard {
                Heard::Key(key) if answers(key) => return Some(key),
                Heard::Nothing if Instant::now() >= deadline => return None,
                Heard::Key(_) | Heard::Nothing => {}
                // The run ends this script.
                Heard::Gone(_) => return std::future::pending().await,
            }
            heard = self.caller.key(deadline.saturating_duration_since(Instant::now())).await;
        }
    }

    /// The caller hears what was said. A key ends it.
    async fn play(&mut self) {
        match self.caller.load(self.file.clone(), LOADING).await {
            Some(said) => {
                self.tell("the caller pressed 2 and hears the message");
                if let Heard::Gone(_) = self.caller.play(&Prompt(vec![Piece::Memo(said)])).await {
                    // The run ends this script.
                    std::future::pending::<()>().await;
                }
            }
            None => {
                let why = "the message could not be played to the caller";
                let failed = StepResult::Failed;
                self.desk.timeline.write(Step::RecordMessage, Action::Internal, failed, None, why);
            }
        }
    }

    fn tell(&self, what: &str) {
        let timeline = &self.desk.timeline;
        timeline.write(Step::RecordMessage, Action::Received, StepResult::Processed, None, what);
    }
}

/// The disk is full: the caller is told so before anything is said to it in vain.
async fn no_room(caller: &mut Leg, desk: &Desk, why: &str) -> String {
    let reason = format!("no message could be taken: {why}");
    tracing::error!(call = %desk.id, "ALARM: {reason}");
    desk.timeline.write(Step::RecordMessage, Action::Internal, StepResult::Failed, None, &reason);
    desk.nobody_answered();
    caller.say(&desk.hotline.prompts.no_message).await;
    caller.say(&desk.hotline.prompts.goodbye).await;
    reason
}

/// Waits for the end of the message. A caller who is not heard is told so once.
async fn finished(caller: &mut Leg, desk: &Desk, longest: Duration) -> End {
    let deadline = Instant::now() + longest;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let unheard = caller.unheard();
        let heard = tokio::select! {
            biased;
            ended = desk.facts.message_ended() => return by_itself(ended).await,
            heard = caller.key(left) => heard,
            () = unheard.told() => {
                caller.start(&desk.hotline.prompts.cannot_hear, false);
                continue;
            }
        };
        match heard {
            Heard::Key('#') => return End::Key,
            Heard::Key('*') => return End::Anew,
            Heard::Key(_) => {}
            Heard::Nothing => return End::Longest,
            Heard::Gone(_) => return std::future::pending().await,
        }
    }
}

/// Why a recording ended that nobody ended.
async fn by_itself(ended: Option<Recorded>) -> End {
    match ended {
        Some(Recorded { truncated: true, .. }) | None => End::Disk,
        Some(Recorded { silence: true, .. }) => End::Silence,
        // The caller's leg has just ended: the run ends this script.
        Some(_) => std::future::pending().await,
    }
}

/// Throws away what was said. Returns whether a new message can begin: the old file is gone.
async fn discard(caller: &Leg, desk: &Desk) -> bool {
    caller.stop_recording(Cut::Everything);
    let what = "the caller pressed * and began anew";
    desk.timeline.write(Step::RecordMessage, Action::Received, StepResult::Ignored, None, what);
    let ended = tokio::time::timeout(DISK_PATIENCE, desk.facts.message_ended()).await;
    matches!(ended, Ok(Some(Recorded { truncated: false, .. })))
}

/// Waits for the message to be whole, and tells the caller what became of it.
async fn conclude(caller: &mut Leg, desk: &Desk, end: End) {
    let closing = desk.facts.close_recordings(desk.id, &desk.timeline, &desk.house.journal);
    if tokio::time::timeout(DISK_PATIENCE, closing).await.is_err() {
        // The epilogue waits for the rest, without the caller.
        tracing::error!(call = %desk.id, "the disk is slow: the call goes on before its message is whole");
    }
    if end == End::Disk {
        // Whoever hangs up now has not given up.
        desk.nobody_answered();
    }
    let (known, prompts) = (desk.facts.known(), &desk.hotline.prompts);
    match (end, known.message_kept) {
        (End::Disk, true) => caller.say(&prompts.cut_short).await,
        (End::Disk, false) => caller.say(&prompts.no_message).await,
        (_, true) => caller.say(&prompts.thanks).await,
        (_, false) => {}
    }
    caller.say(&prompts.goodbye).await;
}

fn reason(end: End, fallback: &Fallback, kept: bool) -> String {
    match end {
        // People read this of a missed call, and would look for a message.
        End::Key | End::Anew if !kept => "the caller pressed #".to_owned(),
        End::Key | End::Anew => "the caller left a message and pressed #".to_owned(),
        End::Longest => "the message reached its longest length".to_owned(),
        End::Silence => {
            format!("nothing was said for {}", describe(fallback.silence.unwrap_or_default()))
        }
        End::Disk => "the disk failed during the message".to_owned(),
    }
}
