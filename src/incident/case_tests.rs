//! What comes of calls, told as lists of facts; and what holds whatever the facts are.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    Abandoned, Answered, Assign, Case, Effect, Ending, Event, Fact, Known, Message, Moment, NotifyWhen,
    Party, Policy, Quiet, Routed, Severity, Status, Tell, Unanswered,
};

fn policy(open: &[Moment]) -> Policy {
    Policy {
        open: open.iter().copied().collect(),
        answered: Answered::ResolveAtEnd,
        notify: vec!["pager".to_owned()],
        ..Policy::never()
    }
}

fn nightbell() -> Policy {
    policy(&[Moment::Voicemail, Moment::NoAnswer, Moment::Accept])
}

fn routed(policy: Policy) -> Fact {
    Fact::Routed(Box::new(Routed {
        hotline: "Acme".to_owned(),
        number: "+4930123456".to_owned(),
        route: "Production".to_owned(),
        started_at: at(0),
        caller: "+4915155500".to_owned(),
        caller_name: None,
        first_level: vec!["anna".to_owned(), "bob".to_owned()],
        policy,
    }))
}

fn rung(person: &str) -> Fact {
    Fact::Rung { person: person.to_owned() }
}

fn accepted(person: &str) -> Fact {
    Fact::Accepted { person: person.to_owned() }
}

fn message() -> Fact {
    let file = "0000000000000001.wav".to_owned();
    Fact::MessageKept(Message { file, duration_ms: 42_000, truncated: false })
}

fn ended(outcome: &str) -> Fact {
    let (outcome, reason) = (outcome.to_owned(), "the caller hung up".to_owned());
    Fact::Ended(Ending { outcome, reason, abandoned: false })
}

fn gave_up() -> Fact {
    let (outcome, reason) = ("missed".to_owned(), "the caller hung up".to_owned());
    Fact::Ended(Ending { outcome, reason, abandoned: true })
}

fn acknowledged(by: &str) -> Fact {
    Fact::Acknowledged { by: by.to_owned() }
}

fn resolved(by: &str) -> Fact {
    Fact::Resolved { by: by.to_owned() }
}

