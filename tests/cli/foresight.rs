//! What is known before a call: when each thing happens, the moments at which nobody would be rung, and
//! the operator's own expectations.

use std::process::Output;

use serde_json::{Value, json};

use super::{Folder, SETTINGS};

/// By day Anna, by night nobody in November and Zoe, whose phone is not confirmed, at Christmas.
const ONCALL: &str = r#"
[[people]]
id = "anna"
phones = ["sip:anna@127.0.0.1:9"]
[[people]]
id = "bob"
phones = ["sip:bob@127.0.0.1:9"]
[[people]]
id = "zoe"
phones = [{ phone = "sip:zoe@127.0.0.1:9", unconfirmed = true }]
[[people]]
id = "far"
phones = ["+999123"]
[[schedules]]
id = "days"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "daily"
people = ["anna", "bob"]
every = "1 day"
start = "2026-01-05 09:00"
until = "2027-02-01 09:00"
[[schedules.overrides]]
person = "zoe"
from = "2026-12-24 18:00"
until = "2026-12-25 09:00"
[[schedules.overrides]]
person = "far"
from = "2026-12-31 18:00"
until = "2027-01-01 09:00"
"#;

/// A hotline that rings who is on call, and that callers without a number do not get through to.
fn settings(expected: &str) -> String {
    let settings = SETTINGS
        .replace("[[hotlines.routes]]", "block = [\"anonymous\"]\n[[hotlines.routes]]")
        .replace("levels = [[\"person:bob\"]]", "levels = [[\"schedule:days\"]]\nring = \"15s\"");
    format!("{settings}{expected}")
}

