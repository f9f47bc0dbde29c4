//! What comes of a call beside it, where a call takes unusual ways; and what each service does, written from what
//! its documents say. Where they are silent, nothing is expected here.

use nightbell::call::journal::Outcome;
use nightbell::incident::{Event, Quiet};

use crate::aftermath::Aftermath;
use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{
    Caller, Deed, Sign, accepts_after, after, answers_after, caller, during, is_busy, rings_out, secs, upon,
};
use crate::told::Told;

use Event::{Acknowledge, Resolve, Trigger, Update};

const LEVELS: &str = r#"[["person:anna", "person:bob"], ["person:carla"]]"#;

/// A hotline that does as this service does.
fn of(preset: &str, more: &str) -> String {
    one_route(LEVELS, more).replace("trunks =", &format!("preset = \"{preset}\"\ntrunks ="))
}

/// A call to people who are all busy.
async fn busy(settings: &str, caller: Caller) -> Told {
    let mut house = House::with(settings, PEOPLE);
    for who in ["anna", "bob", "carla"] {
        house.phone(who, is_busy());
    }
    house.call(caller).await
}

async fn answered(settings: &str) -> Aftermath {
    let mut house = House::with(settings, PEOPLE);
    for who in ["anna", "bob", "carla"] {
        house.phone(who, accepts_after(secs(1)));
    }
    let told = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(30)))).await;
    assert_eq!(told.outcome, Outcome::Accepted);
    told.aftermath()
}

async fn given_up(settings: &str) -> Aftermath {
    let mut house = House::with(settings, PEOPLE);
    for who in ["anna", "bob", "carla"] {
        house.phone(who, rings_out());
    }
    // In the middle of the first ring, whoever it is.
    let told = house.call(caller().hangs_up(after("please-hold").plus(secs(8)))).await;
    assert_eq!(told.rang().len(), 1);
    told.aftermath()
}

fn leaves_a_message() -> Caller {
    caller().hangs_up(upon(Sign::Recorded).plus(secs(12)))
}

fn leaves_none() -> Caller {
    caller().hangs_up(during("leave-message"))
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_in_the_welcome_has_called_the_only_route_there_is() {
    let call = House::with(&one_route(LEVELS, ""), PEOPLE).call(caller().hangs_up(during("welcome"))).await;
    let after = call.aftermath();
    assert_eq!((after.status(), after.told()), ("triggered", vec![Trigger]));
    assert!(after.title().starts_with("Missed call"), "{}", after.title());

    let of_opsgenie =
        House::with(&of("opsgenie", ""), PEOPLE).call(caller().hangs_up(during("welcome"))).await.aftermath();
    assert_eq!((of_opsgenie.status(), of_opsgenie.told()), ("resolved", vec![Trigger, Resolve]));

    // Before a menu nobody knows whose call it is.
    let before_a_menu = House::with(&two_routes(""), PEOPLE).call(caller().hangs_up(during("welcome"))).await;
    assert_eq!(before_a_menu.aftermath().status(), "none");
}

#[tokio::test(start_paused = true)]
async fn allquiet_has_an_incident_of_a_message_or_of_an_answered_call_alone() {
    let settings = of("allquiet", "");
    let left = busy(&settings, leaves_a_message()).await.aftermath();
    assert_eq!((left.status(), left.told()), ("triggered", vec![Trigger]));
    assert!(left.title().starts_with("Voicemail"), "it is opened when the recording is over");
    assert_eq!(left.people(), ["anna", "bob"], "the team");
    assert_eq!(busy(&settings, leaves_none()).await.aftermath().status(), "none");
    assert_eq!(given_up(&settings).await.status(), "none");
    let spoken = answered(&settings).await;
    assert_eq!((spoken.status(), spoken.told()), ("resolved", vec![]));
    let off = answered(&of("allquiet", "incident = { answered = \"open\" }")).await;
    assert_eq!((off.status(), off.told()), ("triggered", vec![Trigger]));
}

#[tokio::test(start_paused = true)]
async fn pagerduty_has_an_incident_when_nobody_answers_with_or_without_a_message() {
    let settings = of("pagerduty", "");
    let left = busy(&settings, leaves_a_message()).await.aftermath();
    assert_eq!((left.status(), left.told()), ("triggered", vec![Trigger, Update]));
    let none = busy(&settings, leaves_none()).await.aftermath();
    assert_eq!((none.status(), none.told()), ("triggered", vec![Trigger]));
    assert_eq!(none.people(), ["anna", "bob"], "all responders of the first rule");
    assert_eq!(answered(&settings).await.status(), "none");
    let direct =
        one_route("[]", "direct = \"voicemail\"").replace("trunks =", "preset = \"pagerduty\"\ntrunks =");
    let left = busy(&direct, leaves_a_message()).await.aftermath();
    assert_eq!((left.status(), left.told()), ("triggered", vec![Trigger]), "after the message");
}

#[tokio::test(start_paused = true)]
async fn opsgenie_has_an_alert_of_every_call_that_the_answerer_takes_on() {
    let settings = of("opsgenie", "");
    let spoken = answered(&settings).await;
    assert_eq!((spoken.status(), spoken.told()), ("acknowledged", vec![Trigger, Acknowledge]));
    assert_eq!(spoken.people(), spoken.acknowledged_by().into_iter().collect::<Vec<_>>());
    let gone = given_up(&settings).await;
    assert_eq!((gone.status(), gone.told()), ("resolved", vec![Trigger, Resolve]));
    let left = busy(&settings, leaves_a_message()).await.aftermath();
    assert_eq!(left.status(), "triggered");
    assert!(left.notices().last().unwrap().voicemail.is_some(), "linked to the alert");
    assert_eq!(busy(&settings, leaves_none()).await.aftermath().status(), "triggered");
}

#[tokio::test(start_paused = true)]
async fn ilert_has_an_alert_of_every_call_and_escalates_it_again_when_nobody_answers() {
    let settings = of("ilert", "");
    let missed = busy(&settings, caller()).await.aftermath();
    assert_eq!((missed.status(), missed.told()), ("triggered", vec![Trigger, Update]));
    assert!(missed.chased_from().is_some());
    let with_voicemail = of("ilert", "fallback = { then = \"voicemail\" }");
    let left = busy(&with_voicemail, leaves_a_message()).await.aftermath();
    assert!(left.chased_from().is_some());
    assert!(left.notices().last().unwrap().voicemail.is_some());
    assert_eq!(answered(&settings).await.told()[0], Trigger, "at the call");
}

#[tokio::test(start_paused = true)]
async fn incidentio_has_an_alert_of_every_call_that_is_resolved_with_it() {
    let settings = of("incidentio", "");
    for after in [answered(&settings).await, given_up(&settings).await] {
        assert_eq!(after.status(), "resolved");
        assert_eq!((after.told().first(), after.told().last()), (Some(&Trigger), Some(&Resolve)));
    }
    let missed = busy(&settings, caller()).await.aftermath();
    assert_eq!((missed.status(), missed.people()), ("resolved", vec!["anna", "bob", "carla"]));
}

/// Anna accepts, and presses these keys while she talks.
async fn talk(more: &str, anna: crate::story::Story, bob: crate::story::Story, caller: Caller) -> Told {
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, more), PEOPLE);
    house.phone("anna", anna);
    house.phone("bob", bob);
    house.call(caller).await
}