fn noted(text: &str) -> Fact {
    Fact::Noted { by: "anna".to_owned(), text: text.to_owned() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

/// A case with facts a minute apart, and what followed from each, in short.
struct Told {
    case: Case,
    minute: i64,
    said: Vec<String>,
}

impl Told {
    fn of(policy: Policy) -> Self {
        Self { case: Case::of("1"), minute: 0, said: Vec::new() }.then(routed(policy))
    }

    fn then(self, fact: Fact) -> Self {
        self.during(&Quiet::default(), fact)
    }

    fn during(mut self, quiet: &Quiet, fact: Fact) -> Self {
        let now = at(self.minute * 60);
        for effect in self.case.take(now, &fact, quiet) {
            let in_short = match effect {
                Effect::Changed | Effect::Logged { .. } => continue,
                Effect::Tell(Tell { event, due, .. }) if due > now => {
                    format!("{event} at {}", due.as_second() / 60)
                }
                Effect::Tell(Tell { event, by, .. }) => {
                    by.map_or_else(|| event.to_string(), |by| format!("{event} by {by}"))
                }
                Effect::Withdraw => "withdraw".to_owned(),
                Effect::Chase { from } => format!("chase at {}", from.as_second() / 60),
                Effect::StopChase => "stop".to_owned(),
                Effect::Suppressed => "suppressed".to_owned(),
            };
            self.said.push(format!("{}: {in_short}", self.minute));
        }
        self.minute += 1;
        self
    }

    fn all(self, facts: impl IntoIterator<Item = Fact>) -> Self {
        facts.into_iter().fold(self, Self::then)
    }

    fn status(&self) -> &'static str {
        self.case.incident().map_or("none", |incident| incident.status.as_str())
    }

    fn people(&self) -> Vec<&str> {
        self.case.incident().iter().flat_map(|incident| &incident.people).map(String::as_str).collect()
    }

    fn title(&self) -> &str {
        self.case.incident().map_or("", |incident| incident.title.as_str())
    }
}

#[test]
fn a_call_nobody_answers_is_told_of_and_the_message_is_added() {
    let told = Told::of(nightbell()).all([rung("anna"), Fact::NobodyAnswered]);
    assert_eq!(told.title(), "Missed call from +4915155500 on Production (Acme)");
    let told = told.all([message(), ended("voicemail")]);
    assert_eq!(told.said, ["2: trigger", "3: update"]);
    assert_eq!(told.title(), "Voicemail of 42 s from +4915155500 on Production (Acme)");
    assert_eq!((told.status(), told.people()), ("triggered", vec!["anna", "bob"]));
}

#[test]
fn the_log_of_an_incident_tells_what_happened_in_the_call() {
    let mut case = Case::of("1");
    let mut log = Vec::new();
    let call = policy(&[Moment::Call]);
    let facts = [
        routed(call),
        accepted("anna"),
        Fact::NobodyAnswered,
        message(),
        ended("accepted"),
        acknowledged("bob"),
        noted("a disk"),
        resolved("bob"),
    ];
    for (fact, second) in facts.iter().zip(0..) {
        for effect in case.take(at(second), fact, &Quiet::default()) {
            if let Effect::Logged { by, kind, detail } = effect {
                log.push(format!("{kind} {}: {detail}", by.unwrap_or_default()));
            }
        }
    }
    assert_eq!(
        log,
        [
            "opened : Somebody calls.",
            "call anna: The call was accepted.",
            "call : The call was answered. Then the caller was left alone.",
            "message : A message of 42 s was left.",
            "acknowledged bob: taken on",
            "note anna: a disk",
            "resolved bob: resolved",
        ]
    );
}

#[test]
fn an_answered_call_is_written_when_it_is_over_resolved_already_and_nobody_is_told() {
    let told = Told::of(nightbell()).all([rung("bob"), accepted("bob")]);
    assert_eq!(told.status(), "none", "nothing is written during the talk");
    let told = told.then(Fact::BridgeEnded);
    assert_eq!(told.status(), "resolved");
    let told = told.then(ended("accepted"));
    assert_eq!(told.said, Vec::<String>::new());
    assert_eq!(told.title(), "Answered call from +4915155500 on Production (Acme)");
    assert_eq!(told.case.incident().unwrap().resolved.as_ref().unwrap().by, "bob");
}

#[test]
fn an_answered_call_may_be_left_open_and_is_then_told() {
    let open = Policy { answered: Answered::Open, ..nightbell() };
    let told = Told::of(open).all([accepted("bob"), Fact::BridgeEnded, ended("accepted")]);
    assert_eq!((told.status(), told.said), ("triggered", vec!["2: trigger".to_owned()]));
}

#[test]
fn a_call_that_was_told_at_its_begin_is_taken_on_by_whoever_answers() {
    let call =
        Policy { answered: Answered::Acknowledge, assign: Assign::Answerer, ..policy(&[Moment::Call]) };
    let told = Told::of(call).all([rung("anna"), rung("bob"), accepted("bob"), accepted("carla")]);
    assert_eq!((told.status(), told.people()), ("acknowledged", vec!["bob", "carla"]));
    let told = told.all([Fact::BridgeEnded, ended("accepted")]);
    assert_eq!(
        (told.status(), told.said.join(", ").as_str()),
        ("acknowledged", "0: trigger, 3: acknowledge by bob")
    );
}

#[test]
fn where_an_answered_call_has_no_incident_one_that_is_there_is_taken_on_and_then_resolved() {
    let none = Policy { answered: Answered::None, ..policy(&[Moment::Call]) };
    let told = Told::of(none.clone()).all([accepted("bob"), Fact::BridgeEnded]);
    assert_eq!(told.said.join(", "), "0: trigger, 1: acknowledge by bob, 2: withdraw, 2: resolve by bob");
    let held = Policy { notify_when: NotifyWhen::After(600_000), ..none };
    let told = Told::of(held).all([accepted("bob"), Fact::BridgeEnded]);
    assert_eq!((told.status(), told.said.join(", ").as_str()), ("resolved", "0: trigger at 10, 1: withdraw"));
}

#[test]
fn who_is_told_later_is_not_told_when_somebody_answers_before() {
    let later = Policy { notify_when: NotifyWhen::After(120_000), ..policy(&[Moment::Call]) };
    let told = Told::of(later.clone()).all([accepted("bob"), Fact::BridgeEnded, ended("accepted")]);
    assert_eq!(told.said, ["0: trigger at 2", "1: withdraw"]);
    let told = Told::of(later.clone()).all([acknowledged("bob"), resolved("bob")]);
    assert_eq!(told.said, ["0: trigger at 2", "1: withdraw"]);
    let abandoned = Policy { abandoned: Abandoned::Resolve, ..later };
    let told = Told::of(abandoned).then(gave_up());
    assert_eq!((told.status(), told.said.join(", ").as_str()), ("resolved", "0: trigger at 2, 1: withdraw"));
}

#[test]
fn what_is_told_later_holds_what_is_known_then() {
    let later = Policy { notify_when: NotifyWhen::After(600_000), ..policy(&[Moment::Call]) };
    let told = Told::of(later).all([Fact::NobodyAnswered, message()]);
    assert_eq!(
        told.said,
        ["0: trigger at 10", "1: withdraw", "1: trigger at 10", "2: withdraw", "2: trigger at 10"]
    );
}

#[test]
fn where_only_a_message_counts_nobody_is_told_before_there_is_one() {
    let only = Policy { notify_when: NotifyWhen::Voicemail, ..policy(&[Moment::Call]) };
    let told = Told::of(only.clone()).all([rung("anna"), Fact::NobodyAnswered, ended("missed")]);
    assert_eq!((told.status(), told.said), ("triggered", Vec::new()));
    let told = Told::of(only).all([rung("anna"), Fact::NobodyAnswered, message()]);
    assert_eq!(told.said, ["3: trigger"]);
}

#[test]
fn the_incident_of_a_caller_who_gives_up_is_resolved_kept_or_never_there() {
    let opened = |abandoned, moment| {
        let told = Told::of(Policy { abandoned, ..policy(&[moment]) }).all([rung("anna"), gave_up()]);
        (told.status(), told.said.join(", "))
    };
    assert_eq!(opened(Abandoned::Keep, Moment::NoAnswer), ("triggered", "2: trigger".to_owned()));
    assert_eq!(opened(Abandoned::Resolve, Moment::NoAnswer), ("resolved", String::new()));
    assert_eq!(opened(Abandoned::None, Moment::NoAnswer), ("none", String::new()));
    let told = "0: trigger, 2: withdraw, 2: resolve by caller".to_owned();
    assert_eq!(opened(Abandoned::None, Moment::Call), ("resolved", told.clone()));
    assert_eq!(opened(Abandoned::Resolve, Moment::Call), ("resolved", told));
    assert_eq!(opened(Abandoned::Keep, Moment::Call), ("triggered", "0: trigger, 2: update".to_owned()));
}

#[test]
fn a_message_makes_nobody_one_who_gave_up() {
    let gone = Policy { abandoned: Abandoned::None, ..nightbell() };
    let told = Told::of(gone).all([message(), gave_up()]);
    assert_eq!((told.status(), told.said), ("triggered", vec!["1: trigger".to_owned()]));
}

#[test]
fn an_unanswered_call_may_be_resolved_at_its_end_or_told_again() {
    let over = Policy { unanswered: Unanswered::ResolveAtEnd, ..policy(&[Moment::Call]) };
    let told = Told::of(over).all([Fact::NobodyAnswered, ended("missed")]);
    assert_eq!(told.said, ["0: trigger", "1: update", "2: withdraw", "2: resolve by call"]);
    let again = Policy { unanswered: Unanswered::EscalateAgain, chase: true, ..policy(&[Moment::Call]) };
    let told = Told::of(again).all([Fact::NobodyAnswered, message(), ended("voicemail")]);
    assert_eq!(told.said, ["0: trigger", "1: update", "2: update", "3: chase at 3"]);
    let told = told.then(acknowledged("bob"));
    assert_eq!(told.said.last().map(String::as_str), Some("4: acknowledge by bob"));
    assert!(told.said.contains(&"4: stop".to_owned()));
}

#[test]
fn a_call_that_a_crash_cut_off_is_one_that_nobody_answered() {
    let told = Told::of(nightbell()).all([rung("anna"), ended("failed")]);
    assert_eq!((told.status(), told.said), ("triggered", vec!["2: trigger".to_owned()]));
    let told = Told::of(nightbell()).all([rung("anna"), ended("failed"), message()]);
    assert_eq!(told.said, ["2: trigger", "3: update"], "its message is found later");
    let told = Told::of(nightbell()).all([accepted("anna"), ended("accepted")]);
    assert_eq!((told.status(), told.said), ("resolved", Vec::new()));
}

#[test]
fn a_message_after_a_talk_is_not_lost() {
    for answered in Answered::ALL {
        let policy = Policy { answered: *answered, ..nightbell() };
        let told =
            Told::of(policy).all([accepted("anna"), Fact::NobodyAnswered, message(), ended("accepted")]);
        assert!(told.said.iter().any(|said| said.ends_with("trigger")), "{answered}: {:?}", told.said);
        assert_ne!(told.status(), "resolved", "{answered}");
    }
}

#[test]
fn an_incident_opened_by_hand_is_taken_on_already_and_nobody_is_told() {
    let by_hand = || Fact::OpenedByHand { person: "carla".to_owned() };
    let none = Policy { answered: Answered::None, ..nightbell() };
    let told = Told::of(none).all([accepted("carla"), Fact::BridgeEnded, ended("accepted"), by_hand()]);
    assert_eq!((told.status(), told.said.len()), ("acknowledged", 0));
    assert!(told.people().contains(&"carla"));
    let told = told.all([noted("a disk"), resolved("carla")]);
    assert_eq!((told.status(), told.said.len()), ("resolved", 0));
    let blocked = Routed::nowhere("Acme".to_owned(), "+4930".to_owned(), "anonymous".to_owned(), at(0));
    let mut case = Case::of("2");
    case.take(at(0), &Fact::Routed(Box::new(blocked)), &Quiet::default());
    case.take(at(1), &by_hand(), &Quiet::default());
    assert_eq!(case.incident().unwrap().title, "Call from a withheld number on Acme");
}

#[test]
fn during_maintenance_no_incident_is_opened_and_the_call_knows_it() {
    let maintenance = Quiet { maintenance: true, ..Quiet::default() };
    let told = Told::of(nightbell()).during(&maintenance, Fact::NobodyAnswered);
    let told = told.during(&maintenance, message()).during(&maintenance, ended("voicemail"));
    assert_eq!((told.status(), told.said), ("none", vec!["1: suppressed".to_owned()]));
    assert_eq!(told.case.suppressed(), Some(at(60)));
}

#[test]
fn what_is_muted_is_told_to_nobody_until_it_is_not_muted_any_more() {
    let muted = Quiet { muted: true, ..Quiet::default() };
    let told = Told::of(Policy { chase: true, ..nightbell() }).during(&muted, Fact::NobodyAnswered);
    let told = told.all([message(), ended("voicemail")]);
    assert_eq!((told.status(), told.said.len()), ("triggered", 0));
    let told = told.then(Fact::Muted { by: "anna".to_owned(), on: false });
    assert_eq!(told.said, ["4: trigger", "4: chase at 4"]);
}

#[test]
fn what_is_snoozed_is_told_at_the_end_of_the_snooze_unless_it_is_over_by_then() {
    let snooze = Quiet { snoozed_until: Some(at(3600)), ..Quiet::default() };
    let chased = Policy { chase: true, ..nightbell() };
    let told = Told::of(chased).during(&snooze, Fact::NobodyAnswered).then(ended("missed"));
    assert_eq!(told.said, ["1: trigger at 60", "2: chase at 60"]);
    let told = told.then(resolved("anna"));
    assert_eq!(told.said[2..], ["3: stop", "3: withdraw"]);
}

#[test]
fn a_snooze_of_one_incident_puts_off_what_was_not_told_and_the_chase() {
    let chased = Policy { chase: true, ..nightbell() };
    let snoozed = |minutes: i64| Fact::Snoozed { by: "anna".to_owned(), until: Some(at(minutes * 60)) };
    let told = Told::of(chased).all([Fact::NobodyAnswered, ended("missed"), snoozed(90)]);
    assert_eq!(told.said, ["1: trigger", "2: chase at 2", "3: stop", "3: chase at 90"]);
    let again = told.then(Fact::Snoozed { by: "anna".to_owned(), until: None });
    assert_eq!(again.said[4..], ["4: stop", "4: chase at 4"]);
}

#[test]
fn people_see_who_is_on_it_what_was_said_and_where() {
    let mut told = Told::of(nightbell()).all([Fact::NobodyAnswered, message()]);
    let tell = Tell {
        event: Event::Update,
        due: at(1),
        text: "new".to_owned(),
        by: Some("anna".to_owned()),
        number: 2,
    };
    let anna = Party { id: "anna".to_owned(), name: "Anna Schmidt".to_owned(), email: None };
    told.case.take(at(500), &Fact::Transcribed { text: "the disk is full".to_owned() }, &Quiet::default());
    let known = Known { incident: 7, people: &[anna], link: None };
    let notice = told.case.notice(&tell, at(1), &known).unwrap();
    assert_eq!((notice.id.as_str(), notice.dedup_key.as_str()), ("hotline-1-2", "hotline-1"));
    assert_eq!((notice.by.as_deref(), notice.incident.as_deref()), (Some("Anna Schmidt"), Some("7")));
    let assigned: Vec<_> = notice.assigned.iter().map(|party| party.name.as_str()).collect();
    assert_eq!(assigned, ["Anna Schmidt", "bob"], "whom we do not know is called by the id");
    assert_eq!(notice.transcript.as_deref(), Some("the disk is full"));
    assert_eq!(notice.voicemail.unwrap().duration_ms, 42_000);
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let when = prop_oneof![
        Just(NotifyWhen::AtOnce),
        (0..900_000_u64).prop_map(NotifyWhen::After),
        Just(NotifyWhen::Voicemail),
    ];
    let open = vec(select(Moment::ALL), 0..4).prop_map(BTreeSet::from_iter);
    let ends = (select(Answered::ALL), select(Unanswered::ALL), select(Abandoned::ALL), select(Assign::ALL));
    (open, when, ends, any::<bool>()).prop_map(|(open, notify_when, ends, chase)| {
        let (answered, unanswered, abandoned, assign) = ends;
        let severity = Severity::Warning;
        Policy { open, notify_when, answered, unanswered, abandoned, assign, severity, chase, ..nightbell() }
    })
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let person = || select(&["anna", "bob"][..]).prop_map(str::to_owned);
    let until = prop::option::of((0..3600_i64).prop_map(at));
    let from_outside = prop_oneof![
        person().prop_map(|by| Fact::Acknowledged { by }),
        person().prop_map(|by| Fact::Resolved { by }),
        person().prop_map(|person| Fact::OpenedByHand { person }),
        (person(), any::<bool>()).prop_map(|(by, on)| Fact::Muted { by, on }),
        (person(), until).prop_map(|(by, until)| Fact::Snoozed { by, until }),
        Just(noted("a disk")),
        Just(Fact::Transcribed { text: "it burns".to_owned() }),
        Just(Fact::Escalated { people: vec!["carla".to_owned()], level: 1 }),
    ];
    prop_oneof![
        3 => person().prop_map(|person| Fact::Rung { person }),
        3 => person().prop_map(|person| Fact::Accepted { person }),
        3 => Just(Fact::NobodyAnswered),
        2 => Just(Fact::BridgeEnded),
        3 => Just(message()),
        2 => select(&["accepted", "voicemail", "missed", "failed"][..]).prop_map(ended),
        1 => Just(gave_up()),
        6 => from_outside,
    ]
}

fn any_quiet() -> impl Strategy<Value = Quiet> {
    let snoozed = prop::option::weighted(0.2, (0..3600_i64).prop_map(at));
    (prop::bool::weighted(0.1), prop::bool::weighted(0.1), snoozed)
        .prop_map(|(maintenance, muted, snoozed_until)| Quiet { maintenance, muted, snoozed_until })
}

/// What targets have been told, kept as an outbox would.
#[derive(Default)]
struct Outbox {
    /// When the trigger that counts is due.
    trigger: Option<Timestamp>,
    acknowledges: usize,
    resolves: usize,
    numbers: BTreeSet<u32>,
}

impl Outbox {
    fn take(&mut self, now: Timestamp, effect: &Effect) {
        match effect {
            Effect::Withdraw => _ = self.trigger.take_if(|due| *due > now),
            Effect::Tell(tell) => {
                assert!(self.numbers.insert(tell.number), "each notice has a number of its own");
                assert!(tell.due >= now);
                match tell.event {
                    Event::Trigger => {
                        assert_eq!(self.trigger.replace(tell.due), None, "one trigger at a time");
                        assert_eq!(self.resolves, 0, "nobody is told to come when it is over");
                    }
                    Event::Acknowledge => self.acknowledges += 1,
                    Event::Resolve => self.resolves += 1,
                    Event::Update => {}
                }
                let told = self.trigger.is_some_and(|due| due <= now);
                assert!(tell.event == Event::Trigger || told, "{:?} of what was never told", tell.event);
            }
            _ => {}
        }
        assert!(self.acknowledges <= 1 && self.resolves <= 1);
    }
}

proptest! {
    #[test]
    fn whatever_happens_what_is_told_is_in_order(
        policy in any_policy(),
        facts in vec((any_fact(), any_quiet(), 0..300_i64), 0..25),
    ) {
        let mut case = Case::of("1");
        let (mut outbox, mut now, mut chased) = (Outbox::default(), 0, false);
        let facts = std::iter::once((routed(policy), Quiet::default(), 0)).chain(facts);
        for (fact, quiet, seconds) in facts {
            now += seconds;
            let (before, was_there) = (case.clone(), case.incident().is_some());
            let effects = case.take(at(now), &fact, &quiet);
            let incident = case.incident();
            prop_assert!(!was_there || incident.is_some(), "an incident never goes");
            for effect in &effects {
                prop_assert!(incident.is_some() || *effect == Effect::Suppressed, "{effect:?} of nothing");
                outbox.take(at(now), effect);
                match effect {
                    Effect::Chase { .. } => prop_assert!(!std::mem::replace(&mut chased, true)),
                    Effect::StopChase => prop_assert!(std::mem::take(&mut chased)),
                    _ => {}
                }
                let quiet = incident.is_some_and(|incident| incident.muted);
                let calls = matches!(effect, Effect::Chase { .. })
                    || matches!(effect, Effect::Tell(tell) if tell.event == Event::Trigger);
                prop_assert!(!(quiet && calls), "nobody is called for what is muted");
            }
            let row = |case: &Case| case.incident().map(|it| {
                (it.status, it.title.clone(), it.people.clone(), it.muted, it.snoozed_until)
            });
            let changed = effects.first() == Some(&Effect::Changed);
            prop_assert!(changed || row(&before) == row(&case), "a change of the row is told");
            if let Some(incident) = before.incident().filter(|incident| incident.status == Status::Resolved) {
                prop_assert_eq!(&incident.resolved, &case.incident().unwrap().resolved, "resolved is final");
            }
            if let Some(incident) = incident {
                let held = outbox.trigger.is_some_and(|due| due > at(now));
                let over = incident.muted || incident.status == Status::Resolved;
                prop_assert!(!(held && over), "what is over or muted is not told later");
                prop_assert!(!chased || incident.status == Status::Triggered, "who has it is left in peace");
            }
            let again = case.take(at(now), &fact, &quiet);
            let changes_again = !matches!(fact, Fact::Transcribed { .. });
            prop_assert!(!changes_again || again.is_empty(), "{fact:?} came twice: {again:?}");
            let kept: Case = serde_json::from_str(&serde_json::to_string(&case).unwrap()).unwrap();
            prop_assert_eq!(&kept, &case);
        }
    }

    #[test]
    fn a_call_that_ended_unanswered_always_leaves_something_that_is_told(
        policy in any_policy(),
        facts in vec(prop_oneof![Just(rung("anna")), Just(Fact::NobodyAnswered), Just(message())], 0..5),
    ) {
        let policy = Policy { open: BTreeSet::from([Moment::NoAnswer]), unanswered: Unanswered::Keep, notify_when: NotifyWhen::AtOnce, ..policy };
        let told = Told::of(policy).all(facts).then(ended("failed"));
        prop_assert_eq!(told.status(), "triggered");
        prop_assert_eq!(told.said.iter().filter(|said| said.ends_with("trigger")).count(), 1);
    }
}
