//! incident.io's HTTP alert source, by docs.incident.io: "Alert Events v2, CreateHTTP".

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, line, object, tell_the_story, text};

const TOKEN: &str = "some-random-string-of-a-source";
const FILES: &[(&str, &str)] = &[("token", TOKEN)];
const SETTINGS: &str = "kind = \"incidentio\"\nurl = \"{url}/v2/alert_events/http/01GW2G3V0S59R238FAHPDS1R66\"\ntoken_file = \"token\"\n";

fn incidentio(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    let path = "/v2/alert_events/http/01GW2G3V0S59R238FAHPDS1R66";
    ensure((asked.method.as_str(), asked.path.as_str()) == ("POST", path), &asked.path)?;
    ensure(asked.header("authorization") == Some(format!("Bearer {TOKEN}").as_str()), "Authorization")?;
    if asked.body.len() > 512 * 1024 {
        return Ok(Answer::new(429, "too large"));
    }
    let taken = ["deduplication_key", "description", "metadata", "source_url"];
    let body = object(asked, &["title", "status"], &taken)?;
    line(&body, "title", 255)?;
    text(&body, "description", 100_000)?;
    ensure(body["metadata"].is_object(), "metadata")?;
    let of = known.entry(line(&body, "deduplication_key", 255)?.to_owned()).or_insert(("open", 0));
    match body["status"].as_str() {
        Some("firing") => {
            of.0 = "open";
            of.1 += 1;
        }
        Some("resolved") => of.0 = "closed",
        _ => return Err("wrong: status".to_owned()),
    }
    Ok(Answer::new(
        202,
        r#"{"deduplication_key":"hotline-c1","message":"Event accepted for processing","status":"success"}"#,
    ))
}

#[test]
fn incidentio_has_one_alert_that_ends_and_hears_who_has_it() {
    let asked = tell_the_story(incidentio, FILES, SETTINGS, &[5]);
    let states: Vec<_> =
        asked.iter().map(|asked| asked.json()["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["firing", "firing", "firing", "firing", "resolved"]);
    assert!(asked[3].json()["description"].as_str().unwrap().starts_with("Acknowledged by Anna Schmidt."));
    assert_eq!(asked[0].json()["metadata"]["severity"], "critical");
}

#[test]
fn incidentio_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, TOKEN);
}
