//! Rows 42 to 56: who is rung, and in which order.

use std::collections::BTreeSet;

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Sign, Story};
use crate::story::{accepts_after, answers_after, caller, is_busy, rings_out, secs, turns_it_down, upon};
use crate::told::Told;

/// Anna is on call in `one`, Bob in `two`; Carla and Dora take turns in `night`, now Dora. A team and
/// escalations of them.
const ORGANISATION: &str = r#"
[[schedules]]
id = "one"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "weekly"
people = ["anna"]
every = "1 week"
start = "2026-01-05 09:00"

[[schedules]]
id = "night"
timezone = "Europe/Berlin"
[[schedules.rotations]]
name = "daily"
people = ["carla", "dora"]
every = "1 day"
start = "2026-11-19 09:00"

[[teams]]
id = "sre"
levels = [["schedule:one"], ["person:bob"]]

[[escalations]]
id = "platform"
repeat = 2
levels = [
    { targets = ["person:bob"], after = "30m" },
    { targets = ["schedule:one"] },
    { targets = ["schedule:night"], after = "30m" },
]
"#;

/// A call in which every phone is busy. Nobody takes it, and everybody is rung in turn.
async fn everybody_is_busy(levels: &str, more: &str, seed: u8) -> Told {
    with_phones(levels, more, seed, &is_busy()).await
}

async fn with_phones(levels: &str, more: &str, seed: u8, story: &Story) -> Told {
    let mut route = one_route(levels, more);
    if more.contains("order =") {
        route = route.replacen("order = \"listed\"\n", "", 1);
    }
    let mut house = House::with(&route, &format!("{PEOPLE}{ORGANISATION}")).seeded(seed);
    for who in ["anna", "bob", "carla", "dora"] {
        house.phone(who, story.clone());
    }
    house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await
}

/// Who is rung at these levels when nobody takes the call.
async fn rang(levels: &str, more: &str) -> Vec<String> {
    owned(&everybody_is_busy(levels, more, 7).await)
}

fn owned(call: &Told) -> Vec<String> {
    call.rang().into_iter().map(str::to_owned).collect()
}

/// The orders in which people are rung in 40 calls.
async fn orders(levels: &str, more: &str) -> BTreeSet<Vec<String>> {
    let mut orders = BTreeSet::new();
    for seed in 0..40 {
        orders.insert(owned(&everybody_is_busy(levels, more, seed).await));
    }
    orders
}

