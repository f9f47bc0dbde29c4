//! The way of a simulated caller to a route, by the rules of live calls: who presses the keys is the
//! command line.

use std::iter::Peekable;
use std::str::Chars;

use crate::call::pin::{Digits, PinGate};
use crate::call::reception::{Arrived, Reception, Turn};

/// The keys of `--keys`: a comma or a space is a pause, which ends a PIN.
pub(super) struct Keys<'a>(Peekable<Chars<'a>>);

impl<'a> Keys<'a> {
    /// The keys as they are written.
    pub(super) fn new(written: &'a str) -> Self {
        Self(written.chars().peekable())
    }

    fn key(&mut self) -> Option<char> {
        self.0.find(|key| !is_pause(*key))
    }

    /// What is entered at a PIN gate: up to `#`, a pause, or as many digits as the longest PIN has.
    fn digits(&mut self, gate: &PinGate) -> Digits {
        let mut digits = Digits::default();
        while let Some(key) = self.0.next() {
            match key {
                '#' => return digits,
                key if is_pause(key) && digits.is_empty() => {}
                key if is_pause(key) => return digits,
                '*' => digits = Digits::default(),
                digit => digits.push(digit),
            }
            if digits.len() >= gate.longest() {
                self.0.next_if_eq(&'#');
                return digits;
            }
        }
        digits
    }
}

fn is_pause(key: char) -> bool {
    matches!(key, ',' | ' ')
}

/// Follows a caller to a route and tells what happens on the way. Nothing: the call ends before.
pub(super) fn follow(
    mut reception: Reception,
    mut keys: Keys<'_>,
    story: &mut Vec<String>,
) -> Option<Arrived> {
    story.push(format!("the caller hears {}", reception.welcome()));
    loop {
        match reception.turn() {
            Turn::Told(told) => story.push(told.detail),
            Turn::Pin(gate) => {
                story.push(format!("the caller hears {}", gate.prompt));
                let answer = reception.entered(&keys.digits(&gate));
                story.push(format!("the caller {}", answer.told.detail));
            }
            Turn::Menu { menu, .. } => {
                story.push(format!("the menu: {}", menu.prompt));
                let answer = reception.pressed(keys.key());
                story.push(format!("the caller {}", answer.told.detail));
            }
            Turn::Arrived(arrived) => return Some(arrived),
            Turn::Over { words, why, .. } => {
                story.push(format!("{why}: the caller hears {words}, and we hang up"));
                return None;
            }
        }
    }
}
