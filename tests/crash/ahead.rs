//! What the daemon's log says of calls that went on ahead of a slow disk. Only those it names are excused for what is
//! not on the disk yet, and only as long as that may take.

use std::collections::HashMap;

/// Something that was told to the outside before it was on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ahead {
    /// A call was answered: the daemon's name for it, and its Call-ID.
    Answered { ours: String, call: String },
    /// A phone was rung.
    Rang,
    /// The alarm of the database began: what happens from now on is in the spool alone.
    Alarm,
    /// That is over.
    Over,
}

/// A reader of the log, line by line.
#[derive(Debug, Default)]
pub struct Log {
    /// The Call-ID of each call that the log has named.
    calls: HashMap<String, String>,
}

impl Log {
    /// What a line says went on ahead of the disk.
    pub fn take(&mut self, line: &str) -> Option<Ahead> {
        if line.contains("ALARM: the disk is slow") {
            return Some(Ahead::Alarm);
        }
        // The next start has written what the spool held.
        let over = ["the alarm is over: the database takes entries again", "ready for calls"];
        if over.iter().any(|what| line.contains(what)) {
            return Some(Ahead::Over);
        }
        let ours = field(line, "call")?;
        if line.contains(" INVITE ") {
            self.calls.insert(ours.to_owned(), field(line, "sip_call_id")?.to_owned());
        }
        if line.contains("answering before the call's row is durable") {
            let call = self.calls.get(ours)?.clone();
            return Some(Ahead::Answered { ours: ours.to_owned(), call });
        }
        line.contains("dialling before the intent is durable").then_some(Ahead::Rang)
    }
}

/// The value of a field of a line.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(|value| value.trim_matches('"'))
}

#[test]
fn a_call_that_the_log_names_is_known_by_its_call_id_and_no_other_is() {
    let slow = "ERROR the disk is slow or fails: answering before the call's row is durable call=";
    let mut log = Log::default();
    let invites = ["0a leg=1 sip_call_id=\"one@phone\"", "0b leg=2 sip_call_id=\"two@phone\""];
    for invite in invites {
        assert_eq!(log.take(&format!("2026-11-21T20:00:00Z  INFO INVITE call={invite}")), None);
    }
    let alarm = "ERROR ALARM: the disk is slow: calls go on why=\"no entry\" waiting=1";
    assert_eq!(log.take(alarm), Some(Ahead::Alarm));
    let second = Ahead::Answered { ours: "0b".to_owned(), call: "two@phone".to_owned() };
    assert_eq!(log.take(&format!("{slow}0b")), Some(second));
    let dialled = "ERROR the disk is slow or fails: dialling before the intent is durable call=0b";
    assert_eq!(log.take(dialled), Some(Ahead::Rang));
}
