//! What happened in a call, in words.

use super::case::Case;
use super::{Message, Routed};

/// One line: `Missed call from +4930123 (ACME) on Production (Acme hotline)`.
pub(super) fn title(case: &Case) -> String {
    let Some(routed) = &case.routed else { return format!("Call {}", case.call) };
    let what = match (&case.message, case.is_answered()) {
        (Some(message), _) => format!("Voicemail of {}", length(message.duration_ms)),
        (None, true) => "Answered call".to_owned(),
        (None, false) if case.was_accepted() => "Unfinished call".to_owned(),
        (None, false) if case.nobody_answered || case.ended.is_some() => "Missed call".to_owned(),
        (None, false) => "Call".to_owned(),
    };
    format!("{what} from {} on {}", caller(routed), place(routed))
}

/// What is known of the call so far, in sentences.
pub(super) fn story(case: &Case) -> String {
    let mut said = Vec::new();
    if case.was_accepted() {
        said.push("The call was answered.".to_owned());
        said.extend(case.nobody_answered.then(|| "Then the caller was left alone.".to_owned()));
    } else if let Some(ended) = &case.ended
        && case.message.is_none()
    {
        said.push(match ended.abandoned {
            true => "The caller gave up before anybody answered.".to_owned(),
            false => format!("Nobody answered. The call ended: {}.", ended.reason),
        });
    } else if case.nobody_answered || case.ended.is_some() {
        said.push("Nobody answered.".to_owned());
    } else if case.message.is_none() {
        said.push("Somebody calls.".to_owned());
    }
    said.extend(case.message.as_ref().map(left));
    said.join(" ")
}

/// What was left, in a sentence or two.
pub(super) fn left(message: &Message) -> String {
    let short = if message.truncated { " Only its beginning could be kept." } else { "" };
    format!("A message of {} was left.{short}", length(message.duration_ms))
}

fn caller(routed: &Routed) -> String {
    let number = match routed.caller.as_str() {
        "anonymous" => "a withheld number",
        number => number,
    };
    match &routed.caller_name {
        Some(name) => format!("{number} ({name})"),
        None => number.to_owned(),
    }
}

fn place(routed: &Routed) -> String {
    match routed.route.as_str() {
        "" => routed.hotline.clone(),
        route if route == routed.hotline => route.to_owned(),
        route => format!("{route} ({})", routed.hotline),
    }
}

fn length(ms: u64) -> String {
    match ms.saturating_add(500) / 1000 {
        seconds @ 0..60 => format!("{} s", seconds.max(1)),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
