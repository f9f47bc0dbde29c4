//! Incidents as the store keeps them: written with the facts they come of, once, and over crashes.

use jiff::Timestamp;
use nightbell::call::CallId;
use nightbell::call::journal::Outcome;
use nightbell::incident::{Event, Fact, Notice, Party, Severity, Status};
use nightbell::oncall::OncallFile;
use nightbell::store::{
    CallFilter, IncidentFilter, IncidentRow, NewQuietTime, OutboxFilter, OutboxState, QuietKind, Settled,
    Store, Unfinished,
};

use crate::scratch::Scratch;
use crate::story::{Story, at, policy, run};

fn open(scratch: &Scratch) -> Store {
    let store = Store::open(scratch.path()).unwrap();
    let file = "[[people]]\nid = \"anna\"\nname = \"Anna Schmidt\"\nphones = [\"+4915100000001\"]\nemail = \"anna@acme.example\"\n";
    let (roster, problems) = toml::from_str::<OncallFile>(file).unwrap().compile();
    assert!(problems.is_empty(), "{problems:?}");
    store.apply_roster(&roster, false).unwrap();
    store
}

fn all(store: &Store) -> Vec<IncidentRow> {
    store.reader().incidents(&IncidentFilter { all: true, ..IncidentFilter::default() }).unwrap()
}

/// What was written for targets, in order: target, event, state.
fn told(store: &Store) -> Vec<(String, Event, OutboxState)> {
    let filter = OutboxFilter { all: true, ..OutboxFilter::default() };
    let entries = store.reader().outbox(&filter).unwrap();
    entries.into_iter().map(|entry| (entry.target, entry.notice.unwrap().event, entry.state)).collect()
}

fn notices(store: &Store) -> Vec<Notice> {
    let filter = OutboxFilter { all: true, ..OutboxFilter::default() };
    store.reader().outbox(&filter).unwrap().into_iter().filter_map(|entry| entry.notice).collect()
}

#[test]
fn a_missed_call_is_an_incident_with_its_people_its_log_and_a_notice_for_each_target() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::missed(1, &["pager", "chat"]).records);

    let [incident] = &all(&store)[..] else { panic!("one incident") };
    assert_eq!((incident.id, incident.call, incident.status), (1, CallId(1), Status::Triggered));
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.title, "Missed call from +4915112345678 on Production (Emergency hotline)");
    assert_eq!(
        (incident.hotline.as_str(), incident.route.as_deref()),
        ("Emergency hotline", Some("Production"))
    );
    assert_eq!(incident.assigned, ["anna"]);
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    assert_eq!(log[0].kind, "opened");
    assert_eq!(store.reader().incident_of(CallId(1)).unwrap(), Some(1));

    let waiting = OutboxState::Waiting;
    assert_eq!(
        told(&store),
        [("pager".to_owned(), Event::Trigger, waiting), ("chat".to_owned(), Event::Trigger, waiting)]
    );
    let notice = &notices(&store)[0];
    assert_eq!(
        (notice.dedup_key.as_str(), notice.incident.as_deref()),
        ("hotline-0000000000000001", Some("1"))
    );
    let anna = Party {
        id: "anna".to_owned(),
        name: "Anna Schmidt".to_owned(),
        email: Some("anna@acme.example".to_owned()),
    };
    assert_eq!(notice.assigned, [anna]);
}

#[test]
fn a_record_that_is_written_twice_opens_one_incident_and_tells_once() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    for _ in 0..2 {
        run(&store, Story::missed(1, &["pager"]).records);
    }
    assert_eq!(all(&store).len(), 1);
    assert_eq!(told(&store).len(), 1);
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    assert_eq!(log.iter().filter(|line| line.kind == "opened").count(), 1);
}

#[test]
fn a_case_that_is_damaged_costs_no_row_of_the_call_and_no_other_incident() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::of(1).greeted().routed(policy(&["pager"])).records);
    let database = rusqlite::Connection::open(scratch.path().join("nightbell.db")).unwrap();
    database.execute("UPDATE incident_cases SET state = '{\"call\": 1'", []).unwrap();
    run(&store, Story::of(1).greeted().ended(Outcome::Missed).records);
    run(&store, Story::missed(2, &["pager"]).records);

    let calls = store.reader().calls(&CallFilter::default()).unwrap();
    assert!(calls.iter().all(|call| call.outcome == Outcome::Missed), "{calls:?}");
    assert_eq!(all(&store).iter().map(|incident| incident.call).collect::<Vec<_>>(), [CallId(2)]);
}

