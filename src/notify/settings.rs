//! The `[[notify]]` of `nightbell.toml`, as they are written: one table for all kinds. Which keys a kind knows
//! stands in [`FACTS`](super::FACTS).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::size::Size;
use crate::incident::Severity;

/// One of `[[notify]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSettings {
    /// What routes call it.
    pub name: Spanned<String>,
    /// What it is.
    pub kind: Spanned<String>,
    /// Whether its address may be one of this machine or of a private network, and `http://`. Default: no.
    #[serde(default)]
    pub allow_private: bool,
    /// How long it may take until it begins to answer. Default: 15 s.
    pub timeout: Option<Spanned<String>>,
    /// Our words for how grave an incident is, and its words for them.
    pub severities: Option<Spanned<BTreeMap<Severity, String>>>,
    /// Its address, or that of its service.
    pub url: Option<Spanned<String>>,
    /// The file with its address, where that is a secret.
    pub url_file: Option<Spanned<PathBuf>>,
    /// The file with the key of a PagerDuty integration.
    pub routing_key_file: Option<Spanned<PathBuf>>,
    /// The file with the key of an integration of Opsgenie, Jira or ilert.
    pub api_key_file: Option<Spanned<PathBuf>>,
    /// The file with the token that is shown.
    pub token_file: Option<Spanned<PathBuf>>,
    /// The file with the secret that requests are signed with.
    pub secret_file: Option<Spanned<PathBuf>>,
    /// Who we are.
    pub username: Option<Spanned<String>>,
    /// The file with the password of `username`.
    pub password_file: Option<Spanned<PathBuf>>,
    /// The method of the request.
    pub method: Option<Spanned<String>>,
    /// Headers of the request.
    pub headers: Option<Spanned<BTreeMap<String, HeaderSetting>>>,
    /// The body of the request, as a template.
    pub body: Option<Spanned<String>>,
    /// The channel or the person that a post is for.
    pub channel: Option<Spanned<String>>,
    /// The topic that push messages are published under.
    pub topic: Option<Spanned<String>>,
    /// The mail server.
    pub server: Option<Spanned<String>>,
    /// How what goes to the mail server is kept secret.
    pub tls: Option<Spanned<String>>,
    /// The file with the authorities of whom the mail server's certificate has to be.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// Who writes.
    pub from: Option<Spanned<String>>,
    /// Whom it is for: mail addresses, or phone numbers.
    pub to: Option<Spanned<Vec<Spanned<String>>>>,
    /// How many parts a text message may have.
    pub segments: Option<Spanned<u8>>,
    /// What becomes of a caller's message.
    pub voicemail: Option<Spanned<String>>,
    /// The longest message of a caller that a letter carries.
    pub attach_limit: Option<Spanned<Size>>,
}

/// The value of a header.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderSetting {
    /// As it is.
    Plain(String),
    /// It stands in a file, because it is a secret.
    File(SecretFile),
}

/// `{ file = "PATH" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// The file with the secret.
    pub file: PathBuf,
}

/// `[incidents]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentsSettings {
    /// Where a person reads more of an incident, with `{call}` and `{incident}` in it.
    pub link: Option<Spanned<String>>,
}

impl TargetSettings {
    /// The keys that are written beside those that every kind has, and where.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        fn at<T>(key: Option<&Spanned<T>>) -> Option<Range<usize>> {
            key.map(Spanned::span)
        }
        let keys = [
            ("severities", at(self.severities.as_ref())),
            ("url", at(self.url.as_ref())),
            ("url_file", at(self.url_file.as_ref())),
            ("routing_key_file", at(self.routing_key_file.as_ref())),
            ("api_key_file", at(self.api_key_file.as_ref())),
            ("token_file", at(self.token_file.as_ref())),
            ("secret_file", at(self.secret_file.as_ref())),
            ("username", at(self.username.as_ref())),
            ("password_file", at(self.password_file.as_ref())),
            ("method", at(self.method.as_ref())),
            ("headers", at(self.headers.as_ref())),
            ("body", at(self.body.as_ref())),
            ("channel", at(self.channel.as_ref())),
            ("topic", at(self.topic.as_ref())),
            ("server", at(self.server.as_ref())),
            ("tls", at(self.tls.as_ref())),
            ("ca_file", at(self.ca_file.as_ref())),
            ("from", at(self.from.as_ref())),
            ("to", at(self.to.as_ref())),
            ("segments", at(self.segments.as_ref())),
            ("voicemail", at(self.voicemail.as_ref())),
            ("attach_limit", at(self.attach_limit.as_ref())),
        ];
        keys.into_iter().filter_map(|(key, span)| Some((key, span?)))
    }
}
