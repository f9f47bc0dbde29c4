//! Alertmanager's API v2, by its OpenAPI document: `postAlerts`.

use jiff::Timestamp;
use serde_json::Value;

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, fields, tell_the_story};

const FILES: &[(&str, &str)] = &[("password", "verysecretpassword")];
const SETTINGS: &str =
    "kind = \"alertmanager\"\nurl = \"{url}/am\"\nusername = \"bell\"\npassword_file = \"password\"\n";

fn alertmanager(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure((asked.method.as_str(), asked.path.as_str()) == ("POST", "/am/api/v2/alerts"), &asked.path)?;
    // echo -n bell:verysecretpassword | base64
    ensure(asked.header("authorization") == Some("Basic YmVsbDp2ZXJ5c2VjcmV0cGFzc3dvcmQ="), "Authorization")?;
    ensure(asked.header("content-type") == Some("application/json"), "Content-Type")?;
    let body: Value = serde_json::from_slice(&asked.body).map_err(|error| error.to_string())?;
    let [alert] = body.as_array().ok_or("no array")?.as_slice() else { return Err("one alert".to_owned()) };
    fields(alert, &["labels"], &["annotations", "startsAt", "endsAt", "generatorURL"])?;
    for set in ["labels", "annotations"] {
        for (name, value) in alert[set].as_object().ok_or(set)? {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            ensure(!name.is_empty() && name.chars().all(good), name)?;
            ensure(value.is_string(), name)?;
        }
    }
    ensure(alert["labels"]["alertname"].is_string(), "alertname")?;
    let at =
        |key: &str| alert[key].as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or(key.to_owned());
    let (starts, ends) = (at("startsAt")?, at("endsAt")?);
    ensure(starts <= ends, "it ends before it starts")?;
    // The labels are the alert: whatever else there is of it.
    let of = known.entry(alert["labels"].to_string()).or_insert(("open", 0));
    of.1 += 1;
    let told: Timestamp = "2026-01-05T02:00:00Z".parse().unwrap();
    of.0 = if ends <= told { "closed" } else { "open" };
    Ok(Answer::new(200, ""))
}

#[test]
fn alertmanager_has_one_alert_by_its_labels_until_it_ends() {
    let asked = tell_the_story(alertmanager, FILES, SETTINGS, &[5]);
    let alert = |asked: &Asked| serde_json::from_slice::<Value>(&asked.body).unwrap()[0].clone();
    let labels: std::collections::BTreeSet<_> =
        asked.iter().map(|asked| alert(asked)["labels"].to_string()).collect();
    assert_eq!(labels.len(), 1, "{labels:?}");
    let ends: Vec<_> =
        asked.iter().map(|asked| alert(asked)["endsAt"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ends.last().unwrap(), "2026-01-05T02:00:00Z");
    assert!(ends[..4].iter().all(|ends| ends == "2026-02-04T02:00:00Z"), "{ends:?}");
    assert_eq!(alert(&asked[3])["annotations"]["status"], "acknowledged");
}

#[test]
fn alertmanager_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, "verysecretpassword");
}
