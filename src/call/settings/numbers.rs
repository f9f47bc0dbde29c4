//! Lists of callers as they are written.

use serde::Deserialize;
use serde::de::Deserializer;
use toml::Spanned;

/// A list of numbers: an array, or one text with commas or new lines.
#[derive(Debug, Clone, Default)]
pub struct NumberList(pub Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for NumberList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as a value with its place first, then as either form: each entry takes the place
        // of the whole list, since an untagged form has no places of its own.
        let written = Spanned::<OneOrMany>::deserialize(deserializer)?;
        let span = written.span();
        let entries = match written.into_inner() {
            OneOrMany::One(text) => text
                .split([',', '\n'])
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect(),
            OneOrMany::Many(list) => list,
        };
        Ok(Self(entries.into_iter().map(|entry| Spanned::new(span.clone(), entry)).collect()))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}
