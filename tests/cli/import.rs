//! Moving in: an export of another service becomes an on-call file that passes `check`, and says who
//! is rung as the other service would have.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nightbell::import::{Export, Fate, Imported, opsgenie, pagerduty};
use nightbell::oncall::{DialPolicy, OncallFile, Order, Roster, ScheduleId, resolve};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::Folder;

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// All JSON files of a folder, with their paths below it.
fn exports(folder: &Path) -> Vec<Export> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap().display().to_string();
                found.push(Export { path: below, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn from_opsgenie() -> Imported {
    opsgenie::convert(&exports(&data("opsgenie/backup")), now())
}

fn from_pagerduty() -> Imported {
    pagerduty::convert(&exports(&data("pagerduty")), now())
}

/// The result as calls would meet it; nothing in it is wrong.
fn roster(imported: &Imported) -> Roster {
    let text = imported.draft.to_toml("Imported.");
    let file = OncallFile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (roster, problems) = file.compile();
    let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    roster
}

/// Who is on call in a schedule at a time.
fn on_call(roster: &Roster, schedule: &str, at: &str) -> Vec<String> {
    let schedule = ScheduleId::from(schedule);
    assert!(roster.schedules.contains_key(&schedule), "there is no schedule {schedule}");
    let shifts = roster.on_call(&schedule, at.parse().unwrap());
    shifts.into_iter().map(|shift| shift.person.to_string()).collect()
}

/// Everybody a target rings, level by level, in order.
fn rung(roster: &Roster, target: &str, at: &str) -> Vec<String> {
    let policy = DialPolicy {
        levels: vec![vec![target.parse().unwrap()]],
        order: Order::Listed,
        ..DialPolicy::default()
    };
    let chain = resolve(roster, &policy, at.parse().unwrap(), &mut StdRng::seed_from_u64(1));
    chain.candidates.iter().map(|candidate| format!("{} {}", candidate.level, candidate.person.id)).collect()
}

fn told(imported: &Imported, fate: Fate, part: &str) -> bool {
    imported.report.of(fate).any(|note| note.text.contains(part))
}

#[test]
fn an_opsgenie_backup_becomes_rules_that_read_as_a_person_would_write_them() {
    let text = from_opsgenie().draft.to_toml("Imported.");
    let expected = std::fs::read_to_string(data("opsgenie/oncall.toml")).unwrap();
    assert_eq!(text, expected, "tests/data/opsgenie/oncall.toml is what it should be");
    let people = &roster(&from_opsgenie()).people;
    let phone = &people.get(&"bob.mueller".into()).unwrap().phones;
    assert_eq!(phone.len(), 1);
}

#[test]
fn opsgenies_own_nested_example_rings_in_opsgenies_order() {
    let roster = roster(&from_opsgenie());
    let mut chain = rung(&roster, "schedule:schedule1", "2027-01-12T12:00:00Z");
    assert_eq!(chain.split_off(2), ["1.1 user2"], "then user2, whose delay is not waited for");
    chain.sort();
    assert_eq!(chain, ["1 user1", "1 user3"], "first user1 and what team1 stands for, side by side");
}

#[test]
fn opsgenies_rotations_are_on_call_side_by_side_and_blocked_or_deleted_users_turns_are_nobodys() {
    let roster = roster(&from_opsgenie());
    // The turn of `none` in the weekly rotation; and the night of a Friday.
    assert_eq!(on_call(&roster, "production-24-7", "2027-01-20T12:00:00Z"), Vec::<String>::new());
    let mut night = on_call(&roster, "production-24-7", "2027-01-08T22:00:00Z");
    night.sort();
    assert_eq!(night.len(), 2, "{night:?}");
    let imported = from_opsgenie();
    assert!(told(&imported, Fate::Dropped, "dave@acme.example is not in the backup"));
    assert!(told(&imported, Fate::Dropped, "erik@acme.example is blocked"));
    assert!(on_call(&roster, "old-line", "2027-01-20T12:00:00Z").is_empty(), "switched off");
}

#[test]
fn opsgenies_restrictions_cross_midnight_and_the_end_of_the_week() {
    let roster = roster(&from_opsgenie());
    let nights = |at: &str| on_call(&roster, "production-24-7-next", at).len();
    // In the week of the `none` turn of the derived schedule only the nights are left.
    let weekly = "2027-01-13";
    assert_eq!(nights(&format!("{weekly}T20:59:00Z")), 0, "21:59 in Berlin");
    assert_eq!(nights(&format!("{weekly}T21:00:00Z")), 1);
    assert_eq!(nights("2027-01-14T04:59:00Z"), 1);
    assert_eq!(nights("2027-01-14T05:00:00Z"), 0);
    assert_eq!(nights("2027-01-16T12:00:00Z"), 1, "Saturday noon: Friday 18:00 to Monday 08:00");
}

#[test]
fn opsgenies_overrides_hold_for_the_rotations_they_name_and_forwardings_for_the_person() {
    let roster = roster(&from_opsgenie());
    assert_eq!(on_call(&roster, "production-24-7", "2031-12-24T20:00:00Z"), ["john-2"]);
    let night = on_call(&roster, "production-24-7", "2031-11-03T22:00:00Z");
    assert!(night.contains(&"bob.mueller".to_owned()), "{night:?}");
    let august = |day: u8| on_call(&roster, "production-24-7", &format!("2031-08-{day:02}T12:00:00Z"));
    for day in 1..15 {
        assert!(!august(day).contains(&"anna.schmidt".to_owned()), "August {day}: {:?}", august(day));
    }
}

#[test]
fn a_team_of_opsgenie_is_its_default_routing_rule_at_the_times_of_that_rule() {
    let roster = roster(&from_opsgenie());
    let levels = rung(&roster, "team:sre-platform", "2027-01-12T12:00:00Z");
    assert!(levels.iter().any(|entry| entry == "1.1 john"), "{levels:?}");
    assert!(rung(&roster, "team:sre-platform", "2027-01-16T12:00:00Z").is_empty(), "a Saturday");
}

#[test]
fn every_guess_about_a_phone_is_told_with_the_file_it_came_from() {
    let imported = from_opsgenie();
    let guess = imported.report.of(Fate::Guessed).find(|note| note.text.contains("49-015187654321")).unwrap();
    assert!(guess.text.contains("+4915187654321"), "{}", guess.text);
    assert!(guess.file.starts_with("users/bob.mueller@acme.example-"), "{}", guess.file);
    assert!(told(&imported, Fate::Approximated, "20 repeats become 9"));
    assert!(told(&imported, Fate::Dropped, "if-not-closed"));
    assert!(told(&imported, Fate::Dropped, "broken") || told(&imported, Fate::Dropped, "cannot be read"));
}

#[test]
fn circles_in_an_export_are_broken_and_told() {
    let file = |path: &str, text: &str| Export { path: path.to_owned(), text: text.to_owned() };
    let imported = opsgenie::convert(
        &[
            file(
                "escalations/a.json",
                r#"{"name":"a","rules":[{"recipient":{"type":"schedule","name":"s"},"delay":{"timeAmount":0}}]}"#,
            ),
            file(
                "schedules/s.json",
                r#"{"schedule":{"name":"s","timezone":"UTC","rotations":[{"name":"r","type":"daily",
                "startDate":"2026-01-01T00:00:00Z","participants":[{"type":"escalation","name":"a"}]}]}}"#,
            ),
        ],
        now(),
    );
    assert!(told(&imported, Fate::Dropped, "leads back to itself"), "{}", imported.report);
    roster(&imported);
}

