//! Quiet times: which incidents they hold back, where, and until when.

use jiff::Timestamp;
use nightbell::incident::Event;
use nightbell::store::{IncidentFilter, NewQuietTime, OutboxFilter, QuietKind, Store};

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

fn time(kind: QuietKind, place: (Option<&str>, Option<&str>), from: i64, until: Option<i64>) -> NewQuietTime {
    NewQuietTime {
        kind,
        hotline: place.0.map(str::to_owned),
        route: place.1.map(str::to_owned),
        from: at(from),
        until: until.map(at),
        reason: None,
    }
}

/// How many incidents a missed call opens under these quiet times, and when people are told of it.
fn missed(times: &[NewQuietTime]) -> (usize, Option<Timestamp>) {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    for time in times {
        store.add_quiet_time(time).unwrap();
    }
    run(&store, Story::missed(1, &["pager"]).records);
    let entries = store.reader().outbox(&OutboxFilter::default()).unwrap();
    let trigger = entries
        .iter()
        .find(|entry| entry.notice.as_ref().is_some_and(|notice| notice.event == Event::Trigger));
    (store.reader().incidents(&IncidentFilter::default()).unwrap().len(), trigger.map(|entry| entry.due_at))
}

const HERE: (Option<&str>, Option<&str>) = (Some("Emergency hotline"), Some("Production"));
const EVERYWHERE: (Option<&str>, Option<&str>) = (None, None);

#[test]
fn maintenance_keeps_incidents_from_being_opened_where_and_while_it_holds() {
    let maintenance = |place, from, until| missed(&[time(QuietKind::Maintenance, place, from, until)]).0;
    assert_eq!(maintenance(HERE, -60, Some(60)), 0);
    assert_eq!(maintenance((Some("Emergency hotline"), None), -60, Some(60)), 0);
    assert_eq!(maintenance(EVERYWHERE, -60, None), 0);
    assert_eq!(maintenance((Some("Emergency hotline"), Some("Billing")), -60, Some(60)), 1);
    assert_eq!(maintenance((Some("Another"), None), -60, Some(60)), 1);
    assert_eq!(maintenance(HERE, -60, Some(0)), 1, "it is over");
    assert_eq!(maintenance(HERE, 60, Some(120)), 1, "it has not begun");
}

#[test]
fn a_snooze_tells_at_its_end_and_one_that_follows_it_without_a_pause_at_the_end_of_that() {
    let snooze = |from, until| time(QuietKind::Snooze, HERE, from, Some(until));
    assert_eq!(missed(&[snooze(-60, 600)]), (1, Some(at(600))));
    assert_eq!(missed(&[snooze(-60, 600), snooze(300, 900), snooze(900, 1000)]), (1, Some(at(1000))));
    assert_eq!(missed(&[snooze(-60, 600), snooze(601, 900)]), (1, Some(at(600))));
}

#[test]
fn what_is_muted_is_there_and_nobody_is_told() {
    assert_eq!(missed(&[time(QuietKind::Mute, HERE, -60, None)]), (1, None));
}

#[test]
fn quiet_times_are_listed_until_they_are_over_and_taken_away_by_kind() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let add = |new: &NewQuietTime| store.add_quiet_time(new).unwrap();
    let over = add(&time(QuietKind::Maintenance, HERE, -60, Some(-30)));
    let coming = add(&time(QuietKind::Maintenance, HERE, 60, Some(90)));
    let muted = add(&time(QuietKind::Mute, EVERYWHERE, -60, None));
    let listed = |all| -> Vec<i64> {
        store.reader().quiet_times(at(0), all).unwrap().iter().map(|time| time.id).collect()
    };
    assert_eq!(listed(false), [muted, coming]);
    assert_eq!(listed(true), [over, muted, coming]);
    assert!(!store.remove_quiet_time(QuietKind::Snooze, coming).unwrap());
    assert!(store.remove_quiet_time(QuietKind::Maintenance, coming).unwrap());
    assert_eq!(store.end_quiet_times(QuietKind::Mute, Some("Another"), None, at(0)).unwrap(), [0; 0]);
    assert_eq!(store.end_quiet_times(QuietKind::Mute, None, None, at(0)).unwrap(), [muted]);
    assert_eq!(listed(false), [0; 0]);
}