#[tokio::test(start_paused = true)]
async fn everybody_who_spoke_with_the_caller_is_on_it() {
    let bob = answers_after(secs(2)).presses('1', after("colleague-asks"));
    let anna = accepts_after(secs(2)).stars('1', upon(Sign::Bridged).plus(secs(5)));
    let caller = caller().hangs_up(upon(Sign::Conferred).plus(secs(30)));
    let after = talk("incident = { assign = \"answerer\" }", anna, bob, caller).await.aftermath();
    assert_eq!((after.status(), after.people()), ("resolved", vec!["anna", "bob"]));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_left_alone_counts_as_unanswered_and_the_message_is_told() {
    let anna = accepts_after(secs(2))
        .stars('2', upon(Sign::Bridged).plus(secs(5)))
        .hangs_up(upon(Sign::Bridged).plus(secs(8)));
    let told = talk("", anna, rings_out(), leaves_a_message()).await;
    assert_eq!(told.outcome, Outcome::Accepted);
    insta::assert_snapshot!(told.aftermath().log(), @r"
   37.9 opened: The call was answered. Then the caller was left alone.
   37.9 -> trigger: The call was answered. Then the caller was left alone.
   52.5 message: A message of 12 s was left.
   52.5 -> update: A message of 12 s was left.
triggered: Voicemail of 12 s from +4915155500 on Production (Support)
    ");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_while_nobody_is_there_was_not_helped() {
    let anna = accepts_after(secs(2))
        .stars('2', upon(Sign::Bridged).plus(secs(5)))
        .hangs_up(upon(Sign::Bridged).plus(secs(8)));
    let gone = caller().hangs_up(upon(Sign::Bridged).plus(secs(12)));
    let after = talk("", anna, rings_out(), gone).await.aftermath();
    assert_eq!((after.status(), after.told()), ("triggered", vec![Trigger]));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_daemon_ended_was_not_given_up_by_its_caller() {
    let settings = one_route(LEVELS, "incident = { abandoned = \"none\" }");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", rings_out());
    let stopped = caller().does(Deed::StopDaemon, upon(Sign::Rings).of("anna").plus(secs(3)));
    let after = house.call(stopped).await.aftermath();
    assert_eq!((after.status(), after.told()), ("triggered", vec![Trigger]));
}

#[tokio::test(start_paused = true)]
async fn where_no_message_can_be_taken_nobody_has_given_up() {
    let direct = one_route("[]", "direct = \"voicemail\"\nincident = { abandoned = \"none\" }");
    let mut house = House::with(&direct, PEOPLE);
    house.has_no_room("the disk is full");
    let after = house.call(caller().hangs_up(after("goodbye"))).await.aftermath();
    assert_eq!((after.status(), after.told()), ("triggered", vec![Trigger]));
    let house = House::with(&direct, PEOPLE);
    let after = house.call(leaves_none()).await.aftermath();
    assert_eq!(after.status(), "none", "who leaves no message where one is taken has");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_or_gets_to_no_route_has_no_incident() {
    let open = "[hotlines.routes.incident]\nopen = [\"call\", \"no-answer\", \"voicemail\", \"accept\"]";
    let blocked = one_route(LEVELS, open).replace("trunks =", "block = \"+4915155500\"\ntrunks =");
    let closed = one_route(LEVELS, open).replace("trunks =", "enabled = false\ntrunks =");
    for settings in [blocked, closed] {
        let told = House::with(&settings, PEOPLE).call(caller()).await;
        let after = told.aftermath_in(Quiet::default());
        assert_eq!((told.rang(), after.status()), (vec![], "none"));
    }
}
