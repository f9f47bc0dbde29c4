//! People are rung one after another.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::{Farewell, Gone, NotAnswered};

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    Caller, Deed, Sign, Story, accepts_after, answers_after, caller, is_busy, is_dead, ms, refused,
    rings_out, secs, turns_it_down, upon,
};

/// The time from the INVITE to the first dial: the ACK and the welcome.
const FIRST: i64 = 2100;

const ALL: &str = r#"[["person:anna", "person:bob"], ["person:carla", "person:dora"]]"#;

#[tokio::test(start_paused = true)]
async fn one_silent_one_busy_one_declining_and_the_fourth_gets_the_call() {
    let mut house = House::with(&one_route(ALL, ""), PEOPLE);
    house.phone("anna", rings_out());
    house.phone("bob", is_busy());
    house.phone("carla", turns_it_down());
    house.phone("dora", accepts_after(secs(3)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(60)))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
    let rung =
        [("anna", FIRST), ("bob", FIRST + 20_200), ("carla", FIRST + 20_500), ("dora", FIRST + 22_700)];
    assert_eq!(call.rung(), rung);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 2: named in level 2); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
      22.300   DialTargetResult    anna: no answer within 20 s
      22.300   DialTarget          bob: 2. ringing bob at +4915100000002 (level 1: named in level 1)
      22.600   DialTargetResult    bob: busy
      22.600   DialTarget          carla: 3. ringing carla at +4915100000003 (level 2: named in level 2)
      24.800   DialTargetResult    carla: declined at the phone
      24.800   DialTarget          dora: 4. ringing dora at +4915100000004 (level 2: named in level 2)
      28.000   DialTargetResult    dora: answered
      28.000   ConfirmTarget       dora: asked to press 1
      36.400   ConfirmTargetResult dora: accepted with 1
      36.400   Bridge              dora: the caller and dora hear each other
      96.400   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_rings_out_is_let_go_of_at_once() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, "ring = \"7s\""), PEOPLE);
    house.phone("anna", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(5)))).await;
    assert_eq!(call.released("anna"), (2100 + 200 + 7000, Farewell::RangOut, None));
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_does_not_begin_to_ring_is_given_six_seconds() {
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, ""), PEOPLE);
    house.phone("anna", is_dead());
    house.phone("bob", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rung(), [("anna", FIRST), ("bob", FIRST + 6000)]);
    assert_eq!(call.released("anna").0, 2100 + 6000);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       8.100 ! DialTargetResult    anna: it did not begin to ring within 6 s
       8.100   DialTarget          bob: 2. ringing bob at +4915100000002 (level 2: named in level 2)
       9.300   DialTargetResult    bob: answered
       9.300   ConfirmTarget       bob: asked to press 1
      17.700   ConfirmTargetResult bob: accepted with 1
      17.700   Bridge              bob: the caller and bob hear each other
      17.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_phone_may_be_picked_up_without_having_rung() {
    let mut house = House::with(&one_route(r#"[["person:anna"]]"#, ""), PEOPLE);
    let at_once = Story::default().does(Deed::PickUp, upon(Sign::Dialled).plus(ms(80)));
    house.phone("anna", at_once.presses('1', upon(Sign::Answered).plus(secs(2))));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn what_the_operator_must_look_at_is_told_as_a_failed_step() {
    let mut house = House::with(&one_route(ALL, ""), PEOPLE);
    house.phone("anna", refused(NotAnswered::Rejected { status: 404, reason: "Not Found".to_owned() }));
    house.phone("bob", refused(NotAnswered::Unreachable("no trunk is up".to_owned())));
    house.phone("carla", refused(NotAnswered::NoAnswer));
    let lost = Deed::End(Gone::Broken("the trunk went away".to_owned()));
    house.phone("dora", rings_out().does(lost, upon(Sign::Rings).plus(secs(1))));
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(9)))).await;
    assert_eq!(call.rang(), ["anna", "bob", "carla", "dora"]);
    assert_eq!(call.outcome, Outcome::Voicemail);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 2: named in level 2); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400 ! DialTargetResult    anna: refused with 404 Not Found: check the number and the trunk
       2.400   DialTarget          bob: 2. ringing bob at +4915100000002 (level 1: named in level 1)
       2.700 ! DialTargetResult    bob: could not be reached: no trunk is up
       2.700   DialTarget          carla: 3. ringing carla at +4915100000003 (level 2: named in level 2)
       3.000   DialTargetResult    carla: no answer
       3.000   DialTarget          dora: 4. ringing dora at +4915100000004 (level 2: named in level 2)
       4.200 ! DialTargetResult    dora: the phone was lost before it answered
       4.200   Voicemail           nobody accepted
      15.820   RecordMessage       a message of 9 s was kept
      15.820   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn no_more_people_are_rung_than_the_limit_allows() {
    let mut house = House::with(&one_route(ALL, "max_people = 2"), PEOPLE);
    house.phone("anna", is_busy());
    house.phone("bob", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(9)))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 2: named in level 2); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   DialTarget          bob: 2. ringing bob at +4915100000002 (level 1: named in level 1)
       2.700   DialTargetResult    bob: busy
       2.700 ~ DialTarget          carla: not rung: the limit of 2 people was reached
       2.700 ~ DialTarget          dora: not rung: the limit of 2 people was reached
       2.700   Voicemail           nobody accepted
      14.320   RecordMessage       a message of 9 s was kept
      14.320   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_two_people_share_is_rung_once() {
    let shared = PEOPLE.replace("+4915100000002", "+4915100000001");
    let mut house = House::with(&one_route(ALL, ""), &shared);
    house.phone("anna", is_busy());
    house.phone("carla", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rang(), ["anna", "carla"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 2: named in level 2); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.400   DialTargetResult    anna: busy
       2.400   DialTarget          carla: 2. ringing carla at +4915100000003 (level 2: named in level 2)
       3.600   DialTargetResult    carla: answered
       3.600   ConfirmTarget       carla: asked to press 1
      12.000   ConfirmTargetResult carla: accepted with 1
      12.000 ~ DialTarget          bob: not rung: +4915100000001 was already rung in this call
      12.000 ~ DialTarget          dora: not rung: carla accepted first
      12.000   Bridge              carla: the caller and carla hear each other
      12.000   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn all_phones_of_a_person_are_rung_or_the_first_alone() {
    let two = PEOPLE.replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#);
    let levels = r#"[["person:anna"], ["person:bob"]]"#;
    for (phones, rang) in [("all", ["anna", "anna", "bob"].as_slice()), ("first", &["anna", "bob"])] {
        let mut house = House::with(&one_route(levels, &format!("phones = \"{phones}\"")), &two);
        house.phone("anna", rings_out());
        house.phone("anna 2", rings_out());
        house.phone("bob", accepts_after(secs(1)));
        let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
        assert_eq!(call.rang(), rang, "{phones}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_declines_is_not_rung_on_the_next_phone() {
    let two = PEOPLE.replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#);
    let mut house = House::with(&one_route(ALL, ""), &two);
    house.phone("anna", turns_it_down());
    house.phone("bob", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
}

#[tokio::test(start_paused = true)]
async fn the_chain_is_tried_again_as_often_as_the_route_says() {
    let again = "repeat = 1\nskip_dialled = false";
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, again), PEOPLE);
    house.phone("anna", turns_it_down());
    house.phone_each_time("bob", vec![rings_out(), accepts_after(secs(2))]);
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(5)))).await;
    // Who has declined is not asked again.
    assert_eq!(call.rang(), ["anna", "bob", "bob"]);
    assert_eq!(call.outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_says_whose_turn_it_is() {
    let oncall = format!(
        r#"{PEOPLE}
[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["anna", "bob"]
every = "1 week"
start = "2026-11-09 09:00"
"#
    );
    let mut house = House::with(&one_route(r#"[["schedule:production"]]"#, ""), &oncall);
    house.phone("bob", accepts_after(secs(2)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(5)))).await;
    assert_eq!(call.rang(), ["bob"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung in this order: bob (level 1: on call in schedule production (rotation weekly, turn 2, since Mon 09:00))
       2.100   DialTarget          bob: 1. ringing bob at +4915100000002 (level 1: on call in schedule production (rotation weekly, turn 2, since Mon 09:00))
       4.300   DialTargetResult    bob: answered
       4.300   ConfirmTarget       bob: asked to press 1
      12.700   ConfirmTargetResult bob: accepted with 1
      12.700   Bridge              bob: the caller and bob hear each other
      17.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_is_on_call_the_caller_leaves_a_message_and_the_reason_is_told() {
    let oncall = format!(
        r#"{}
[[schedules]]
id = "production"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "office"
people = ["nobody"]
every = "1 week"
start = "2026-01-05 09:00"
"#,
        PEOPLE.replace("id = \"anna\"", "id = \"anna\"\navailable = false")
    );
    let house = House::with(&one_route(r#"[["schedule:production"], ["person:anna"]]"#, ""), &oncall);
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(9)))).await;
    assert_eq!(call.rang(), [""; 0]);
    assert_eq!(call.outcome, Outcome::Voicemail);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: nobody is to be rung; left out: anna: is marked as unavailable; schedule production: nobody is on call on purpose (rotation office, turn 46, since Mon 09:00) for a year to come
       2.100 ~ DialTarget          anna: not rung: is marked as unavailable
       2.100 ~ DialTarget          not rung: schedule production: nobody is on call on purpose (rotation office, turn 46, since Mon 09:00) for a year to come
       2.100   Voicemail           nobody accepted
      13.720   RecordMessage       a message of 9 s was kept
      13.720   Hangup              the caller hung up
    voicemail: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_please_hold_and_then_the_hold_tone_until_the_bridge() {
    let mut house = House::with(&one_route(ALL, ""), PEOPLE);
    house.phone("anna", is_busy());
    house.phone("bob", accepts_after(secs(9)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.heard("caller"), ["[en/welcome]", "[en/please-hold]", "[Hold]... --", "the other one"]);
}

#[tokio::test(start_paused = true)]
async fn please_hold_is_cut_short_when_somebody_accepts_during_it() {
    let settings = one_route(r#"[["person:anna"]]"#, "accept = { key = \"none\" }");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", answers_after(ms(300)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.heard("caller"), ["[en/welcome]", "[en/please-hold] --", "the other one"]);
}

#[tokio::test(start_paused = true)]
async fn the_hotline_may_have_a_hold_sound_of_its_own() {
    let settings =
        one_route(r#"[["person:anna"]]"#, "").replace("trunks =", "hold = { ringback = \"de\" }\ntrunks =");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(1)))).await;
    assert_eq!(call.heard("caller")[2], "[RingbackDe]... --");
    assert_eq!(call.count(Step::DialTargetResult), 1);
}

#[tokio::test(start_paused = true)]
async fn responders_see_the_number_of_the_hotline_or_the_callers() {
    let shown = async |line: &str, caller: Caller| {
        let settings =
            one_route(r#"[["person:anna"]]"#, "").replace("trunks =", &format!("{line}\ntrunks ="));
        let mut house = House::with(&settings, PEOPLE);
        house.phone("anna", accepts_after(secs(1)));
        house.call(caller.hangs_up(upon(Sign::Bridged))).await.shown("anna").map(str::to_owned)
    };
    assert_eq!(shown("", caller()).await.as_deref(), Some("+4930123456"));
    assert_eq!(shown("caller_id = \"caller\"", caller()).await.as_deref(), Some("+4915155500"));
    assert_eq!(shown("caller_id = \"caller\"", caller().anonymous()).await, None);
}
