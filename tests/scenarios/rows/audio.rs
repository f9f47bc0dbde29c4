//! Rows 21 to 28: what is heard. Row 22, the formats of files, is shown on files: `tests/audio`.

use nightbell::call::journal::Outcome;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{ACCEPT_PROMPT, Sign, Story, accepts_after, answers_after, caller, rings_out, secs, upon};
use crate::told::Told;

/// A call to a hotline with these lines in its settings, and these in its route. Anna does as told.
async fn call(lines: &str, route: &str, anna: Story) -> Told {
    let settings =
        one_route(r#"[["person:anna"]]"#, route).replace("trunks =", &format!("{lines}\ntrunks ="));
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", anna);
    house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(5)))).await
}

#[tokio::test(start_paused = true)]
async fn row_21_the_first_words_are_shipped_or_the_operators_or_none() {
    for (lines, first) in [
        ("", "[en/welcome]"),
        ("language = \"de\"", "[de/welcome]"),
        ("welcome = { file = \"hello.mp3\" }", "[/etc/hello.mp3]"),
        ("welcome = false", "[en/please-hold]"),
    ] {
        let call = call(lines, "", accepts_after(secs(1))).await;
        assert_eq!(call.heard("caller").first().map(String::as_str), Some(first), "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_24_music_of_ones_own_plays_while_people_are_rung() {
    let call = call("hold = { file = \"song.ogg\" }", "", accepts_after(secs(5))).await;
    let heard = call.heard("caller");
    assert_eq!(heard[1..3], ["[en/please-hold]", "[/etc/song.ogg]... --"], "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn row_25_the_caller_hears_one_of_eight_languages_and_a_responder_their_own() {
    for language in ["en", "de", "fr", "es", "it", "pt", "nl", "pl"] {
        let oncall = PEOPLE.replace("id = \"anna\"", "id = \"anna\"\nlanguage = \"it\"");
        let settings = one_route(r#"[["person:anna"], ["person:bob"]]"#, "")
            .replace("trunks =", &format!("language = \"{language}\"\ntrunks ="));
        let mut house = House::with(&settings, &oncall);
        house.phone("anna", answers_after(secs(1)));
        house.phone("bob", accepts_after(secs(1)));
        let call = house.call(caller().hangs_up(upon(Sign::Bridged).plus(secs(5)))).await;
        let all_in = |who: &str, language: &str| {
            let words = call.heard(who);
            let shipped = words.iter().filter(|words| words.contains('/'));
            assert!(shipped.clone().count() > 0, "{who} has heard {words:?}");
            assert!(shipped.clone().all(|words| words.starts_with(&format!("[{language}/"))), "{words:?}");
        };
        all_in("caller", language);
        all_in("anna", "it");
        all_in("bob", language);
    }
}

#[tokio::test(start_paused = true)]
async fn row_26_the_caller_is_told_that_nobody_is_available() {
    let route = "[hotlines.routes.fallback]\nthen = \"closing\"";
    for (closing, last) in
        [("", "[en/nobody-available]"), ("\nclosing = { file = \"later.wav\" }", "[/etc/later.wav]")]
    {
        let call = call("", &format!("{route}{closing}"), rings_out()).await;
        assert_eq!(call.heard("caller").last().map(String::as_str), Some(last));
        assert_eq!(call.outcome, Outcome::Missed);
    }
}

#[tokio::test(start_paused = true)]
async fn row_27_a_message_begins_with_words_of_ones_own() {
    let settings =
        one_route(r#"[["person:anna"]]"#, "[hotlines.routes.fallback]\ngreeting = { file = \"speak.wav\" }")
            .replace("trunks =", "prompts = { thanks = false, goodbye = { file = \"bye.wav\" } }\ntrunks =");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", rings_out());
    let call = house.call(caller().presses('#', upon(Sign::Recorded).plus(secs(5)))).await;
    assert_eq!(call.outcome, Outcome::Voicemail);
    let heard = call.heard("caller");
    assert_eq!(heard[heard.len() - 3..], ["[/etc/speak.wav]", "[Beep]", "[/etc/bye.wav]"], "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn row_28_whoever_answers_hears_words_of_ones_own() {
    let own = "[hotlines.routes.accept]\nprompt = { file = \"take-it.wav\" }";
    let anna = answers_after(secs(1)).presses('1', upon(Sign::HasHeard("take-it")).plus(secs(1)));
    let call = call("", own, anna).await;
    assert_eq!(
        (call.heard("anna").first().map(String::as_str), call.outcome),
        (Some("[/etc/take-it.wav]"), Outcome::Accepted)
    );
}

#[tokio::test(start_paused = true)]
async fn a_responder_hears_in_their_language_that_the_caller_has_hung_up() {
    let oncall = PEOPLE.replace("id = \"anna\"", "id = \"anna\"\nlanguage = \"pl\"");
    let gone = upon(Sign::Hears(ACCEPT_PROMPT)).of("anna").plus(secs(1));
    for (lines, clip) in [("", Some("[pl/caller-gone]")), ("prompts = { caller_gone = false }", None)] {
        let settings =
            one_route(r#"[["person:anna"]]"#, "").replace("trunks =", &format!("{lines}\ntrunks ="));
        let mut house = House::with(&settings, &oncall);
        house.phone("anna", answers_after(secs(1)));
        let call = house.call(caller().hangs_up(gone.clone())).await;
        assert_eq!(call.released("anna").2.as_deref(), clip);
    }
}
