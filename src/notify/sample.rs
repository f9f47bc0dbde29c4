//! Notices of an incident that never was: for tests of targets, and of templates when they are read.

use jiff::Timestamp;

use crate::incident::{Event, Notice, Party, Sound};

/// What a target is told by `notify test`: `key` names the incident that is made up.
pub fn test(event: Event, key: &str, now: Timestamp) -> Notice {
    let (title, text, status) = match event {
        Event::Resolve => {
            ("Nightbell test: it is over", "This test is over. Nobody has to do anything.", "resolved")
        }
        _ => (
            "Nightbell test: nobody called",
            "This is a test of the notifications of Nightbell. Nobody has to do anything.",
            "triggered",
        ),
    };
    Notice {
        title: title.to_owned(),
        text: text.to_owned(),
        status: status.to_owned(),
        ..Notice::of_no_call(event, format!("{key}-{event}"), key.to_owned(), now)
    }
}

/// What a template has to cope with: as little as there may be, and as much, of each event.
pub fn all() -> Vec<Notice> {
    let of = |event: &Event| {
        let little = test(*event, "hotline-0", Timestamp::UNIX_EPOCH);
        let much = Notice {
            incident: Some("1".to_owned()),
            title: "Missed call for \"A\" & <B>".to_owned(),
            text: "One line,\nand {{ another }} \\ one.".to_owned(),
            by: Some("Anna Schmidt".to_owned()),
            assigned: vec![Party {
                id: "anna".to_owned(),
                name: "Anna Schmidt".to_owned(),
                email: Some("anna@acme.example".to_owned()),
            }],
            hotline: Some("Emergency".to_owned()),
            number: Some("+4930123456".to_owned()),
            route: Some("Production".to_owned()),
            call: Some("0".to_owned()),
            started_at: Some(Timestamp::UNIX_EPOCH),
            caller: Some("+4915112345678".to_owned()),
            caller_name: Some("O'Neill \"x\"".to_owned()),
            voicemail: Some(Sound { file: "0.wav".to_owned(), duration_ms: 12_000, truncated: false }),
            transcript: Some("The database is down.".to_owned()),
            link: Some("https://wiki.acme.example/calls/0".to_owned()),
            ..little.clone()
        };
        [little, much]
    };
    Event::ALL.iter().flat_map(of).collect()
}
