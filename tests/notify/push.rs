//! Push messages: ntfy by docs.ntfy.sh ("Publish as JSON", "Authentication"), Gotify by its API document
//! (`POST /message`).

use nightbell::incident::{Event, Notice, Party, Recipient, Severity};
use nightbell::notify::Target;
use nightbell::notify::exchange::Verdict;
use serde_json::{Value, json};

use crate::bench::{Folder, compiled, delivering, notice, target};
use crate::chats::{check_statuses, length, only, tell_of_a_hostile_caller, tell_the_story};
use crate::mail_server::decoded;
use crate::service::{Answer, Asked, Service};

fn ntfy(folder: &Folder, service: &Service, more: &str) -> Target {
    folder.file("push.token", "tk_verysecrettoken");
    folder.file("push.password", "geheim");
    let settings = format!(
        "kind = \"ntfy\"\nurl = \"{}\"\ntopic = \"on-call_1\"\nallow_private = true\n{more}",
        service.url()
    );
    target(folder, &settings)
}

fn with_token(folder: &Folder, service: &Service) -> Target {
    ntfy(folder, service, "token_file = \"push.token\"\n")
}

/// What ntfy takes.
fn check_ntfy(asked: &Asked) {
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    assert_eq!(asked.header("authorization"), Some("Bearer tk_verysecrettoken"));
    let body = asked.json();
    only(&body, &["topic", "title", "message", "priority", "tags", "click"]);
    assert_eq!(body["topic"], "on-call_1");
    assert!(length(&body["title"]) <= 400);
    assert!((1..=4096).contains(&body["message"].as_str().unwrap().len()), "in bytes, or it becomes a file");
    assert!((1..=5).contains(&body["priority"].as_u64().unwrap()));
    assert!(body["tags"].as_array().unwrap().iter().all(Value::is_string));
    assert_eq!(body["click"], "https://wiki.acme.example/calls/c1");
}

#[test]
fn ntfy_gets_one_message_for_each_thing_that_happens_and_only_the_first_is_loud() {
    let (folder, service) =
        (Folder::new(), Service::start(|_, _| Answer::new(200, r#"{"id":"sPs71M8A2T"}"#)));
    let told = tell_the_story(&with_token(&folder, &service), &folder, &service, check_ntfy);
    let loud: Vec<_> = told.iter().map(|body| body["priority"].as_u64().unwrap()).collect();
    assert_eq!(loud, [5, 2, 2, 2]);
    let tags: Vec<_> = told.iter().map(|body| body["tags"][0].as_str().unwrap().to_owned()).collect();
    assert_eq!(tags, ["rotating_light", "memo", "raising_hand", "white_check_mark"]);
}

#[test]
fn ntfy_takes_what_a_caller_calls_himself_as_text_of_bounded_length() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "{}")));
    tell_of_a_hostile_caller(&with_token(&folder, &service), &folder, &service, check_ntfy);
}

#[test]
fn ntfy_is_shown_a_name_and_a_password_where_that_is_written() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "{}")));
    let target = ntfy(&folder, &service, "username = \"bell\"\npassword_file = \"push.password\"\n");
    assert_eq!(target.deliver(&notice(Event::Trigger), &delivering(&folder)), Verdict::Delivered);
    let asked = service.asked();
    let shown = asked.first().unwrap().header("authorization").unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(decoded(shown), "bell:geheim");
}

#[test]
fn ntfy_publishes_to_the_topic_of_one_person_where_the_notice_is_for_one() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "{}")));
    let party = Party { id: "anna".to_owned(), name: "Anna".to_owned(), email: None };
    let to = Some(Recipient { party, address: Some("anna-phone".to_owned()) });
    let told = Notice { to, ..notice(Event::Trigger) };
    assert_eq!(with_token(&folder, &service).deliver(&told, &delivering(&folder)), Verdict::Delivered);
    assert_eq!(service.asked().first().unwrap().json()["topic"], "anna-phone");
}

#[test]
fn ntfy_rings_as_loud_as_the_settings_say() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "{}")));
    let target = ntfy(&folder, &service, "severities = { critical = \"4\", info = \"1\" }\n");
    for severity in [Severity::Critical, Severity::Warning, Severity::Info] {
        target.deliver(&Notice { severity, ..notice(Event::Trigger) }, &delivering(&folder));
    }
    let loud: Vec<_> =
        service.asked().iter().map(|asked| asked.json()["priority"].as_u64().unwrap()).collect();
    assert_eq!(loud, [4, 3, 1]);
    let wrong = "kind = \"ntfy\"\ntopic = \"t\"\nseverities = { critical = \"6\" }\n";
    assert!(compiled(&folder, wrong).unwrap_err().contains("it knows 1, 2, 3, 4, 5"));
}

#[test]
fn a_topic_that_ntfy_would_not_know_is_told_of_before_it_is_needed() {
    let folder = Folder::new();
    for topic in ["on call", "a/b", "", &"x".repeat(65)] {
        let found = compiled(&folder, &format!("kind = \"ntfy\"\ntopic = \"{topic}\"\n"));
        assert!(found.unwrap_err().contains("is no topic"), "{topic}");
    }
}

#[test]
fn ntfy_s_answers_mean_what_they_say() {
    check_statuses(with_token, "verysecrettoken");
}

fn gotify(folder: &Folder, service: &Service) -> Target {
    folder.file("gotify.token", "AverysecretToken");
    let settings = format!(
        "kind = \"gotify\"\nurl = \"{}/push/\"\ntoken_file = \"gotify.token\"\nallow_private = true\n",
        service.url()
    );
    target(folder, &settings)
}

/// What Gotify takes.
fn check_gotify(asked: &Asked) {
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/push/message"),
        "no token in the address"
    );
    assert_eq!(asked.header("x-gotify-key"), Some("AverysecretToken"));
    let body = asked.json();
    only(&body, &["title", "message", "priority", "extras"]);
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert!((0..=10).contains(&body["priority"].as_i64().unwrap()));
    assert_eq!(
        body["extras"]["client::display"],
        json!({ "contentType": "text/plain" }),
        "Markdown is not read"
    );
    assert_eq!(
        body["extras"]["client::notification"],
        json!({ "click": { "url": "https://wiki.acme.example/calls/c1" } })
    );
}

#[test]
fn gotify_gets_one_message_for_each_thing_that_happens_and_only_the_first_is_loud() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, r#"{"id":1}"#)));
    let told = tell_the_story(&gotify(&folder, &service), &folder, &service, check_gotify);
    let loud: Vec<_> = told.iter().map(|body| body["priority"].as_u64().unwrap()).collect();
    assert_eq!(loud, [10, 2, 2, 2]);
}

#[test]
fn gotify_takes_what_a_caller_calls_himself_as_text() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "{}")));
    tell_of_a_hostile_caller(&gotify(&folder, &service), &folder, &service, check_gotify);
}

#[test]
fn gotify_s_answers_mean_what_they_say() {
    check_statuses(gotify, "AverysecretToken");
}
