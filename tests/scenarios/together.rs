//! All of a level are rung together: who accepts first has the call, exactly one.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::{Farewell, NotAnswered};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::house::{House, PEOPLE, one_route};
use crate::story::{
    Deed, Sign, Story, accepts_after, answers_after, caller, during, is_busy, is_dead, ms, refused,
    rings_out, secs, turns_it_down, upon,
};
use crate::switch::Seen;
use crate::told::Told;

const TOGETHER: &str = r#"[["person:anna", "person:bob", "person:carla"], ["person:dora"]]"#;
const TAKEN: &str = "[en/taken]";

/// Anna, Bob and Carla are rung together, then Dora.
fn together(more: &str) -> House {
    of_people(PEOPLE, more)
}

fn of_people(people: &str, more: &str) -> House {
    let route = one_route(TOGETHER, more).replace(r#"order = "listed""#, r#"order = "all-at-once""#);
    House::with(&route, people)
}

/// Who was put through to the caller.
fn bridged(call: &Told) -> Vec<&str> {
    call.people_of(|seen| matches!(seen, Seen::Bridged { .. }))
}

#[tokio::test(start_paused = true)]
async fn the_first_to_accept_has_the_call_and_the_others_are_told() {
    let mut house = together("");
    house.phone("anna", rings_out());
    house.phone("bob", accepts_after(secs(2)));
    house.phone("carla", answers_after(secs(3)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(60)))).await;
    assert_eq!(call.rung(), [("anna", 2100), ("bob", 2100), ("carla", 2100)]);
    assert_eq!(bridged(&call), ["bob"]);
    assert_eq!(call.released("anna").1, Farewell::AnsweredElsewhere);
    assert_eq!(call.released("carla"), (12_700, Farewell::AnsweredElsewhere, Some(TAKEN.to_owned())));
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung level by level, all of a level together: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 1: named in level 1); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.100   DialTarget          bob: 2. ringing bob at +4915100000002 (level 1: named in level 1)
       2.100   DialTarget          carla: 3. ringing carla at +4915100000003 (level 1: named in level 1)
       4.300   DialTargetResult    bob: answered
       4.300   ConfirmTarget       bob: asked to press 1
       5.300   DialTargetResult    carla: answered
       5.300   ConfirmTarget       carla: asked to press 1
      12.700   ConfirmTargetResult bob: accepted with 1
      12.700   DialTargetResult    anna: bob accepted first: it rings no more
      12.700   ConfirmTargetResult carla: bob accepted first; told that the call is taken
      12.700 ~ DialTarget          dora: not rung: bob accepted first
      12.700   Bridge              bob: the caller and bob hear each other
      72.700   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn when_all_of_a_level_have_failed_the_next_level_is_rung() {
    let mut house = together("");
    house.phone("anna", is_busy());
    house.phone("bob", turns_it_down());
    house.phone("carla", rings_out());
    house.phone("dora", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rung().last(), Some(&("dora", 2100 + 20_200)), "{}", call.timeline());
    assert_eq!(bridged(&call), ["dora"]);
}

