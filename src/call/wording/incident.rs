//! What people hear who are phoned about an incident.

use super::Voice;
use crate::call::prompt::{Piece, Prompt};
use crate::call::spoken::{self, Value};
use crate::oncall::E164;

/// The pause after a sentence that ends in a value, in ms.
const SENTENCE_PAUSE_MS: u32 = 250;

impl Voice {
    /// What has happened, in the words of the shipped recording of this name, and what can be done. `length`: there is a
    /// message.
    pub fn incident(self, hotline: &str, number: Option<&E164>, what: &str, message: bool) -> Prompt {
        let told = self.hello(hotline, number).then(self.shipped(what));
        let told = told
            .then(self.said("caller-is", Value::CallerNumber))
            .then(self.said("time-is", Value::CallTime));
        if message {
            told.then(self.said("length-is", Value::WaitingTime)).then(self.message())
        } else {
            told.then(self.take_it_on())
        }
    }

    /// The message, and what can be done.
    pub fn message(self) -> Prompt {
        let message = Piece::Value { language: self.language, value: Value::Message };
        Prompt(vec![message, Piece::Pause(SENTENCE_PAUSE_MS)]).then(self.take_it_on())
    }

    fn take_it_on(self) -> Prompt {
        self.shipped("take-it-on")
    }

    /// Who calls. Without a voice it is the number that tells one hotline from another.
    fn hello(self, hotline: &str, number: Option<&E164>) -> Prompt {
        if self.speaks {
            return self.say(self.words().hello.replace("{hotline}", hotline));
        }
        let digits = number.map(|number| spoken::digits(self.language, number));
        let digits =
            digits.into_iter().flat_map(|digits| digits.into_iter().chain([Piece::Pause(SENTENCE_PAUSE_MS)]));
        self.shipped("hotline-calls").then(Prompt(digits.collect()))
    }

    /// A sentence that ends in a value.
    fn said(self, name: &str, value: Value) -> Prompt {
        let value = Piece::Value { language: self.language, value };
        self.shipped(name).then(Prompt(vec![value, Piece::Pause(SENTENCE_PAUSE_MS)]))
    }
}
