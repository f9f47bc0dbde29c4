//! What responders hear about the keys that they can press during a call.

use super::Voice;
use crate::call::incall::Keys;
use crate::call::prompt::{Prompt, Tone};
use crate::oncall::Language;

impl Voice {
    /// The key for help; nothing where there is none.
    pub fn key_for_help(self, keys: &Keys) -> Prompt {
        keys.help.map(|key| self.shipped("for-help").then(self.press_star(key))).unwrap_or_default()
    }

    /// What the keys do, each in a sentence.
    pub fn help(self, keys: &Keys) -> Prompt {
        let offered =
            [(keys.conference, "to-add"), (keys.transfer, "to-transfer"), (keys.record, "to-record")];
        let offered = offered.into_iter().filter_map(|(key, what)| Some((key?, what)));
        let sentence = |help: Prompt, (key, what)| help.then(self.press_star(key)).then(self.shipped(what));
        offered.fold(Prompt::default(), sentence)
    }

    fn press_star(self, key: char) -> Prompt {
        self.shipped("press").then(self.shipped("star")).then(self.key(key))
    }

    /// What somebody hears whom a colleague asks into a call. It names nobody, so it is put together from the
    /// shipped recordings in any case.
    pub fn invite(self, accept: Option<char>, decline: Option<char>) -> Prompt {
        self.shipped("colleague-asks").then(self.accept_keys(accept, decline))
    }

    /// The ringing tone that people expect who speak the language.
    pub fn ringing(self) -> Tone {
        match self.language {
            Language::En => Tone::RingbackUs,
            _ => Tone::RingbackDe,
        }
    }
}