#[tokio::test(start_paused = true)]
async fn a_decline_ends_that_persons_part_alone() {
    let two = PEOPLE.replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#);
    let mut house = of_people(&two, "");
    house.phone("anna", answers_after(secs(1)).presses('2', during("caller-on-hold")));
    house.phone("bob", accepts_after(secs(9)));
    house.phone("carla", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rang(), ["anna", "bob", "carla"], "Anna's second phone is left alone");
    assert_eq!(bridged(&call), ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_phone_of_a_person_rings_while_the_others_still_ring() {
    let two = PEOPLE.replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#);
    let mut house = of_people(&two, "");
    house.phone("anna", is_busy());
    house.phone("anna 2", accepts_after(secs(4)));
    house.phone("bob", rings_out());
    house.phone("carla", is_dead());
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rung(), [("anna", 2100), ("bob", 2100), ("carla", 2100), ("anna", 2400)]);
    assert_eq!(bridged(&call), ["anna 2"]);
    assert_eq!(call.released("bob").1, Farewell::AnsweredElsewhere);
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_two_of_the_level_share_rings_once() {
    let shared = PEOPLE.replace("+4915100000002", "+4915100000001");
    for skip in ["true", "false"] {
        let mut house = of_people(&shared, &format!("skip_dialled = {skip}"));
        house.phone("anna", accepts_after(secs(2)));
        house.phone("carla", rings_out());
        let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
        assert_eq!(call.rang(), ["anna", "carla"]);
        let why = "bob: not rung: +4915100000001 is ringing already for this call";
        assert!(call.timeline().contains(why), "{}", call.timeline());
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_ring_together_than_the_limit_allows_and_repeats_count() {
    let mut house = together("max_people = 5\nrepeat = 1\nskip_dialled = false");
    for who in ["anna", "bob", "carla", "dora"] {
        house.phone(who, is_busy());
    }
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.rang(), ["anna", "bob", "carla", "dora", "anna"]);
    let mut house = together("max_people = 2");
    house.phone("anna", is_busy());
    house.phone("bob", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.rang(), ["anna", "bob"]);
    assert!(call.timeline().contains("carla: not rung: the limit of 2 people was reached"));
}

#[tokio::test(start_paused = true)]
async fn who_is_on_another_call_is_left_out_and_tried_last() {
    let mut house = together("");
    house.nobody_is_rung_twice_at_once();
    house.phone("anna", accepts_after(secs(1)));
    house.phone("bob", rings_out());
    house.phone("carla", rings_out());
    house.phone("dora", rings_out());
    let first = caller().named("first").hangs_up(upon(Sign::Bridged).plus(secs(25)));
    let second = caller().named("second").calls_at(secs(13)).hangs_up(upon(Sign::Bridged).plus(secs(3)));
    let calls = house.calls(vec![first, second]).await;
    assert_eq!(bridged(&calls[0]), ["anna"]);
    assert_eq!(calls[1].rang(), ["bob", "carla", "dora", "anna"], "{}", calls[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_free_line_is_rung_as_soon_as_another_phone_stops_ringing() {
    let mut house = together("");
    let full = || refused(NotAnswered::NoLine("max_calls of the trunk `carrier` is reached".to_owned()));
    house.phone("anna", turns_it_down());
    house.phone("bob", rings_out());
    house.phone_each_time("carla", vec![full(), accepts_after(secs(1))]);
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    let rung = [("anna", 2100), ("bob", 2100), ("carla", 2100), ("carla", 4300)];
    assert_eq!(call.rung(), rung, "{}", call.timeline());
    assert_eq!(bridged(&call), ["carla"]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Welcome             played
       2.100   DialChainResolved   Production: to be rung level by level, all of a level together: anna (level 1: named in level 1); bob (level 1: named in level 1); carla (level 1: named in level 1); dora (level 2: named in level 2)
       2.100   DialTarget          anna: 1. ringing anna at +4915100000001 (level 1: named in level 1)
       2.100   DialTarget          bob: 2. ringing bob at +4915100000002 (level 1: named in level 1)
       2.100   DialTarget          carla: 3. ringing carla at +4915100000003 (level 1: named in level 1)
       2.400 ! DialTargetResult    carla: no line was free: max_calls of the trunk `carrier` is reached
       4.300   DialTargetResult    anna: declined at the phone
       4.300   DialTarget          carla: 4. ringing carla at +4915100000003 (level 1: named in level 1)
       5.500   DialTargetResult    carla: answered
       5.500   ConfirmTarget       carla: asked to press 1
      13.900   ConfirmTargetResult carla: accepted with 1
      13.900   DialTargetResult    bob: carla accepted first: it rings no more
      13.900 ~ DialTarget          dora: not rung: carla accepted first
      13.900   Bridge              carla: the caller and carla hear each other
      13.900   Hangup              the caller hung up
    accepted: the caller hung up
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_never_finds_a_free_line_is_tried_last_once_more_and_then_left_out() {
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:bob"]]"#, ""), PEOPLE);
    let full = || refused(NotAnswered::NoLine("max_calls of the trunk `carrier` is reached".to_owned()));
    house.phone("anna", full());
    house.phone("bob", is_busy());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.rang(), ["anna", "bob", "anna"]);
    let why = "anna: not rung: no line was free, also when tried again after the others";
    assert!(call.timeline().contains(why), "{}", call.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_silences_all_phones_at_once() {
    let mut house = together("");
    house.phone("anna", rings_out());
    house.phone("bob", answers_after(secs(2)));
    house.phone("carla", answers_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::CallsIn).plus(secs(7)))).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.released("anna"), (7000, Farewell::Done, None));
    assert_eq!(call.released("bob"), (7000, Farewell::Done, Some("[en/caller-gone]".to_owned())));
    assert_eq!(call.released("carla"), (7000, Farewell::Done, Some("[en/caller-gone]".to_owned())));
}

/// The route's calls are recorded, which those who accept are told first: this takes 2 s.
fn recorded() -> House {
    let route =
        one_route(TOGETHER, "record_calls = true").replace(r#"order = "listed""#, r#"order = "all-at-once""#);
    House::with(&route, PEOPLE)
}

#[tokio::test(start_paused = true)]
async fn who_accepts_while_another_is_being_put_through_waits_for_it_and_is_told_that_it_is_taken() {
    let mut house = recorded();
    house.phone("anna", accepts_after(secs(1)));
    house.phone("bob", accepts_after(secs(2)));
    house.phone("carla", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(9)))).await;
    assert_eq!(bridged(&call), ["anna"]);
    assert_eq!(call.released("bob").2.as_deref(), Some(TAKEN));
}

#[tokio::test(start_paused = true)]
async fn if_who_accepted_first_is_lost_before_the_call_is_put_through_the_next_has_it_at_once() {
    let mut house = recorded();
    let slips = accepts_after(secs(1)).hangs_up(upon(Sign::Hears("may-be-recorded")).plus(ms(1500)));
    house.phone("anna", slips);
    house.phone("bob", accepts_after(secs(2)));
    house.phone("carla", rings_out());
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(9)))).await;
    assert_eq!(bridged(&call), ["bob"], "{}", call.timeline());
    assert_eq!(call.outcome, Outcome::Accepted);
    assert!(call.timeline().contains("anna: accepted, then hung up before the call was put through"));
}

#[tokio::test(start_paused = true)]
async fn if_the_only_one_who_accepted_is_lost_the_caller_goes_on_to_the_next() {
    let mut house = recorded();
    house.phone("anna", accepts_after(secs(1)).hangs_up(upon(Sign::Hears("may-be-recorded")).plus(ms(100))));
    house.phone("bob", is_busy());
    house.phone("carla", is_busy());
    house.phone("dora", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(9)))).await;
    assert_eq!(bridged(&call), ["dora"]);
}

