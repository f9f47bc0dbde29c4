//! Chases and people's own ways as the store keeps them: with the facts they come of, and over restarts.

use jiff::Timestamp;
use nightbell::call::CallId;
use nightbell::call::journal::Outcome;
use nightbell::incident::chase::{Came, Chasing, Level, Turn};
use nightbell::incident::{Event, Fact, Policy};
use nightbell::oncall::OncallFile;
use nightbell::store::{Finds, OutboxFilter, OutboxState, Settled, Store, WayTarget};

use crate::scratch::Scratch;
use crate::story::{Story, at, policy, run};

/// Anna is told by mail and pager, Bob is phoned alone.
const PEOPLE: &str = r#"
[[people]]
id = "anna"
phones = ["sip:anna@10.1.2.3", "+4915100000001"]
email = "anna@acme.example"
notify = ["phone", "email", "sms", "pager", "nowhere"]
[[people]]
id = "bob"
phones = ["+4915100000002"]
"#;

fn open(scratch: &Scratch) -> Store {
    let store = Store::open(scratch.path()).unwrap();
    people(&store, PEOPLE);
    let way =
        |way: &str, target: &str, finds| WayTarget { way: way.to_owned(), target: target.to_owned(), finds };
    let ways = [
        way("email", "mail", Finds::Email),
        way("sms", "gateway", Finds::Number),
        way("pager", "pager", Finds::Everybody),
    ];
    store.set_ways(&ways).unwrap();
    store
}

fn people(store: &Store, file: &str) {
    let (roster, problems) = toml::from_str::<OncallFile>(file).unwrap().compile();
    assert!(problems.is_empty(), "{problems:?}");
    store.apply_roster(&roster, false).unwrap();
}

fn missed(call: u64) -> Story {
    let wanted = Policy { chase: true, ..policy(&["chat"]) };
    let story = Story::of(call).greeted().routed(wanted).dial(2, "anna");
    story.fact(Fact::NobodyAnswered).ended(Outcome::Missed)
}

/// What is in the outbox for people in person: target, event, address, state.
fn in_person(store: &Store) -> Vec<(String, Event, Option<String>, OutboxState)> {
    let filter = OutboxFilter { all: true, ..OutboxFilter::default() };
    let entries = store.reader().outbox(&filter).unwrap().into_iter();
    let mut told: Vec<_> = entries
        .filter_map(|entry| {
            let notice = entry.notice.unwrap();
            notice.to.map(|to| (entry.target, notice.event, to.address, entry.state))
        })
        .collect();
    told.sort_by_key(|(target, event, ..)| (target.clone(), *event));
    told
}

/// Everything that waits is sent.
fn send(store: &Store, only: &str) {
    let filter = OutboxFilter { target: Some(only.to_owned()), ..OutboxFilter::default() };
    for entry in store.reader().outbox(&filter).unwrap() {
        assert!(store.outbox_try(entry.id).unwrap());
        store.outbox_settle(entry.id, &Settled::Sent, at(60)).unwrap();
    }
}

fn fact(store: &Store, fact: Fact) {
    store.incident_fact(CallId(1), at(90), &fact).unwrap();
}

fn address(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn whoever_is_on_an_incident_is_told_by_each_way_of_their_own_that_leads_somewhere() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, missed(1).records);
    let (trigger, waiting) = (Event::Trigger, OutboxState::Waiting);
    assert_eq!(
        in_person(&store),
        [
            ("gateway".to_owned(), trigger, address("+4915100000001"), waiting),
            ("mail".to_owned(), trigger, address("anna@acme.example"), waiting),
            ("pager".to_owned(), trigger, None, waiting),
        ]
    );
}

