//! What fits into a text message (3GPP TS 23.038): 160 letters of an alphabet of its own, or 70 of any; where there
//! are several parts, 153 or 67 in each.

use crate::incident::{Event, Notice};
use crate::notify::prose;

/// The alphabet.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                   abcdefghijklmnopqrstuvwxyzäöñüà";
/// What takes two places.
const EXTENDED: &str = "^{}\\[~]|€";
/// Letters that look like one of the alphabet.
const ALIKE: [(char, &str); 9] = [
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('’', "'"),
    ('‘', "'"),
    ('–', "-"),
    ('—', "-"),
    ('…', "..."),
    ('\u{a0}', " "),
];

/// What a phone shows: what happened, who called, and where to read more, as far as it fits.
pub fn message(notice: &Notice, segments: u8) -> String {
    let headline = plain(&prose::headline(notice));
    let mut message = fitting(&headline, segments);
    if message != headline || notice.event != Event::Trigger {
        return message;
    }
    let caller = notice.caller.as_ref().map(|caller| match &notice.caller_name {
        Some(name) => format!("Caller {caller} ({})", prose::line(name)),
        None => format!("Caller {caller}"),
    });
    for part in caller.into_iter().chain(prose::text(notice)).chain(notice.link.clone()) {
        let longer = format!("{message}\n{}", plain(&prose::line(&part)));
        if fits(&longer, segments) {
            message = longer;
        }
    }
    message
}

/// With letters of the alphabet in place of those that look like them.
fn plain(text: &str) -> String {
    ALIKE.iter().fold(text.to_owned(), |text, (letter, alike)| text.replace(*letter, alike))
}

/// As much of it as fits.
fn fitting(text: &str, segments: u8) -> String {
    if fits(text, segments) {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() {
        let cut = format!("{kept}...");
        if fits(&cut, segments) {
            return cut;
        }
    }
    kept
}

fn fits(text: &str, segments: u8) -> bool {
    let (one, each) = if in_alphabet(text) { (160, 153) } else { (70, 67) };
    let room = if segments == 1 { one } else { each * usize::from(segments) };
    length(text) <= room
}

fn in_alphabet(text: &str) -> bool {
    text.chars().all(|letter| GSM.contains(letter) || EXTENDED.contains(letter))
}

/// In places: of the alphabet, or of UTF-16.
fn length(text: &str) -> usize {
    match in_alphabet(text) {
        true => text.chars().map(|letter| if EXTENDED.contains(letter) { 2 } else { 1 }).sum(),
        false => text.encode_utf16().count(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::prose::tests::notice;

    #[test]
    fn a_message_says_what_happened_who_called_and_where_to_read_more() {
        let told = Notice { text: String::new(), ..notice(Event::Trigger) };
        let said = "Nobody answered a call to Emergency hotline\nCaller +4915112345678 (Carla)\n\
                    https://wiki.acme.example/calls/c1";
        assert_eq!(message(&told, 1), said);
    }

    #[test]
    fn umlauts_cost_nothing_and_other_scripts_more_than_half() {
        assert!(fits(&"ä".repeat(160), 1) && !fits(&"ä".repeat(161), 1));
        assert!(fits(&"я".repeat(70), 1) && !fits(&"я".repeat(71), 1));
        assert!(fits(&"€".repeat(80), 1) && !fits(&"€".repeat(81), 1));
        assert!(fits(&"a".repeat(306), 2) && !fits(&"a".repeat(307), 2));
        assert_eq!(plain("„Anna’s“ – …"), "\"Anna's\" - ...");
    }

    proptest! {
        #[test]
        fn whatever_is_told_a_message_has_no_more_parts_than_it_may(
            title in "\\PC{0,300}", name in "\\PC{0,100}", segments in 1_u8..=4,
        ) {
            let told = Notice { title, caller_name: Some(name), ..notice(Event::Trigger) };
            prop_assert!(fits(&message(&told, segments), segments));
        }
    }
}
