//! Slack's incoming webhooks, by docs.slack.dev: "Sending messages using incoming webhooks" and the Block Kit
//! reference.

use serde_json::Value;

use crate::bench::Folder;
use crate::chats::{
    check_statuses, length, only, tell_of_a_hostile_caller, tell_the_story, with_secret_address,
};
use crate::service::{Answer, Asked, Service};

const PATH: &str = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

/// What Slack takes.
fn check(asked: &Asked) {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", PATH));
    let body = asked.json();
    only(&body, &["text", "blocks", "unfurl_links"]);
    assert!((1..=40_000).contains(&length(&body["text"])));
    assert_eq!(body["unfurl_links"], Value::Bool(false));
    plain(body["text"].as_str().unwrap());
    let blocks = body["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    for block in blocks {
        only(block, &["type", "text", "fields"]);
        assert_eq!(block["type"], "section");
        assert!(block.get("text").is_some() || block.get("fields").is_some(), "{block}");
        if let Some(text) = block.get("text") {
            mrkdwn(text, 3000);
        }
        if let Some(fields) = block.get("fields") {
            let fields = fields.as_array().unwrap();
            assert!((1..=10).contains(&fields.len()));
            fields.iter().for_each(|field| mrkdwn(field, 2000));
        }
    }
}

fn mrkdwn(text: &Value, most: usize) {
    only(text, &["type", "text", "verbatim"]);
    assert_eq!(text["type"], "mrkdwn");
    assert_eq!(text["verbatim"], Value::Bool(true), "or `@channel` becomes a mention");
    assert!((1..=most).contains(&length(&text["text"])), "{}", length(&text["text"]));
    plain(text["text"].as_str().unwrap());
}

/// No mention, and no link but our own.
fn plain(text: &str) {
    let own = text.replace("<https://wiki.acme.example/calls/c1|Show the call>", "");
    assert!(!own.contains('<'), "{own}");
    let entities = ["&amp;", "&lt;", "&gt;"];
    for (at, _) in own.match_indices('&') {
        assert!(entities.iter().any(|entity| own[at..].starts_with(entity)), "{}", &own[at..]);
    }
}

#[test]
fn slack_gets_one_message_for_each_thing_that_happens() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    let target = with_secret_address(&folder, "slack", &service, PATH);
    let told = tell_the_story(&target, &folder, &service, check);
    assert_eq!(told[0]["text"], "🔴 Nobody answered a call to Emergency hotline");
    let fields = told[0]["blocks"].as_array().unwrap().iter().find_map(|block| block.get("fields")).unwrap();
    assert!(
        fields.as_array().unwrap().iter().any(|field| field["text"] == "*Caller*\n+4915112345678 (Carla)")
    );
}

#[test]
fn slack_reads_no_mention_and_no_link_in_what_a_caller_calls_himself() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    let target = with_secret_address(&folder, "slack", &service, PATH);
    tell_of_a_hostile_caller(&target, &folder, &service, check);
}

#[test]
fn slack_s_answers_mean_what_they_say() {
    check_statuses(|folder, service| with_secret_address(folder, "slack", service, PATH), "XXXXXXXXXX");
}
