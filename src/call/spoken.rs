//! What is said of one call: its caller's number, how long somebody has waited, a place in line. It is put
//! together from shipped words, so that nothing is rendered during a call.

use std::fmt;
use std::time::Duration;

use crate::call::prompt::{Piece, Prompt};
use crate::oncall::{E164, Language};

/// The pause between groups of digits, in ms.
const GROUP_PAUSE_MS: u32 = 150;
/// Digits in a group.
const GROUP: usize = 3;
/// Numbers that are said exactly are at most this.
const EXACT: u64 = 20;
/// The greatest number that is said.
const MOST: u64 = 60;
/// What is waited less than this is told in seconds.
const SECONDS_BELOW: Duration = Duration::from_secs(55);

/// Something that is known only when it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// The caller's number, digit by digit.
    CallerNumber,
    /// How long somebody waits: in tens of seconds, then in minutes.
    WaitingTime,
    /// The same in minutes, one at least, as a number alone.
    WaitingMinutes,
    /// A place among those who wait.
    Position,
    /// The caller's recorded name.
    CallerName,
    /// The time of a call, as the digits of a clock.
    CallTime,
    /// The message that a caller has left, or that it cannot be played.
    Message,
}

/// What values are for one call, now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spoken<'a> {
    /// Who calls, if it is not withheld.
    pub caller: Option<&'a E164>,
    /// How long it is waited.
    pub waiting: Duration,
    /// The place among those who wait, from 1.
    pub position: usize,
    /// The recording of the caller's name, if there is one.
    pub name: Option<&'a Piece>,
    /// When the call came in: hour and minute of a clock on the wall.
    pub time: (u8, u8),
    /// The caller's message, if it can be played.
    pub message: Option<&'a Piece>,
}

impl Prompt {
    /// Whether something of it is known only when it is said.
    pub fn has_values(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Value { .. }))
    }

    /// The same with words in the place of its values.
    #[must_use]
    pub fn filled(&self, spoken: &Spoken<'_>) -> Self {
        let mut filled = Vec::with_capacity(self.0.len());
        for piece in &self.0 {
            match piece {
                Piece::Value { language, value } => filled.extend(value.said(*language, spoken)),
                piece => filled.push(piece.clone()),
            }
        }
        Self(filled)
    }
}

impl Value {
    /// All pieces that it may be said with.
    pub fn possible(self, language: Language) -> Vec<Piece> {
        let words =
            |names: &[&str]| -> Vec<Piece> { names.iter().map(|name| word(language, name)).collect() };
        match self {
            Self::CallerNumber => {
                let mut pieces: Vec<_> = (0..=9).map(|digit| word(language, &digit.to_string())).collect();
                pieces.extend(words(&["plus", "withheld-number"]));
                pieces.push(Piece::Pause(GROUP_PAUSE_MS));
                pieces
            }
            Self::WaitingTime => {
                let mut pieces = numbers(language);
                pieces.extend(words(&["seconds", "one-minute", "two-minutes", "few-minutes", "minutes"]));
                pieces
            }
            Self::WaitingMinutes | Self::Position => numbers(language),
            Self::CallerName => words(&["unnamed-caller"]),
            Self::CallTime => {
                let digits = (0..=9).map(|digit| word(language, &digit.to_string()));
                digits.chain([Piece::Pause(GROUP_PAUSE_MS)]).collect()
            }
            Self::Message => words(&["no-sound"]),
        }
    }

    fn said(self, language: Language, spoken: &Spoken<'_>) -> Vec<Piece> {
        match self {
            Self::CallerNumber => caller(language, spoken.caller),
            Self::WaitingTime => waiting(language, spoken.waiting),
            Self::WaitingMinutes => number(language, minutes(spoken.waiting)),
            Self::Position => number(language, u64::try_from(spoken.position).unwrap_or(MOST)),
            Self::CallTime => clock(language, spoken.time),
            Self::Message => vec![spoken.message.cloned().unwrap_or_else(|| word(language, "no-sound"))],
            Self::CallerName => {
                vec![spoken.name.cloned().unwrap_or_else(|| word(language, "unnamed-caller"))]
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallerNumber => "{caller}",
            Self::WaitingTime => "{waiting}",
            Self::WaitingMinutes => "{minutes}",
            Self::Position => "{position}",
            Self::CallerName => "{name}",
            Self::CallTime => "{time}",
            Self::Message => "{message}",
        })
    }
}

fn word(language: Language, name: &str) -> Piece {
    Piece::Shipped { language, name: name.to_owned() }
}

fn caller(language: Language, number: Option<&E164>) -> Vec<Piece> {
    match number {
        Some(number) => digits(language, number),
        None => vec![word(language, "withheld-number")],
    }
}

/// `03:12`, digit by digit.
fn clock(language: Language, (hour, minute): (u8, u8)) -> Vec<Piece> {
    let two = |number: u8| [number / 10 % 10, number % 10].map(|digit| word(language, &digit.to_string()));
    two(hour).into_iter().chain([Piece::Pause(GROUP_PAUSE_MS)]).chain(two(minute)).collect()
}

