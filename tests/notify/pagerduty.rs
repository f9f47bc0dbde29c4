//! PagerDuty's Events API v2, by developer.pagerduty.com: "Send an Event", "Event format".

use serde_json::Value;

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, fields, line, object, tell_the_story, text};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const FILES: &[(&str, &str)] = &[("key", KEY)];
const SETTINGS: &str = "kind = \"pagerduty\"\nurl = \"{url}\"\nrouting_key_file = \"key\"\n";

fn pagerduty(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure((asked.method.as_str(), asked.path.as_str()) == ("POST", "/v2/enqueue"), &asked.path)?;
    ensure(asked.body.len() <= 512_000, "too long")?;
    let needed = ["routing_key", "event_action", "dedup_key"];
    let body = object(asked, &needed, &["payload", "client", "client_url", "links", "images"])?;
    ensure(body["routing_key"] == KEY && KEY.len() == 32, "routing_key")?;
    let key = line(&body, "dedup_key", 255)?.to_owned();
    match body["event_action"].as_str() {
        Some("trigger") => {
            payload(&body["payload"])?;
            ensure(
                body["client_url"].is_null()
                    || body["client_url"].as_str().is_some_and(|url| url.starts_with("https://")),
                "client_url",
            )?;
            let of = known.entry(key).or_insert(("open", 0));
            ensure(of.0 != "closed", "it would open a second alert")?;
            of.1 += 1;
        }
        Some("acknowledge") => known.get_mut(&key).ok_or("not there")?.0 = "acknowledged",
        Some("resolve") => known.get_mut(&key).ok_or("not there")?.0 = "closed",
        _ => return Err("wrong: event_action".to_owned()),
    }
    // The hostile caller's incident has the same key: a new story.
    if known.values().all(|(state, _)| *state == "closed") && body["event_action"] == "resolve" {
        known.clear();
    }
    Ok(Answer::new(202, r#"{"status":"success","message":"Event processed","dedup_key":"hotline-c1"}"#))
}

fn payload(payload: &Value) -> Result<(), String> {
    fields(
        payload,
        &["summary", "source", "severity"],
        &["timestamp", "component", "group", "class", "custom_details"],
    )?;
    line(payload, "summary", 1024)?;
    text(payload, "source", 100_000)?;
    ensure(
        ["critical", "error", "warning", "info"].iter().any(|known| payload["severity"] == *known),
        "severity",
    )?;
    ensure(
        payload["timestamp"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()),
        "timestamp",
    )?;
    ensure(payload["custom_details"].is_object(), "custom_details")
}

#[test]
fn pagerduty_opens_acknowledges_and_resolves_one_alert() {
    // What comes after the end would open a second alert.
    let asked = tell_the_story(pagerduty, FILES, SETTINGS, &[5]);
    let actions: Vec<_> =
        asked.iter().map(|asked| asked.json()["event_action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["trigger", "trigger", "trigger", "acknowledge", "resolve"]);
    let details = &asked[0].json()["payload"]["custom_details"];
    assert_eq!(details["caller"], "+4915112345678");
    assert_eq!(details["transcript"], "The pump has stopped.");
}

#[test]
fn pagerduty_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, KEY);
}
