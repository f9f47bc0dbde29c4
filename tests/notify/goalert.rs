//! GoAlert's generic API, by its own page "Using Integration Keys".

use crate::service::{Answer, Asked};
use crate::tools::{Known, check_answers, ensure, line, object, tell_the_story};

const TOKEN: &str = "00000000-0000-0000-0000-0000000000a1";
const FILES: &[(&str, &str)] = &[("token", TOKEN)];
const SETTINGS: &str = "kind = \"goalert\"\nurl = \"{url}/goalert/\"\ntoken_file = \"token\"\n";

fn goalert(asked: &Asked, known: &mut Known) -> Result<Answer, String> {
    ensure(
        (asked.method.as_str(), asked.path.as_str()) == ("POST", "/goalert/api/v2/generic/incoming"),
        &asked.path,
    )?;
    ensure(asked.header("authorization") == Some(format!("Bearer {TOKEN}").as_str()), "Authorization")?;
    let body = object(asked, &["summary"], &["details", "action", "dedup", "meta"])?;
    ensure(line(&body, "summary", 1024)?.len() <= 1024, "summary")?;
    ensure(body["details"].as_str().unwrap_or_default().len() <= 6 * 1024, "details")?;
    if let Some(meta) = body.get("meta") {
        let meta = meta.as_object().ok_or("meta")?;
        ensure(meta.values().all(serde_json::Value::is_string), "meta has texts alone")?;
    }
    let key = line(&body, "dedup", 255)?.to_owned();
    match body["action"].as_str() {
        None => known.entry(key).or_insert(("open", 0)).1 += 1,
        Some("close") => known.get_mut(&key).ok_or("not there")?.0 = "closed",
        Some(_) => return Err("wrong: action".to_owned()),
    }
    Ok(Answer::new(204, ""))
}

#[test]
fn goalert_opens_and_closes_one_alert_and_is_told_nothing_else() {
    let asked = tell_the_story(goalert, FILES, SETTINGS, &[2, 3, 5]);
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].json()["action"], "close");
}

#[test]
fn goalert_s_answers_mean_what_they_say() {
    check_answers(FILES, SETTINGS, TOKEN);
}