#[tokio::test(start_paused = true)]
async fn row_42_people_teams_schedules_escalations_and_everyone_on_a_schedule_are_rung_also_mixed() {
    assert_eq!(rang(r#"[["person:carla"]]"#, "").await, ["carla"]);
    assert_eq!(rang(r#"[["schedule:night"]]"#, "").await, ["dora"]);
    assert_eq!(rang(r#"[["everyone:night"]]"#, "").await, ["carla", "dora"]);
    assert_eq!(rang(r#"[["team:sre"]]"#, "").await, ["anna", "bob"]);
    assert_eq!(rang(r#"[["escalation:platform"]]"#, "").await, ["anna", "bob", "dora"]);
    let mixed = r#"[["schedule:night", "person:anna"], ["team:sre", "everyone:night"]]"#;
    assert_eq!(rang(mixed, "").await, ["dora", "anna", "carla", "bob"]);
}

#[tokio::test(start_paused = true)]
async fn row_43_several_recipients_are_rung_in_the_order_in_which_they_are_listed() {
    let listed = r#"[["person:dora", "person:anna", "person:carla"]]"#;
    assert_eq!(orders(listed, "").await, BTreeSet::from([owned_names(&["dora", "anna", "carla"])]));
}

fn owned_names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Opsgenie's own example: in schedule1 an escalation (user1 at once, user2 after 5 minutes) and a team are
/// on call. First user1 and the team's default target in random order, then user2, then the voicemail.
#[tokio::test(start_paused = true)]
async fn row_44_what_is_nested_unfolds_and_merges_by_rank_as_in_opsgenies_own_example() {
    let oncall = format!(
        r#"{PEOPLE}
[[escalations]]
id = "escalation1"
levels = [{{ targets = ["person:anna"] }}, {{ targets = ["person:bob"], after = "5m" }}]
[[teams]]
id = "team1"
levels = [["person:carla"]]
[[schedules]]
id = "schedule1"
timezone = "UTC"
stacking = "parallel"
[[schedules.rotations]]
name = "escalation"
people = ["escalation:escalation1"]
every = "1 week"
start = "2026-01-05 09:00"
[[schedules.rotations]]
name = "team"
people = ["team:team1"]
every = "1 week"
start = "2026-01-05 09:00"
"#
    );
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let route = one_route(r#"[["schedule:schedule1"]]"#, "")
            .replace("order = \"listed\"", "order = \"shuffled\"");
        let mut house = House::with(&route, &oncall).seeded(seed);
        for who in ["anna", "bob", "carla"] {
            house.phone(who, rings_out());
        }
        let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
        assert_eq!(call.outcome, Outcome::Voicemail);
        orders.insert(owned(&call));
    }
    let expected = [owned_names(&["anna", "carla", "bob"]), owned_names(&["carla", "anna", "bob"])];
    assert_eq!(orders, BTreeSet::from(expected));
}

#[tokio::test(start_paused = true)]
async fn row_45_one_phone_rings_at_a_time() {
    let levels = r#"[["person:anna", "person:bob"]]"#;
    let call = with_phones(levels, "", 7, &rings_out()).await;
    assert_eq!(call.rung(), [("anna", 2100), ("bob", 2100 + 20_200)], "Bob when Anna's has stopped");
}

#[tokio::test(start_paused = true)]
async fn row_46_the_order_inside_a_level_is_another_one_for_each_call() {
    let levels = r#"[["person:anna", "person:bob", "person:carla"], ["person:dora"]]"#;
    let orders = orders(levels, "order = \"shuffled\"").await;
    assert_eq!(orders.len(), 6, "all orders of three people are met");
    assert!(orders.iter().all(|order| order.len() == 4 && order[3] == "dora"), "{orders:?}");
}

#[tokio::test(start_paused = true)]
async fn row_47_only_one_of_a_level_is_tried_by_chance_and_then_the_next_level() {
    let levels = r#"[["person:anna", "person:bob", "person:carla"], ["person:dora"]]"#;
    let one = "order = \"one-random\"";
    let drawn = orders(levels, one).await;
    let expected = ["anna", "bob", "carla"].map(|who| owned_names(&[who, "dora"]));
    assert_eq!(drawn, BTreeSet::from(expected));
    let call = everybody_is_busy(levels, one, 7).await;
    let timeline = call.timeline();
    let lot = call.rang()[0];
    assert!(timeline.contains("drawn by lot out of 3"), "{timeline}");
    let left: Vec<&str> =
        timeline.lines().filter(|line| line.ends_with(&format!("the lot fell on {lot}"))).collect();
    assert_eq!(left.len(), 2, "{timeline}");
}

#[tokio::test(start_paused = true)]
async fn row_48_a_level_is_rung_when_all_of_the_one_before_have_been_tried() {
    let levels = r#"[["person:carla", "person:dora"], ["person:bob"], ["person:anna"]]"#;
    for order in ["shuffled", "listed", "all-at-once"] {
        let call = everybody_is_busy(levels, &format!("order = \"{order}\""), 3).await;
        let first: BTreeSet<&str> = call.rang().into_iter().take(2).collect();
        assert_eq!(first, BTreeSet::from(["carla", "dora"]), "{order}");
        assert_eq!(call.rang()[2..], ["bob", "anna"], "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_49_the_delays_of_an_escalation_order_its_levels_and_nobody_waits_for_them() {
    let call = everybody_is_busy(r#"[["escalation:platform"]]"#, "", 7).await;
    let rung = [("anna", 2100), ("bob", 2400), ("dora", 2700)];
    assert_eq!(call.rung(), rung, "at once first, then both of half an hour, though listed otherwise");
    assert!(call.timeline().contains("bob at +4915100000002 (level 1.1: escalation platform, level 2)"));
}

#[tokio::test(start_paused = true)]
async fn row_50_the_chain_is_repeated_as_the_route_says_or_as_the_escalation_says() {
    let levels = r#"[["escalation:platform"]]"#;
    let again = |repeat: &str| format!("repeat = {repeat}\nskip_dialled = false");
    assert_eq!(rang(levels, &again("0")).await.len(), 3, "as with all but Opsgenie: not at all");
    assert_eq!(rang(levels, &again("1")).await.len(), 6);
    let own = rang(levels, &again("\"own\"")).await;
    assert_eq!(own, ["anna", "bob", "dora"].repeat(3), "the escalation says: twice more");
    assert_eq!(rang(r#"[["person:anna"]]"#, &again("\"own\"")).await, ["anna"], "nothing says so");
    let limited = format!("{}\nmax_people = 4", again("\"own\""));
    assert_eq!(rang(levels, &limited).await, ["anna", "bob", "dora", "anna"], "up to the limit");
}

#[tokio::test(start_paused = true)]
async fn row_51_nothing_of_one_call_changes_whom_the_next_one_rings_first() {
    let route = one_route(r#"[["person:anna", "person:bob"]]"#, "");
    let mut house = House::with(&route, PEOPLE);
    house.phone("anna", is_busy());
    house.phone("bob", is_busy());
    let a_call =
        |name, at| caller().named(name).calls_at(secs(at)).hangs_up(upon(Sign::Recorded).plus(secs(3)));
    let calls = house.calls(vec![a_call("first", 0), a_call("second", 60), a_call("third", 120)]).await;
    for call in &calls {
        assert_eq!(call.rang(), ["anna", "bob"], "an escalation's round robin has no say in calls");
    }
}

#[tokio::test(start_paused = true)]
async fn row_52_each_phone_rings_as_long_as_the_route_says() {
    let levels = r#"[["person:anna"], ["person:bob"]]"#;
    for (ring, ms) in [("5s", 5000), ("20s", 20_000), ("2m", 120_000)] {
        let call = with_phones(levels, &format!("ring = \"{ring}\""), 7, &rings_out()).await;
        assert_eq!(call.rung(), [("anna", 2100), ("bob", 2100 + 200 + ms)], "from the first 18x, {ring}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_53_no_more_people_are_tried_than_max_people_says() {
    let levels = r#"[["person:anna", "person:bob"], ["person:carla"], ["person:dora"]]"#;
    assert_eq!(rang(levels, "max_people = 3").await, ["anna", "bob", "carla"], "across levels");
    assert_eq!(rang(levels, "max_people = \"all\"").await.len(), 4);
    assert_eq!(rang(levels, "max_people = 0").await, [""; 0]);
    let call = everybody_is_busy(levels, "max_people = 0", 7).await;
    assert_eq!(call.outcome, Outcome::Voicemail, "nobody is rung, and the caller leaves a message");
}

#[tokio::test(start_paused = true)]
async fn row_54_all_phones_of_a_person_are_rung_in_order_or_the_first_alone() {
    let two = PEOPLE.replace(r#"["+4915100000001"]"#, r#"["+4915100000001", "sip:anna@10.1.2.3"]"#);
    let levels = r#"[["person:anna"], ["person:bob"]]"#;
    for (phones, rang) in [("all", ["anna", "anna", "bob"].as_slice()), ("first", &["anna", "bob"])] {
        let mut house = House::with(&one_route(levels, &format!("phones = \"{phones}\"")), &two);
        house.phone("anna", answers_after(secs(1)));
        house.phone("anna 2", rings_out());
        house.phone("bob", accepts_after(secs(1)));
        let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
        assert_eq!(call.rang(), rang, "{phones}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_55_a_number_that_was_rung_is_left_out_later_in_the_chain_where_the_route_says_so() {
    let levels = r#"[["person:anna", "person:bob"], ["team:sre", "person:carla"]]"#;
    assert_eq!(rang(levels, "skip_dialled = true").await, ["anna", "bob", "carla"]);
    assert_eq!(rang(levels, "skip_dialled = false").await, ["anna", "bob", "anna", "carla", "bob"]);
    let shared = PEOPLE.replace("+4915100000003", "+4915100000001");
    let mut house = House::with(&one_route(r#"[["person:anna"], ["person:carla"]]"#, ""), &shared);
    house.phone("anna", turns_it_down());
    let call = house.call(caller().hangs_up(upon(Sign::Recorded).plus(secs(3)))).await;
    assert_eq!(call.rang(), ["anna"], "also where it is another person's");
}

#[tokio::test(start_paused = true)]
async fn row_56_only_people_who_are_available_and_have_a_confirmed_phone_are_rung() {
    let people = PEOPLE
        .replace("id = \"anna\"", "id = \"anna\"\navailable = false")
        .replace(
            r#"["+4915100000002"]"#,
            r#"[{ phone = "+4915100000012", unconfirmed = true }, "+4915100000002"]"#,
        )
        .replace(r#"["+4915100000003"]"#, r#"[{ phone = "+4915100000003", unconfirmed = true }]"#);
    let levels = r#"[["person:anna", "person:bob", "person:carla", "person:dora"]]"#;
    let mut house = House::with(&one_route(levels, ""), &people);
    house.phone("bob", is_busy());
    house.phone("dora", accepts_after(secs(1)));
    let call = house.call(caller().hangs_up(upon(Sign::Bridged))).await;
    assert_eq!(call.rang(), ["bob", "dora"], "Bob at the phone that is confirmed");
    let timeline = call.timeline();
    assert!(
        timeline.contains("bob (level 1: named in level 1; +4915100000012 is not confirmed)"),
        "{timeline}"
    );
    for why in [
        "anna: not rung: is marked as unavailable",
        "carla: not rung: has no confirmed phone: +4915100000003 is not confirmed",
    ] {
        assert!(timeline.contains(why), "{timeline}");
    }
}
