//! The ways in which incidents reach a person.

use std::fmt;

/// A way in which incidents reach a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The person is phoned: so is everybody who does not refuse it.
    Phone,
    /// The person is not phoned about incidents.
    NoPhone,
    /// By the first target that sends mail, to the person's own address.
    Email,
    /// By the first target that sends text messages, to the person's first number.
    Sms,
    /// By the first target that is a chat.
    Chat,
    /// By the target of this name.
    Target(String),
}

impl Way {
    /// The ways that have a word of their own.
    pub const WORDS: [Self; 5] = [Self::Phone, Self::NoPhone, Self::Email, Self::Sms, Self::Chat];

    /// Reads the word, or the name of a target.
    pub fn of(text: &str) -> Self {
        Self::WORDS
            .into_iter()
            .find(|way| way.as_str() == text)
            .unwrap_or_else(|| Self::Target(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone => "phone",
            Self::NoPhone => "no-phone",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Chat => "chat",
            Self::Target(name) => name,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
