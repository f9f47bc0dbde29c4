//! Ways from the welcome to a route: hours, PIN, known callers, menus in menus, other hotlines.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route, two_routes};
use crate::story::{Caller, Cue, Sign, accepts_after, after, caller, during, ms, rings_out, secs, upon};
use crate::told::Told;

/// A word of the question for a PIN.
const PIN: &str = "enter-code";

/// A call to these settings: everybody accepts but Dora, who lets it ring.
async fn call(settings: &str, caller: Caller) -> Told {
    calls(settings, "", vec![caller]).await.remove(0)
}

async fn calls(settings: &str, oncall: &str, callers: Vec<Caller>) -> Vec<Told> {
    let mut house = House::with(settings, &format!("{PEOPLE}{oncall}"));
    for who in ["anna", "bob", "carla"] {
        house.phone(who, accepts_after(secs(1)));
    }
    house.phone("dora", rings_out());
    let hang_up = |caller: Caller| caller.hangs_up(upon(Sign::Bridged).plus(secs(5)));
    house.calls(callers.into_iter().map(hang_up).collect()).await
}

/// Presses keys 300 ms after one another.
fn types(caller: Caller, keys: &str, when: &Cue) -> Caller {
    (0_u64..)
        .zip(keys.chars())
        .fold(caller, |caller, (index, key)| caller.presses(key, when.clone().plus(ms(300 * index))))
}

/// Two routes behind a PIN gate, which has this in its table beside the PINs.
fn gate(more: &str) -> String {
    two_routes("").replace(
        "[hotlines.menu]",
        &format!(
            r#"
[hotlines.pin]
{more}
[[hotlines.pin.codes]]
name = "customer-a"
code = "471100"
[[hotlines.pin.codes]]
name = "customer-b"
code = "0815"
route = "2"
[hotlines.menu]"#
        ),
    )
}

