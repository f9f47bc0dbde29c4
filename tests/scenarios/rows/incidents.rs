//! Rows 38 and 69 to 92: the message, which incident comes of a call, when, and who is told of it.

use nightbell::call::journal::Outcome;
use nightbell::incident::{Event, Fact, Quiet, Severity};

use crate::aftermath::Aftermath;
use crate::house::{House, PEOPLE, two_routes};
use crate::story::{Caller, Sign, accepts_after, after, caller, during, rings_out, secs, upon};
use crate::told::Told;

use Event::{Acknowledge, Resolve, Trigger, Update};

/// A hotline whose route rings anna, then bob, and says this of incidents.
fn settings(incident: &str) -> String {
    format!(
        r#"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
[[hotlines.routes]]
name = "Production"
levels = [["person:anna"], ["person:bob"]]
[hotlines.routes.incident]
{incident}
"#
    )
}

async fn call(settings: &str, anna_accepts: bool, caller: Caller) -> Told {
    let mut house = House::with(settings, PEOPLE);
    for who in ["anna", "bob", "carla", "dora"] {
        house.phone(who, rings_out());
    }
    if anna_accepts {
        house.phone("anna", accepts_after(secs(2)));
    }
    house.call(caller).await
}

/// Anna takes the call and speaks for half a minute.
async fn answered(incident: &str) -> Aftermath {
    let told = call(&settings(incident), true, caller().hangs_up(upon(Sign::Bridged).plus(secs(30)))).await;
    assert_eq!(told.outcome, Outcome::Accepted);
    told.aftermath()
}

/// Nobody answers, and a message of twelve seconds is left.
async fn message(incident: &str) -> Aftermath {
    let told = call(&settings(incident), false, leaves_a_message()).await;
    assert_eq!(told.outcome, Outcome::Voicemail);
    told.aftermath()
}

fn leaves_a_message() -> Caller {
    caller().hangs_up(upon(Sign::Recorded).plus(secs(12)))
}

/// Nobody answers, and the caller hangs up when asked for a message.
async fn no_message(incident: &str) -> Aftermath {
    let told = call(&settings(incident), false, caller().hangs_up(during("leave-message"))).await;
    assert_eq!(told.outcome, Outcome::Missed);
    told.aftermath()
}

/// The caller hangs up while anna's phone rings.
async fn given_up(incident: &str) -> Aftermath {
    let gone = caller().hangs_up(upon(Sign::Rings).of("anna").plus(secs(5)));
    let told = call(&settings(incident), false, gone).await;
    assert_eq!((told.outcome, told.rang()), (Outcome::Missed, vec!["anna"]));
    told.aftermath()
}

fn by_anna(fact: fn(String) -> Fact) -> Fact {
    fact("anna".to_owned())
}

fn acknowledged() -> Fact {
    by_anna(|by| Fact::Acknowledged { by })
}

fn resolved() -> Fact {
    by_anna(|by| Fact::Resolved { by })
}

/// A menu whose second route is for what can wait.
fn two_severities() -> String {
    let calm = "name = \"Billing\"\nincident = { severity = \"info\", notify = [\"chat\"] }";
    two_routes("").replace("name = \"Billing\"", calm)
}

async fn chosen(key: char) -> Aftermath {
    let caller = leaves_a_message().presses(key, after("press"));
    call(&two_severities(), false, caller).await.aftermath()
}

#[tokio::test(start_paused = true)]
async fn row_38_each_key_has_a_severity_of_its_own() {
    let (first, second) = (chosen('1').await, chosen('2').await);
    assert_eq!(first.notices()[0].severity, Severity::Critical, "where nothing is said");
    assert_eq!(second.notices()[0].severity, Severity::Info);
}

#[tokio::test(start_paused = true)]
async fn row_69_a_message_is_taken_when_nobody_answers_unless_the_route_says_otherwise() {
    let taken = call(&settings(""), false, leaves_a_message()).await;
    assert_eq!((taken.outcome, taken.message), (Outcome::Voicemail, Some((true, 12_000))));
    let off = settings("").replace("[hotlines.routes.incident]", "fallback = { then = \"closing\" }");
    let off = call(&off, false, caller()).await;
    assert_eq!((off.outcome, off.message), (Outcome::Missed, None));
}

#[tokio::test(start_paused = true)]
async fn row_70_a_message_is_as_long_as_the_route_allows_at_most() {
    for (longest, ms) in [("", 120_000), ("fallback = { max_length = \"45s\" }", 45_000)] {
        let settings = settings("").replace("[hotlines.routes.incident]", longest);
        let told = call(&settings, false, caller()).await;
        assert_eq!(told.message, Some((true, ms)));
    }
}

