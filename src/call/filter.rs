//! Which callers are let in.

use crate::oncall::E164;

/// The allow and the block list of a hotline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerFilter {
    allow: Vec<Entry>,
    block: Vec<Entry>,
}

/// One entry of either list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A whole number.
    Number(E164),
    /// The beginning of numbers, with its `+`.
    Prefix(String),
    /// Callers that withhold their number.
    Anonymous,
}

/// What the lists say of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Let in.
    Welcome,
    /// Not let in, and why, as a person would say it.
    Blocked(String),
}

impl Entry {
    /// Reads an entry: `+4930123456`, `+49*`, a country code of up to three digits (`+49`, meant
    /// as a prefix), or `anonymous`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        if let Some(prefix) = text.strip_suffix('*') {
            return plus_and_digits(prefix)
                .map(Self::Prefix)
                .ok_or_else(|| "a prefix is written + digits *, as in +4930*".to_owned());
        }
        match plus_and_digits(text) {
            Some(code) if code.len() <= 4 => Ok(Self::Prefix(code)),
            _ => E164::parse(text).map(Self::Number).map_err(|error| error.to_string()),
        }
    }

    /// Whether a caller is meant; `None` is one without a number.
    pub fn matches(&self, caller: Option<&E164>) -> bool {
        match (self, caller) {
            (Self::Anonymous, None) => true,
            (Self::Number(number), Some(caller)) => number == caller,
            (Self::Prefix(prefix), Some(caller)) => caller.as_str().starts_with(prefix),
            _ => false,
        }
    }
}

fn plus_and_digits(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+')?;
    let ok = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| text.to_owned())
}

impl CallerFilter {
    /// A filter of the two lists.
    pub fn new(allow: Vec<Entry>, block: Vec<Entry>) -> Self {
        Self { allow, block }
    }

    /// Block beats allow; an empty allow list lets everyone in. `None` is a caller without a
    /// number that can be trusted to be one.
    pub fn admit(&self, caller: Option<&E164>) -> Admission {
        if self.block.iter().any(|entry| entry.matches(caller)) {
            return Admission::Blocked("the caller is on the block list".to_owned());
        }
        if self.allow.is_empty() || self.allow.iter().any(|entry| entry.matches(caller)) {
            return Admission::Welcome;
        }
        Admission::Blocked("the caller is not on the allow list".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(allow: &[&str], block: &[&str]) -> CallerFilter {
        let list = |entries: &[&str]| entries.iter().map(|e| Entry::parse(e).unwrap()).collect();
        CallerFilter::new(list(allow), list(block))
    }

    fn lets_in(filter: &CallerFilter, caller: &str) -> bool {
        filter.admit(E164::parse(caller).ok().as_ref()) == Admission::Welcome
    }

    #[test]
    fn an_empty_allow_list_lets_everyone_in() {
        assert!(lets_in(&filter(&[], &[]), "+4915112345678"));
        assert!(lets_in(&filter(&[], &[]), "anonymous"));
    }

    #[test]
    fn block_beats_allow() {
        let filter = filter(&["+49*"], &["+4930999*"]);
        assert!(lets_in(&filter, "+4930123456"));
        assert!(!lets_in(&filter, "+493099912"));
        assert!(!lets_in(&filter, "+43123456"));
        assert!(!lets_in(&filter, "anonymous"));
    }

    #[test]
    fn a_country_code_is_a_prefix_and_a_longer_entry_is_one_number() {
        assert!(lets_in(&filter(&["+49"], &[]), "+4930123456"));
        assert!(!lets_in(&filter(&["+493012"], &[]), "+4930123456"));
        assert!(!lets_in(&filter(&[], &["anonymous"]), "anonymous"));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for text in ["", "49*", "+", "+49**", "+4x", "Anonymous Coward"] {
            assert!(Entry::parse(text).is_err(), "{text}");
        }
    }
}
