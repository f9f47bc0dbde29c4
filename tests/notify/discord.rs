//! Discord's webhooks, by discord.com/developers: "Execute Webhook", "Embed limits", "Rate limits".

use std::time::Duration;

use nightbell::incident::Event;
use nightbell::notify::exchange::Verdict;
use serde_json::Value;

use crate::bench::{Folder, delivering, notice};
use crate::chats::{
    check_statuses, length, only, tell_of_a_hostile_caller, tell_the_story, texts, with_secret_address,
};
use crate::service::{Answer, Asked, Service};

const PATH: &str = "/api/webhooks/123456789012345678/verysecrettoken";

/// What Discord takes.
fn check(asked: &Asked) {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", PATH));
    let body = asked.json();
    only(&body, &["embeds", "allowed_mentions"]);
    assert_eq!(body["allowed_mentions"], serde_json::json!({ "parse": [] }));
    let [embed] = body["embeds"].as_array().unwrap().as_slice() else { panic!("{body}") };
    only(embed, &["title", "description", "color", "timestamp", "fields", "url"]);
    assert!((1..=256).contains(&length(&embed["title"])));
    assert!(length(&embed["description"]) <= 4096);
    assert!(embed["color"].as_u64().unwrap() <= 0x00ff_ffff);
    assert!(embed["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let fields = embed["fields"].as_array().unwrap();
    assert!(fields.len() <= 25);
    let mut whole = length(&embed["title"]) + length(&embed["description"]);
    for field in fields {
        only(field, &["name", "value", "inline"]);
        assert!((1..=256).contains(&length(&field["name"])) && (1..=1024).contains(&length(&field["value"])));
        whole += length(&field["name"]) + length(&field["value"]);
    }
    assert!(whole <= 6000, "{whole}");
    for text in texts(&body) {
        assert!(!text.contains("]("), "no link behind other words: {text}");
    }
}

#[test]
fn discord_gets_one_embed_for_each_thing_that_happens() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(204, "")));
    let target = with_secret_address(&folder, "discord", &service, PATH);
    let told = tell_the_story(&target, &folder, &service, check);
    assert_eq!(told[0]["embeds"][0]["url"], Value::from("https://wiki.acme.example/calls/c1"));
}

#[test]
fn discord_shows_what_a_caller_calls_himself_as_text_within_its_limits() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(204, "")));
    let target = with_secret_address(&folder, "discord", &service, PATH);
    tell_of_a_hostile_caller(&target, &folder, &service, check);
}

#[test]
fn discord_says_how_long_to_wait_in_a_header_or_in_the_body() {
    let folder = Folder::new();
    let service = Service::start(|_, before| {
        let answer = Answer::new(
            429,
            r#"{"message":"You are being rate limited.","retry_after":1.336,"global":false}"#,
        );
        if before == 0 { answer.header("Retry-After", "2") } else { answer }
    });
    let target = with_secret_address(&folder, "discord", &service, PATH);
    for wait in [Duration::from_secs(2), Duration::from_millis(1336)] {
        match target.deliver(&notice(Event::Trigger), &delivering(&folder)) {
            Verdict::Later { after, .. } => assert_eq!(after, Some(wait)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn discord_s_answers_mean_what_they_say() {
    check_statuses(
        |folder, service| with_secret_address(folder, "discord", service, PATH),
        "verysecrettoken",
    );
}