const RACES: u64 = 10_000;

/// Somebody who picks up at once and presses 1 at this moment, or one ms sooner or later, and who now and
/// then hangs up in that moment.
fn contender(rng: &mut StdRng, moment: u64, recorded: bool) -> (Story, bool) {
    let at = |rng: &mut StdRng| upon(Sign::Dialled).plus(ms(moment + rng.random_range(0..=2) - 1));
    let picks_up = Story::default().does(Deed::PickUp, upon(Sign::Dialled).plus(ms(80)));
    let presses = picks_up.presses('1', at(rng));
    match rng.random_range(0..4) {
        0 => (presses.hangs_up(at(rng)), true),
        1 if recorded => (presses.hangs_up(at(rng).plus(ms(rng.random_range(0..2200)))), true),
        _ => (presses, false),
    }
}

async fn race(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let consent = rng.random_bool(0.2);
    let mut house = if consent { recorded() } else { together("") };
    let moment = rng.random_range(90..6000);
    let mut slips = Vec::new();
    for who in ["anna", "bob"] {
        let (story, hangs_up) = contender(&mut rng, moment, consent);
        house.phone(who, story);
        slips.extend(hangs_up.then_some(who));
    }
    house.phone("carla", if rng.random_bool(0.5) { rings_out() } else { answers_after(ms(100)) });
    house.phone("dora", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(3)))).await;
    let with = bridged(&call);
    assert_eq!(with.len(), 1, "seed {seed}: one responder, not {with:?}\n{}", call.timeline());
    assert_eq!(call.count(Step::Bridge), 1);
    assert_eq!(call.outcome, Outcome::Accepted, "seed {seed}");
    for who in ["anna", "bob", "carla"].into_iter().filter(|who| *who != with[0] && !slips.contains(who)) {
        let (_, why, clip) = call.released(who);
        if with[0] != "dora" {
            assert_eq!(why, Farewell::AnsweredElsewhere, "seed {seed}: {who}\n{}", call.timeline());
            assert_eq!(clip.as_deref(), Some(TAKEN), "seed {seed}");
        }
    }
}

#[test]
fn of_two_who_accept_within_a_millisecond_exactly_one_has_the_call_and_no_caller_is_lost() {
    for seed in 0..RACES {
        let paused = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        paused.unwrap().block_on(race(seed));
    }
}
