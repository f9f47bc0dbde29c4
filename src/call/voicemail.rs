//! Voicemail: greeting, beep, recording, thanks.

use crate::call::Desk;
use crate::call::journal::{Action, Record, Step, StepResult};
use crate::call::leg::{Cut, Heard, Leg};
use crate::call::plan::Route;
use crate::call::run::DISK_PATIENCE;

/// Takes a message. Hanging up is its normal end; then the epilogue closes the recording.
pub async fn take(caller: &mut Leg, desk: &Desk, route: &Route) -> String {
    let fallback = &route.fallback;
    let why = if route.direct_voicemail { "the route takes messages only" } else { "nobody accepted" };
    desk.timeline.write(Step::Voicemail, Action::Sent, StepResult::Processed, None, why);
    caller.forget_keys();
    // A key ends the greeting, for those who know it.
    if let Heard::Gone(_) = caller.play(&fallback.greeting).await {
        return std::future::pending().await;
    }
    caller.say(&fallback.beep).await;
    let file = format!("{}.wav", desk.id);
    desk.house.journal.write(Record::RecordingStarted {
        call: desk.id,
        file: file.clone(),
        at: desk.house.clock.now(),
    });
    desk.facts.recording(caller.record(file)).await;
    let reason = match finished(caller, desk, fallback.max_length).await {
        true => {
            caller.stop_recording(Cut::NewestKey);
            "the caller left a message and pressed #"
        }
        false => {
            caller.stop_recording(Cut::Nothing);
            "the message reached its longest length"
        }
    };
    let closing = desk.facts.close_message(desk.id, &desk.timeline, &desk.house.journal);
    if tokio::time::timeout(DISK_PATIENCE, closing).await.is_err() {
        // The epilogue waits for the rest, without the caller.
        tracing::error!(call = %desk.id, "the disk is slow: the call goes on before its message is whole");
    }
    if desk.facts.known().message_kept {
        caller.say(&fallback.thanks).await;
    }
    caller.say(&desk.hotline.prompts.goodbye).await;
    reason.to_owned()
}

/// Waits for `#`: `true`; or for the longest length: `false`. A caller who is not heard is told so once.
async fn finished(caller: &mut Leg, desk: &Desk, longest: std::time::Duration) -> bool {
    let deadline = tokio::time::Instant::now() + longest;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let unheard = caller.unheard();
        let heard = tokio::select! {
            biased;
            heard = caller.key(left) => heard,
            () = unheard.told() => {
                caller.start(&desk.hotline.prompts.cannot_hear, false);
                continue;
            }
        };
        match heard {
            Heard::Key('#') => return true,
            Heard::Key(_) => {}
            Heard::Nothing => return false,
            Heard::Gone(_) => return std::future::pending().await,
        }
    }
}