#[test]
fn a_fact_of_a_call_that_is_not_in_the_log_holds_up_no_other() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    let lost = Story::missed(7, &["pager"]).records.into_iter().skip(1);
    run(&store, lost.chain(Story::missed(1, &["pager"]).records));
    assert_eq!(all(&store).iter().map(|incident| incident.call).collect::<Vec<_>>(), [CallId(1)]);
}

#[test]
fn a_caller_who_was_cut_off_by_a_crash_is_an_incident_at_the_next_start() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::of(1).greeted().routed(policy(&["pager"])).dial(2, "anna").records);
    assert_eq!(all(&store), []);
    store.reconcile(at(3600)).unwrap();
    store.reconcile(at(3600)).unwrap();
    let [incident] = &all(&store)[..] else { panic!("one incident") };
    assert!(incident.title.starts_with("Missed call"), "{}", incident.title);
    assert_eq!(told(&store).len(), 1);
}

#[test]
fn a_message_that_a_crash_cut_off_is_told_of_with_its_file() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    let story = Story::of(1).greeted().routed(policy(&["pager"])).fact(Fact::NobodyAnswered).recording();
    run(&store, story.records);
    let left = store.reconcile(at(3600)).unwrap();
    let [recording] = &left.recordings[..] else { panic!("one recording") };
    store.recording_recovered(recording, 42_000, true).unwrap();
    let notice = notices(&store).pop().unwrap();
    let sound = notice.voicemail.unwrap();
    assert_eq!(
        (sound.file.as_str(), sound.duration_ms, sound.truncated),
        ("0000000000000001.wav", 42_000, true)
    );
    assert_eq!(all(&store)[0].voicemail.as_deref(), Some("0000000000000001.wav"));
}

#[test]
fn a_recording_that_held_nothing_is_no_message() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    let story = Story::of(1).greeted().routed(policy(&["pager"])).fact(Fact::NobodyAnswered).recording();
    run(&store, story.records);
    let left = store.reconcile(at(3600)).unwrap();
    let recording: &Unfinished = &left.recordings[0];
    store.recording_recovered(recording, 0, false).unwrap();
    assert!(notices(&store).iter().all(|notice| notice.voicemail.is_none()));
}

fn resolve(store: &Store, now: Timestamp) {
    store.incident_fact(CallId(1), now, &Fact::Resolved { by: "anna".to_owned() }).unwrap();
}

#[test]
fn who_was_told_hears_of_the_end_and_who_was_not_hears_nothing_at_all() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::missed(1, &["pager", "chat"]).records);
    let first = store.reader().outbox_heads("pager").unwrap()[0].id;
    assert!(store.outbox_try(first).unwrap());
    store.outbox_settle(first, &Settled::Sent, at(60)).unwrap();
    resolve(&store, at(61));
    let line = |target: &str, event, state| (target.to_owned(), event, state);
    assert_eq!(
        told(&store),
        [
            line("pager", Event::Trigger, OutboxState::Sent),
            line("chat", Event::Trigger, OutboxState::Withdrawn),
            line("pager", Event::Resolve, OutboxState::Waiting),
        ]
    );
    assert_eq!(notices(&store)[2].by.as_deref(), Some("Anna Schmidt"));
}

#[test]
fn what_was_tried_may_have_arrived_and_is_followed_by_the_end() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::missed(1, &["pager"]).records);
    let first = store.reader().outbox_heads("pager").unwrap()[0].id;
    assert!(store.outbox_try(first).unwrap());
    resolve(&store, at(61));
    let states: Vec<_> = told(&store).into_iter().map(|(_, event, state)| (event, state)).collect();
    assert_eq!(states, [(Event::Trigger, OutboxState::Waiting), (Event::Resolve, OutboxState::Waiting)]);
    assert_eq!(store.reader().outbox_heads("pager").unwrap()[0].id, first, "in order");
}

/// The trigger is on its way, and what is written next bears an earlier time than it: the clock was set back, or the
/// journal got to the disk late.
fn told_before_its_time(store: &Store) -> i64 {
    run(store, Story::missed(1, &["pager"]).records);
    let trigger = store.reader().outbox_heads("pager").unwrap()[0].id;
    assert!(store.outbox_try(trigger).unwrap());
    store.outbox_settle(trigger, &Settled::Sent, at(60)).unwrap();
    trigger
}

