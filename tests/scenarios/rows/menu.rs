//! Rows 20, 23, 29 to 41, 52, 60 and 61: the menu, where it leads, and which numbers are shown.

use nightbell::call::journal::{Outcome, Step};

use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{Caller, Sign, accepts_after, after, caller, rings_out, secs, upon};
use crate::told::Told;

/// The words of a menu begin and end with it.
const MENU: &str = "press";

/// A call to these settings. Anna and Bob accept; the others let it ring.
async fn call(settings: &str, oncall: &str, caller: Caller) -> Told {
    let mut house = House::with(settings, &format!("{PEOPLE}{oncall}"));
    house.phone("anna", accepts_after(secs(1)));
    house.phone("bob", accepts_after(secs(1)));
    house.phone("carla", rings_out());
    house.phone("dora", rings_out());
    house.call(caller.hangs_up(upon(Sign::Bridged).plus(secs(5)))).await
}

/// How often the caller heard the menu.
fn menus(call: &Told) -> usize {
    call.heard("caller").iter().filter(|words| words.contains("press")).count()
}

#[tokio::test(start_paused = true)]
async fn row_20_the_callers_number_decides_where_the_call_goes() {
    let settings = two_routes("").replace(
        "[hotlines.menu]",
        "[[hotlines.callers]]\nname = \"Acme\"\nnumbers = \"+4930555*\"\nroute = \"2\"\n[hotlines.menu]",
    );
    let known = call(&settings, "", caller().from("+49305551")).await;
    assert_eq!((known.rang(), menus(&known)), (vec!["bob"], 0), "straight to Billing, without the menu");
    assert!(
        known.timeline().contains("Billing: the caller is Acme: straight to Billing"),
        "{}",
        known.timeline()
    );
    let other = call(&settings, "", caller().from("+49305561").presses('1', after(MENU))).await;
    assert_eq!((other.rang(), menus(&other)), (vec!["anna"], 1));
}

#[tokio::test(start_paused = true)]
async fn row_23_the_menu_is_made_from_the_routes_or_said_in_words_of_ones_own() {
    let made = call(&two_routes(""), "", caller().presses('1', after(MENU))).await;
    assert_eq!(made.heard("caller")[1], "[en/press] [en/1] [400 ms] [en/press] [en/2] [400 ms]");
    let own = two_routes("prompt = { file = \"keys.wav\" }");
    let own = call(&own, "", caller().presses('1', after("keys.wav"))).await;
    assert_eq!(own.heard("caller")[..2], ["[en/welcome]", "[/etc/keys.wav]"]);
}