#[test]
fn when_somebody_has_taken_it_on_those_who_were_told_hear_of_it_and_the_others_hear_nothing() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, missed(1).records);
    send(&store, "mail");
    fact(&store, Fact::Acknowledged { by: "bob".to_owned() });
    let (sent, waiting, withdrawn) = (OutboxState::Sent, OutboxState::Waiting, OutboxState::Withdrawn);
    assert_eq!(
        in_person(&store),
        [
            ("gateway".to_owned(), Event::Trigger, address("+4915100000001"), withdrawn),
            ("mail".to_owned(), Event::Trigger, address("anna@acme.example"), sent),
            ("mail".to_owned(), Event::Acknowledge, address("anna@acme.example"), waiting),
            ("pager".to_owned(), Event::Trigger, None, withdrawn),
        ]
    );
}

#[test]
fn whoever_is_not_available_or_names_no_other_way_than_the_phone_is_told_nothing() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    people(&store, &PEOPLE.replace("notify = [", "available = false\nnotify = ["));
    run(&store, missed(1).records);
    assert_eq!(in_person(&store), []);
    people(&store, &PEOPLE.replace(", \"email\", \"sms\", \"pager\", \"nowhere\"", ""));
    run(&store, missed(2).records);
    assert_eq!(in_person(&store), []);
}

const HOW: Chasing = Chasing { wait: std::time::Duration::from_secs(300), repeat: 0, phone: true };

fn levels() -> Vec<Level> {
    let level = |number, person: &str| Level { number, after: None, people: vec![person.to_owned()] };
    vec![level(1, "anna"), level(2, "bob")]
}

#[test]
fn a_chase_begins_with_the_end_of_the_call_and_goes_on_where_it_was_after_a_restart() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, missed(1).records);
    let mut chase = store.reader().chases().unwrap().remove(0);
    assert_eq!((chase.incident, chase.call), (1, CallId(1)));

    let now = chase.due_at;
    assert!(matches!(chase.progress.next(now, &levels(), &HOW), Turn::Begin { level: 1, .. }));
    assert_eq!(chase.progress.next(now, &levels(), &HOW), Turn::Person("anna".to_owned()));
    chase.progress.came(now, Came::Next);
    assert!(store.chase_came(&chase, "anna was phoned", now).unwrap());
    drop(store);

    let store = open(&scratch);
    let mut kept = store.reader().chases().unwrap().remove(0);
    assert_eq!(kept.progress, chase.progress);
    assert!(matches!(kept.progress.next(now, &levels(), &HOW), Turn::Begin { level: 2, .. }));
    let (_, log) = store.reader().incident(1).unwrap().unwrap();
    assert!(log.iter().any(|line| line.kind == "phoned" && line.detail == "anna was phoned"), "{log:?}");
}

#[test]
fn a_chase_stops_in_the_moment_in_which_somebody_takes_the_incident_on() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    run(&store, missed(1).records);
    let chase = store.reader().chases().unwrap().remove(0);
    assert!(store.reader().chase_runs(&chase).unwrap());
    fact(&store, Fact::Acknowledged { by: "bob".to_owned() });
    assert!(!store.reader().chase_runs(&chase).unwrap());
    assert!(store.reader().chases().unwrap().is_empty());
    assert!(
        !store.chase_turn(&chase, "anna", "It is your turn.", at(91)).unwrap(),
        "nobody is rung any more"
    );
    assert!(!store.chase_came_to(&chase).unwrap(), "what has stopped is not begun again");
}

#[test]
fn at_their_turn_people_are_told_by_their_own_ways_once_a_round() {
    let scratch = Scratch::new();
    let store = open(&scratch);
    // Nobody of the first level is told by a way of their own.
    people(&store, &PEOPLE.replace("id = \"bob\"", "id = \"bob\"\nnotify = [\"pager\"]"));
    run(&store, missed(1).records);
    let chase = store.reader().chases().unwrap().remove(0);
    let before = in_person(&store).len();
    let turn = |person: &str| store.chase_turn(&chase, person, "It is your turn.", Timestamp::now()).unwrap();
    assert!(turn("anna"));
    assert_eq!(in_person(&store).len(), before, "she was told when it began");
    assert!(turn("bob") && turn("bob"));
    let told = in_person(&store);
    assert_eq!(told.len(), before + 1, "{told:?}");
}
