//! All Quiet's inbound webhook, by docs.allquiet.app: "Webhook", and its guide to payload mapping.

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, line, object, tell_the_story, text};

const PATH: &str = "/api/webhook/5f0e0b1c-verysecretid";
const FILES: &[(&str, &str)] =
    &[("address", "{url}/api/webhook/5f0e0b1c-verysecretid"), ("token", "verysecrettoken")];
const SETTINGS: &str = "kind = \"allquiet\"\nurl_file = \"address\"\ntoken_file = \"token\"\n";

fn allquiet(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure((asked.method.as_str(), asked.path.as_str()) == ("POST", PATH), &asked.path)?;
    ensure(asked.header("authorization") == Some("Bearer verysecrettoken"), "Authorization")?;
    let body =
        object(asked, &["Status", "Severity", "CorrelationID", "Title"], &["Message", "Details", "Link"])?;
    ensure(["Critical", "Warning", "Minor"].iter().any(|known| body["Severity"] == *known), "Severity")?;
    line(&body, "Title", 255)?;
    text(&body, "Message", 100_000)?;
    let of = known.entry(line(&body, "CorrelationID", 255)?.to_owned()).or_insert(("open", 0));
    match body["Status"].as_str() {
        Some("Open") => {
            of.0 = "open";
            of.1 += 1;
        }
        Some("Resolved") => of.0 = "closed",
        _ => return Err("wrong: Status".to_owned()),
    }
    Ok(Answer::new(200, ""))
}

#[test]
fn allquiet_has_one_incident_that_ends() {
    let asked = tell_the_story(allquiet, FILES, SETTINGS, &[5]);
    let states: Vec<_> =
        asked.iter().map(|asked| asked.json()["Status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["Open", "Open", "Open", "Open", "Resolved"]);
}

#[test]
fn allquiet_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, "verysecret");
}
