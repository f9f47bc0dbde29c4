//! The `[[notify]]` of `nightbell.toml`, as they are written: one table for all kinds. Which keys a kind knows
//! stands in [`FACTS`](super::FACTS).

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

/// One of `[[notify]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSettings {
    /// What routes call it.
    pub name: Spanned<String>,
    /// What it is.
    pub kind: Spanned<String>,
    /// Whether its address may be one of this machine or of a private network. Default: no.
    #[serde(default)]
    pub allow_private: bool,
    /// Its address, or that of its service.
    pub url: Option<Spanned<String>>,
    /// The file with the key of a PagerDuty integration.
    pub routing_key_file: Option<Spanned<PathBuf>>,
}

impl TargetSettings {
    /// The keys that are written beside those that every kind has, and where.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        let keys = [
            ("url", self.url.as_ref().map(Spanned::span)),
            ("routing_key_file", self.routing_key_file.as_ref().map(Spanned::span)),
        ];
        keys.into_iter().filter_map(|(key, span)| Some((key, span?)))
    }
}
