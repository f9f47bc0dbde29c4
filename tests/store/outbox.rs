//! The outbox as a queue: its order, its ends, and what is sent again.

use jiff::ToSpan;
use nightbell::call::CallId;
use nightbell::incident::{Event, Fact, Notice, Party, Recipient, Severity};
use nightbell::store::{OutboxEntry, OutboxFilter, OutboxState, Replay, Settled, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

fn with_missed_calls(calls: u64) -> (Scratch, Store) {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    for call in 1..=calls {
        run(&store, Story::missed(call, &["pager"]).records);
    }
    (scratch, store)
}

fn acknowledge(store: &Store, call: u64) {
    store.incident_fact(CallId(call), at(60), &Fact::Acknowledged { by: "anna".to_owned() }).unwrap();
}

fn resolve(store: &Store, call: u64) {
    store.incident_fact(CallId(call), at(70), &Fact::Resolved { by: "anna".to_owned() }).unwrap();
}

fn heads(store: &Store) -> Vec<i64> {
    store.reader().outbox_heads("pager").unwrap().iter().map(|head| head.id).collect()
}

fn entry(store: &Store, id: i64) -> OutboxEntry {
    store.reader().outbox_entry(id).unwrap().unwrap()
}

fn settle(store: &Store, id: i64, settled: Settled) {
    assert!(store.outbox_try(id).unwrap());
    store.outbox_settle(id, &settled, at(100)).unwrap();
}

fn later(seconds: i64) -> Settled {
    Settled::Later { why: "the target answered 500".to_owned(), due: at(seconds) }
}

fn dead() -> Settled {
    Settled::Dead { why: "the target answered 400".to_owned() }
}

#[test]
fn what_belongs_to_one_incident_waits_for_what_came_before_and_holds_up_no_other() {
    let (_scratch, store) = with_missed_calls(2);
    acknowledge(&store, 1);
    assert_eq!(heads(&store), [1, 2], "the acknowledgement waits behind its trigger");
    settle(&store, 1, later(3600));
    assert_eq!(heads(&store), [2, 1], "what is due first goes first");
    settle(&store, 2, Settled::Sent);
    assert_eq!(heads(&store), [1]);
    settle(&store, 1, Settled::Sent);
    assert_eq!(heads(&store), [3]);
}

#[test]
fn an_entry_waits_until_the_answer_is_in_and_each_try_is_counted() {
    let (scratch, store) = with_missed_calls(1);
    assert!(store.outbox_try(1).unwrap());
    // The daemon is killed here.
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    let before = entry(&store, 1);
    assert_eq!((before.state, before.attempts), (OutboxState::Waiting, 1));
    settle(&store, 1, Settled::Sent);
    let after = entry(&store, 1);
    assert_eq!((after.state, after.attempts, after.settled_at), (OutboxState::Sent, 2, Some(at(100))));
    assert_eq!(before.notice, after.notice, "the same notice under the same name");
    assert!(!store.outbox_try(1).unwrap(), "what was sent is not tried again");
}

#[test]
fn one_that_was_refused_is_dead_and_does_not_hold_up_what_follows() {
    let (_scratch, store) = with_missed_calls(1);
    acknowledge(&store, 1);
    settle(&store, 1, dead());
    assert_eq!(heads(&store), [2]);
    let refused = entry(&store, 1);
    assert_eq!(
        (refused.state, refused.last_error.as_deref()),
        (OutboxState::Dead, Some("the target answered 400"))
    );
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    let said: Vec<_> =
        log.iter().filter(|line| line.kind == "delivery").map(|line| line.detail.as_str()).collect();
    assert_eq!(said, ["pager was not told: trigger: the target answered 400"]);
}

#[test]
fn a_failure_is_told_in_the_log_of_the_incident_once() {
    let (_scratch, store) = with_missed_calls(1);
    for _ in 0..3 {
        settle(&store, 1, later(200));
    }
    settle(&store, 1, Settled::Sent);
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    let said: Vec<_> =
        log.iter().filter(|line| line.kind == "delivery").map(|line| line.detail.as_str()).collect();
    assert_eq!(
        said,
        ["pager could not be told yet: trigger: the target answered 500", "pager was told: trigger"]
    );
}

#[test]
fn what_is_sent_again_is_followed_by_what_followed_it() {
    let (_scratch, store) = with_missed_calls(2);
    settle(&store, 1, dead());
    // Entry 2 is the other call's.
    acknowledge(&store, 1);
    settle(&store, 3, Settled::Sent);
    resolve(&store, 1);
    settle(&store, 4, Settled::Sent);
    assert_eq!(heads(&store), [2]);
    assert_eq!(store.outbox_replay(&Replay::Entry(1), at(200)).unwrap(), 3);
    assert_eq!(heads(&store), [2, 1]);
    for id in [1, 3, 4] {
        settle(&store, id, Settled::Sent);
    }
    assert_eq!(heads(&store), [2]);
    assert_eq!(store.outbox_replay(&Replay::Entry(2), at(200)).unwrap(), 0, "it waits anyway");
}

#[test]
fn what_is_sent_again_is_not_taken_back_as_if_nobody_had_been_told() {
    let (_scratch, store) = with_missed_calls(1);
    settle(&store, 1, Settled::Sent);
    assert_eq!(store.outbox_replay(&Replay::Entry(1), at(200)).unwrap(), 1);
    resolve(&store, 1);
    let filter = OutboxFilter { all: true, ..OutboxFilter::default() };
    let entries = store.reader().outbox(&filter).unwrap();
    let left: Vec<_> = entries.iter().map(|entry| (entry.event(), entry.state)).collect();
    assert_eq!(left, [("trigger", OutboxState::Waiting), ("resolve", OutboxState::Waiting)]);
}

#[test]
fn all_that_is_dead_of_a_target_is_sent_again_at_once() {
    let (_scratch, store) = with_missed_calls(3);
    settle(&store, 1, dead());
    settle(&store, 2, dead());
    let replay = |target: &str| store.outbox_replay(&Replay::Target(target.to_owned()), at(200)).unwrap();
    assert_eq!(replay("another"), 0);
    assert_eq!(replay("pager"), 2);
    let mut waiting = heads(&store);
    waiting.sort_unstable();
    assert_eq!(waiting, [1, 2, 3]);
}

#[test]
fn what_was_to_be_sent_seven_days_ago_is_given_up_with_its_reason() {
    let (_scratch, store) = with_missed_calls(2);
    settle(&store, 1, later(3600));
    let wanted = entry(&store, 1).wanted_at;
    assert_eq!(store.outbox_sweep(wanted + 167.hours()).unwrap(), 0);
    assert_eq!(store.outbox_sweep(wanted + 169.hours()).unwrap(), 2);
    assert_eq!(heads(&store), [0; 0]);
    let why = |id| entry(&store, id).last_error.unwrap();
    assert_eq!(why(1), "given up after 7 days: the target answered 500");
    assert_eq!(why(2), "given up after 7 days: there was no such target");
}

#[test]
fn what_is_dropped_is_not_sent_and_makes_way() {
    let (_scratch, store) = with_missed_calls(1);
    acknowledge(&store, 1);
    assert!(store.outbox_drop(1, at(100)).unwrap());
    assert!(!store.outbox_drop(1, at(100)).unwrap());
    assert_eq!(heads(&store), [2]);
    assert_eq!(entry(&store, 1).state, OutboxState::Withdrawn);
}

#[test]
fn a_target_that_is_back_has_all_of_it_at_once() {
    let (_scratch, store) = with_missed_calls(2);
    settle(&store, 1, later(7200));
    assert_eq!(store.outbox_back("another", at(200)).unwrap(), 0);
    assert_eq!(store.outbox_back("pager", at(200)).unwrap(), 1);
    assert_eq!(entry(&store, 1).due_at, at(200));
}

#[test]
fn the_counts_say_how_much_waits_is_dead_and_since_when() {
    let (_scratch, store) = with_missed_calls(3);
    settle(&store, 2, dead());
    settle(&store, 3, Settled::Sent);
    let oldest = entry(&store, 1).wanted_at;
    let [count] = &store.reader().outbox_counts(oldest).unwrap()[..] else { panic!("one target") };
    assert_eq!((count.target.as_str(), count.waiting, count.dead), ("pager", 1, 1));
    assert_eq!(count.oldest_due, Some(oldest));
    let earlier = &store.reader().outbox_counts(oldest - 1.second()).unwrap()[0];
    assert_eq!(earlier.oldest_due, None, "it is not due yet");
}

/// A notice that belongs to no incident.
fn alarm(key: &str, number: usize, person: Option<&str>) -> Notice {
    let party = |id: &str| Party { id: id.to_owned(), name: id.to_owned(), email: None };
    Notice {
        event: Event::Trigger,
        id: format!("{key}-{number}"),
        dedup_key: key.to_owned(),
        incident: None,
        at: at(0),
        title: "The trunk is down".to_owned(),
        text: "The trunk carrier does not answer.".to_owned(),
        severity: Severity::Critical,
        status: "triggered".to_owned(),
        by: None,
        assigned: Vec::new(),
        hotline: None,
        number: None,
        route: None,
        call: None,
        started_at: None,
        caller: None,
        caller_name: None,
        voicemail: None,
        transcript: None,
        link: None,
        to: person.map(|id| Recipient { party: party(id), address: None }),
    }
}

#[test]
fn a_notice_of_no_incident_goes_to_each_target_once_and_goes_when_it_is_old() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let notice = alarm("alarm-trunk", 1, None);
    let targets = ["pager".to_owned(), "chat".to_owned()];
    let bell = store.bell().listen();
    assert_eq!(store.tell(&targets, &notice, at(0)).unwrap(), 2);
    assert!(bell.has_changed().unwrap(), "whoever empties the outbox is woken");
    assert_eq!(store.tell(&targets, &notice, at(0)).unwrap(), 0);
    assert_eq!(entry(&store, 1).notice.as_ref(), Some(&notice));
    settle(&store, 1, Settled::Sent);
    let all = || store.reader().outbox(&OutboxFilter { all: true, ..OutboxFilter::default() }).unwrap().len();
    store.outbox_sweep(at(100) + 719.hours()).unwrap();
    assert_eq!(all(), 2);
    store.outbox_sweep(at(100) + 721.hours()).unwrap();
    assert_eq!(all(), 1);
}

