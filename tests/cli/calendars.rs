//! Calendars from elsewhere, as an operator meets them: in `check`, `oncall`, `doctor`, the log and the preview.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use crate::signals::Running;
use crate::{Folder, ONCALL, SETTINGS};

const FED: &str = "[[schedules]]\nid = \"production\"\ntimezone = \"Europe/Berlin\"\ncalendar = \"SOURCE\"\n";

fn ics(title: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:{title}\nDTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"
    )
}

fn folder(name: &str, source: &str) -> Folder {
    let oncall = format!("{ONCALL}{}", FED.replace("SOURCE", source));
    Folder::with(name, SETTINGS.as_bytes(), oncall.as_bytes())
}

fn said(folder: &Folder, arguments: &[&str], status: i32) -> String {
    let output = folder.output(arguments);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{text}");
    text
}

#[test]
fn check_says_of_a_calendar_where_it_is_named_and_what_is_wrong_with_it() {
    let folder = folder("calendar-check", "shifts.ics");
    assert!(said(&folder, &["check"], 2).contains("calendar shifts.ics cannot be used"));
    std::fs::write(folder.path().join("shifts.ics"), ics("Bobb")).unwrap();
    let wrong = said(&folder, &["check"], 2);
    assert!(wrong.contains("`Bobb` is nobody of the people; did you mean `bob`?"), "{wrong}");
    assert!(wrong.contains("oncall.toml:7:12"), "{wrong}");
    std::fs::write(folder.path().join("shifts.ics"), ics("bob")).unwrap();
    let good = said(&folder, &["check"], 0);
    assert!(good.contains("schedule production: calendar shifts.ics, read just now"), "{good}");
    assert!(said(&folder, &["oncall"], 0).contains("calendar shifts.ics, \"bob\", fetched just now"));
}

#[test]
fn hours_that_never_open_are_told() {
    let hours = "[[hours]]\nid = \"support\"\ntimezone = \"UTC\"\nclosed = [\"2020-01-01..2150-01-01\"]\n";
    let folder = Folder::with("hours-never", SETTINGS.as_bytes(), format!("{ONCALL}{hours}").as_bytes());
    assert!(said(&folder, &["check"], 0).contains("the hours support do not open within a year"));
}

#[test]
fn a_rule_that_never_comes_and_one_that_is_none_are_told() {
    let rotation = |rule: &str| {
        format!(
            "{ONCALL}[[schedules]]\nid = \"s\"\ntimezone = \"UTC\"\n[[schedules.rotations]]\nname = \"r\"\npeople = [\"bob\"]\n\
             rrule = \"{rule}\"\nlasts = \"1 day\"\nstart = \"2026-01-05 09:00\"\n"
        )
    };
    let never = rotation("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30");
    let folder = Folder::with("rule-never", SETTINGS.as_bytes(), never.as_bytes());
    assert!(said(&folder, &["check"], 0).contains("this rule names no time at all"));
    let none = rotation("FREQ=HOURLY");
    let folder = Folder::with("rule-none", SETTINGS.as_bytes(), none.as_bytes());
    assert!(said(&folder, &["check"], 2).contains("write FREQ=DAILY with the hours in BYHOUR"));
}

#[test]
fn a_preview_is_text_json_and_a_calendar_that_feeds_a_schedule() {
    let folder = folder("calendar-preview", "shifts.ics");
    std::fs::write(folder.path().join("shifts.ics"), ics("bob")).unwrap();
    let period = ["--from", "2026-12-24T00:00:00Z", "--until", "2026-12-26T00:00:00Z"];
    let preview = |more: &[&str]| {
        said(&folder, &[&["schedule", "preview", "production"], &period[..], more].concat(), 0)
    };
    assert!(preview(&[]).contains("bob"));
    let rows: serde_json::Value = serde_json::from_str(&preview(&["--format", "json"])).unwrap();
    assert_eq!(rows[0]["person"], "bob");
    assert_eq!(rows[0]["schedule"], "production");
    let calendar = preview(&["--format", "ics"]);
    assert!(
        calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains("SUMMARY:bob\r\n"),
        "{calendar}"
    );
    std::fs::write(folder.path().join("shifts.ics"), calendar).unwrap();
    assert!(said(&folder, &["check"], 0).contains("0 errors"));
    assert!(said(&folder, &["schedule", "preview", "nights"], 2).contains("there is no schedule nights"));
}

/// A server that gives out a calendar for as long as it is asked.
fn serve(title: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/secret.ics", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = ics(title);
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

#[test]
fn the_daemon_reads_a_calendar_at_once_and_keeps_it_for_the_next_start() {
    let folder = folder("calendar-daemon", &serve("bob"));
    let mut daemon = Running::start(&folder, &["run"]);
    let mut log = daemon.wait_for("the calendar feed http://127.0.0.1").join("\n");
    let told = said(&folder, &["oncall"], 0);
    assert!(told.contains("bob") && told.contains("/..., \"bob\", fetched"), "{told}");
    daemon.ends_with_status_0();
    // Nobody asks the server now: what was kept is there.
    let kept = said(&folder, &["oncall"], 0);
    assert!(kept.contains("bob"), "{kept}");
    log += &(told + &kept);
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_calendar_that_names_a_stranger_is_refused_in_the_log_and_by_doctor() {
    let folder = folder("calendar-stranger", &serve("Zoe"));
    let mut daemon = Running::start(&folder, &["run"]);
    let log = daemon.wait_for("`Zoe` is nobody of the people").join("\n");
    assert!(!log.contains("secret"), "{log}");
    let output = folder.output(&["doctor", "--no-call"]);
    let doctor = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(doctor.contains("schedule production") && doctor.contains("`Zoe` is nobody"), "{doctor}");
    daemon.ends_with_status_0();
}
