//! Our answer to "who is on call" against another service's; and schedules that a calendar feeds.

use std::process::Output;

use serde_json::Value;

use super::Folder;

/// Weekly turns on Berlin's clock.
const ONCALL: &str = r#"
[[people]]
id = "anna"
name = "Anna Schmidt"
email = "anna@acme.example"
phones = ["sip:anna@127.0.0.1:9"]
[[people]]
id = "bob"
phones = ["sip:bob@127.0.0.1:9"]
[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["anna", "bob"]
every = "1 week"
start = "2026-01-05 09:00"
"#;

/// Three weeks around the end of summer time on 25 October, as Opsgenie's `/timeline` tells them.
fn timeline(hand_over_after_the_change: &str) -> String {
    let period = |from: &str, until: &str, name: &str| {
        format!(
            r#"{{"startDate":"{from}","endDate":"{until}","type":"default","recipient":{{"type":"user","name":"{name}"}}}}"#
        )
    };
    let periods = [
        period("2026-10-12T07:00:00Z", "2026-10-19T07:00:00Z", "Anna@acme.example"),
        period("2026-10-19T07:00:00Z", hand_over_after_the_change, "bob"),
        period(hand_over_after_the_change, "2026-11-02T08:00:00Z", "Anna Schmidt"),
    ];
    format!(
        r#"{{"data":{{"finalTimeline":{{"rotations":[{{"id":"1","name":"weekly","periods":[{}]}},
        {{"id":"2","name":"gone","deleted":true,"periods":[{}]}}]}}}},"took":0.1}}"#,
        periods.join(","),
        period("2026-10-12T07:00:00Z", "2026-11-02T08:00:00Z", "carla")
    )
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn verify(folder: &Folder, against: &str, options: &[&str]) -> Output {
    let against = folder.path().join(against).display().to_string();
    let arguments =
        ["schedule", "verify", "production", "--against", &against, "--from", "2026-10-12T07:00:00Z"];
    folder.output(&[&arguments[..], options].concat())
}

#[test]
fn who_agrees_with_us_across_a_change_of_the_clocks_is_told_so() {
    let folder = Folder::with("agrees", super::SETTINGS.as_bytes(), ONCALL.as_bytes());
    std::fs::write(folder.path().join("timeline.json"), timeline("2026-10-26T08:00:00Z")).unwrap();
    let output = verify(&folder, "timeline.json", &["--days", "90"]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("production: 0 differences from Mon 2026-10-12 09:00 to Mon 2026-11-02 09:00"),
        "{told}"
    );
    assert!(told.contains("their shifts end at Mon 2026-11-02 09:00"), "{told}");
}

#[test]
fn each_difference_is_told_with_both_answers_and_our_reason() {
    let folder = Folder::with("differs", super::SETTINGS.as_bytes(), ONCALL.as_bytes());
    std::fs::write(folder.path().join("timeline.json"), timeline("2026-10-26T07:00:00Z")).unwrap();
    let output = verify(&folder, "timeline.json", &[]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(
            "Mon 2026-10-26 08:00 to Mon 2026-10-26 09:00: they say anna, we say bob\n    on call in"
        ),
        "{told}"
    );
    let json: Value = serde_json::from_slice(&verify(&folder, "timeline.json", &["--json"]).stdout).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 1);
    assert_eq!(json["differences"][0]["ours"][0], "bob");
    assert_eq!(json["differences"][0]["from"], "2026-10-26T07:00:00Z");
}

#[test]
fn a_gap_and_a_name_that_is_nobodys_are_differences() {
    let folder = Folder::with("gap", super::SETTINGS.as_bytes(), ONCALL.as_bytes());
    let rendered = r#"{"schedule":{"id":"P1","final_schedule":{"rendered_schedule_entries":[
        {"start":"2026-10-12T09:00:00+02:00","end":"2026-10-13T09:00:00+02:00","user":{"summary":"Anna Schmidt"}},
        {"start":"2026-10-14T09:00:00+02:00","end":"2026-10-15T09:00:00+02:00","user":{"summary":"Zoe"}}]}}}"#;
    std::fs::write(folder.path().join("pd.json"), rendered).unwrap();
    let output = verify(&folder, "pd.json", &[]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("they say nobody, we say anna") && told.contains("they say Zoe, we say anna"),
        "{told}"
    );
    assert!(told.contains("Zoe: nobody here has this name"), "{told}");
    std::fs::write(folder.path().join("other.json"), "{}").unwrap();
    assert!(text(&verify(&folder, "other.json", &[])).contains("neither Opsgenie's finalTimeline nor"));
}

/// Two events as GoAlert writes them.
const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20261001T000000Z\r\nSUMMARY:[Anna Schmidt] On-Call (GoAlert: production)\r\n\
    DTSTART:20261012T070000Z\r\nDTEND:20261019T070000Z\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20261001T000000Z\r\nSUMMARY:[Bobby] On-Call (GoAlert: production)\r\n\
    DTSTART:20261019T070000Z\r\nDTEND:20261026T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a_calendar_is_compared_by_the_names_it_uses() {
    let folder = Folder::with("calendar", super::SETTINGS.as_bytes(), ONCALL.as_bytes());
    std::fs::write(folder.path().join("goalert.ics"), CALENDAR.replace("Bobby", "bob")).unwrap();
    let output = verify(&folder, "goalert.ics", &["--days", "14"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    std::fs::write(folder.path().join("goalert.ics"), CALENDAR).unwrap();
    let output = verify(&folder, "goalert.ics", &["--days", "14"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("Bobby"), "{}", text(&output));
}

#[test]
fn a_calendar_is_imported_as_a_schedule_that_it_feeds_for_good() {
    let folder = Folder::with("feed", super::SETTINGS.as_bytes(), ONCALL.as_bytes());
    let calendar = folder.path().join("goalert.ics");
    std::fs::write(&calendar, CALENDAR).unwrap();
    let calendar = calendar.display().to_string();
    let import = |options: &[&str]| {
        let arguments = ["schedule", "import", "goalert", &calendar, "--timezone", "Europe/Berlin"];
        folder.output(&[&arguments[..], options].concat())
    };
    let output = import(&["--schedule", "goalert"]);
    let told = text(&output);
    assert!(
        told.contains("[[schedules]]\nid = \"goalert\"\ntimezone = \"Europe/Berlin\"\ncalendar = \""),
        "{told}"
    );
    assert!(told.contains("Bobby") && !told.contains("Anna Schmidt"), "{told}");
    // Bobby may be Bob: a guess, or nobody that we know; either is told, never passed over.
    assert!(told.contains("taken to be bob") || told.contains("is nobody of the people"), "{told}");
}

#[test]
fn without_anybody_known_everybody_in_a_calendar_is_written_down() {
    let folder = Folder::with("strangers", super::SETTINGS.as_bytes(), b"");
    let calendar = folder.path().join("goalert.ics");
    std::fs::write(&calendar, CALENDAR).unwrap();
    let into = folder.path().join("new.toml").display().to_string();
    let arguments = ["schedule", "import", "ical", calendar.to_str().unwrap(), "--into", &into];
    let output = folder.output(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let written = std::fs::read_to_string(&into).unwrap();
    assert!(written.contains("id = \"anna-schmidt\"\nname = \"Anna Schmidt\""), "{written}");
    assert!(written.contains("= \"bobby\""), "{written}");
}
