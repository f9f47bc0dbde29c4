//! What has arrived at the receiver of notices, beside what the database says was to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nightbell::call::journal::Outcome;
use nightbell::store::CallRow;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::chased::Chased;
use crate::daemon::{CHASED, House};
use crate::phone::PATIENCE;
use crate::sink::Sink;

/// How often the outbox is looked at while it empties.
const GLANCE: Duration = Duration::from_millis(100);

/// How many there were.
#[derive(Debug, Default)]
pub struct Notices {
    /// Different ones that came.
    pub came: usize,
    /// Those that came once more.
    pub again: usize,
}

/// An entry of the outbox.
#[derive(Debug)]
pub struct Entry {
    id: String,
    key: String,
    call: Option<String>,
    state: String,
    event: String,
}

/// Compares what came with the outbox once nothing waits in it any more; `rows` are the calls of the last round.
pub fn judge(rows: &[&CallRow], house: &House, sink: &Sink, wrong: &mut Vec<String>) -> Notices {
    let database = house.data().join("nightbell.db");
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let entries = once_empty(&database, sink);
    let came = sink.came();
    let mut known = BTreeMap::<&str, Vec<&Value>>::new();
    for notice in &came {
        known.entry(notice["id"].as_str().unwrap_or_default()).or_default().push(notice);
    }
    for entry in &entries {
        match entry.state.as_str() {
            "sent" if known.contains_key(entry.id.as_str()) => {}
            "withdrawn" if !known.contains_key(entry.id.as_str()) => {}
            "withdrawn" => wrong.push(format!("said to be withdrawn, and came: {entry:?}")),
            "sent" => wrong.push(format!("said to be sent, and did not come: {entry:?}")),
            _ => wrong.push(format!("not sent: {entry:?}")),
        }
    }
    wrong.extend(untold(rows, &entries));
    let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    for (id, copies) in &known {
        if !ids.contains(id) {
            wrong.push(format!("it came, and the outbox does not know it: {:?}", copies[0]));
        }
        if copies.iter().any(|copy| copy != &copies[0]) {
            wrong.push(format!("two notices have the same id: {copies:?}"));
        }
    }
    in_order(&entries, &came, wrong);
    Notices { came: known.len(), again: came.len() - known.len() }
}

/// Calls of which somebody has to be told, and nothing of that is written.
pub fn untold(rows: &[&CallRow], entries: &[Entry]) -> Vec<String> {
    let told = |row: &CallRow| {
        let call = row.id.to_string();
        entries.iter().any(|entry| entry.call.as_deref() == Some(&call) && entry.event == "trigger")
    };
    let untold = rows.iter().filter(|row| must_be_told(row) && !told(row));
    untold.map(|row| format!("nobody is told of {row:?}")).collect()
}

/// After a power cut: what was sent is known, so that it can be sent again under its id; and of each call that
/// somebody has to be told of, something is to be sent.
pub fn after_a_cut(
    database: &Connection,
    rows: &[&CallRow],
    sent: &BTreeSet<String>,
    wrong: &mut Vec<String>,
) {
    let entries = entries(database);
    let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    for id in sent.iter().filter(|id| !ids.contains(id.as_str())) {
        wrong.push(format!("the notice {id} was sent, and is not there"));
    }
    wrong.extend(untold(rows, &entries));
}

/// Whoever got to a route and spoke with nobody is somebody's business.
fn must_be_told(row: &CallRow) -> bool {
    row.route.is_some() && !matches!(row.outcome, Outcome::Accepted | Outcome::Blocked)
}

/// How many incidents that somebody is chased about are still open after a long time, and how many were taken on.
pub fn chases(house: &House, chased: &Chased) -> (u64, u64) {
    let database = house.data().join("nightbell.db");
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = |what: &str| -> u64 {
        let sql = format!(
            "SELECT count(*) FROM incidents JOIN calls ON calls.id = call_id
             WHERE calls.route = '{CHASED}' AND status {what}"
        );
        let count: i64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
        count.unsigned_abs()
    };
    let until = Instant::now() + 3 * PATIENCE;
    while count("= 'triggered'") > 0 && Instant::now() < until {
        chased.waits_for_more_than(chased.rung(), GLANCE);
    }
    (count("= 'triggered'"), count("<> 'triggered'"))
}

/// The entries, once none waits; those that do after a long time are among them.
fn once_empty(database: &Connection, sink: &Sink) -> Vec<Entry> {
    let until = Instant::now() + PATIENCE;
    loop {
        let entries = entries(database);
        if entries.iter().all(|entry| entry.state != "waiting") || Instant::now() > until {
            return entries;
        }
        sink.waits_for_more_than(sink.came().len(), GLANCE);
    }
}

pub fn entries(database: &Connection) -> Vec<Entry> {
    let sql =
        "SELECT notice_id, dedup_key, call_id, state, notice ->> 'event' AS event FROM outbox ORDER BY id";
    let mut query = database.prepare(sql).unwrap();
    let rows = query.query_map([], |row| {
        Ok(Entry {
            id: row.get("notice_id")?,
            key: row.get("dedup_key")?,
            call: row.get("call_id")?,
            state: row.get("state")?,
            event: row.get("event")?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// What belongs to one incident came in the order in which it was written, but for what came again.
fn in_order(entries: &[Entry], came: &[Value], wrong: &mut Vec<String>) {
    let mut written = BTreeMap::<&str, Vec<&str>>::new();
    for entry in entries.iter().filter(|entry| entry.state == "sent") {
        written.entry(&entry.key).or_default().push(&entry.id);
    }
    for (key, ids) in written {
        let of_this = came.iter().filter(|notice| notice["dedup_key"] == key);
        let mut first_seen = Vec::new();
        for id in of_this.filter_map(|notice| notice["id"].as_str()) {
            if !first_seen.contains(&id) {
                first_seen.push(id);
            }
        }
        if first_seen != ids {
            wrong.push(format!("written in the order {ids:?}, come in the order {first_seen:?}"));
        }
    }
}
