//! What responders hear about the keys that they can press during a call.

use super::Voice;
use crate::call::incall::{Keys, Words};
use crate::call::prompt::{Prompt, Tone};
use crate::oncall::Language;

impl Voice {
    /// All that is said about these keys.
    pub fn in_call(self, keys: &Keys) -> Words {
        let press = |key: char| self.shipped("press").then(self.shipped("star")).then(self.key(key));
        let offered =
            [(keys.conference, "to-add"), (keys.transfer, "to-transfer"), (keys.record, "to-record")];
        let offered = offered.into_iter().filter_map(|(key, what)| Some((key?, what)));
        let sentence = |help: Prompt, (key, what)| help.then(press(key)).then(self.shipped(what));
        Words {
            announce: keys.help.map(|key| self.shipped("for-help").then(press(key))).unwrap_or_default(),
            help: offered.fold(Prompt::default(), sentence),
            unknown: self.shipped("route-unknown"),
            ringing: Prompt::tone(self.ringing()),
            nobody_else: self.shipped("nobody-else"),
            recording_ended: self.shipped("recording-ended"),
            not_recorded: self.shipped("not-recorded"),
        }
    }

    /// What somebody hears whom a colleague asks into a call. It names nobody, so it is put together from the
    /// shipped recordings in any case.
    pub fn invite(self, accept: Option<char>, decline: Option<char>) -> Prompt {
        self.shipped("colleague-asks").then(self.accept_keys(accept, decline))
    }

    /// The ringing tone that people expect who speak the language.
    fn ringing(self) -> Tone {
        match self.language {
            Language::En => Tone::RingbackUs,
            _ => Tone::RingbackDe,
        }
    }
}
