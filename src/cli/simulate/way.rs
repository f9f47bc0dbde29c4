//! The way of a simulated caller to a route, by the rules of live calls: who presses the keys is the
//! command line.

use std::iter::Peekable;
use std::str::Chars;

use super::super::story::Story;
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

/// Where a caller gets.
#[derive(Debug)]
pub(super) enum End {
    /// To a route.
    Arrived(Arrived),
    /// The call ends with words that are meant for this caller: it is closed.
    Words,
    /// The call ends: no route was chosen.
    Left,
}

/// Follows a caller to a route and tells what happens on the way.
pub(super) fn follow(mut reception: Reception, mut keys: Keys<'_>, story: &mut Story) -> End {
    story.hears("the caller hears", &reception.welcome());
    loop {
        match reception.turn() {
            Turn::Told(told) => story.tell(told.detail),
            Turn::Pin(gate) => {
                story.hears("the caller hears", &gate.prompt);
                let digits = keys.digits(&gate);
                if digits.is_empty() {
                    story.passes(gate.timeout);
                }
                let answer = reception.entered(&digits);
                story.tell(format!("the caller {}", answer.told.detail));
            }
            Turn::Menu { menu, said } => {
                match said {
                    true => story.tell("the welcome has said the menu"),
                    false => story.hears("the menu:", &menu.prompt),
                }
                let key = keys.key();
                if key.is_none() {
                    story.passes(menu.timeout);
                }
                let answer = reception.pressed(key);
                story.tell(format!("the caller {}", answer.told.detail));
            }
            Turn::Arrived(arrived) => return End::Arrived(arrived),
            Turn::Over { words, why, closing } => {
                story.hears(&format!("{why}: the caller hears, before we hang up,"), &words);
                return if closing { End::Words } else { End::Left };
            }
        }
    }
}
