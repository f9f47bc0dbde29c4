//! Workflows of Microsoft Teams, by learn.microsoft.com: "Create incoming webhooks with Workflows", and the schema of
//! Adaptive Cards 1.4.

use serde_json::Value;

use crate::bench::Folder;
use crate::chats::{check_statuses, only, tell_of_a_hostile_caller, tell_the_story, with_secret_address};
use crate::service::{Answer, Asked, Service};

const PATH: &str =
    "/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sig=verysecretsignature";

/// What Teams takes.
fn check(asked: &Asked) {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", PATH));
    assert!(asked.body.len() <= 28 * 1024, "{} bytes", asked.body.len());
    let body = asked.json();
    only(&body, &["type", "attachments"]);
    assert_eq!(body["type"], "message");
    let [attachment] = body["attachments"].as_array().unwrap().as_slice() else { panic!("{body}") };
    only(attachment, &["contentType", "contentUrl", "content"]);
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(attachment["contentUrl"], Value::Null);
    let card = &attachment["content"];
    only(card, &["$schema", "type", "version", "fallbackText", "msteams", "body", "actions"]);
    assert_eq!(card["type"], "AdaptiveCard");
    assert_eq!(card["version"], "1.4");
    assert_eq!(card["msteams"], serde_json::json!({ "width": "full" }), "no entities: nobody is mentioned");
    for element in card["body"].as_array().unwrap() {
        // A TextBlock would read Markdown, and make a link of what a caller says.
        assert_eq!(element["type"], "RichTextBlock");
        for run in element["inlines"].as_array().unwrap() {
            only(run, &["type", "text", "weight", "size", "color", "italic"]);
            assert_eq!(run["type"], "TextRun");
            assert!(!run["text"].as_str().unwrap().is_empty());
            if let Some(color) = run.get("color") {
                let known = ["default", "dark", "light", "accent", "good", "warning", "attention"];
                assert!(known.contains(&color.as_str().unwrap()));
            }
        }
    }
    for action in card.get("actions").and_then(Value::as_array).into_iter().flatten() {
        assert_eq!(action["type"], "Action.OpenUrl");
        assert!(action["url"].as_str().unwrap().starts_with("https://"));
    }
}

#[test]
fn teams_gets_one_card_for_each_thing_that_happens() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(202, "")));
    let target = with_secret_address(&folder, "teams", &service, PATH);
    let told = tell_the_story(&target, &folder, &service, check);
    let colours: Vec<_> = told
        .iter()
        .map(|body| {
            body["attachments"][0]["content"]["body"][0]["inlines"][0]["color"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(colours, ["attention", "accent", "warning", "good"]);
}

#[test]
fn teams_reads_neither_markdown_nor_mentions_in_what_a_caller_calls_himself() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(202, "")));
    let target = with_secret_address(&folder, "teams", &service, PATH);
    tell_of_a_hostile_caller(&target, &folder, &service, check);
}

#[test]
fn teams_answers_mean_what_they_say() {
    check_statuses(
        |folder, service| with_secret_address(folder, "teams", service, PATH),
        "verysecretsignature",
    );
}
