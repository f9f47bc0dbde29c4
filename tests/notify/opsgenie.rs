//! Opsgenie's alert API, by docs.opsgenie.com: "Create Alert", "Acknowledge Alert", "Close Alert", "Add Note"; and that of
//! Jira Service Management, which is the same at another address.

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, line, object, tell_the_story, text};

const KEY: &str = "eb243592-faa2-4ba2-a551-1afdf565c889";
const FILES: &[(&str, &str)] = &[("key", KEY)];
const SETTINGS: &str = "kind = \"opsgenie\"\nurl = \"{url}\"\napi_key_file = \"key\"\n";
const JIRA: &str = "kind = \"jira\"\nurl = \"{url}/jsm/ops/integration\"\napi_key_file = \"key\"\n";

fn jira(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    let path = asked.path.strip_prefix("/jsm/ops/integration").ok_or("the path")?;
    opsgenie(&Asked { path: path.to_owned(), ..asked.clone() }, known)
}

fn opsgenie(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure(asked.method == "POST", &asked.method)?;
    ensure(asked.header("authorization") == Some(format!("GenieKey {KEY}").as_str()), "Authorization")?;
    let accepted = Answer::new(
        202,
        r#"{"result":"Request will be processed","took":0.302,"requestId":"43a29c5c-3dbf-4fa4-9c26-f4f71023e120"}"#,
    );
    if asked.path == "/v2/alerts" {
        let taken = [
            "alias",
            "description",
            "responders",
            "visibleTo",
            "actions",
            "tags",
            "details",
            "entity",
            "source",
            "priority",
            "user",
            "note",
        ];
        let body = object(asked, &["message"], &taken)?;
        line(&body, "message", 130)?;
        text(&body, "description", 15_000)?;
        line(&body, "entity", 512)?;
        line(&body, "source", 100)?;
        ensure(["P1", "P2", "P3", "P4", "P5"].iter().any(|known| body["priority"] == *known), "priority")?;
        let details = body["details"].as_object().ok_or("details")?;
        ensure(details.values().all(serde_json::Value::is_string), "details are texts")?;
        let whole: usize = details
            .iter()
            .map(|(key, value)| key.chars().count() + value.as_str().map_or(0, |value| value.chars().count()))
            .sum();
        ensure(whole <= 8000, format!("details: {whole}"))?;
        known.entry(line(&body, "alias", 512)?.to_owned()).or_insert(("open", 0)).1 += 1;
        return Ok(accepted);
    }
    let rest =
        asked.path.strip_prefix("/v2/alerts/").and_then(|rest| rest.strip_suffix("?identifierType=alias"));
    let (alias, action) = rest.and_then(|rest| rest.split_once('/')).ok_or("the path")?;
    let body = object(asked, &[], &["user", "source", "note"])?;
    if !body["user"].is_null() {
        line(&body, "user", 100)?;
    }
    text(&body, "note", 25_000)?;
    let of = known.get_mut(alias).ok_or("no such alias")?;
    match action {
        "acknowledge" => of.0 = "acknowledged",
        "close" => of.0 = "closed",
        "notes" => ensure(!body["note"].as_str().unwrap_or_default().is_empty(), "note")?,
        other => return Err(format!("wrong: {other}")),
    }
    Ok(accepted)
}

#[test]
fn opsgenie_opens_acknowledges_and_closes_one_alert() {
    let asked = tell_the_story(opsgenie, FILES, SETTINGS, &[]);
    let last: Vec<_> = asked.iter().map(|asked| asked.path.trim_start_matches("/v2/alerts")).collect();
    let of = |action: &str| format!("/hotline-c1/{action}?identifierType=alias");
    assert_eq!(last, ["", "", &of("notes"), &of("acknowledge"), &of("close"), &of("notes")]);
    assert_eq!(asked[3].json()["user"], "Anna Schmidt");
    assert_eq!(asked[0].json()["priority"], "P1");
}

#[test]
fn jira_takes_the_same_at_another_address() {
    assert_eq!(tell_the_story(jira, FILES, JIRA, &[]).len(), 6);
}

#[test]
fn opsgenie_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, KEY);
}