#[test]
fn pagerdutys_seconds_are_days_and_its_layers_cover_each_other_as_its_own_shifts_say() {
    let imported = from_pagerduty();
    let roster = roster(&imported);
    let primary = |at: &str| on_call(&roster, "production-primary", at);
    assert_eq!(primary("2027-01-19T12:00:00Z"), ["anna.schmidt"], "by day the week's turn");
    assert_eq!(primary("2027-07-06T15:59:59Z"), ["anna.schmidt"]);
    assert_eq!(primary("2027-07-06T16:00:00Z"), ["carla"], "a hand-off at 18:00 in Berlin, also in summer");
    let text = imported.draft.to_toml("");
    assert!(text.contains("every = \"1 week\"") && text.contains("every = \"1 day\""), "{text}");
    assert_eq!(primary("2031-12-24T18:30:00Z"), ["carla"], "an override");
    // A layer that begins in the middle of a turn: the rest of Anna's week, then Bob's.
    assert_eq!(primary("2031-05-08T08:00:00Z"), ["anna.schmidt"]);
    assert_eq!(primary("2031-05-13T08:00:00Z"), ["bob"]);
}

#[test]
fn pagerdutys_layers_are_turned_round_where_its_own_shifts_say_so() {
    let turned = |order: [&str; 2]| {
        let layer = |name: &str, user: &str| {
            format!(
                r#"{{"name":"{name}","start":"2026-01-05T00:00:00Z","rotation_virtual_start":"2026-01-05T00:00:00Z",
                "rotation_turn_length_seconds":604800,"users":[{{"user":{{"id":"{user}","summary":"{user}"}}}}]}}"#
            )
        };
        let layers = order.map(|user| layer(user, user)).join(",");
        let text = format!(
            r#"{{"schedule":{{"id":"S","name":"s","time_zone":"UTC","schedule_layers":[{layers}],"final_schedule":
            {{"rendered_schedule_entries":[{{"start":"2027-01-05T00:00:00Z","end":"2027-01-06T00:00:00Z",
            "user":{{"id":"upper","summary":"upper"}}}}]}}}}}}"#
        );
        let imported = pagerduty::convert(&[Export { path: "s.json".to_owned(), text }], now());
        imported.draft.schedules[0].rotations.iter().map(|rotation| rotation.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(turned(["upper", "lower"]), ["lower", "upper"]);
    assert_eq!(turned(["lower", "upper"]), ["lower", "upper"]);
}

