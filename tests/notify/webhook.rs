//! Webhooks: the notice itself, an operator's template, and the signature.

use hmac::{Hmac, KeyInit as _, Mac as _};
use nightbell::incident::{Event, Notice};
use nightbell::notify::exchange::Verdict;
use sha2::Sha256;

use crate::bench::{Folder, compiled, delivering, hostile, target};
use crate::service::{Answer, Asked, Service};
use crate::tools::{check_answers, hostile_notice, tell, told};

const SETTINGS: &str = "kind = \"webhook\"\nurl = \"{url}/hook/verysecretpath\"\nsecret_file = \"secret\"\nheaders = { X-Team = \"sre\", X-Key = { file = \"key\" } }\n";
const FILES: &[(&str, &str)] = &[("secret", "whsec-verysecret"), ("key", "verysecretkey")];

/// As the guide has it.
fn is_from_nightbell(asked: &Asked, secret: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(asked.header("nightbell-timestamp").unwrap().as_bytes());
    mac.update(b".");
    mac.update(&asked.body);
    let hex: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    asked.header("nightbell-signature") == Some(format!("v1={hex}").as_str())
}

fn filled(settings: &str) -> (Folder, Service, nightbell::notify::Target) {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "ok")));
    FILES.iter().for_each(|(name, text)| folder.file(name, text));
    let settings = format!("allow_private = true\n{}", settings.replace("{url}", &service.url()));
    let target = target(&folder, &settings);
    (folder, service, target)
}

#[test]
fn a_webhook_gets_the_notice_signed_with_its_own_name_and_the_headers_that_are_written() {
    let (folder, service, target) = filled(SETTINGS);
    for event in Event::ALL {
        for notice in [told(*event), hostile_notice(*event)] {
            assert_eq!(target.deliver(&notice, &delivering(&folder)), Verdict::Delivered);
            let asked = service.asked().pop().unwrap();
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/hook/verysecretpath"));
            assert_eq!(
                serde_json::from_value::<Notice>(asked.json()).unwrap(),
                notice,
                "all of it, as it was"
            );
            assert_eq!(asked.header("idempotency-key"), Some(notice.id.as_str()));
            assert_eq!((asked.header("x-team"), asked.header("x-key")), (Some("sre"), Some("verysecretkey")));
            assert!(is_from_nightbell(&asked, "whsec-verysecret") && !is_from_nightbell(&asked, "other"));
            let age = jiff::Timestamp::now().as_second()
                - asked.header("nightbell-timestamp").unwrap().parse::<i64>().unwrap();
            assert!((0..300).contains(&age), "{age}");
        }
    }
}

#[test]
fn a_template_makes_the_body_and_a_hostile_caller_adds_no_field() {
    let (folder, service, target) = filled(
        r#"kind = "webhook"
url = "{url}/"
method = "put"
severities = { critical = "sev1" }
body = """{ "subject": "{{ notice.title | cut(80) }}", "how": "{{ severity }}", "caller": {{ notice.caller | tojson }},
  "who": "{% for party in notice.assigned %}{{ party.name }};{% endfor %}", "text": "{{ notice.text }}{% if notice.link %}\\n{{ notice.link }}{% endif %}" }"""
"#,
    );
    let verdicts = tell(&target, &folder, &[told(Event::Trigger), hostile_notice(Event::Update)]);
    assert_eq!(verdicts, [Verdict::Delivered, Verdict::Delivered]);
    let [plain, nasty] = service.asked().try_into().unwrap();
    assert_eq!(plain.method, "PUT");
    assert_eq!(
        plain.json(),
        serde_json::json!({
            "subject": "Nobody answered a call to Emergency hotline",
            "how": "sev1",
            "caller": "+4915112345678",
            "who": "Anna Schmidt;Bob;",
            "text": "The caller left a message.\nhttps://wiki.acme.example/calls/c1",
        })
    );
    let nasty = nasty.json();
    assert_eq!(nasty.as_object().map(serde_json::Map::len), Some(5));
    assert_eq!(nasty["caller"], hostile());
    assert_eq!(nasty["subject"].as_str().unwrap().chars().count(), 80);
}

#[test]
fn a_form_is_written_as_a_form() {
    let (folder, service, target) = filled(
        "kind = \"webhook\"\nurl = \"{url}\"\nheaders = { content-type = \"application/x-www-form-urlencoded\" }\nbody = \"a={{ notice.caller_name }}&b={{ notice.event }}\"\n",
    );
    let nasty = Notice { caller_name: Some("x&b=1 ü".to_owned()), ..told(Event::Trigger) };
    assert_eq!(tell(&target, &folder, &[nasty]), [Verdict::Delivered]);
    let asked = service.asked().pop().unwrap();
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(String::from_utf8(asked.body).unwrap(), "a=x%26b%3D1%20%C3%BC&b=trigger");
}

#[test]
fn what_is_wrong_with_a_webhook_is_told_before_the_first_call() {
    let folder = Folder::new();
    for (settings, part) in [
        ("", "needs `url` or `url_file`"),
        ("url = \"http://hooks.example/\"", "everybody on the way can read"),
        ("url = \"hooks.example\"", "is no address"),
        ("url = \"https://h.example\"\nbody = \"{{ notice.titel }}\"", "undefined"),
        ("url = \"https://h.example\"\nbody = \"{{ notice.title }}\"", "no JSON"),
        ("url = \"https://h.example\"\nmethod = \"DELETE\"", "no method"),
        ("url = \"https://h.example\"\nheaders = { Host = \"x\" }", "written by us"),
        ("url = \"https://h.example\"\nheaders = { \"X Y\" = \"x\" }", "no name of a header"),
        ("url = \"https://h.example\"\nheaders = { X = \"a\\nb\" }", "has a letter"),
        ("url = \"https://h.example\"\nheaders = { X = { file = \"gone\" } }", "cannot be read"),
        ("url = \"https://h.example\"\nsecret_file = \"gone\"", "the secret is in"),
        ("url = \"https://h.example\"\ntimeout = \"1h\"", "no time that a target may take"),
        ("url = \"https://h.example\"\nusername = \"x\"", "no password"),
        ("url = \"https://h.example\"\nrouting_key_file = \"x\"", "means nothing for"),
    ] {
        let wrong = compiled(&folder, &format!("kind = \"webhook\"\n{settings}\n")).unwrap_err();
        assert!(wrong.contains(part), "{settings}: {wrong}");
    }
}

#[test]
fn the_answers_to_a_webhook_mean_what_they_say() {
    check_answers(FILES, SETTINGS, "verysecret");
}