#[tokio::test(start_paused = true)]
async fn row_29_a_hotline_with_one_route_rings_without_a_menu() {
    let told = call(&one_route(r#"[["person:anna"]]"#, ""), "", caller()).await;
    assert_eq!((told.outcome, told.count(Step::GatherDtmf)), (Outcome::Accepted, 0));
}

#[tokio::test(start_paused = true)]
async fn row_30_each_key_leads_to_its_route() {
    for (key, person, route) in [('1', "anna", "Production"), ('2', "bob", "Billing")] {
        let told = call(&two_routes(""), "", caller().presses(key, after(MENU))).await;
        assert_eq!((told.rang(), told.ended.route.as_deref()), (vec![person], Some(route)));
    }
}

#[tokio::test(start_paused = true)]
async fn row_32_the_options_are_offered_in_the_order_of_the_file() {
    let swapped = two_routes("").replace("\"1\"", "\"7\"").replace("\"2\"", "\"0\"");
    let told = call(&swapped, "", caller().presses('7', after(MENU))).await;
    assert_eq!(told.heard("caller")[1], "[en/press] [en/7] [400 ms] [en/press] [en/0] [400 ms]");
}

#[tokio::test(start_paused = true)]
async fn row_33_the_star_key_takes_every_key_without_a_route() {
    let star = two_routes("").replace("key = \"2\"", "key = \"*\"");
    for (key, person) in [('1', "anna"), ('9', "bob"), ('*', "bob"), ('#', "bob")] {
        let told = call(&star, "", caller().presses(key, after(MENU))).await;
        assert_eq!(told.rang(), [person], "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_34_a_wrong_key_is_told_and_the_last_one_ends_the_call() {
    let wrong = || caller().presses('9', after(MENU)).presses('8', after(MENU).nth(3));
    let told = call(&two_routes("wrong_keys = 1"), "", wrong()).await;
    assert_eq!((told.outcome, menus(&told)), (Outcome::Missed, 1));
    // Silence between them is no wrong key.
    let told = call(&two_routes("wrong_keys = 2\nattempts = 9"), "", wrong()).await;
    assert_eq!((told.outcome, menus(&told)), (Outcome::Missed, 3));
    assert!(told.heard("caller").contains(&"[en/route-unknown]".to_owned()));
    assert_eq!(told.reason, "the menu was left without a choice");
}

#[tokio::test(start_paused = true)]
async fn row_35_a_caller_has_the_time_set_and_silence_is_an_attempt() {
    for (timeout, outcome) in [("2s", Outcome::Missed), ("9s", Outcome::Accepted)] {
        let settings = two_routes(&format!("timeout = \"{timeout}\"\nattempts = 1"));
        let slow = caller().presses('1', upon(Sign::HasHeard(MENU)).plus(secs(8)));
        assert_eq!(call(&settings, "", slow).await.outcome, outcome, "{timeout}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_36_the_menu_is_played_as_often_as_set_and_then_the_call_is_over() {
    for attempts in [1, 4] {
        let told = call(&two_routes(&format!("attempts = {attempts}")), "", caller()).await;
        assert_eq!((told.outcome, menus(&told)), (Outcome::Missed, attempts));
        assert_eq!(told.heard("caller").last().unwrap(), "[en/goodbye]");
    }
}

#[tokio::test(start_paused = true)]
async fn row_37_each_key_has_targets_of_its_own() {
    let teams = "[[teams]]\nid = \"sre\"\nlevels = [[\"person:carla\"], [\"person:anna\"]]\n";
    let settings = two_routes("").replace("[[\"person:anna\"]]", "[[\"team:sre\"]]");
    let told = call(&settings, teams, caller().presses('1', after(MENU))).await;
    assert_eq!(told.rang(), ["carla", "anna"]);
    assert_eq!(call(&settings, teams, caller().presses('2', after(MENU))).await.rang(), ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn row_39_each_key_has_a_fallback_of_its_own() {
    let settings = two_routes("")
        .replace("\"person:anna\"]]", "\"person:carla\"]]\nfallback = { then = \"closing\" }")
        .replace(
            "\"person:bob\"]]",
            "\"person:dora\"]]\nfallback = { greeting = { file = \"billing.wav\" } }",
        );
    let told = call(&settings, "", caller().presses('1', after(MENU))).await;
    assert_eq!(told.heard("caller").last().unwrap(), "[en/nobody-available]");
    let told = call(&settings, "", caller().presses('2', after(MENU)).says_nothing()).await;
    assert!(told.heard("caller").contains(&"[/etc/billing.wav]".to_owned()), "{:?}", told.heard("caller"));
}

#[tokio::test(start_paused = true)]
async fn row_40_outside_the_support_hours_the_call_goes_elsewhere() {
    // It is Friday, 23:00 in Berlin.
    let hours = |week: &str| {
        format!("[[hours]]\nid = \"support\"\ntimezone = \"Europe/Berlin\"\nweek = [\"{week}\"]\n")
    };
    let settings = one_route(r#"[["person:anna"]]"#, "hours = \"support\"\noutside = { route = \"Night\" }")
        + "[[hotlines.routes]]\nname = \"Night\"\nlevels = [[\"person:bob\"]]\n";
    let told = call(&settings, &hours("mon-fri 08:00-18:00"), caller()).await;
    assert_eq!((told.rang(), told.ended.route.as_deref()), (vec!["bob"], Some("Night")));
    let line = told.timeline().lines().find(|line| line.contains("GatherDtmf")).unwrap().to_owned();
    for word in ["outside the hours support", "until", "goes on at Night"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(call(&settings, &hours("mon-fri 08:00-23:30"), caller()).await.rang(), ["anna"]);
}

#[tokio::test(start_paused = true)]
async fn row_41_a_route_may_take_messages_only() {
    for only in ["direct = \"voicemail\"", "max_people = 0"] {
        let told = call(
            &one_route(r#"[["person:anna"]]"#, only),
            "",
            caller().hangs_up(upon(Sign::Recorded).plus(secs(9))),
        )
        .await;
        assert_eq!((told.outcome, told.rang()), (Outcome::Voicemail, vec![]), "{only}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_52_a_phone_rings_as_long_as_its_route_says() {
    for ring in [5, 20, 120] {
        let settings = one_route(r#"[["person:carla"], ["person:anna"]]"#, &format!("ring = \"{ring}s\""));
        let told = call(&settings, "", caller()).await;
        let [("carla", first), ("anna", second)] = told.rung()[..] else { panic!("{:?}", told.rung()) };
        assert_eq!(second - first, ring * 1000 + 200, "from the first ring");
    }
}

#[tokio::test(start_paused = true)]
async fn row_60_responders_see_the_hotlines_number_or_the_callers() {
    for (shown, number) in [("hotline", "+4930123456"), ("caller", "+4930999")] {
        let settings = one_route(r#"[["person:anna"]]"#, "")
            .replace("trunks =", &format!("caller_id = \"{shown}\"\ntrunks ="));
        let told = call(&settings, "", caller().from("+4930999")).await;
        assert_eq!(told.shown("anna"), Some(number));
    }
}

#[tokio::test(start_paused = true)]
async fn row_61_a_caller_hears_and_sees_nothing_of_a_responders_number() {
    let told = call(&one_route(r#"[["person:anna"]]"#, ""), "", caller()).await;
    assert_eq!(told.outcome, Outcome::Accepted);
    assert!(!told.heard("caller").iter().any(|words| words.contains("+4915100000001")));
}
