//! Voicemail: greeting, beep, recording, thanks.

use std::time::Duration;

use crate::call::journal::{Action, Record, RecordingKind, Step, StepResult};
use crate::call::leg::{Cut, Heard, Leg, Recorded, Recording};
use crate::call::plan::{Fallback, Route};
use crate::call::run::DISK_PATIENCE;
use crate::call::{Desk, describe};

/// After the beep, before the recording begins: what comes back of the beep from the caller's end is no part
/// of it, and nobody speaks so soon.
const ECHO: Duration = Duration::from_millis(200);

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
    let file = RecordingKind::Message.file(desk.id);
    let mut end = record(caller, desk, fallback, &file, true).await;
    while end == End::Anew {
        end = match discard(caller, desk).await {
            true => record(caller, desk, fallback, &file, false).await,
            false => End::Disk,
        };
    }
    caller.stop_recording(if end == End::Key { Cut::NewestKey } else { Cut::Nothing });
    conclude(caller, desk, end).await;
    reason(end, fallback)
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

/// The beep, and the message.
async fn record(caller: &mut Leg, desk: &Desk, fallback: &Fallback, file: &str, first: bool) -> End {
    caller.say(&fallback.beep).await;
    tokio::time::sleep(ECHO).await;
    if first {
        desk.house.journal.write(Record::RecordingStarted {
            call: desk.id,
            kind: RecordingKind::Message,
            file: file.to_owned(),
            at: desk.house.clock.now(),
        });
    }
    let recording = caller.record(file.to_owned(), fallback.max_length, fallback.silence);
    desk.facts.recording(RecordingKind::Message, recording).await;
    finished(caller, desk, fallback.max_length).await
}

/// Waits for the end of the message. A caller who is not heard is told so once.
async fn finished(caller: &mut Leg, desk: &Desk, longest: Duration) -> End {
    let deadline = tokio::time::Instant::now() + longest;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
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

fn reason(end: End, fallback: &Fallback) -> String {
    match end {
        End::Key | End::Anew => "the caller left a message and pressed #".to_owned(),
        End::Longest => "the message reached its longest length".to_owned(),
        End::Silence => {
            format!("nothing was said for {}", describe(fallback.silence.unwrap_or_default()))
        }
        End::Disk => "the disk failed during the message".to_owned(),
    }
}