#[tokio::test(start_paused = true)]
async fn row_71_a_message_is_attached_to_the_incident_and_names_its_call() {
    let after = message("").await;
    let last = *after.notices().last().unwrap();
    let sound = last.voicemail.as_ref().unwrap();
    assert_eq!((sound.file.as_str(), sound.duration_ms), ("0000000000000001.wav", 12_000));
    assert_eq!((last.call.as_deref(), last.dedup_key.as_str()), (Some("1"), "hotline-1"));
    assert_eq!(after.title(), "Voicemail of 12 s from +4915155500 on Production (Support)");
}

#[tokio::test(start_paused = true)]
async fn row_72_what_was_said_is_added_to_the_incident_later_where_the_route_wants_it() {
    let said = || Fact::Transcribed { text: "the disk is full".to_owned() };
    let after = message("").await.then(said());
    assert!(after.wants_a_transcript());
    let last = *after.notices().last().unwrap();
    assert_eq!((last.event, last.transcript.as_deref()), (Update, Some("the disk is full")));
    let over = message("").await.then(resolved()).then(said());
    assert_eq!(over.told(), [Trigger, Update, Resolve, Update], "also when it is over");
    assert!(!message("transcript = false").await.wants_a_transcript());
}

#[tokio::test(start_paused = true)]
async fn row_73_after_a_message_people_are_told_again_from_the_first_level_on() {
    let after = message("unanswered = \"escalate-again\"").await;
    insta::assert_snapshot!(after.log(), @r"
   42.5 opened: Nobody answered.
   42.5 -> trigger: Nobody answered.
   57.1 message: A message of 12 s was left.
   57.1 -> update: A message of 12 s was left.
   57.1 escalated: nobody answered: people are told again, from level 1 on
   57.1 chased from 57.1
triggered: Voicemail of 12 s from +4915155500 on Production (Support)
    ");
}

#[tokio::test(start_paused = true)]
async fn row_74_the_incident_is_opened_at_the_call_when_nobody_answers_at_a_message_or_when_somebody_did() {
    let at_call = message("open = \"call\"").await;
    let nobody = message("open = \"no-answer\"").await;
    let left = message("open = [\"voicemail\"]").await;
    assert_eq!(at_call.opened_after(), at_call.told_after());
    assert!(at_call.opened_after() < nobody.opened_after() && nobody.opened_after() < left.opened_after());
    assert_eq!(answered("open = [\"no-answer\", \"voicemail\"]").await.status(), "none");
    assert_eq!(no_message("open = [\"voicemail\", \"accept\"]").await.status(), "none");
    assert_eq!(message("open = []").await.status(), "none");
    let behind_the_menu = two_routes("")
        .replace("name = \"Billing\"", "name = \"Billing\"\nincident = { open = \"after-menu\" }");
    let told =
        call(&behind_the_menu, false, leaves_a_message().presses('2', after("press"))).await.aftermath();
    assert_eq!(told.notices()[0].title, "Call from +4915155500 on Billing (Support)");
}

#[tokio::test(start_paused = true)]
async fn row_75_an_answered_call_has_an_incident_that_is_resolved_open_taken_on_or_none() {
    let resolved = answered("").await;
    assert_eq!(
        (resolved.status(), resolved.resolved_by(), resolved.told()),
        ("resolved", Some("anna"), vec![])
    );
    let open = answered("answered = \"open\"").await;
    assert_eq!((open.status(), open.told()), ("triggered", vec![Trigger]));
    let taken = answered("open = \"call\"\nanswered = \"acknowledge\"").await;
    assert_eq!((taken.status(), taken.acknowledged_by()), ("acknowledged", Some("anna")));
    assert_eq!(taken.told(), [Trigger, Acknowledge]);
    let none = answered("answered = \"none\"").await;
    assert_eq!(none.status(), "none");
    let by_hand = none.then(Fact::OpenedByHand { person: "carla".to_owned() });
    assert_eq!((by_hand.status(), by_hand.acknowledged_by()), ("acknowledged", Some("carla")));
    assert_eq!((by_hand.people(), by_hand.told()), (vec!["anna", "carla"], vec![]));
}

#[tokio::test(start_paused = true)]
async fn row_76_the_incident_of_a_caller_who_gives_up_is_closed_and_an_answered_one_with_its_end() {
    let closed = given_up("open = \"call\"\nabandoned = \"resolve\"").await;
    assert_eq!((closed.status(), closed.told()), ("resolved", vec![Trigger, Resolve]));
    assert_eq!(given_up("abandoned = \"none\"").await.status(), "none");
    assert_eq!(given_up("").await.told(), [Trigger], "nobody is forgotten where nothing is said");
    let over = answered("open = \"call\"").await;
    assert_eq!((over.status(), over.told()), ("resolved", vec![Trigger, Update, Resolve]));
    let over = no_message("open = \"call\"\nunanswered = \"resolve-at-end\"").await;
    assert_eq!((over.status(), over.resolved_by()), ("resolved", Some("call")));
}

#[tokio::test(start_paused = true)]
async fn row_77_a_missed_call_without_a_message_is_told_stays_or_is_no_incident() {
    assert_eq!(no_message("").await.told(), [Trigger]);
    assert_eq!(no_message("open = [\"voicemail\", \"accept\"]").await.status(), "none");
    let stays = no_message("open = \"call\"").await;
    assert_eq!((stays.status(), stays.told()), ("triggered", vec![Trigger, Update]));
    let again = no_message("open = \"call\"\nunanswered = \"escalate-again\"").await;
    assert!(again.chased_from().is_some());
}

#[tokio::test(start_paused = true)]
async fn row_78_the_first_level_the_answerer_or_everybody_rung_is_on_it() {
    assert_eq!(message("").await.people(), ["anna"]);
    assert_eq!(message("assign = \"all-rung\"").await.people(), ["anna", "bob"]);
    assert_eq!(message("assign = \"answerer\"").await.people(), Vec::<&str>::new());
    assert_eq!(answered("assign = \"answerer\"").await.people(), ["anna"]);
}

#[tokio::test(start_paused = true)]
async fn row_79_only_what_is_left_open_is_escalated() {
    assert!(message("chase = true").await.chased_from().is_some());
    assert!(answered("answered = \"open\"\nchase = true").await.chased_from().is_some());
    assert_eq!(answered("chase = true").await.chased_from(), None);
    assert_eq!(given_up("abandoned = \"resolve\"\nchase = true").await.chased_from(), None);
    assert!(message("notify = []").await.chased_from().is_some(), "nobody else does");
    assert_eq!(message("").await.chased_from(), None, "the targets do");
}

#[tokio::test(start_paused = true)]
async fn row_80_people_are_told_at_once_where_nothing_is_said() {
    let after = no_message("open = \"call\"").await;
    assert_eq!(after.told_after(), after.opened_after());
}

#[tokio::test(start_paused = true)]
async fn row_81_people_are_told_later_and_not_if_the_call_was_answered_or_given_up_by_then() {
    let later = "open = \"call\"\nnotify_when = { after = \"2m\" }";
    let missed = message(later).await;
    assert_eq!(missed.told_after(), missed.opened_after().map(|opened| opened + secs(120)));
    assert_eq!(missed.told(), [Trigger], "what came meanwhile is in it");
    assert!(missed.notices()[0].voicemail.is_some());
    assert_eq!(answered(later).await.told(), []);
    assert_eq!(given_up(&format!("{later}\nabandoned = \"resolve\"")).await.told(), []);
    assert_eq!(given_up(later).await.told(), [Trigger], "who gave up is told of where it is kept");
}

#[tokio::test(start_paused = true)]
async fn row_82_people_are_told_when_there_is_a_message() {
    let only = "open = \"call\"\nnotify_when = \"voicemail\"";
    let left = message(only).await;
    assert!(left.told_after() > left.opened_after());
    assert_eq!(left.told(), [Trigger]);
    let missed = no_message(only).await;
    assert_eq!((missed.status(), missed.told()), ("triggered", vec![]));
}

#[tokio::test(start_paused = true)]
async fn row_83_a_route_tells_the_targets_it_names_and_all_where_it_names_none() {
    assert_eq!(message("").await.targets(), ["pager", "chat"]);
    assert_eq!(message("notify = [\"pager\"]").await.targets(), ["pager"]);
    assert_eq!(message("notify = []").await.targets(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn row_84_only_the_route_that_was_chosen_tells_anybody() {
    let billing = chosen('2').await;
    assert_eq!((billing.people(), billing.targets()), (vec!["bob"], vec!["chat"]));
    let left = call(&two_severities(), false, caller().hangs_up(during("press"))).await;
    assert_eq!(left.aftermath().status(), "none", "the menu was left");
}

#[tokio::test(start_paused = true)]
async fn row_85_nobody_is_told_any_more_once_somebody_has_it_or_it_is_over() {
    let chased = "chase = true";
    for (done, event) in [(acknowledged(), Acknowledge), (resolved(), Resolve)] {
        let after = message(chased).await.then(done);
        assert_eq!(after.chased_from(), None);
        assert_eq!(after.told(), [Trigger, Update, event]);
    }
    let told = call(&settings(chased), false, leaves_a_message()).await;
    let held = told.aftermath_in(told.snoozed_for(secs(86_400)));
    assert_eq!(held.told(), [Trigger]);
    assert_eq!(held.then(acknowledged()).told(), [], "what was held back is not told at all");
}

#[tokio::test(start_paused = true)]
async fn row_86_a_route_has_a_severity() {
    for severity in Severity::ALL {
        let after = message(&format!("severity = \"{severity}\"")).await;
        assert!(after.notices().iter().all(|notice| notice.severity == *severity));
    }
}

#[tokio::test(start_paused = true)]
async fn row_87_a_chat_is_told_who_called_where_and_what_came_of_it() {
    let after = message("notify = [\"chat\"]").await;
    assert_eq!(after.targets(), ["chat"]);
    let first = after.notices()[0];
    assert_eq!(first.caller.as_deref(), Some("+4915155500"));
    assert_eq!((first.hotline.as_deref(), first.route.as_deref()), (Some("Support"), Some("Production")));
    let said: Vec<_> = after.notices().iter().map(|notice| notice.text.as_str()).collect();
    assert_eq!(said, ["Nobody answered.", "A message of 12 s was left."]);
}

#[tokio::test(start_paused = true)]
async fn row_88_what_a_webhook_is_sent_names_the_same_incident_from_the_first_to_the_last() {
    let after = answered("open = \"call\"\nanswered = \"acknowledge\"").await.then(resolved());
    let ids: Vec<_> = after.notices().iter().map(|notice| notice.id.as_str()).collect();
    assert_eq!(
        (ids, after.told()),
        (vec!["hotline-1-1", "hotline-1-2", "hotline-1-3"], vec![Trigger, Acknowledge, Resolve])
    );
    assert!(after.notices().iter().all(|notice| notice.dedup_key == "hotline-1"));
}

#[tokio::test(start_paused = true)]
async fn row_89_during_maintenance_calls_go_on_and_no_incident_is_opened() {
    let maintenance = Quiet { maintenance: true, ..Quiet::default() };
    let told = call(&settings("open = \"call\""), false, leaves_a_message()).await;
    assert_eq!(told.rang(), ["anna", "bob"]);
    let after = told.aftermath_in(maintenance);
    assert_eq!((after.status(), after.told(), after.was_suppressed()), ("none", vec![], true));
}

#[tokio::test(start_paused = true)]
async fn row_90_snooze_and_mute_keep_back_what_is_told_and_never_the_call() {
    let told = call(&settings(""), false, leaves_a_message()).await;
    assert_eq!(told.rang(), ["anna", "bob"]);
    let muted = told.aftermath_in(Quiet { muted: true, ..Quiet::default() });
    assert_eq!((muted.status(), muted.told()), ("triggered", vec![]));
    let snoozed = told.aftermath_in(told.snoozed_for(secs(3600)));
    assert_eq!((snoozed.status(), snoozed.told()), ("triggered", vec![Trigger]));
    assert_eq!(snoozed.told_after(), Some(secs(3600)));
}

#[tokio::test(start_paused = true)]
async fn row_91_a_machine_that_presses_nothing_reaches_a_message_and_people_are_told() {
    let machine =
        two_routes("silence = \"route:2\"").replace("levels = [[\"person:bob\"]]", "direct = \"voicemail\"");
    let told = call(&machine, false, leaves_a_message()).await;
    assert_eq!((told.outcome, told.rang()), (Outcome::Voicemail, vec![]));
    assert_eq!(told.aftermath().told(), [Trigger]);
}

#[tokio::test(start_paused = true)]
async fn row_92_an_incident_can_be_opened_for_any_call_and_a_second_one_for_none() {
    let by_hand = || Fact::OpenedByHand { person: "carla".to_owned() };
    let quiet = no_message("open = []").await.then(by_hand());
    assert_eq!((quiet.status(), quiet.told()), ("acknowledged", vec![]));
    let over = answered("").await.then(by_hand());
    assert_eq!((over.status(), over.people()), ("resolved", vec!["anna"]), "what is resolved stays so");
}
