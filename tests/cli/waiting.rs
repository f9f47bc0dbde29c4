//! How calls wait for people, as `check` and `simulate` tell it.

use crate::{Folder, ONCALL, SETTINGS};

fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.output(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn check_tells_how_calls_wait_and_simulate_for_whom() {
    let route = "levels = [[\"person:bob\"]]\nwait_for_busy = \"2m\"\nwrap_up = \"30s\"\nsame_responder = \"1h\"\n\
                 pause = { after_misses = 3 }\n";
    let told = "[hotlines.waiting]\nposition = true\n[[hotlines.routes]]\n";
    let settings =
        SETTINGS.replace("levels = [[\"person:bob\"]]\n", route).replace("[[hotlines.routes]]\n", told);
    let folder = Folder::with("waiting", settings.as_bytes(), ONCALL.as_bytes());
    let check = said(&folder, &["check"]);
    for line in [
        "while callers are held: [en/your-position] {position}",
        "who calls again within 60 min gets the same responder first",
        "after a call a responder is left in peace for 30 s",
        "who misses 3 calls in a row is rung last for 10 min",
        "if all who are left are busy, the caller waits for one of them, up to 2 min",
    ] {
        assert!(check.contains(line), "{line} is missing:\n{check}");
    }
    let busy = ["simulate", "--to", "+4930123456", "--busy", "bob"];
    let text = said(&folder, &busy);
    assert!(text.contains("if nobody accepts, the caller waits up to 2 min for bob"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&said(&folder, &[&busy[..], &["--json"]].concat())).unwrap();
    assert_eq!(json["waits_for"], serde_json::json!(["bob"]));
    assert!(!said(&folder, &busy[..3]).contains("waits up to"), "nobody is busy");
}
