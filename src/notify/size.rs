//! Sizes as they are written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// A number of bytes as it is written: `"512 KiB"`, `"10 MiB"`, `"2 GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// The units, the largest first.
const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl Size {
    /// A number of MiB.
    pub const fn mib(mib: u32) -> Self {
        Self((mib as u64) << 20)
    }

    /// The number of bytes.
    pub fn octets(self) -> u64 {
        self.0
    }

    /// What is written, if it is a size.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, shift) =
            UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
        let number: u64 = number.trim().parse().ok()?;
        number.checked_mul(1 << shift).map(Self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("`{text}` is not a size such as \"10 MiB\""));
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    /// In the largest unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, shift)| self.0 != 0 && self.0.is_multiple_of(1 << shift)) {
            Some((unit, shift)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read_and_shown_in_units_of_1024() {
        for (text, octets) in [("10 MiB", 10 << 20), ("512KiB", 512 << 10), ("2 GiB", 2 << 30), ("0 MiB", 0)]
        {
            assert_eq!(Size::parse(text).map(Size::octets), Some(octets), "{text}");
        }
        for text in ["10", "10 MB", "-1 MiB", "1.5 GiB", "MiB", "99999999999999 GiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        assert_eq!(Size::mib(1024).to_string(), "1 GiB");
        assert_eq!(Size::mib(10).to_string(), "10 MiB");
    }
}
