//! Rows 57 and 58: several callers at once.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Sign, accepts_after, caller, rings_out, secs, upon};

const BOTH: &str = r#"[["person:anna"], ["person:bob"]]"#;

#[tokio::test(start_paused = true)]
async fn row_57_who_is_on_a_call_or_being_rung_is_left_out_and_nobody_is_rung_for_two_calls_at_once() {
    let mut house = House::with(&one_route(BOTH, ""), PEOPLE);
    house.nobody_is_rung_twice_at_once();
    house.phone("anna", accepts_after(secs(10)));
    house.phone("bob", accepts_after(secs(10)));
    let talks =
        |name, at| caller().named(name).calls_at(secs(at)).hangs_up(upon(Sign::Bridged).plus(secs(60)));
    // Anna's phone rings for the first when the second calls, and both talk when the third does.
    let last = talks("third", 40).hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let calls = house.calls(vec![talks("first", 0), talks("second", 3), last]).await;
    assert_eq!(calls[0].rang(), ["anna"]);
    assert_eq!(calls[1].rang(), ["bob"]);
    assert_eq!((calls[2].rang(), calls[2].outcome), (vec![], Outcome::Voicemail));
}

#[tokio::test(start_paused = true)]
async fn row_58_each_caller_goes_along_the_chain_alone_and_whose_chain_is_over_gets_the_fallback() {
    let mut house = House::with(&one_route(BOTH, "ring = \"10s\""), PEOPLE);
    house.phone_each_time("anna", vec![accepts_after(secs(1)), rings_out()]);
    house.phone("bob", rings_out());
    let first = caller().named("first").hangs_up(upon(Sign::Bridged).plus(secs(300)));
    let second = caller().named("second").calls_at(secs(5)).hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let third = caller().named("third").calls_at(secs(60)).hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let calls = house.calls(vec![first, second, third]).await;
    assert_eq!((calls[0].rang(), calls[0].outcome), (vec!["anna"], Outcome::Accepted));
    assert_eq!((calls[1].rang(), calls[1].outcome), (vec!["bob"], Outcome::Voicemail));
    assert_eq!((calls[2].rang(), calls[2].outcome), (vec!["bob"], Outcome::Voicemail));
}
