//! What each service does with a call, written from what its documents say: a hotline with its preset does
//! the same. Where the documents are silent, nothing is expected here.

use std::collections::BTreeSet;

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE};
use crate::story::{
    Caller, Sign, Story, accepts_after, after, answers_after, caller, is_busy, rings_out, secs, upon,
};
use crate::told::Told;

/// A policy of two levels that is run through three times; Eve has two phones.
const POLICY: &str = r#"
[[people]]
id = "eve"
phones = ["+4915100000005", "+4915100000006"]
[[escalations]]
id = "policy"
repeat = 2
levels = [
    { targets = ["person:anna", "person:bob", "person:eve"] },
    { targets = ["person:dora"], after = "30m" },
]
"#;

/// A hotline with this preset and one route, which rings the policy; `more` is added to the route.
fn settings(preset: &str, more: &str) -> String {
    let levels = if more.starts_with("levels =") { "" } else { r#"levels = [["escalation:policy"]]"# };
    format!(
        r#"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
preset = "{preset}"
[[hotlines.routes]]
name = "Production"
{levels}
{more}
"#
    )
}

/// The same with a menu: 1 rings the policy, `*` rings dora.
fn menu(preset: &str) -> String {
    settings(
        preset,
        "key = \"1\"\n[[hotlines.routes]]\nkey = \"*\"\nname = \"Rest\"\nlevels = [[\"person:dora\"]]",
    )
    .replace("[[hotlines.routes]]\nname", "[hotlines.menu]\n[[hotlines.routes]]\nname")
}

/// A call to these settings in which every phone does the same.
async fn call(settings: &str, seed: u8, phones: &Story, caller: Caller) -> Told {
    let mut house = House::with(settings, &format!("{PEOPLE}{POLICY}")).seeded(seed);
    for who in ["anna", "bob", "carla", "dora", "eve", "eve 2"] {
        house.phone(who, phones.clone());
    }
    house.call(caller).await
}

/// Who is rung where every phone is busy, for several seeds.
async fn rung_by_all_seeds(settings: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for seed in 0..16 {
        let told = call(settings, seed, &is_busy(), caller()).await;
        all.push(told.rang().into_iter().map(str::to_owned).collect());
    }
    all
}

fn sorted(people: &[String]) -> BTreeSet<&str> {
    people.iter().map(String::as_str).collect()
}

/// Somebody who picks up and presses these keys, one after another, behind the prompt.
fn presses(keys: &str) -> Story {
    let mut story = answers_after(secs(1));
    for (second, key) in (1..).zip(keys.chars()) {
        story = story.presses(key, upon(Sign::HasHeard("caller-on-hold")).plus(secs(second)));
    }
    story
}

async fn accepts(settings: &str, keys: &str) -> bool {
    let caller = caller().hangs_up(upon(Sign::Bridged).plus(secs(5)));
    call(settings, 1, &presses(keys), caller).await.outcome == Outcome::Accepted
}

#[tokio::test(start_paused = true)]
async fn pagerduty_rings_everybody_of_a_level_in_random_order_then_the_next_and_never_repeats() {
    let calls = rung_by_all_seeds(&settings("pagerduty", "")).await;
    for people in &calls {
        assert_eq!(people.len(), 4, "a policy that repeats is run through once: {people:?}");
        assert_eq!(sorted(&people[..3]), BTreeSet::from(["anna", "bob", "eve"]), "{people:?}");
        assert_eq!(people[3], "dora");
    }
    let first: BTreeSet<&String> = calls.iter().filter_map(|people| people.first()).collect();
    assert_eq!(first.len(), 3, "everybody of the level comes first in some call");
}

#[tokio::test(start_paused = true)]
async fn pagerduty_rings_the_first_number_of_a_person_and_then_takes_a_message() {
    let told = call(&settings("pagerduty", "levels = [[\"person:eve\"]]"), 1, &is_busy(), caller()).await;
    assert_eq!(told.rang(), ["eve"], "one phone of the two");
    assert!(
        told.heard("caller").iter().any(|words| words.contains("leave-message")),
        "{:?}",
        told.heard("caller")
    );
}

#[tokio::test(start_paused = true)]
async fn opsgenie_repeats_the_escalation_as_it_says_until_the_number_of_tries_is_reached() {
    for people in rung_by_all_seeds(&settings("opsgenie", "")).await {
        assert_eq!(people.len(), 12, "once, and twice again: {people:?}");
        for pass in people.chunks(4) {
            assert_eq!(sorted(&pass[..3]), BTreeSet::from(["anna", "bob", "eve"]), "{people:?}");
            assert_eq!(pass[3], "dora");
        }
    }
    for people in rung_by_all_seeds(&settings("opsgenie", "max_people = 6")).await {
        assert_eq!(people.len(), 6, "six tries, repeats counted: {people:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn opsgenie_with_no_tries_takes_a_message_at_once_and_otherwise_at_the_end() {
    for route in ["max_people = 0", ""] {
        let told = call(&settings("opsgenie", route), 1, &is_busy(), caller()).await;
        assert_eq!(told.rang().is_empty(), route == "max_people = 0");
        assert!(told.heard("caller").iter().any(|words| words.contains("leave-message")));
    }
}

#[tokio::test(start_paused = true)]
async fn opsgenie_puts_a_call_through_to_whoever_presses_a_number() {
    assert!(accepts(&settings("opsgenie", ""), "7").await);
    assert!(!accepts(&settings("opsgenie", ""), "").await);
}

#[tokio::test(start_paused = true)]
async fn opsgenie_hangs_up_at_the_second_wrong_key_and_its_star_option_takes_the_keys_without_one() {
    let without_star = menu("opsgenie").replace("key = \"*\"", "key = \"2\"");
    let wrong = caller().presses('9', after("press")).presses('8', after("press").nth(2));
    let told = call(&without_star, 1, &is_busy(), wrong).await;
    assert_eq!(told.outcome, Outcome::Missed);
    assert_eq!(told.rang(), [""; 0]);
    assert_eq!(told.heard("caller").iter().filter(|words| words.contains("press")).count(), 2);
    let told = call(&menu("opsgenie"), 1, &is_busy(), caller().presses('9', after("press"))).await;
    assert_eq!(told.ended.route.as_deref(), Some("Rest"));
}

#[tokio::test(start_paused = true)]
async fn ilert_rings_one_of_a_level_by_lot_and_then_one_of_the_next() {
    let calls = rung_by_all_seeds(&settings("ilert", "")).await;
    for people in &calls {
        assert_eq!(people.len(), 2, "{people:?}");
        assert!(["anna", "bob", "eve"].contains(&people[0].as_str()), "{people:?}");
        assert_eq!(people[1], "dora");
    }
    let first: BTreeSet<&String> = calls.iter().filter_map(|people| people.first()).collect();
    assert_eq!(first.len(), 3, "the lot falls on everybody in some call");
}

#[tokio::test(start_paused = true)]
async fn ilert_takes_any_key_and_says_at_the_end_that_nobody_is_there_or_takes_a_message_when_set_up() {
    assert!(accepts(&settings("ilert", ""), "5").await);
    let told = call(&settings("ilert", ""), 1, &is_busy(), caller()).await;
    assert!(told.heard("caller").iter().any(|words| words.contains("nobody-available")));
    let with_mailbox = settings("ilert", "fallback = { then = \"voicemail\" }");
    let told = call(&with_mailbox, 1, &is_busy(), caller()).await;
    assert!(told.heard("caller").iter().any(|words| words.contains("leave-message")));
}

#[tokio::test(start_paused = true)]
async fn all_quiet_tries_three_people_over_all_tiers_for_twenty_seconds_each_and_then_takes_a_message() {
    for people in rung_by_all_seeds(&settings("allquiet", "")).await {
        assert_eq!(sorted(&people), BTreeSet::from(["anna", "bob", "eve"]));
        assert_eq!(people.len(), 3, "the fourth, in the second tier, is one too many: {people:?}");
    }
    let told = call(&settings("allquiet", ""), 1, &rings_out(), caller()).await;
    let at: Vec<i64> = told.rung().into_iter().map(|(_, at)| at).collect();
    assert_eq!((at[1] - at[0], at[2] - at[1]), (20_200, 20_200), "20 s from the first ring");
    assert!(told.heard("caller").iter().any(|words| words.contains("leave-message")));
}

#[tokio::test(start_paused = true)]
async fn all_quiet_goes_on_without_delay_to_the_second_tier_and_shows_the_hotlines_number() {
    let told = call(
        &settings("allquiet", "levels = [[\"person:anna\"], [\"person:dora\"]]"),
        1,
        &is_busy(),
        caller(),
    )
    .await;
    let at: Vec<i64> = told.rung().into_iter().map(|(_, at)| at).collect();
    assert_eq!((told.rang(), at[1] - at[0]), (vec!["anna", "dora"], 300), "busy after 300 ms, and on");
    assert_eq!(told.shown("anna"), Some("+4930123456"));
}

#[tokio::test(start_paused = true)]
async fn all_quiet_puts_a_call_through_with_1_alone_and_knows_no_key_that_declines() {
    assert!(accepts(&settings("allquiet", ""), "1").await);
    assert!(!accepts(&settings("allquiet", ""), "5").await);
    assert!(accepts(&settings("allquiet", ""), "21").await, "2 is a key like any other");
}

#[tokio::test(start_paused = true)]
async fn incident_io_rings_everybody_for_thirty_seconds_takes_1_and_shows_its_own_number() {
    let told = call(&settings("incidentio", ""), 1, &rings_out(), caller()).await;
    let at: Vec<i64> = told.rung().into_iter().map(|(_, at)| at).collect();
    assert_eq!(at.len(), 4, "until it runs out of people");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] == 30_200), "{at:?}");
    assert_eq!(told.shown("anna"), Some("+4930123456"));
    assert!(accepts(&settings("incidentio", ""), "1").await);
    assert!(!accepts(&settings("incidentio", ""), "5").await);
}

#[tokio::test(start_paused = true)]
async fn a_key_beside_the_preset_wins_and_so_does_the_preset_of_a_route() {
    for people in rung_by_all_seeds(&settings("allquiet", "max_people = \"all\"")).await {
        assert_eq!(people.len(), 4);
    }
    for people in rung_by_all_seeds(&settings("allquiet", "preset = \"ilert\"")).await {
        assert_eq!(people.len(), 2);
    }
    let mut house = House::with(
        &settings("opsgenie", "[hotlines.routes.accept]\nkey = \"1\""),
        &format!("{PEOPLE}{POLICY}"),
    );
    for who in ["anna", "bob", "dora", "eve"] {
        house.phone(who, accepts_after(secs(1)));
    }
    let told = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert!(told.timeline().contains("asked to press 1"), "{}", told.timeline());
}
