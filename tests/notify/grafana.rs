//! Grafana OnCall's formatted webhook, by grafana.com/docs: "Configure OnCall incoming webhooks".

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, line, object, tell_the_story, text};

const FILES: &[(&str, &str)] = &[("address", "{url}/integrations/v1/formatted_webhook/verysecrettoken/")];
const SETTINGS: &str = "kind = \"grafana\"\nurl_file = \"address\"\n";

fn grafana(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    // Without the slash at its end it answers with a redirect.
    ensure(
        (asked.method.as_str(), asked.path.as_str())
            == ("POST", "/integrations/v1/formatted_webhook/verysecrettoken/"),
        &asked.path,
    )?;
    let taken = ["image_url", "link_to_upstream_details", "severity", "details"];
    let body = object(asked, &["alert_uid", "title", "message", "state"], &taken)?;
    line(&body, "title", 255)?;
    text(&body, "message", 100_000)?;
    let of = known.entry(line(&body, "alert_uid", 255)?.to_owned()).or_insert(("open", 0));
    match body["state"].as_str() {
        Some("alerting") => {
            of.0 = "open";
            of.1 += 1;
        }
        Some("ok") => of.0 = "closed",
        _ => return Err("wrong: state".to_owned()),
    }
    Ok(Answer::new(200, "Ok."))
}

#[test]
fn grafana_has_one_alert_that_is_ok_in_the_end() {
    let asked = tell_the_story(grafana, FILES, SETTINGS, &[5]);
    let states: Vec<_> =
        asked.iter().map(|asked| asked.json()["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["alerting", "alerting", "alerting", "alerting", "ok"]);
}

#[test]
fn grafana_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, "verysecrettoken");
}