/// The lines of the timeline that tell what was asked.
fn asked(call: &Told) -> Vec<String> {
    let lines = call.timeline();
    let lines = lines.lines().filter(|line| line.contains("GatherDtmf"));
    lines.filter_map(|line| Some(line.split_once("GatherDtmf")?.1.trim().to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn who_has_a_pin_gets_to_the_menu_and_the_record_names_it_without_a_digit() {
    let caller = types(caller(), "471100", &after(PIN)).presses('1', after("[en/press]"));
    let told = call(&gate(""), caller).await;
    assert_eq!(told.rang(), ["anna"]);
    assert_eq!(
        asked(&told),
        [
            "entered the PIN of customer-a (attempt 1 of 3)",
            "Production: pressed 1: Production (attempt 1 of 3)"
        ]
    );
    assert!(!told.timeline().contains("4711"), "{}", told.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_pin_may_lead_straight_to_a_route_and_hash_ends_it() {
    let told = call(&gate(""), types(caller(), "0815#", &during(PIN))).await;
    assert_eq!(told.rang(), ["bob"]);
    assert_eq!(
        asked(&told),
        [
            "entered the PIN of customer-b (attempt 1 of 3)",
            "Billing: the PIN has a route of its own: straight to Billing"
        ]
    );
    assert_eq!(told.heard("caller")[1], "[en/enter-code] --", "typing over the question is understood");
}

#[tokio::test(start_paused = true)]
async fn a_pin_may_be_typed_over_the_welcome_and_star_begins_it_anew() {
    let told = call(&gate(""), types(caller(), "99*0815#", &during("welcome"))).await;
    assert_eq!(told.rang(), ["bob"]);
    assert!(told.timeline().contains("Welcome             cut short by a key\n"), "{}", told.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_hash_behind_a_pin_that_is_complete_is_no_key_of_the_menu() {
    let caller = types(caller(), "471100#", &after(PIN)).presses('2', after("[en/press]"));
    let told = call(&gate(""), caller).await;
    assert_eq!(told.rang(), ["bob"]);
    assert_eq!(asked(&told)[1], "Billing: pressed 2: Billing (attempt 1 of 3)");
}

#[tokio::test(start_paused = true)]
async fn without_a_pin_nobody_gets_through() {
    let caller = types(caller(), "1234#", &after(PIN));
    let told = call(&gate("attempts = 2"), caller).await;
    assert_eq!((told.outcome, told.rang().len()), (Outcome::Missed, 0));
    assert_eq!(asked(&told), ["entered a wrong PIN (attempt 1 of 2)", "entered no PIN (attempt 2 of 2)"]);
    assert_eq!(told.heard("caller").last().unwrap(), "[en/goodbye]");
    assert_eq!(told.reason, "no PIN was entered");
}

#[tokio::test(start_paused = true)]
async fn without_a_pin_a_caller_may_leave_a_message() {
    let told = call(
        &gate("attempts = 1\nfallback = \"voicemail\""),
        caller().hangs_up(upon(Sign::Recorded).plus(secs(9))),
    )
    .await;
    assert_eq!((told.outcome, told.rang().len()), (Outcome::Voicemail, 0));
    assert_eq!(asked(&told)[1], "Production: no PIN was entered: a message is taken");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_has_tried_too_many_pins_is_not_asked_any_more_until_an_hour_has_passed() {
    let guess = |name, at| types(caller().named(name).calls_at(at), "1111#", &after(PIN));
    let right = |name, at| types(caller().named(name).calls_at(at), "0815#", &after(PIN));
    let told = calls(
        &gate("attempts = 1\nlockout = 2"),
        "",
        vec![
            guess("first", secs(0)),
            guess("second", secs(100)),
            right("third", secs(200)),
            right("other", secs(300)).from("+4930777"),
            right("later", secs(3700)),
        ],
    )
    .await;
    assert_eq!(told[2].reason, "no PIN is asked for: 2 wrong ones came from this number within an hour");
    assert!(!told[2].heard("third").contains(&"[en/enter-code]".to_owned()));
    let outcomes: Vec<_> = told.iter().map(|call| call.outcome).collect();
    let missed = Outcome::Missed;
    assert_eq!(outcomes, [missed, missed, missed, Outcome::Accepted, Outcome::Accepted]);
}

#[tokio::test(start_paused = true)]
async fn a_route_may_ask_for_certain_pins_of_its_own() {
    let settings = gate("before_menu = false")
        .replace("name = \"Production\"", "name = \"Production\"\npin = [\"customer-a\"]");
    let wrong = types(caller().presses('1', after("[en/press]")), "0815#", &after(PIN));
    let wrong = types(wrong, "471100", &after(PIN).nth(2));
    let told = call(&settings, wrong).await;
    assert_eq!(told.rang(), ["anna"]);
    assert_eq!(
        asked(&told)[1..],
        ["entered a wrong PIN (attempt 1 of 3)", "entered the PIN of customer-a (attempt 2 of 3)"]
    );
    let open = call(&settings, caller().presses('2', after("[en/press]"))).await;
    assert_eq!(
        (open.rang(), open.heard("caller").contains(&"[en/enter-code]".to_owned())),
        (vec!["bob"], false)
    );
}

#[tokio::test(start_paused = true)]
async fn outside_its_hours_a_hotline_lets_nobody_through_to_another_route_without_a_pin() {
    let settings = gate("").replace("trunks =", "hours = \"office\"\noutside = { route = \"1\" }\ntrunks =");
    let without = calls(&settings, CLOSED, vec![caller()]).await.remove(0);
    assert_eq!((without.rang(), without.reason.as_str()), (vec![], "no PIN was entered"));
    let with_pin = calls(&settings, CLOSED, vec![types(caller(), "0815#", &after(PIN))]).await.remove(0);
    assert_eq!(with_pin.rang(), ["anna"], "the hours decide on the route, not the PIN");
}

/// 1 rings anna, 3 leads to a menu in which 1 rings carla and star leads back.
fn nested() -> String {
    two_routes("").replace("key = \"2\"", "key = \"3\"").replace(
        "levels = [[\"person:bob\"]]",
        "menu = { back = \"*\", timeout = \"2s\", attempts = 2 }\n[[hotlines.routes.routes]]\nkey = \"1\"\nname = \"Invoices\"\nlevels = [[\"person:carla\"]]",
    )
}

/// A word of the menu in the menu.
const NESTED: &str = "to-go-back";

#[tokio::test(start_paused = true)]
async fn a_key_may_lead_to_a_further_menu() {
    let told = call(&nested(), caller().presses('3', after("[en/3]")).presses('1', after(NESTED))).await;
    assert_eq!((told.rang(), told.ended.route.as_deref()), (vec!["carla"], Some("Invoices")));
    assert_eq!(told.heard("caller")[2], "[en/press] [en/1] [400 ms] [en/press] [en/star] [en/to-go-back]");
    assert_eq!(
        asked(&told),
        ["Billing: pressed 3: Billing (attempt 1 of 3)", "Invoices: pressed 1: Invoices (attempt 1 of 2)"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_way_back_leads_to_the_menu_before_and_uses_up_its_attempts() {
    let mut there_and_back = caller();
    for nth in 1..=3 {
        there_and_back =
            there_and_back.presses('3', after("[en/3]").nth(nth)).presses('*', after(NESTED).nth(nth));
    }
    let told = call(&nested(), there_and_back).await;
    assert_eq!(told.reason, "the menu was left without a choice", "{}", told.timeline());
    assert_eq!(asked(&told)[1], "pressed *: back to the menu before (attempt 1 of 2)");
    assert_eq!(asked(&told).len(), 6);
    let changed_mind = caller()
        .presses('3', after("[en/3]"))
        .presses('*', after(NESTED))
        .presses('1', after("[en/3]").nth(2));
    assert_eq!(call(&nested(), changed_mind).await.rang(), ["anna"]);
}

#[tokio::test(start_paused = true)]
async fn silence_in_a_further_menu_uses_up_its_own_attempts() {
    let told = call(&nested(), caller().presses('3', after("[en/3]"))).await;
    assert_eq!(told.outcome, Outcome::Missed);
    assert_eq!(asked(&told).len(), 3, "one of the first menu, two of the second: {:?}", asked(&told));
}

#[tokio::test(start_paused = true)]
async fn four_wrong_keys_within_a_second_are_one_mistake() {
    let hasty = types(caller(), "9876", &during("[en/press]")).presses('1', after("[en/press]"));
    let told = call(&two_routes("attempts = 2"), hasty).await;
    assert_eq!(told.rang(), ["anna"], "{}", told.timeline());
    assert_eq!(
        asked(&told),
        [
            "pressed 9, which leads nowhere (attempt 1 of 2)",
            "Production: pressed 1: Production (attempt 2 of 2)"
        ]
    );
}

/// A second hotline with a menu: 5 rings carla. The first one's 2 leads there.
fn two_hotlines(redirect: &str) -> String {
    let first = two_routes("").replace("levels = [[\"person:bob\"]]", redirect);
    let second = two_routes("")
        .replace("Support", "Sales")
        .replace("+4930123456", "+4930777")
        .replace("key = \"2\"", "key = \"5\"")
        .replace("Billing", "Orders")
        .replace("person:bob", "person:carla")
        .replace("trunks =", "enabled = true\ntrunks =");
    first + &second
}

#[tokio::test(start_paused = true)]
async fn a_key_may_lead_to_a_route_of_another_hotline_which_then_speaks_and_shows_its_number() {
    let settings = two_hotlines("redirect = { hotline = \"Sales\", route = \"Orders\" }");
    let told = call(&settings, caller().presses('2', after("[en/2]"))).await;
    assert_eq!((told.rang(), told.ended.route.as_deref()), (vec!["carla"], Some("Orders")));
    assert_eq!(asked(&told)[1], "Orders: goes on at the hotline Sales, Orders");
    assert_eq!(told.shown("carla"), Some("+4930777"));
}

#[tokio::test(start_paused = true)]
async fn a_key_may_lead_to_another_hotline_as_a_whole_unless_that_is_closed() {
    let settings = two_hotlines("redirect = { hotline = \"Sales\" }");
    let through = caller().presses('2', after("[en/2]")).presses('5', after("[en/5]"));
    assert_eq!(call(&settings, through.clone()).await.rang(), ["carla"]);
    let told = call(&settings.replace("enabled = true", "enabled = false"), through).await;
    assert_eq!((told.outcome, told.reason.as_str()), (Outcome::Missed, "the hotline Sales is closed"));
    assert_eq!(told.heard("caller").last().unwrap(), "[en/closed]");
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_at_one_hotline_counts_for_nothing_at_the_next() {
    let pin = |place: &str| {
        format!(
            "[hotlines.pin]\nattempts = 1\n[[hotlines.pin.codes]]\nname = \"a\"\ncode = \"4711\"\n{place}[hotlines.menu]"
        )
    };
    let settings = two_hotlines("redirect = { hotline = \"Sales\" }\npin = [\"a\"]").replacen(
        "[hotlines.menu]",
        &pin("route = \"1\"\n").replace("attempts", "before_menu = false\nattempts"),
        1,
    );
    let second = settings.rfind("[hotlines.menu]").unwrap();
    let settings =
        format!("{}{}{}", &settings[..second], pin(""), &settings[second + "[hotlines.menu]".len()..]);
    let twice = types(caller().presses('2', after("[en/2]")), "4711", &after(PIN));
    let twice = types(twice, "4711", &after(PIN).nth(2)).presses('5', after("[en/5]"));
    let told = call(&settings, twice).await;
    assert_eq!(told.rang(), ["carla"], "the PIN's own route was the first hotline's: {}", told.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_menu_that_the_welcome_says_is_said_to_who_comes_from_another_hotline() {
    let settings = two_hotlines("redirect = { hotline = \"Sales\" }");
    let (_, second) = settings.rsplit_once("[[hotlines]]").unwrap();
    let second = second.replace("[hotlines.menu]", "[hotlines.menu]\nprompt = \"welcome\"");
    let second = second.replace("enabled = true", "welcome = { file = \"menu.wav\" }");
    let first = one_route("[[\"person:anna\"]]", "")
        .replace("levels = [[\"person:anna\"]]", "redirect = { hotline = \"Sales\" }");
    let settings = format!("{}\n[[hotlines]]{second}", first.replace("order = \"listed\"", ""));
    let told = call(&settings, caller().presses('5', after("menu.wav"))).await;
    assert_eq!(told.rang(), ["carla"], "{}", told.timeline());
    assert_eq!(
        asked(&told)[1],
        "Orders: pressed 5: Orders (attempt 1 of 3)",
        "no attempt goes by in silence"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pin_of_a_route_has_attempts_of_its_own_after_that_of_the_hotline() {
    let settings = gate("attempts = 1")
        .replace("name = \"Production\"", "name = \"Production\"\npin = [\"customer-b\"]");
    let both = types(caller(), "471100", &after(PIN)).presses('1', after("[en/press]"));
    let told = call(&settings, types(both, "0815", &after(PIN).nth(2))).await;
    assert_eq!(told.rang(), ["anna"], "{}", told.timeline());
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side_are_no_more_guesses_than_one_after_another() {
    let guess = |name| types(caller().named(name), "1111#", &after(PIN));
    let right = types(caller().named("third"), "0815#", &after(PIN).plus(secs(2)));
    let callers = vec![guess("first"), guess("second"), right];
    let told = calls(&gate("attempts = 1\nlockout = 2"), "", callers).await;
    assert_eq!((told[2].outcome, told[2].rang().len()), (Outcome::Missed, 0), "{}", told[2].timeline());
    assert!(told[2].reason.starts_with("no PIN is asked for: 2 wrong ones"), "{}", told[2].reason);
}

/// It is Friday, 23:00 in Berlin: closed until Monday.
const CLOSED: &str =
    "[[hours]]\nid = \"office\"\ntimezone = \"Europe/Berlin\"\nweek = [\"mon-fri 08:00-18:00\"]\n";

/// Two routes of a hotline with these lines.
fn with(lines: &str) -> String {
    two_routes("").replace("trunks =", &format!("{lines}\ntrunks ="))
}

#[tokio::test(start_paused = true)]
async fn outside_its_hours_a_hotline_says_so_or_says_what_it_is_told_to_or_takes_a_message() {
    let told = calls(&with("hours = \"office\""), CLOSED, vec![caller()]).await.remove(0);
    assert_eq!(told.heard("caller"), ["[en/welcome]", "[en/outside-hours]"]);
    assert!(told.reason.starts_with("outside the hours office (closed"), "{}", told.reason);
    assert!(told.reason.contains("until Mon 08:00"), "{}", told.reason);
    let own = with("hours = \"office\"\noutside = { file = \"monday.wav\" }");
    assert_eq!(calls(&own, CLOSED, vec![caller()]).await[0].heard("caller")[1], "[/etc/monday.wav]");
    let mailbox = with("hours = \"office\"\noutside = \"voicemail\"");
    let message = caller().hangs_up(upon(Sign::Recorded).plus(secs(9)));
    let told = calls(&mailbox, CLOSED, vec![message]).await.remove(0);
    assert_eq!((told.outcome, told.rang().len()), (Outcome::Voicemail, 0));
}

#[tokio::test(start_paused = true)]
async fn known_callers_are_welcomed_in_words_of_their_own_and_begin_at_a_later_level() {
    let settings = two_routes("")
        .replace("[[\"person:anna\"]]", "[[\"person:dora\"], [\"person:anna\"]]")
        .replace(
            "[hotlines.menu]",
            "[[hotlines.callers]]\nname = \"VIP\"\nnumbers = [\"+4930999\"]\nlevel = 2\nwelcome = { file = \"vip.wav\" }\n[hotlines.menu]",
        );
    let vip = call(&settings, caller().from("+4930999").presses('1', after("[en/press]"))).await;
    assert_eq!(vip.rang(), ["anna"]);
    assert_eq!(vip.heard("caller")[0], "[/etc/vip.wav]");
    assert_eq!(asked(&vip)[0], "the caller is VIP, from level 2");
    assert!(vip.timeline().contains("(level 2: "), "levels keep their numbers: {}", vip.timeline());
    let other = call(&settings, caller().presses('1', after("[en/press]"))).await;
    assert_eq!(other.rang(), ["dora", "anna"]);
}

#[tokio::test(start_paused = true)]
async fn who_calls_again_and_again_gets_another_route_at_a_later_level() {
    let settings =
        two_routes("").replace("[[\"person:bob\"]]", "[[\"person:dora\"], [\"person:carla\"]]").replace(
            "[hotlines.menu]",
            "[hotlines.repeated]\ncalls = 3\nwithin = \"10m\"\nroute = \"2\"\nlevel = 2\n[hotlines.menu]",
        );
    let at = |name, minutes: u64| {
        caller().named(name).calls_at(secs(60 * minutes)).presses('1', after("[en/press]"))
    };
    let told =
        calls(&settings, "", vec![at("first", 0), at("second", 4), at("third", 8), at("later", 20)]).await;
    let rang: Vec<_> = told.iter().map(Told::rang).collect();
    assert_eq!(rang, [["anna"], ["anna"], ["carla"], ["anna"]], "the fourth is alone within its ten minutes");
    assert_eq!(
        asked(&told[2]),
        ["Billing: call 3 of this number within 10 min: straight to Billing, from level 2"]
    );
}
