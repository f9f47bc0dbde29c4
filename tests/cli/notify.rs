//! `nightbell notify test`: a target is told for real, and what it answered is shown.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use super::{Folder, ONCALL, SETTINGS};

/// A receiver that takes what it is sent, and answers with this.
fn receiver(status: &'static str) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/verysecret", listener.local_addr().unwrap());
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut wire = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while wire.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            wire.read_exact(&mut body).unwrap();
            let _ = told.send(serde_json::from_slice(&body).unwrap());
            let answer = "heard at /hook/verysecret\u{1b}[2J";
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}", answer.len());
            stream.write_all(format!("{head}\r\n\r\n{answer}").as_bytes()).unwrap();
        }
    });
    (url, heard)
}

fn folder(name: &str, url: &str) -> Folder {
    let target =
        "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nurl_file = \"hook.url\"\nallow_private = true\n";
    let folder = Folder::with(name, format!("{SETTINGS}{target}").as_bytes(), ONCALL.as_bytes());
    let file = folder.path().join("hook.url");
    std::fs::write(&file, url).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn a_target_is_told_of_a_test_incident_and_that_it_is_over() {
    let (url, heard) = receiver("202 Accepted");
    let folder = folder("notify-test", &url);
    let output = folder.output(&["notify", "test", "hook"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("told of a test incident; it answered 202: heard at ***"), "{said}");
    assert!(said.contains("told that it is over"), "{said}");
    assert!(!said.contains("verysecret") && !said.contains('\u{1b}'), "{said}");
    let (trigger, resolve) = (heard.recv().unwrap(), heard.recv().unwrap());
    assert_eq!((&trigger["event"], &resolve["event"]), (&"trigger".into(), &"resolve".into()));
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_ne!(trigger["id"], resolve["id"]);
    assert_eq!(trigger["severity"], "info");
    assert!(trigger["title"].as_str().unwrap().contains("test"));

    let output = folder.output(&["notify", "test", "hook", "--leave-open", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["told"].as_array().map(Vec::len), Some(1));
    assert_eq!((&report["target"], &report["told"][0]["verdict"]), (&"hook".into(), &"delivered".into()));
}

#[test]
fn a_target_that_refuses_or_does_not_exist_is_a_failure() {
    let (url, _heard) = receiver("404 Not Found");
    let refusing = folder("notify-refused", &url);
    let output = refusing.output(&["notify", "test", "hook"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("not told of a test incident: the target answered 404"),
        "{}",
        text(&output)
    );
    let output = refusing.output(&["notify", "test", "hok"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("did you mean `hook`?"), "{}", text(&output));
    // `check` names the targets.
    assert!(
        text(&refusing.output(&["check"])).contains("target hook: Webhook"),
        "{}",
        text(&refusing.output(&["check"]))
    );
}

#[test]
fn an_outbox_of_a_target_that_is_mistyped_does_not_look_empty() {
    let folder = folder("outbox-mistyped", "http://127.0.0.1:9/");
    let output = folder.output(&["outbox", "--target", "hok"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("did you mean `hook`?"), "{}", text(&output));
    assert_eq!(folder.output(&["outbox", "--target", "hook"]).status.code(), Some(0));
}