fn house(name: &str, expected: &str) -> Folder {
    Folder::with(name, settings(expected).as_bytes(), ONCALL.as_bytes())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn sweep(folder: &Folder, period: &str) -> (i32, Vec<Value>) {
    let output = folder.output(&["simulate", "--sweep", period, "--json"]);
    let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    (output.status.code().unwrap(), found)
}

#[test]
fn a_sweep_finds_every_moment_at_which_nobody_would_be_rung_and_says_why() {
    let folder = house("sweep", "");
    let (status, found) = sweep(&folder, "2026-12-20T00:00Z..2027-03-01T00:00Z");
    assert_eq!(status, 1);
    let rows: Vec<String> = found
        .iter()
        .map(|row| {
            let part = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", part("fault"), part("person"), part("from"), part("until"))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "nobody - 2026-12-24T17:00:00Z 2026-12-25T08:00:00Z",
            "no-phone zoe 2026-12-24T17:00:00Z 2026-12-25T08:00:00Z",
            "nobody - 2026-12-31T17:00:00Z 2027-01-01T08:00:00Z",
            "no-phone far 2026-12-31T17:00:00Z 2027-01-01T08:00:00Z",
            "nobody - 2027-02-01T08:00:00Z 2027-03-01T00:00:00Z",
        ]
    );
    let because = |row: usize| found[row]["because"][0].as_str().unwrap().to_owned();
    assert!(because(1).contains("is not confirmed"), "{}", because(1));
    assert!(because(3).contains("no trunk of the hotline may dial +999123"), "{}", because(3));
    assert!(because(4).contains("nobody is on call for a year to come"), "{}", because(4));
}

#[test]
fn a_sweep_finds_nothing_wrong_with_a_route_that_is_closed() {
    let hours = "[[hours]]\nid = \"autumn\"\ntimezone = \"Europe/Berlin\"\n\
        closed = [\"2026-12-24..2027-01-01\", \"2027-02-02..2027-12-31\"]\n";
    let settings = settings("").replace("ring = ", "hours = \"autumn\"\nring = ");
    let folder = Folder::with("closed", settings.as_bytes(), format!("{ONCALL}{hours}").as_bytes());
    let (_, found) = sweep(&folder, "2026-12-20T00:00Z..2027-03-01T00:00Z");
    let periods: Vec<_> = found.iter().map(|row| (row["from"].as_str(), row["until"].as_str())).collect();
    assert_eq!(periods, [(Some("2027-02-01T08:00:00Z"), Some("2027-02-01T23:00:00Z"))]);
}

#[test]
fn a_sweep_that_finds_nothing_says_so_and_ends_well() {
    let folder = house("quiet", "");
    let output = folder.output(&["simulate", "--sweep", "2026-12-01T00:00Z..2026-12-20T00:00Z"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).starts_with("0 findings in 1 route"), "{}", text(&output));
    for (options, part) in [
        (["--sweep", "2026-12-20..2026-12-01"], "ends before it has begun"),
        (["--sweep", "2026-12-20"], "FROM..TO"),
    ] {
        let output = folder.output(&[&["simulate"], &options[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains(part), "{}", text(&output));
    }
    let output = folder.output(&["simulate", "--sweep", "2026-12-01..2026-12-20", "--route", "Prod"]);
    assert!(text(&output).contains("there is no route Prod"), "{}", text(&output));
}

#[test]
fn a_simulated_call_tells_when_each_thing_happens() {
    let folder = house("times", "");
    let call = |options: &[&str]| {
        folder.output(
            &[
                &["simulate", "--to", "+4930123456", "--from", "+49301", "--at", "2026-12-20T12:00:00Z"],
                options,
            ]
            .concat(),
        )
    };
    let json: Value = serde_json::from_slice(&call(&["--json"]).stdout).unwrap();
    let times = json["times"].as_array().unwrap();
    let at = |part: &str| {
        let moment = times.iter().find(|moment| moment["what"].as_str().unwrap().contains(part));
        moment.unwrap_or_else(|| panic!("{part}: {times:?}"))["at_s"].as_f64().unwrap()
    };
    assert!(at("the caller hears") < 0.001);
    let rings = at("rings for 15 s");
    assert!(rings > 0.5, "the welcome is heard first: {rings}");
    assert!((json["chain"][0]["at_s"].as_f64().unwrap() - rings).abs() < 0.001);
    assert!((at("if nobody accepts") - rings - 15.0).abs() < 0.001, "one phone rings");
    let told = text(&call(&[]));
    assert!(told.contains("  0:00  the caller hears") && told.contains("only known in a call"), "{told}");
}

#[test]
fn what_the_operator_expects_of_a_call_is_checked() {
    let expected =
        |at: &str, more: &str| format!("[[expect]]\nat = \"{at}\"\nto = \"+4930123456\"\n{more}\n");
    let kept = [
        expected("2026-12-20T12:00 Europe/Berlin", "from = \"+49301\"\nreaches = [\"bob\"]"),
        expected("2026-12-24T18:00 Europe/Berlin", "from = \"+49301\"\nreaches = \"voicemail\""),
        expected("2026-12-24T18:00 Europe/Berlin", "from = \"+49301\"\nreaches = []"),
        expected("2026-12-20T12:00 Europe/Berlin", "reaches = \"blocked\""),
    ];
    let folder = house("kept", &kept.concat());
    let output = folder.output(&["check"]);
    assert!(text(&output).contains("0 errors"), "{}", text(&output));

    let broken = [
        expected("2026-12-20T12:00 Europe/Berlin", "from = \"+49301\"\nreaches = [\"anna\"]"),
        expected("2026-12-24T18:00 Europe/Berlin", "from = \"+49301\"\nreaches = [\"zoe\"]"),
        expected("2026-12-24T18:00 Europe/Berlin", "from = \"+49301\"\nreaches = [\"zo\"]"),
        expected("tomorrow", "reaches = []"),
        expected("2026-12-24T18:00 Europe/Berlin", "reaches = \"voicemail\""),
    ];
    let folder = house("broken", &broken.concat());
    let output = folder.output(&["check"]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "this call rings bob",
        "this call rings nobody, and comes to the voicemail",
        "is not confirmed",
        "there is no person `zo`",
        "did you mean `zoe`?",
        "write a time as",
        "this call is blocked",
        "5 errors",
    ] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
}

#[test]
fn a_sweep_looks_at_the_route_that_callers_get_while_the_hotline_is_closed() {
    let hours =
        "[[hours]]\nid = \"day\"\ntimezone = \"Europe/Berlin\"\nclosed = [\"2026-01-01..2028-01-01\"]\n";
    let night = "[[hotlines.routes]]\nname = \"Night\"\nlevels = [[\"person:zoe\"]]\n";
    let closed = "hours = \"day\"\noutside = { route = \"Night\" }\n[[hotlines.routes]]";
    let settings = settings(night).replacen("[[hotlines.routes]]", closed, 1);
    let folder = Folder::with("night", settings.as_bytes(), format!("{ONCALL}{hours}").as_bytes());
    let (_, found) = sweep(&folder, "2026-12-20T00:00Z..2026-12-30T00:00Z");
    let routes: Vec<_> = found.iter().map(|row| (row["route"].as_str(), row["fault"].as_str())).collect();
    assert_eq!(routes, [(Some("Night"), Some("nobody")), (Some("Night"), Some("no-phone"))]);
}

#[test]
fn a_sweep_refuses_what_it_would_not_heed() {
    let folder = house("unheeded", "");
    for option in [["--keys", "1"], ["--calls", "3"], ["--from", "+49301"], ["--busy", "anna"]] {
        let output =
            folder.output(&[&["simulate", "--sweep", "2026-12-20..2026-12-21"], &option[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{option:?}: {}", text(&output));
        assert!(text(&output).contains(option[0]), "{}", text(&output));
    }
}

#[test]
fn what_would_come_of_a_call_beside_it_is_told_beforehand() {
    let chat = "[[notify]]\nname = \"chat\"\nkind = \"webhook\"\nurl = \"https://hooks.invalid/x\"\n";
    let simulated = |name, incident: &str| {
        let settings = format!("{SETTINGS}{incident}{chat}");
        let folder = Folder::with(name, settings.as_bytes(), crate::ONCALL.as_bytes());
        let call = ["simulate", "--to", "+4930123456", "--json"];
        let json: Value = serde_json::from_slice(&folder.output(&call).stdout).unwrap();
        (json["incident"].clone(), text(&folder.output(&call[..3])), text(&folder.output(&["check"])))
    };
    let (usual, told, checked) = simulated("usual", "");
    assert_eq!((&usual["severity"], &usual["notify"]), (&json!("critical"), &json!(["chat"])));
    let left = json!({"status": "triggered", "assigned": ["bob"], "told": ["trigger", "update"], "told_after_s": 0, "chased": false});
    assert_eq!(usual["voicemail"], left);
    assert_eq!((&usual["answered"]["status"], &usual["answered"]["told"]), (&json!("resolved"), &json!([])));
    for part in [
        "if a message is left, there is an incident (critical) for bob, open: chat is told at once",
        "if somebody answers, there is an incident (critical) for bob, resolved: nobody is told",
    ] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
    assert!(checked.contains("an incident (critical) is opened when nobody answers"), "{checked}");

    let later = "preset = \"opsgenie\"\n[hotlines.routes.incident]\nseverity = \"info\"\nnotify_when = { after = \"2m\" }\n";
    let (later, told, _) = simulated("later", later);
    assert_eq!(
        (&later["answered"]["status"], &later["answered"]["told"]),
        (&json!("acknowledged"), &json!([]))
    );
    assert_eq!(
        (&later["voicemail"]["told"], &later["voicemail"]["told_after_s"]),
        (&json!(["trigger"]), &json!(120))
    );
    assert_eq!(later["abandoned"]["status"], "resolved");
    assert!(told.contains("an incident (info), open: after 2 min chat is told"), "{told}");
}