/// `+49 301 234`, digit by digit, with a breath between groups.
pub(super) fn digits(language: Language, number: &E164) -> Vec<Piece> {
    let mut said = vec![word(language, "plus")];
    let digits = number.as_str().chars().filter(char::is_ascii_digit);
    for (index, digit) in digits.enumerate() {
        // After the country code, most of which have two digits, in threes.
        if index >= 2 && (index - 2).is_multiple_of(GROUP) {
            said.push(Piece::Pause(GROUP_PAUSE_MS));
        }
        said.push(word(language, &digit.to_string()));
    }
    said
}

fn waiting(language: Language, time: Duration) -> Vec<Piece> {
    if time < SECONDS_BELOW {
        let tens = (time.as_secs() + 5) / 10 * 10;
        let mut said = number(language, tens.max(10));
        said.push(word(language, "seconds"));
        return said;
    }
    let minutes = minutes(time);
    match minutes {
        1 => vec![word(language, "one-minute")],
        2 => vec![word(language, "two-minutes")],
        _ => {
            let mut said = number(language, minutes);
            said.push(word(language, if minutes < 5 { "few-minutes" } else { "minutes" }));
            said
        }
    }
}

/// To the nearest minute, one at least.
fn minutes(time: Duration) -> u64 {
    ((time.as_secs() + 30) / 60).max(1)
}

/// A number: exact up to twenty, then by tens, with "more than" where it is.
fn number(language: Language, number: u64) -> Vec<Piece> {
    let said = if number <= EXACT { number } else { (number / 10 * 10).min(MOST) };
    let more = (said < number).then(|| word(language, "more-than"));
    more.into_iter().chain([word(language, &said.to_string())]).collect()
}

fn numbers(language: Language) -> Vec<Piece> {
    let tens = (EXACT / 10 + 1..=MOST / 10).map(|tens| tens * 10);
    let said = (0..=EXACT).chain(tens).map(|number| word(language, &number.to_string()));
    said.chain([word(language, "more-than")]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(value: Value, spoken: &Spoken<'_>) -> String {
        let prompt = Prompt(vec![Piece::Value { language: Language::En, value }]);
        prompt.filled(spoken).to_string().replace("en/", "")
    }

    #[test]
    fn a_number_is_said_digit_by_digit() {
        let number = E164::parse("+49301234").unwrap();
        let spoken = Spoken { caller: Some(&number), ..Spoken::default() };
        let plain = said(Value::CallerNumber, &spoken);
        assert_eq!(plain, "[plus] [4] [9] [150 ms] [3] [0] [1] [150 ms] [2] [3] [4]");
        assert_eq!(said(Value::CallerNumber, &Spoken::default()), "[withheld-number]");
    }

    #[test]
    fn a_waiting_time_is_said_in_tens_of_seconds_and_then_in_minutes() {
        let at = |secs| {
            said(Value::WaitingTime, &Spoken { waiting: Duration::from_secs(secs), ..Spoken::default() })
        };
        assert_eq!(at(0), "[10] [seconds]");
        assert_eq!(at(44), "[40] [seconds]");
        assert_eq!(at(54), "[50] [seconds]");
        assert_eq!(at(55), "[one-minute]");
        assert_eq!(at(120), "[two-minutes]");
        assert_eq!(at(4 * 60), "[4] [few-minutes]");
        assert_eq!(at(5 * 60), "[5] [minutes]");
        assert_eq!(at(25 * 60), "[more-than] [20] [minutes]");
        assert_eq!(at(3 * 3600), "[more-than] [60] [minutes]");
    }

    #[test]
    fn a_caller_without_a_recorded_name_is_said_to_have_none() {
        assert_eq!(said(Value::CallerName, &Spoken::default()), "[unnamed-caller]");
        let name = Piece::Pause(700);
        assert_eq!(said(Value::CallerName, &Spoken { name: Some(&name), ..Spoken::default() }), "[700 ms]");
    }

    #[test]
    fn a_time_is_said_as_the_digits_of_a_clock() {
        let at = |time| said(Value::CallTime, &Spoken { time, ..Spoken::default() });
        assert_eq!(at((3, 12)), "[0] [3] [150 ms] [1] [2]");
        assert_eq!(at((23, 0)), "[2] [3] [150 ms] [0] [0]");
    }

    #[test]
    fn a_message_that_cannot_be_played_is_told_to_be_so() {
        assert_eq!(said(Value::Message, &Spoken::default()), "[no-sound]");
        let message = Piece::Pause(700);
        assert_eq!(
            said(Value::Message, &Spoken { message: Some(&message), ..Spoken::default() }),
            "[700 ms]"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_said_was_listed_before(
            digits in "[1-9][0-9]{5,14}",
            withheld in any::<bool>(),
            waiting in 0_u64..100_000,
            position in 0_usize..1000,
        ) {
            let number = E164::parse(&format!("+{digits}")).unwrap();
            let caller = (!withheld).then_some(&number);
            let time = ((position % 24) as u8, (position % 60) as u8);
            let waiting = Duration::from_secs(waiting);
            let spoken = Spoken { caller, waiting, position, time, ..Spoken::default() };
            let all = [
                Value::CallerNumber, Value::WaitingTime, Value::WaitingMinutes, Value::Position, Value::CallerName,
                Value::CallTime, Value::Message,
            ];
            for value in all {
                let possible = value.possible(Language::Pl);
                let said = Prompt(vec![Piece::Value { language: Language::Pl, value }]).filled(&spoken);
                prop_assert!(!said.is_empty() && said.0.iter().all(|piece| possible.contains(piece)), "{said}");
            }
        }
    }
}
