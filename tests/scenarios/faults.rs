//! Faults in the settings of a hotline: each is told at its place, before the first call.

use std::path::Path;

use nightbell::call::compile::{NotifyTarget, Surroundings, compile};
use nightbell::call::settings::HotlineSettings;
use nightbell::oncall::OncallFile;
use serde::Deserialize;

use crate::house::{PEOPLE, two_routes};

#[derive(Deserialize)]
struct Settings {
    hotlines: Vec<HotlineSettings>,
}

const TARGETS: &[NotifyTarget<'_>] =
    &[NotifyTarget { name: "pager", usual: true }, NotifyTarget { name: "mail", usual: false }];

const HOURS: &str =
    "[[hours]]\nid = \"office\"\ntimezone = \"Europe/Berlin\"\nweek = [\"mon-fri 08:00-18:00\"]\n";

/// What is wrong with these settings.
fn faults(settings: &str) -> Vec<String> {
    faults_among("", settings)
}

/// The same, with this in the on-call data.
fn faults_among(oncall: &str, settings: &str) -> Vec<String> {
    let (roster, _) = OncallFile::parse(&format!("{PEOPLE}{HOURS}{oncall}")).unwrap().compile();
    let settings: Settings = toml::from_str(settings).unwrap();
    let secret = |_: &Path| Err("is in a file that others can read".to_owned());
    let folder = Path::new("/etc");
    let around = Surroundings {
        roster: &roster,
        trunks: &["carrier"],
        targets: TARGETS,
        voice: false,
        secret,
        folder,
    };
    let told = |problem: &nightbell::problem::Problem| {
        format!("{}; {}", problem.message, problem.help.as_deref().unwrap_or_default())
    };
    compile(&settings.hotlines, around).problems.iter().map(told).collect()
}

/// The faults of two routes with this in the first, in the hotline, and behind it all.
fn with(route: &str, hotline: &str, behind: &str) -> Vec<String> {
    let settings = two_routes("")
        .replace("name = \"Production\"", &format!("name = \"Production\"\n{route}"))
        .replace("[hotlines.menu]", &format!("{hotline}\n[hotlines.menu]"));
    faults(&(settings + behind))
}

fn one(faults: Vec<String>, words: &[&str]) {
    assert_eq!(faults.len(), 1, "{faults:?}");
    for word in words {
        assert!(faults[0].contains(word), "{faults:?}");
    }
}

#[test]
fn hours_and_places_that_are_not_there_are_told_with_the_nearest_that_is() {
    one(with("hours = \"ofice\"", "", ""), &["there are no hours `ofice`", "did you mean `office`?"]);
    let outside = "hours = \"office\"\noutside = { route = \"Biling\" }";
    one(with(outside, "", ""), &["has no route `Biling`", "did you mean `Billing`?"]);
    one(with("outside = \"voicemail\"", "", ""), &["never used"]);
    let redirect = "redirect = { hotline = \"Suport\" }";
    let settings = two_routes("").replace("levels = [[\"person:bob\"]]", redirect);
    one(faults(&settings), &["there is no hotline `Suport`", "did you mean `Support`?"]);
}

#[test]
fn a_repeat_that_repeats_nothing_or_rings_the_same_again_is_told() {
    one(with("repeat = \"own\"\nskip_dialled = false", "", ""), &["nothing is repeated", "escalation:ID"]);
    one(with("repeat = 2", "", ""), &["rings the same phones again although skip_dialled is set"]);
    assert_eq!(with("preset = \"opsgenie\"", "", ""), [""; 0], "what a preset fills in is no fault");
    let nested = "[[escalations]]\nid = \"e\"\nlevels = [{ targets = [\"person:anna\"] }]\n\
                  [[teams]]\nid = \"t\"\nlevels = [[\"escalation:e\"]]\n";
    let settings = two_routes("").replace("\"person:anna\"", "\"team:t\"");
    let own = settings
        .replace("name = \"Production\"", "name = \"Production\"\nrepeat = \"own\"\nskip_dialled = false");
    assert_eq!(faults_among(nested, &own), [""; 0]);
}

#[test]
fn ways_that_lead_round_in_circles_are_refused() {
    let round = "hours = \"office\"\noutside = { route = \"2\" }";
    let settings = two_routes("")
        .replace("name = \"Production\"", &format!("name = \"Production\"\n{round}"))
        .replace("levels = [[\"person:bob\"]]", "redirect = { hotline = \"Support\", route = \"1\" }");
    one(faults(&settings), &["callers of `Production` go round in circles"]);
    let itself = "hours = \"office\"\noutside = { route = \"1\" }";
    one(with(itself, "", ""), &["go round in circles"]);
}

#[test]
fn a_key_that_leads_to_a_menu_rings_nobody_itself() {
    let settings = two_routes("").replace(
        "levels = [[\"person:bob\"]]",
        "levels = [[\"person:bob\"]]\nmenu = {}\n[[hotlines.routes.routes]]\nkey = \"1\"\nname = \"Deep\"\nlevels = [[\"person:bob\"]]",
    );
    one(faults(&settings), &["`Billing` rings nobody itself: `levels`"]);
    for (key, written) in [("record_name", "record_name = true"), ("keys", "keys = { announce = true }")] {
        let redirect = format!("redirect = {{ hotline = \"Support\", route = \"1\" }}\n{written}");
        let settings = two_routes("").replace("levels = [[\"person:bob\"]]", &redirect);
        one(faults(&settings), &[&format!("`Billing` rings nobody itself: `{key}`")]);
    }
    let settings = two_routes("").replace("levels = [[\"person:bob\"]]", "menu = {}");
    one(faults(&settings), &["the menu of `Billing` has no route"]);
}

#[test]
fn menus_are_three_deep_at_most() {
    let mut settings = two_routes("").replace("levels = [[\"person:bob\"]]", "menu = {}");
    let mut table = "hotlines.routes.routes".to_owned();
    for depth in 2..=4 {
        let leads = if depth == 4 { "levels = [[\"person:bob\"]]" } else { "menu = {}" };
        settings.push_str(&format!("[[{table}]]\nkey = \"1\"\nname = \"Deep {depth}\"\n{leads}\n"));
        table.push_str(".routes");
    }
    one(faults(&settings), &["the menu of `Deep 3` is the 4th in a row"]);
}

#[test]
fn the_digits_of_a_pin_are_in_no_fault() {
    for code in ["code = \"47x1\"", "code = 4711", "code = \"471\"", "code_file = \"a.pin\""] {
        let pin = format!("[hotlines.pin]\n[[hotlines.pin.codes]]\nname = \"acme\"\n{code}");
        let told = with("", &pin, "");
        one(told.clone(), &["the PIN of `acme` is"]);
        assert!(!told[0].contains("47"), "{told:?}");
    }
    let twice = "[hotlines.pin]\n[[hotlines.pin.codes]]\nname = \"acme\"\ncode = \"4711\"\n[[hotlines.pin.codes]]\nname = \"bolt\"\ncode = \"4711\"";
    one(with("", twice, ""), &["the PINs of `acme` and `bolt` are the same"]);
    one(with("pin = [\"acme\"]", "", ""), &["there is no PIN `acme`"]);
}

#[test]
fn known_callers_of_whom_nothing_is_different_are_told_of() {
    let idle = "[[hotlines.callers]]\nname = \"VIP\"\nnumbers = [\"+4930\"]";
    one(with("", idle, ""), &["nothing is different for `VIP`"]);
    let repeated = "[hotlines.repeated]\ncalls = 3\nwithin = \"10m\"";
    one(with("", repeated, ""), &["nothing is different for callers who call again"]);
}

#[test]
fn without_a_menu_every_further_route_is_led_to_by_something() {
    let no_menu = two_routes("").replace("[hotlines.menu]\n", "");
    one(faults(&no_menu), &["several routes but no menu"]);
    let led_to = no_menu.replace(
        "name = \"Production\"",
        "name = \"Production\"\nhours = \"office\"\noutside = { route = \"2\" }",
    );
    assert_eq!(faults(&led_to), [""; 0]);
}

/// The faults of a route that says this of incidents.
fn incident(keys: &str) -> Vec<String> {
    with(&format!("incident = {{ {keys} }}"), "", "")
}

#[test]
fn a_target_that_is_not_there_is_told_with_the_nearest_that_is() {
    one(incident("notify = [\"pagr\"]"), &["there is no [[notify]] called `pagr`", "did you mean `pager`?"]);
    one(incident("notify = [\"irc\"]"), &["there is no [[notify]] called `irc`", "add a [[notify]]"]);
    one(incident("notify = [\"mail\", \"mail\"]"), &["`mail` is named twice"]);
    assert_eq!(incident("notify = [\"mail\", \"pager\"]"), [""; 0]);
}

#[test]
fn what_a_route_wants_of_incidents_and_can_never_get_is_told() {
    let closing = "fallback = { then = \"closing\" }\n";
    let closed = |keys: &str| with(&format!("{closing}incident = {{ {keys} }}"), "", "");
    one(closed("open = [\"voicemail\", \"no-answer\"]"), &["no incident is opened at a message"]);
    one(closed("notify_when = \"voicemail\""), &["nobody is ever told: the route takes no messages"]);
    let direct = |keys: &str| with(&format!("direct = \"voicemail\"\nincident = {{ {keys} }}"), "", "");
    one(direct("open = [\"voicemail\", \"accept\"]"), &["the route rings nobody"]);
    one(incident("open = \"accept\""), &["no incident is opened for a call that nobody answers"]);
    one(incident("open = \"voicemail\", answered = \"open\""), &["add \"accept\" to `open`"]);
    one(incident("unanswered = \"resolve-at-end\""), &["resolved as soon as the caller hangs up"]);
    one(incident("unanswered = \"escalate-again\", chase = false"), &["nobody is told again: chase is off"]);
    one(incident("notify = [], chase = false"), &["nobody is told of this route's incidents"]);
    one(incident("notify_when = { after = \"25h\" }"), &["incident.notify_when is 90000 s"]);
    let nothing = incident("open = []");
    one(nothing, &["no incident is opened for a call that nobody answers"]);
    for preset in ["allquiet", "pagerduty", "opsgenie", "ilert", "incidentio"] {
        let problems = with(&format!("preset = \"{preset}\""), "", "");
        assert_eq!(problems, [""; 0], "what a preset fills in is no fault");
    }
}
