//! What all chats have in common: one message for each thing that happens, and callers who write nothing but text.

use std::time::Duration;

use nightbell::incident::{Event, Notice};
use nightbell::notify::Target;
use nightbell::notify::exchange::Verdict;
use serde_json::Value;

use crate::bench::{Folder, delivering, hostile, notice, target};
use crate::service::{Answer, Asked, Service};

/// All that can happen to an incident, in order.
pub const STORY: [Event; 4] = [Event::Trigger, Event::Update, Event::Acknowledge, Event::Resolve];

/// A target whose address is a secret that stands in a file.
pub fn with_secret_address(folder: &Folder, kind: &str, service: &Service, path: &str) -> Target {
    folder.file("chat.url", &format!("{}{path}\n", service.url()));
    target(folder, &format!("kind = \"{kind}\"\nurl_file = \"chat.url\"\nallow_private = true\n"))
}

/// Tells the whole story: one request for each of its events. `check` looks at each as the service would.
pub fn tell_the_story(target: &Target, folder: &Folder, service: &Service, check: fn(&Asked)) -> Vec<Value> {
    for event in STORY {
        assert_eq!(target.deliver(&notice(event), &delivering(folder)), Verdict::Delivered, "{event}");
    }
    let asked = service.asked();
    assert_eq!(asked.len(), STORY.len(), "one message for each");
    asked.iter().for_each(check);
    let said = |asked: &Asked| String::from_utf8(asked.body.clone()).unwrap();
    for (asked, words) in asked.iter().zip([
        "Nobody answered a call to Emergency hotline",
        "Update: Nobody answered",
        "Anna Schmidt has taken it on: Nobody answered",
        "Resolved by Anna Schmidt: Nobody answered",
    ]) {
        assert!(said(asked).contains(words), "{words}: {}", said(asked));
    }
    asked.iter().map(Asked::json).collect()
}

/// Tells of a caller with the worst of names, in each of the texts there are.
pub fn tell_of_a_hostile_caller(
    target: &Target,
    folder: &Folder,
    service: &Service,
    check: fn(&Asked),
) -> Value {
    let nasty = Notice {
        title: hostile(),
        text: hostile(),
        caller_name: Some(hostile()),
        transcript: Some("&<>*".repeat(2500)),
        by: Some(hostile()),
        ..notice(Event::Trigger)
    };
    assert_eq!(target.deliver(&nasty, &delivering(folder)), Verdict::Delivered);
    let asked = service.asked();
    let last = asked.last().unwrap();
    check(last);
    last.json()
}

/// Each status means what it means everywhere, and no secret comes back to us in words.
pub fn check_statuses(make: impl Fn(&Folder, &Service) -> Target, secret: &str) {
    for (status, after, passes) in [
        (429, Some("7"), true),
        (500, None, true),
        (503, Some("30"), true),
        (400, None, false),
        (404, None, false),
        (302, None, false),
    ] {
        let folder = Folder::new();
        let service = Service::start(move |asked, _| {
            let repeated: &'static str = Box::leak(format!("no good: {}", asked.path).into_boxed_str());
            let answer =
                Answer::new(status, repeated).header("Location", "http://169.254.169.254/latest/meta-data");
            match after {
                Some(seconds) => answer.header("Retry-After", seconds),
                None => answer,
            }
        });
        let target = make(&folder, &service);
        let verdict = target.deliver(&notice(Event::Trigger), &delivering(&folder));
        assert_eq!(service.asked().len(), 1, "no redirect is followed");
        assert!(!format!("{verdict:?} {target:?}").contains(secret), "{verdict:?}");
        match verdict {
            Verdict::Later { after: found, .. } if passes => {
                assert_eq!(
                    found,
                    after.map(|seconds| Duration::from_secs(seconds.parse().unwrap())),
                    "{status}"
                );
            }
            Verdict::Refused { why } if !passes => assert!(why.contains(&status.to_string()), "{why}"),
            other => panic!("{status}: {other:?}"),
        }
    }
}

/// All texts in a document, wherever they stand.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The length of a text in characters.
pub fn length(value: &Value) -> usize {
    value.as_str().unwrap().chars().count()
}

/// A document has these keys and no others.
pub fn only(value: &Value, keys: &[&str]) {
    for key in value.as_object().unwrap().keys() {
        assert!(keys.contains(&key.as_str()), "`{key}` is none of {keys:?}");
    }
}
