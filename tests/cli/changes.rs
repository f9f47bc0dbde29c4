//! Overrides and availability by command: the same with the daemon running and without it, kept over the
//! on-call file's next reading, and in use from the next call on.

use serde_json::{Value, json};

use crate::signals::Running;
use crate::{Folder, ONCALL, SETTINGS};

const SCHEDULE: &str = r#"
[[people]]
id = "carla"
phones = ["sip:carla@127.0.0.1:9"]
[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["bob"]
every = "1 week"
start = "2020-01-06 09:00"
"#;

fn folder(name: &str) -> Folder {
    let settings = SETTINGS.replace("person:bob", "schedule:production");
    Folder::with(name, settings.as_bytes(), format!("{ONCALL}{SCHEDULE}").as_bytes())
}

/// What a command prints with `--json`.
fn told(folder: &Folder, command: &[&str]) -> Value {
    let output = folder.output(&[command, &["--json"]].concat());
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Folder, command: &[&str]) -> String {
    let output = folder.output(command);
    assert_eq!(output.status.code(), Some(1), "{command:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Who would be rung at a moment, in order.
fn chain(folder: &Folder, at: &str) -> Vec<String> {
    let call = told(folder, &["simulate", "--to", "+4930123456", "--at", at]);
    let chain = call["chain"].as_array().unwrap().clone();
    chain.iter().map(|entry| entry["person"].as_str().unwrap().to_owned()).collect()
}

const CHRISTMAS: [&str; 9] = [
    "override",
    "add",
    "--schedule",
    "production",
    "--person",
    "carla",
    "--from",
    "2090-12-24 18:00",
    "--until",
];

fn add<'a>(until: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&CHRISTMAS[..], &[until], more].concat()
}

/// All of it, on a daemon that runs or one that is stopped.
fn overrides_and_availability(folder: &Folder) {
    let made = told(folder, &add("2090-12-25 09:00", &[]));
    let expected = json!({
        "id": 1, "schedule": "production", "person": "carla", "kind": "replace", "instead_of": null,
        "rotations": [], "from": "2090-12-24T17:00:00Z", "until": "2090-12-25T08:00:00Z", "by": "command",
    });
    assert_eq!(made, expected);
    assert_eq!(told(folder, &["override", "list"]), json!([expected]));
    assert_eq!(chain(folder, "2090-12-24T17:00:00Z"), ["carla"]);
    assert_eq!(chain(folder, "2090-12-25T08:00:00Z"), ["bob"]);
    let on_call = told(folder, &["oncall", "--at", "2090-12-24T17:00:00Z"]);
    let because = "on call in schedule production (override by command until Mon 09:00)";
    assert_eq!(on_call[0]["because"], because);

    told(folder, &add("2090-12-25T08:00:00Z", &["--kind", "add", "--rotation", "weekly"]));
    assert_eq!(told(folder, &["override", "list"])[1]["rotations"], json!(["weekly"]));
    assert_eq!(told(folder, &["override", "remove", "1", "2"]), json!([1, 2]));
    assert_eq!(chain(folder, "2090-12-24T17:00:00Z"), ["bob"]);

    let away = told(folder, &["people", "unavailable", "bob", "--until", "2090-01-01T00:00:00Z"]);
    assert_eq!(
        (&away["available"], &away["until"], &away["by"]),
        (&json!(false), &json!("2090-01-01T00:00:00Z"), &json!("command"))
    );
    assert_eq!(chain(folder, "2089-12-31T23:59:59Z"), [""; 0]);
    assert_eq!(chain(folder, "2090-01-01T00:00:00Z"), ["bob"], "what the file says holds again");
    told(folder, &["people", "clear", "bob"]);
    assert_eq!(chain(folder, "2089-12-31T23:59:59Z"), ["bob"]);
    assert_eq!(told(folder, &["people"])[0]["by"], "file");
}

#[test]
fn a_stopped_daemon_takes_commands_into_its_database() {
    overrides_and_availability(&folder("changes-stopped"));
}

#[test]
fn a_running_daemon_takes_commands_without_a_restart() {
    let folder = folder("changes-running");
    let mut running = Running::start(&folder, &["run"]);
    running.wait_for("ready for calls");
    overrides_and_availability(&folder);
    running.ends_with_status_0();
}

#[test]
fn what_commands_have_said_outlives_the_next_reading_of_the_file() {
    let folder = folder("changes-kept");
    told(&folder, &add("2090-12-25 09:00", &[]));
    told(&folder, &["people", "unavailable", "bob"]);
    let file = format!("{ONCALL}{SCHEDULE}").replace("weekly", "by week");
    std::fs::write(folder.path().join("oncall.toml"), file).unwrap();
    assert!(folder.output(&["apply", folder.path().join("oncall.toml").to_str().unwrap()]).status.success());
    assert_eq!(chain(&folder, "2090-12-24T17:00:00Z"), ["carla"]);
    assert_eq!(chain(&folder, "2090-12-25T08:00:00Z"), [""; 0]);
    assert_eq!(told(&folder, &["people", "list"])[0]["available"], false);
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let folder = folder("changes-refused");
    let until = "2090-12-25 09:00";
    let cases: [(&[&str], &str); 8] = [
        (&["--kind", "ad"], "`ad` is no kind of override"),
        (&["--kind", "add", "--instead-of", "bob"], "`instead_of` belongs to an override that replaces"),
        (&["--rotation", "weekli"], "this schedule has no rotation `weekli`: did you mean `weekly`?"),
        (&["--person", "carl"], "there is no person `carl`: did you mean `carla`?"),
        (&["--person", "schedule:production"], "in a circle: schedule:production -> schedule:production"),
        (&["--schedule", "productio"], "there is no schedule `productio`; did you mean `production`?"),
        (&["--until", "2090-12-24 18:00"], "this ends before it has begun"),
        (&["--from", "2020-01-07", "--until", "2020-01-08"], "this is over already"),
    ];
    for (more, because) in cases {
        // What is said twice counts as it is said last.
        let kept = add(until, more);
        let said = refused(&folder, &without_first_of_pairs(&kept));
        assert!(said.contains(because), "{more:?}: {said}");
    }
    let twice = add("2090-10-29T01:30:00Z", &["--from", "2090-10-28"]);
    let said = refused(&folder, &without_first_of_pairs(&twice));
    assert!(said.contains("show 2090-10-29T02:30:00 twice"), "{said}");
    assert!(refused(&folder, &["override", "remove", "7"]).contains("no command has made an override 7"));
    assert!(refused(&folder, &["people", "unavailable", "bo"]).contains("did you mean `bob`?"));
    assert_eq!(told(&folder, &["override", "list", "--all"]), json!([]));
}

/// A command line in which each option counts as it was given last.
fn without_first_of_pairs<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let (command, options) = words.split_at(2);
    let pairs: Vec<[&str; 2]> = options.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    let last = |index: usize, name: &str| !pairs[index + 1..].iter().any(|[later, _]| *later == name);
    let kept = pairs.iter().enumerate().filter(|(index, [name, _])| last(*index, name));
    command.iter().copied().chain(kept.flat_map(|(_, pair)| *pair)).collect()
}

#[test]
fn a_daemon_that_is_starting_is_not_asked_to_be_stopped() {
    let folder = folder("starting");
    let _held = nightbell::store::Store::open(&folder.path().join("data")).unwrap();
    let why = refused(&folder, &["people", "unavailable", "bob"]);
    assert!(why.contains("is starting or stopping: try again in a moment"), "{why}");
}
