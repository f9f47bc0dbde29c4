//! The keys of a responder during a call, as they are written.

use serde::Deserialize;
use toml::Spanned;

/// What a star and a key do; of a hotline, or of one route. What a route leaves out is as its hotline says,
/// and what that leaves out is as it always is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysSettings {
    /// `false`: all keys of responders are the caller's to hear.
    pub enabled: Option<bool>,
    /// Another person joins: `*0` to `*9`, or `none`.
    pub conference: Option<Spanned<String>>,
    /// Another person gets the call: the same.
    pub transfer: Option<Spanned<String>>,
    /// The call is recorded: the same.
    pub record: Option<Spanned<String>>,
    /// Which keys there are: the same.
    pub help: Option<Spanned<String>>,
    /// `true`: whoever accepts a call hears the key for help first.
    pub announce: Option<bool>,
}

impl KeysSettings {
    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        let Self { enabled, conference, transfer, record, help, announce } = self;
        let keys = [conference, transfer, record, help];
        enabled.is_none() && announce.is_none() && keys.into_iter().all(Option::is_none)
    }

    /// These, and what they leave out as in others.
    pub fn or(&self, others: &Self) -> Self {
        let or =
            |own: &Option<Spanned<String>>, other: &Option<Spanned<String>>| own.clone().or(other.clone());
        Self {
            enabled: self.enabled.or(others.enabled),
            conference: or(&self.conference, &others.conference),
            transfer: or(&self.transfer, &others.transfer),
            record: or(&self.record, &others.record),
            help: or(&self.help, &others.help),
            announce: self.announce.or(others.announce),
        }
    }
}
