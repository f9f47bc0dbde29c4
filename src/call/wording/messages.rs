//! What callers hear about messages. It names nobody, so it is put together from the shipped recordings in any case.

use super::Voice;
use crate::call::prompt::Prompt;
use crate::call::voicemail::{AGAIN, LISTEN, SEND};

impl Voice {
    /// With which key a caller who is held leaves a message.
    pub fn key_for_message(self, key: char) -> Prompt {
        self.shipped("for-message").then(self.press(key))
    }

    /// What can be done with a message that was left.
    pub fn review(self) -> Prompt {
        let offered = [(SEND, "to-send"), (LISTEN, "to-listen"), (AGAIN, "to-record-again")];
        let sentence = |review: Prompt, (key, what)| review.then(self.press(key)).then(self.shipped(what));
        offered.into_iter().fold(Prompt::default(), sentence)
    }

    fn press(self, key: char) -> Prompt {
        self.shipped("press").then(self.key(key))
    }
}
