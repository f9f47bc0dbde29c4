//! `doctor`: what it finds, with a daemon and without one.

use std::net::{TcpListener, UdpSocket};

use serde_json::Value;

use crate::signals::Running;
use crate::{Folder, ONCALL, SETTINGS};

/// A carrier that answers every request with 200.
fn carrier() -> String {
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut datagram = [0; 65_535];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let request = String::from_utf8_lossy(&datagram[..length]).into_owned();
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let headers: Vec<_> =
                request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name))).collect();
            let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"));
            socket.send_to(answer.as_bytes(), from).unwrap();
        }
    });
    address.to_string()
}

/// The usual settings with two more trunks: one that answers, and one to which nobody listens.
fn folder(name: &str, lively: &str) -> Folder {
    let nobody = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
    let trunks = format!(
        "[[trunks]]\nname = \"lively\"\nserver = \"udp:{lively}\"\ncountry = \"49\"\n\
         limits = {{ legs_per_day = 50 }}\n\
         [[trunks]]\nname = \"dead\"\nserver = \"tcp:{nobody}\"\ncountry = \"49\"\n[[hotlines]]"
    );
    let settings = SETTINGS.replacen("[[hotlines]]", &trunks, 1);
    Folder::with(name, settings.as_bytes(), ONCALL.as_bytes())
}

fn doctor(folder: &Folder) -> (i32, Value) {
    let output = folder.output(&["doctor", "--json", "--no-call"]);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

/// The status and the words of a check.
fn check(report: &Value, check: &str, trunk: Option<&str>) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let is_it = |found: &&Value| found["check"] == check && found["trunk"].as_str() == trunk;
    let found = checks.iter().find(is_it).unwrap_or_else(|| panic!("no {check} of {trunk:?} in {report:#}"));
    (found["status"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

fn assert_trunks(report: &Value) {
    let (status, detail) = check(report, "trunk", Some("lively"));
    assert!(status == "ok" && detail.contains("answered 200"), "{detail}");
    let (status, detail) = check(report, "trunk", Some("dead"));
    assert!(status == "failed" && detail.contains("refused"), "{detail}");
    assert_eq!(check(report, "dns", Some("lively")).0, "ok");
    assert!(check(report, "limits", Some("lively")).1.contains("legs_per_day 0 of 50"));
}

#[test]
fn without_a_daemon_the_trunks_are_asked_all_the_same_and_a_dead_one_is_a_failure() {
    let folder = folder("doctor-alone", &carrier());
    let (status, report) = doctor(&folder);
    assert_eq!(status, 1);
    assert_eq!((&report["ok"], &report["running"]), (&Value::Bool(false), &Value::Bool(false)));
    assert_trunks(&report);
    for of_the_machine in ["settings", "media", "sip"] {
        assert_eq!(check(&report, of_the_machine, None).0, "ok", "{of_the_machine}");
    }
    // How full the disk of the machine is that runs this test, is not the test's to say.
    assert!(check(&report, "disk", None).1.contains("MiB free"));
    assert!(!folder.path().join("data").exists(), "it leaves nothing behind");
}

#[test]
fn a_running_daemon_tells_how_its_trunks_stand() {
    let folder = folder("doctor-beside", &carrier());
    let mut daemon = Running::start(&folder, &["run"]);
    daemon.wait_for("ready for calls");
    let (status, report) = doctor(&folder);
    assert_eq!((status, &report["running"]), (1, &Value::Bool(true)));
    assert_trunks(&report);
    let (status, detail) = check(&report, "sip", None);
    assert!(status == "ok" && detail.contains("udp:127.0.0.1:"), "{detail}");
    daemon.ends_with_status_0();
}

#[test]
fn a_machine_and_settings_in_order_end_with_status_0_and_a_call_that_is_heard() {
    let folder = Folder::with("doctor-well", SETTINGS.as_bytes(), ONCALL.as_bytes());
    let output = folder.output(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ok   audio"), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn a_damaged_database_is_one_of_the_things_that_doctor_finds() {
    let folder = folder("doctor-damaged", &carrier());
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::write(
        folder.path().join("data/nightbell.db"),
        [b"SQLite format 3\0".as_slice(), &[255; 4080]].concat(),
    )
    .unwrap();
    let (status, report) = doctor(&folder);
    assert_eq!(status, 1);
    let (status, detail) = check(&report, "database", None);
    assert!(status == "failed", "{detail}");
    assert_trunks(&report);
    let checks = report["checks"].as_array().unwrap();
    assert!(
        checks.iter().all(|check| check["check"] != "outbox"),
        "nobody knows what waits in it: {report:#}"
    );
}
