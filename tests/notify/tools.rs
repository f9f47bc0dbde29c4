//! Tools that keep incidents, each played by a service that reads every field as its public document has it, keeps
//! what is open, and refuses what is wrong with 400 and the reason.

use std::collections::BTreeMap;
use std::time::Duration;

use nightbell::incident::{Event, Notice};
use nightbell::notify::Target;
use nightbell::notify::exchange::Verdict;
use serde_json::Value;

use crate::bench::{Folder, delivering, hostile, notice, target};
use crate::service::{Answer, Asked, Service};

/// What a tool knows of each key: `open`, `acknowledged`, `closed`, and how often it was told something new.
pub type Known = BTreeMap<String, (&'static str, usize)>;

/// Reads a request, keeps what it says, and answers; the error is what is wrong with it.
pub type Tool = fn(&Asked, &mut Known) -> Result<Answer, String>;

/// A tool on a real socket.
pub fn play(tool: Tool) -> Service {
    let known = std::sync::Mutex::new(Known::new());
    Service::start(move |asked, _| {
        tool(asked, &mut known.lock().unwrap()).unwrap_or_else(|why| Answer::new(400, leak(why)))
    })
}

pub fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A wrong field, said in the answer.
pub fn ensure(good: bool, what: impl std::fmt::Display) -> Result<(), String> {
    if good { Ok(()) } else { Err(format!("wrong: {what}")) }
}

/// A document with these keys alone.
pub fn object(asked: &Asked, needed: &[&str], taken: &[&str]) -> Result<Value, String> {
    ensure(asked.header("content-type") == Some("application/json"), "Content-Type")?;
    let body: Value = serde_json::from_slice(&asked.body).map_err(|error| error.to_string())?;
    fields(&body, needed, taken)?;
    Ok(body)
}

pub fn fields(value: &Value, needed: &[&str], taken: &[&str]) -> Result<(), String> {
    let object = value.as_object().ok_or("no object")?;
    for key in needed {
        ensure(object.contains_key(*key), format!("{key} is missing"))?;
    }
    for (key, value) in object {
        ensure(needed.contains(&key.as_str()) || taken.contains(&key.as_str()), key)?;
        ensure(!value.is_null(), format!("{key} is null"))?;
    }
    Ok(())
}

/// A text of so many characters at most, on one line.
pub fn line<'a>(value: &'a Value, key: &str, most: usize) -> Result<&'a str, String> {
    let text = value[key].as_str().ok_or_else(|| format!("{key} is no text"))?;
    ensure(
        !text.is_empty() && text.chars().count() <= most,
        format!("{key}: {} long", text.chars().count()),
    )?;
    ensure(!text.chars().any(char::is_control), format!("{key} has control characters"))?;
    Ok(text)
}

/// A text of so many characters at most.
pub fn text<'a>(value: &'a Value, key: &str, most: usize) -> Result<&'a str, String> {
    let text = value[key].as_str().ok_or_else(|| format!("{key} is no text"))?;
    ensure(text.chars().count() <= most, format!("{key}: {} long", text.chars().count()))?;
    Ok(text)
}

/// A notice as it stands once that has happened.
pub fn told(event: Event) -> Notice {
    let status = match event {
        Event::Trigger | Event::Update => "triggered",
        Event::Acknowledge => "acknowledged",
        Event::Resolve => "resolved",
    };
    Notice { status: status.to_owned(), ..notice(event) }
}

/// Something new of an incident that is over.
pub fn afterthought() -> Notice {
    Notice { status: "resolved".to_owned(), id: "hotline-c1-update-2".to_owned(), ..notice(Event::Update) }
}

/// The worst that a caller can be called, in every text that may come from outside.
pub fn hostile_notice(event: Event) -> Notice {
    Notice {
        title: hostile(),
        text: hostile(),
        caller: Some(hostile()),
        caller_name: Some(hostile()),
        transcript: Some(hostile()),
        hotline: Some(hostile()),
        route: Some(hostile()),
        by: Some(hostile()),
        ..told(event)
    }
}

/// What a target says of each of these, in order.
pub fn tell(target: &Target, folder: &Folder, notices: &[Notice]) -> Vec<Verdict> {
    notices.iter().map(|notice| target.deliver(notice, &delivering(folder))).collect()
}

/// Opens, adds to, acknowledges and resolves an incident, and adds to it once more; then the same of a hostile caller.
/// `needless` are the places of what the tool has no use for. Answers what it was asked of the first.
pub fn tell_the_story(tool: Tool, files: &[(&str, &str)], settings: &str, needless: &[usize]) -> Vec<Asked> {
    let (folder, service) = (Folder::new(), play(tool));
    for (name, text) in files {
        folder.file(name, &text.replace("{url}", &service.url()));
    }
    let settings = format!("allow_private = true\n{}", settings.replace("{url}", &service.url()));
    let target = target(&folder, &settings);
    let story = [
        told(Event::Trigger),
        told(Event::Trigger),
        told(Event::Update),
        told(Event::Acknowledge),
        told(Event::Resolve),
        afterthought(),
    ];
    let expected: Vec<_> = (0..story.len())
        .map(|at| if needless.contains(&at) { Verdict::Needless } else { Verdict::Delivered })
        .collect();
    assert_eq!(tell(&target, &folder, &story), expected);
    let asked = service.asked();
    let nasty = [Event::Trigger, Event::Acknowledge, Event::Update, Event::Resolve].map(hostile_notice);
    for verdict in tell(&target, &folder, &nasty) {
        assert!(matches!(verdict, Verdict::Delivered | Verdict::Needless), "{verdict:?}");
    }
    asked
}

/// Whatever its address is, each tool's answers mean the same, no redirect is followed, and no secret comes back.
pub fn check_answers(files: &[(&str, &str)], settings: &str, secret: &str) {
    let answers: [(u16, &[(&'static str, &str)]); 9] = [
        (400, &[]),
        (401, &[]),
        (403, &[]),
        (404, &[]),
        (429, &[("Retry-After", "7")]),
        (500, &[]),
        (503, &[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")]),
        (302, &[("Location", "http://169.254.169.254/latest/meta-data/")]),
        (307, &[("Location", "http://169.254.169.254/latest/meta-data/")]),
    ];
    for (status, headers) in answers {
        let folder = Folder::new();
        let service = Service::start(move |asked, _| {
            let echo = format!("{} {:?} {}", asked.path, asked.headers, String::from_utf8_lossy(&asked.body));
            headers
                .iter()
                .fold(Answer::new(status, leak(echo)), |answer, (name, value)| answer.header(name, value))
        });
        for (name, text) in files {
            folder.file(name, &text.replace("{url}", &service.url()));
        }
        let settings = format!("allow_private = true\n{}", settings.replace("{url}", &service.url()));
        let target = target(&folder, &settings);
        let verdict = target.deliver(&told(Event::Trigger), &delivering(&folder));
        assert_eq!(service.asked().len(), 1, "{status}: no redirect is followed");
        assert!(!format!("{verdict:?} {target:?}").contains(secret), "{status}: {verdict:?}");
        match (status, &verdict) {
            (429, Verdict::Later { after, .. }) => assert_eq!(*after, Some(Duration::from_secs(7))),
            (503, Verdict::Later { after, .. }) => assert_eq!(*after, Some(Duration::ZERO)),
            (500, Verdict::Later { after: None, .. }) => {}
            (400..=404 | 302 | 307, Verdict::Refused { why }) => {
                assert!(why.contains(&status.to_string()), "{why}")
            }
            _ => panic!("{status}: {verdict:?}"),
        }
    }
}
