//! Ids made from the names people gave: short, lower case, each once.

use std::collections::BTreeSet;

/// The longest id.
const LONGEST: usize = 64;

/// Gives out ids of one kind.
#[derive(Debug, Default)]
pub(super) struct Namer {
    taken: BTreeSet<String>,
}

impl Namer {
    /// Ids among which these are never given out.
    pub fn without(reserved: &[&str]) -> Self {
        Self { taken: reserved.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// The id for a name: `SRE - Nächte / Wien` is `sre-naechte-wien`, and the second of them `sre-naechte-wien-2`.
    pub fn id(&mut self, name: &str) -> String {
        let base = slug(name);
        let mut id = base.clone();
        for number in 2_u32.. {
            if self.taken.insert(id.clone()) {
                break;
            }
            let short: String = base.chars().take(LONGEST - 8).collect();
            id = format!("{short}-{number}");
        }
        id
    }
}

/// Letters and digits in lower case, everything else a single hyphen; dots and underscores stay.
fn slug(name: &str) -> String {
    let mut id = String::new();
    for c in name.trim().chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(text) => id.push_str(text),
            None if c.is_alphanumeric() || c == '.' || c == '_' => id.push(c),
            None if id.is_empty() || id.ends_with('-') => {}
            None => id.push('-'),
        }
    }
    let id: String = id.trim_matches(['-', '.']).chars().take(LONGEST).collect();
    if id.is_empty() { "unnamed".to_owned() } else { id }
}

/// Letters of western languages as people type them without the marks.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'æ' => "ae",
        'ö' | 'ø' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' => "a",
        'é' | 'è' | 'ê' | 'ë' | 'ę' => "e",
        'í' | 'ì' | 'î' | 'ï' => "i",
        'ó' | 'ò' | 'ô' | 'õ' => "o",
        'ú' | 'ù' | 'û' => "u",
        'ç' | 'ć' | 'č' => "c",
        'ñ' | 'ń' => "n",
        'ś' | 'š' => "s",
        'ź' | 'ż' | 'ž' => "z",
        'ł' => "l",
        'ý' | 'ÿ' => "y",
        _ => return None,
    })
}

/// A name as one line of visible text.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Names of rotations: each once, none empty.
#[derive(Debug, Default)]
pub(super) struct Labels {
    taken: BTreeSet<String>,
}

impl Labels {
    /// The name, or `rotation 2` where there is none; the second of two equal ones gets a number.
    pub fn label(&mut self, name: &str, number: usize) -> String {
        let name = match one_line(name) {
            empty if empty.is_empty() => format!("rotation {number}"),
            name => name,
        };
        let again = (2_u32..).map(|number| format!("{name} {number}"));
        let label = std::iter::once(name.clone()).chain(again).find(|label| !self.taken.contains(label));
        let label = label.unwrap_or(name);
        self.taken.insert(label.clone());
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::Target;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_what_a_person_would_have_typed() {
        let mut namer = Namer::without(&["nobody"]);
        for (name, id) in [
            ("SRE - Nächte / Wien", "sre-naechte-wien"),
            ("SRE/Nächte (Wien)", "sre-naechte-wien-2"),
            ("anna.schmidt", "anna.schmidt"),
            ("Nobody", "nobody-2"),
            (" -- ", "unnamed"),
            ("東京", "東京"),
        ] {
            assert_eq!(namer.id(name), id, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_gives_an_id_that_can_be_used_and_none_is_given_twice(names in prop::collection::vec("\\PC{0,90}", 1..6)) {
            let mut namer = Namer::default();
            let ids: Vec<String> = names.iter().chain(&names).map(|name| namer.id(name)).collect();
            let different: BTreeSet<&String> = ids.iter().collect();
            prop_assert_eq!(different.len(), ids.len());
            for id in ids {
                prop_assert!(format!("team:{id}").parse::<Target>().is_ok(), "{}", id);
            }
        }
    }
}
