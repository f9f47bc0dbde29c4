//! ilert's events, by the OpenAPI document of docs.ilert.com, "Events".

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, fields, line, object, tell_the_story, text};

const KEY: &str = "il1api0123456789abcdef";
const FILES: &[(&str, &str)] = &[("key", KEY)];
const SETTINGS: &str = "kind = \"ilert\"\nurl = \"{url}\"\napi_key_file = \"key\"\n";

fn ilert(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure((asked.method.as_str(), asked.path.as_str()) == ("POST", "/api/events"), &asked.path)?;
    let taken = [
        "alertKey",
        "details",
        "priority",
        "severity",
        "images",
        "links",
        "comments",
        "labels",
        "services",
        "customDetails",
        "routingKey",
    ];
    let body = object(asked, &["integrationKey", "eventType", "summary"], &taken)?;
    ensure(body["integrationKey"] == KEY, "integrationKey")?;
    line(&body, "summary", 255)?;
    let key = line(&body, "alertKey", 255)?.to_lowercase();
    match body["eventType"].as_str() {
        Some("ALERT") => {
            text(&body, "details", 100_000)?;
            ensure(body["priority"] == "HIGH" || body["priority"] == "LOW", "priority")?;
            ensure(body["customDetails"].is_object(), "customDetails")?;
            for link in body["links"].as_array().into_iter().flatten() {
                fields(link, &["href"], &["text"])?;
            }
            known.entry(key).or_insert(("open", 0)).1 += 1;
        }
        Some("ACCEPT") => known.get_mut(&key).ok_or("not there")?.0 = "acknowledged",
        Some("RESOLVE") => known.get_mut(&key).ok_or("not there")?.0 = "closed",
        Some("COMMENT") => {
            let comments = body["comments"].as_array().ok_or("comments")?;
            ensure(!comments.is_empty(), "comments")?;
            for comment in comments {
                fields(comment, &["creator", "content"], &[])?;
                line(comment, "creator", 255)?;
                text(comment, "content", 100_000)?;
            }
        }
        _ => return Err("wrong: eventType".to_owned()),
    }
    Ok(Answer::new(202, ""))
}

#[test]
fn ilert_opens_accepts_and_resolves_one_alert() {
    let asked = tell_the_story(ilert, FILES, SETTINGS, &[]);
    let types: Vec<_> =
        asked.iter().map(|asked| asked.json()["eventType"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["ALERT", "ALERT", "COMMENT", "ACCEPT", "RESOLVE", "COMMENT"]);
}

#[test]
fn ilert_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, KEY);
}