#[test]
fn one_person_who_cannot_be_reached_holds_up_nobody_else() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    let mail = ["pager".to_owned()];
    for (number, person) in ["anna", "anna", "bob"].into_iter().enumerate() {
        store.tell(&mail, &alarm("hotline-1", number, Some(person)), at(0)).unwrap();
    }
    assert_eq!(heads(&store), [1, 3]);
}

/// What can happen to the outbox.
#[derive(Debug, Clone)]
enum Happening {
    /// Something is to be told of this incident, to this person alone or to all.
    Told(u8, Option<u8>),
    /// One of those that may be sent is tried, with this result.
    Tried(usize, u8),
    /// An entry is sent again.
    Replayed(i64),
    /// An entry is dropped.
    Dropped(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3_u8, proptest::option::of(0..2_u8)).prop_map(|(key, person)| Happening::Told(key, person)),
        6 => (0..4_usize, 0..4_u8).prop_map(|(head, result)| Happening::Tried(head, result)),
        1 => (1..12_i64).prop_map(Happening::Replayed),
        1 => (1..12_i64).prop_map(Happening::Dropped),
    ]
}

/// Lets it happen. Only what the store offers is ever sent.
fn happens(store: &Store, number: usize, happening: &Happening) {
    match happening {
        Happening::Told(key, person) => {
            let person = person.map(|person| format!("person{person}"));
            let notice = alarm(&format!("hotline-{key}"), number, person.as_deref());
            store.tell(&["pager".to_owned()], &notice, at(0)).unwrap();
        }
        Happening::Tried(head, result) => {
            let heads = heads(store);
            let Some(id) = heads.get(head % heads.len().max(1)) else { return };
            let result = match result {
                0 => dead(),
                1 => later(200),
                _ => Settled::Sent,
            };
            settle(store, *id, result);
        }
        Happening::Replayed(id) => {
            store.outbox_replay(&Replay::Entry(*id), at(300)).unwrap();
        }
        Happening::Dropped(id) => {
            store.outbox_drop(*id, at(300)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn whatever_happens_nothing_is_told_before_what_came_before_it(course in vec(happening(), 1..24)) {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).unwrap();
        for (number, happening) in course.iter().enumerate() {
            happens(&store, number, happening);
        }
        let all = store.reader().outbox(&OutboxFilter { all: true, ..OutboxFilter::default() }).unwrap();
        let told = course.iter().filter(|happening| matches!(happening, Happening::Told(..))).count();
        prop_assert_eq!(all.len(), told, "nothing goes by itself");
        let of = |entry: &OutboxEntry| {
            let to = entry.notice.as_ref().and_then(|notice| notice.to.clone()).map(|to| to.party.id);
            (entry.dedup_key.clone(), to)
        };
        let mut first_waiting = Vec::new();
        for (index, entry) in all.iter().enumerate().filter(|(_, entry)| entry.is_waiting()) {
            let later = all[index + 1..].iter().filter(|later| of(later) == of(entry));
            let overtaken = later.clone().find(|later| later.state == OutboxState::Sent);
            prop_assert_eq!(overtaken, None, "{:?} waits", entry);
            if !all[..index].iter().any(|earlier| earlier.is_waiting() && of(earlier) == of(entry)) {
                first_waiting.push(entry.id);
            }
        }
        let mut heads = heads(&store);
        heads.sort_unstable();
        prop_assert_eq!(heads, first_waiting);
    }
}
