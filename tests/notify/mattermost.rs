//! Mattermost's incoming webhooks, by developers.mattermost.com: "Incoming webhooks" and "Message attachments".

use nightbell::incident::{Event, Notice, Party, Recipient};
use nightbell::notify::exchange::Verdict;
use serde_json::Value;

use crate::bench::{Folder, delivering, notice, target};
use crate::chats::{
    check_statuses, length, only, tell_of_a_hostile_caller, tell_the_story, texts, with_secret_address,
};
use crate::service::{Answer, Asked, Service};

const PATH: &str = "/hooks/xxx-generatedkey-xxx";

/// What Mattermost takes.
fn check(asked: &Asked) {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", PATH));
    let body = asked.json();
    only(&body, &["text", "channel", "attachments", "props"]);
    assert!((1..=16_383).contains(&length(&body["text"])));
    assert_eq!(body["props"], serde_json::json!({ "disable_group_highlight": true }));
    let [attachment] = body["attachments"].as_array().unwrap().as_slice() else { panic!("{body}") };
    only(attachment, &["fallback", "color", "text", "fields", "title", "title_link"]);
    assert!(length(&attachment["text"]) <= 16_383);
    let color = attachment["color"].as_str().unwrap();
    assert!(color.len() == 7 && color.starts_with('#'), "{color}");
    for field in attachment["fields"].as_array().unwrap() {
        only(field, &["title", "value", "short"]);
        assert_eq!(field["short"], Value::Bool(true));
    }
    // All that is shown as Markdown: nobody is mentioned, and no link hides behind other words.
    let shown = [&body["text"], &attachment["text"], &attachment["fields"]];
    for text in shown.into_iter().flat_map(texts) {
        assert!(
            !text.contains("@channel") && !text.contains("](") && !text.replace("\\<", "").contains('<'),
            "{text}"
        );
    }
}

#[test]
fn mattermost_gets_one_post_for_each_thing_that_happens() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    let target = with_secret_address(&folder, "mattermost", &service, PATH);
    let told = tell_the_story(&target, &folder, &service, check);
    assert_eq!(told[0]["text"], "**🔴 Nobody answered a call to Emergency hotline**");
    assert!(told[0].get("channel").is_none(), "the webhook's own");
}

#[test]
fn mattermost_mentions_nobody_whatever_a_caller_calls_himself() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    let target = with_secret_address(&folder, "mattermost", &service, PATH);
    tell_of_a_hostile_caller(&target, &folder, &service, check);
}

#[test]
fn mattermost_posts_to_the_channel_that_is_written_or_to_one_person() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    folder.file("chat.url", &format!("{}{PATH}", service.url()));
    let settings =
        "kind = \"mattermost\"\nurl_file = \"chat.url\"\nchannel = \"on-call\"\nallow_private = true\n";
    let target = target(&folder, settings);
    let party = Party { id: "anna".to_owned(), name: "Anna".to_owned(), email: None };
    let to = Some(Recipient { party, address: Some("@anna".to_owned()) });
    for told in [notice(Event::Trigger), Notice { to, ..notice(Event::Trigger) }] {
        assert_eq!(target.deliver(&told, &delivering(&folder)), Verdict::Delivered);
    }
    let channels: Vec<_> = service.asked().iter().map(|asked| asked.json()["channel"].clone()).collect();
    assert_eq!(channels, ["on-call", "@anna"]);
}

#[test]
fn mattermost_s_answers_mean_what_they_say() {
    check_statuses(
        |folder, service| with_secret_address(folder, "mattermost", service, PATH),
        "generatedkey",
    );
}
