//! How the numbers of a country are written at home, and how numbers abroad are dialled from there:
//! what carriers send instead of E.164, and what some of them want instead of it.

/// How a number is written to a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberFormat {
    /// `+4930123456` (ITU-T E.164 as in RFC 3966).
    #[default]
    E164,
    /// `4930123456`.
    Digits,
    /// `004930123456`: with what is dialled before numbers abroad.
    International,
    /// `030123456`; numbers abroad as in [`NumberFormat::International`].
    National,
}

/// The habits of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is dialled before a number of the country itself; nothing where there is no such prefix.
    trunk_prefix: &'static str,
    /// The prefix is part of the number, also in E.164 (Italy).
    keeps_prefix: bool,
    /// What is dialled before a number abroad.
    international_prefix: &'static str,
    /// The digits of every number of the country, where all have as many.
    length: Option<usize>,
}

/// What most of the world does.
const USUAL: Plan = Plan { trunk_prefix: "0", keeps_prefix: false, international_prefix: "00", length: None };

impl Plan {
    /// The habits of the country with this calling code (`"49"`).
    pub(super) fn of(country: &str) -> Self {
        let closed = |length| Plan { trunk_prefix: "", length: Some(length), ..USUAL };
        match country {
            "1" => Plan { international_prefix: "011", ..closed(10) },
            "7" => Plan { trunk_prefix: "8", international_prefix: "810", length: Some(10), ..USUAL },
            "45" | "47" => closed(8),
            "34" | "48" | "351" | "420" => closed(9),
            "30" => closed(10),
            "91" => Plan { length: Some(10), ..USUAL },
            "36" => Plan { trunk_prefix: "06", ..USUAL },
            "39" => Plan { keeps_prefix: true, ..USUAL },
            "352" => Plan { trunk_prefix: "", ..USUAL },
            _ => USUAL,
        }
    }

    /// The digits of E.164 that a carrier of `country` means by these digits.
    pub(super) fn read(self, digits: &str, country: &str) -> Option<String> {
        // A number of full length is one of the country, also where it begins like the calling code.
        if self.length == Some(digits.len()) && !digits.starts_with('0') {
            return Some(format!("{country}{digits}"));
        }
        let abroad = [self.international_prefix, "00"].iter().find_map(|prefix| digits.strip_prefix(prefix));
        if let Some(abroad) = abroad {
            return Some(abroad.to_owned());
        }
        if let Some(national) = self.national(digits) {
            return Some(format!("{country}{national}"));
        }
        digits.starts_with(country).then(|| digits.to_owned())
    }

    /// A national number behind its prefix; a 0 too many is forgiven.
    fn national(self, digits: &str) -> Option<&str> {
        if self.keeps_prefix {
            return digits.starts_with('0').then_some(digits);
        }
        let prefix = if self.trunk_prefix.is_empty() { "0" } else { self.trunk_prefix };
        let national = digits.strip_prefix(prefix)?;
        // No number in E.164 begins with 0, but one may begin with any other prefix.
        (prefix.starts_with('0') || self.length == Some(national.len())).then_some(national)
    }

    /// How digits of E.164 are written for a carrier of `country`.
    pub(super) fn write(self, digits: &str, country: &str) -> String {
        match digits.strip_prefix(country) {
            Some(national) if self.keeps_prefix => national.to_owned(),
            Some(national) => format!("{}{national}", self.trunk_prefix),
            None => self.write_abroad(digits),
        }
    }

    /// How digits of E.164 are dialled from abroad.
    pub(super) fn write_abroad(self, digits: &str) -> String {
        format!("{}{digits}", self.international_prefix)
    }

    /// Without a country.
    pub(super) fn usual() -> Self {
        USUAL
    }
}
