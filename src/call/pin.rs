//! The PIN gate: callers enter digits, and who has a PIN gets through. What is entered is shown nowhere:
//! the record has the name of the PIN alone.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use crate::call::choice::Place;
use crate::call::leg::{Heard, Leg};
use crate::call::opening::Instead;
use crate::call::prompt::Prompt;

/// The longest PIN, in digits.
pub const LONGEST: usize = 16;
/// The shortest.
pub const SHORTEST: usize = 4;

/// Who has no PIN does not get through.
#[derive(Debug, Clone)]
pub struct PinGate {
    /// What asks for it.
    pub prompt: Prompt,
    /// After a wrong one.
    pub wrong: Prompt,
    /// Time for the first digit after the prompt, and for each further one.
    pub timeout: Duration,
    /// How often it is asked for in one call.
    pub attempts: u8,
    /// Wrong PINs from one number within an hour, after which nobody is asked any more.
    pub lockout: u8,
    /// Whether everybody is asked before the menu.
    pub before_menu: bool,
    /// What is done with who has none; nothing: goodbye.
    pub fallback: Option<Instead>,
    /// The PINs.
    pub codes: Vec<PinCode>,
}

/// A PIN.
#[derive(Debug, Clone)]
pub struct PinCode {
    /// Whose it is.
    pub name: String,
    /// Its digits.
    pub digits: Digits,
    /// Where it leads to without a menu.
    pub place: Option<Place>,
}

/// Up to [`LONGEST`] digits, never shown.
#[derive(Clone, Copy, Default)]
pub struct Digits {
    digits: [u8; LONGEST],
    length: usize,
}

impl Digits {
    /// A PIN as it is written: 4 to 16 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        legal.then(|| {
            text.chars().fold(Self::default(), |mut digits, digit| {
                digits.push(digit);
                digits
            })
        })
    }

    /// Adds a digit; more than there is room for are passed over, and make it longer than any PIN.
    pub fn push(&mut self, digit: char) {
        if let (Some(free), Ok(digit)) = (self.digits.get_mut(self.length), u8::try_from(digit)) {
            *free = digit;
        }
        self.length = self.length.saturating_add(1);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether both are the same, in a time that does not tell how much of them is.
    pub fn same_as(&self, other: &Self) -> bool {
        let unlike = self.digits.iter().zip(&other.digits).fold(0, |unlike, (a, b)| unlike | (a ^ b));
        black_box(unlike) == 0 && self.length == other.length
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl PinGate {
    /// The PIN that was entered, if it is one of those named; of all, if none is named. All are compared,
    /// so that the time does not tell which.
    pub fn code(&self, entered: &Digits, named: &[String]) -> Option<&PinCode> {
        self.codes.iter().fold(None, |found, code| {
            let counts = named.is_empty() || named.contains(&code.name);
            if code.digits.same_as(entered) & counts { Some(code) } else { found }
        })
    }

    /// The length of the longest PIN: more digits need not be waited for.
    pub fn longest(&self) -> usize {
        self.codes.iter().map(|code| code.digits.len()).max().unwrap_or(LONGEST)
    }
}

/// What a caller entered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// The digits.
    pub digits: Digits,
    /// The longest PIN was reached before `#` was pressed: it may still come, and means nothing.
    pub hash_due: bool,
}

/// Asks for a PIN. `early` is a key that was pressed before. `#` ends the entry, `*` begins it anew.
pub async fn enter(caller: &mut Leg, gate: &PinGate, early: Option<char>) -> Entry {
    let mut entry = Entry::default();
    let mut heard = match early {
        Some(key) => Heard::Key(key),
        None => match caller.play(&gate.prompt).await {
            Heard::Nothing => caller.key(gate.timeout).await,
            heard => heard,
        },
    };
    loop {
        match heard {
            Heard::Key('#') | Heard::Nothing => return entry,
            Heard::Key('*') => entry.digits = Digits::default(),
            Heard::Key(digit) => entry.digits.push(digit),
            // The caller is gone: the run ends this script.
            Heard::Gone(_) => return std::future::pending().await,
        }
        if entry.digits.len() >= gate.longest() {
            entry.hash_due = true;
            return entry;
        }
        heard = caller.key(gate.timeout).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        let mut digits = Digits::default();
        text.chars().for_each(|digit| digits.push(digit));
        digits
    }

    #[test]
    fn only_the_very_same_digits_are_the_same() {
        let pin = Digits::parse("4711").unwrap();
        assert!(pin.same_as(&digits("4711")));
        for other in ["", "471", "47110", "4710", "5711", "00004711", "47114711471147114711"] {
            assert!(!pin.same_as(&digits(other)), "{other}");
        }
        let longest = "1234567890123456";
        assert!(!Digits::parse(longest).unwrap().same_as(&digits(&format!("{longest}7"))));
    }

    #[test]
    fn a_pin_has_four_to_sixteen_digits() {
        for text in ["123", "12345678901234567", "12a4", "12 34", ""] {
            assert!(Digits::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_pin_is_shown() {
        assert_eq!(format!("{:?}", Digits::parse("4711").unwrap()), "(hidden)");
    }
}