#[test]
fn pagerdutys_delays_follow_each_other_and_a_service_is_a_team() {
    let roster = roster(&from_pagerduty());
    let chain = rung(&roster, "team:checkout-payments", "2027-01-19T12:00:00Z");
    assert_eq!(chain, ["1 anna.schmidt", "1.1 anna.schmidt", "1.2 bob"]);
}

/// Settings beside an imported on-call file.
const SETTINGS: &str = r#"data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["udp:127.0.0.1:0"]
[[trunks]]
name = "carrier"
server = "udp:127.0.0.1:5070"
sources = ["127.0.0.1/32"]
destinations = ["+49", "+34", "+1", "+44"]
"#;

const CALLS: &str = "number;key;name;language;welcome;recipients;tries;voicemail;message;blocklist;repeat\n\
    # a remark\n\
    +49 30 123456;;Störungsdienst;de;;\"team:SRE/Platform; user:john@acme.example\";5;yes;;+4930999*;yes\n\
    +4930654321;1;Produktion;de;;schedule:Production - 24/7;;no;;;\n\
    +4930654321;*;Alles andere;;;team:team1;;;;;\n";

#[test]
fn an_import_with_its_answered_questions_passes_check_and_simulates_a_call() {
    let folder = Folder::with("import", SETTINGS.as_bytes(), b"");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("calls.csv"), CALLS).unwrap();
    let backup = data("opsgenie/backup").display().to_string();
    let (into, calls, hotlines) = (at("oncall.toml"), at("calls.csv"), at("hotlines.toml"));
    let arguments = [
        "schedule",
        "import",
        "opsgenie",
        &backup,
        "--into",
        &into,
        "--calls",
        &calls,
        "--hotlines",
        &hotlines,
    ];
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_nightbell"))
            .args(arguments)
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (status, text) = run(&arguments);
    assert_eq!(status, 2, "the file is there already: {text}");
    let (status, text) = run(&[&arguments[..], &["--force"]].concat());
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("guessed") && text.contains("2 hotlines"), "{text}");

    let settings = format!("{SETTINGS}{}", std::fs::read_to_string(&hotlines).unwrap());
    assert!(settings.contains("preset = \"opsgenie\""));
    std::fs::write(folder.path().join("nightbell.toml"), settings).unwrap();
    let check = folder.output(&["check"]);
    let text = String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&check.stderr));
    assert!(text.contains("Störungsdienst"), "{text}");

    let call = ["simulate", "--to", "+4930654321", "--keys", "7", "--at", "2027-01-12T12:00:00Z", "--json"];
    let simulated: Value = serde_json::from_slice(&folder.output(&call).stdout).unwrap();
    assert_eq!(simulated["route"], "Alles andere");
    assert_eq!(simulated["chain"][0]["person"], "user3");
    assert_eq!(simulated["fallback"], "closing");
}

#[test]
fn faults_in_the_answers_are_all_told_with_their_lines() {
    let folder = Folder::with("answers", b"", b"");
    let calls = folder.path().join("calls.csv");
    std::fs::write(&calls, "number,key,recipients,tries\n+4930123456,x,team:team1,99\n030,,person:,\n")
        .unwrap();
    let hotlines = folder.path().join("hotlines.toml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_nightbell"))
        .args(["schedule", "import", "opsgenie"])
        .arg(data("opsgenie/backup"))
        .arg("--calls")
        .arg(&calls)
        .arg("--hotlines")
        .arg(&hotlines)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["line 2, tries", "line 2, key", "line 3, number"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!hotlines.exists());
}

#[test]
fn the_questionnaire_can_be_read_back_once_a_number_stands_in_it() {
    let folder = Folder::with("questions", b"", b"");
    let table = folder.path().join("calls.csv");
    let ask = |options: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_nightbell"))
            .args(["schedule", "import", "pagerduty"])
            .arg(data("pagerduty"))
            .args(options)
            .output()
            .unwrap()
    };
    let table_name = table.display().to_string();
    assert_eq!(ask(&["--questionnaire", &table_name]).status.code(), Some(0));
    let mut text = std::fs::read_to_string(&table).unwrap();
    assert!(text.contains("team:checkout / payments (here team:checkout-payments)"), "{text}");
    text.push_str("+4930123456,,Shop,,en,,team:Checkout / Payments,,,,,,,no\r\n");
    std::fs::write(&table, text).unwrap();
    let hotlines = folder.path().join("hotlines.toml").display().to_string();
    let output = ask(&["--calls", &table_name, "--hotlines", &hotlines]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(&hotlines).unwrap();
    for part in ["preset = \"pagerduty\"", "levels = [[\"team:checkout-payments\"]]", "repeat = 0"] {
        assert!(written.contains(part), "{part}: {written}");
    }
}