#[test]
fn who_was_told_hears_of_the_end_though_the_clock_was_set_back() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    told_before_its_time(&store);
    resolve(&store, at(-3600));
    let events: Vec<_> = told(&store).into_iter().map(|(_, event, state)| (event, state)).collect();
    assert_eq!(events, [(Event::Trigger, OutboxState::Sent), (Event::Resolve, OutboxState::Waiting)]);
}

#[test]
fn who_was_told_is_not_told_to_come_a_second_time_for_what_bears_an_earlier_time() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    told_before_its_time(&store);
    let note = Fact::Noted { by: "anna".to_owned(), text: "I look into it".to_owned() };
    store.incident_fact(CallId(1), at(-1), &note).unwrap();
    let events: Vec<_> = told(&store).into_iter().map(|(_, event, _)| event).collect();
    assert_eq!(events, [Event::Trigger, Event::Update]);
}

#[test]
fn a_damaged_entry_of_the_outbox_keeps_nobody_from_hearing_of_the_end() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    told_before_its_time(&store);
    let database = rusqlite::Connection::open(scratch.path().join("nightbell.db")).unwrap();
    let damaged = "INSERT INTO outbox (target, notice_id, dedup_key, incident_id, call_id, notice, created_at, wanted_at, due_at)
                   SELECT 'chat', 'x', dedup_key, incident_id, call_id, '{', created_at, wanted_at, due_at FROM outbox";
    database.execute(damaged, []).unwrap();
    drop(database);
    resolve(&store, at(61));
    let heads = store.reader().outbox_heads("pager").unwrap();
    assert_eq!(heads.len(), 1, "the end waits to be told");
}

#[test]
fn an_incident_is_opened_by_hand_for_any_call_and_nobody_is_told() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::of(1).greeted().ended(Outcome::Blocked).records);
    store.incident_fact(CallId(1), at(60), &Fact::OpenedByHand { person: "anna".to_owned() }).unwrap();
    let [incident] = &all(&store)[..] else { panic!("one incident") };
    assert_eq!((incident.status, incident.acknowledged_by.as_deref()), (Status::Acknowledged, Some("anna")));
    assert_eq!(incident.assigned, ["anna"]);
    assert_eq!(told(&store), []);
}

#[test]
fn the_list_is_of_what_is_not_over_newest_first() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    for call in 1..=3 {
        run(&store, Story::missed(call, &[]).records);
    }
    resolve(&store, at(100));
    let ids = |filter: &IncidentFilter| -> Vec<i64> {
        store.reader().incidents(filter).unwrap().iter().map(|incident| incident.id).collect()
    };
    let filter = IncidentFilter::default();
    assert_eq!(ids(&filter), [3, 2]);
    assert_eq!(ids(&IncidentFilter { status: Some(Status::Resolved), ..filter.clone() }), [1]);
    assert_eq!(ids(&IncidentFilter { hotline: Some("another".to_owned()), ..filter.clone() }), [0; 0]);
    assert_eq!(ids(&IncidentFilter { route: Some("Production".to_owned()), ..filter.clone() }), [3, 2]);
    assert_eq!(ids(&IncidentFilter { since: Some(at(3600)), ..filter.clone() }), [0; 0]);
    assert_eq!(ids(&IncidentFilter { limit: Some(1), all: true, ..filter }), [3]);
}

#[test]
fn the_log_of_calls_names_the_incident_and_says_where_maintenance_kept_one_back() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, Story::missed(1, &["pager"]).records);
    let (kind, from, until) = (QuietKind::Maintenance, at(-60), Some(at(60)));
    let maintenance = NewQuietTime { kind, hotline: None, route: None, from, until, reason: None };
    store.add_quiet_time(&maintenance).unwrap();
    run(&store, Story::missed(2, &["pager"]).records);
    run(&store, Story::of(3).greeted().ended(Outcome::Missed).records);

    let calls = store.reader().calls(&CallFilter::default()).unwrap();
    let of = |call: u64| {
        let row = calls.iter().find(|row| row.id == CallId(call)).unwrap();
        (row.incident, row.incident_status, row.suppressed_at.is_some())
    };
    assert_eq!(of(1), (Some(1), Some(Status::Triggered), false));
    assert_eq!(of(2), (None, None, true), "maintenance");
    assert_eq!(of(3), (None, None, false), "the caller got to no route");
}
