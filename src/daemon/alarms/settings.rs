//! `[alarms]`, as it is written.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use crate::call::settings::Period;
use crate::notify::{Size, Target};
use crate::problem::{Problem, nearest};

/// `[alarms]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmsSettings {
    /// The names of the `[[notify]]` targets that are told when Nightbell itself is in trouble.
    pub notify: Vec<Spanned<String>>,
    /// How much of the disk with the data directory has to be free.
    pub disk_free: DiskFree,
    /// How long something may wait in the outbox.
    pub outbox: Period,
    /// How far ahead every route has to have somebody to ring.
    pub coverage: Reach,
    /// How long there may be no call from outside that was answered. Default: as long as it likes.
    pub self_test: Reach,
    /// The numbers of those who call to test. Default: every call counts.
    pub self_test_from: Vec<String>,
}

impl Default for AlarmsSettings {
    fn default() -> Self {
        Self {
            notify: Vec::new(),
            disk_free: DiskFree::Usual,
            outbox: Period::seconds(600),
            coverage: Reach(Some(Duration::from_secs(7 * 24 * 3600))),
            self_test: Reach(None),
            self_test_from: Vec::new(),
        }
    }
}

/// How much of a disk has to be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFree {
    /// 5 of 100, and no more than 5 GiB.
    Usual,
    /// So many of 100.
    Share(u8),
    /// So much.
    Size(Size),
}

/// A length of time, or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach(pub Option<Duration>);

/// What has to be free at most where nothing is written.
const USUAL: u64 = 5 << 30;

impl DiskFree {
    /// The number of bytes, of a disk with so many.
    pub fn of(self, whole: u64) -> u64 {
        let share = |of_100: u8| whole / 100 * u64::from(of_100);
        match self {
            Self::Usual => share(5).min(USUAL),
            Self::Share(of_100) => share(of_100),
            Self::Size(size) => size.octets(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(number) => {
                number.trim().parse().ok().filter(|share| (1..=50).contains(share)).map(Self::Share)
            }
            None => Size::parse(text).map(Self::Size),
        }
    }
}

impl<'de> Deserialize<'de> for DiskFree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || de::Error::custom(format!("`{text}` is not a part of a disk such as \"5%\" or \"500 MiB\""));
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for Reach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            de::Error::custom(format!(
                "`{text}` is not a length of time such as \"24h\" or \"7d\", or \"off\""
            ))
        };
        match text.as_str() {
            "off" => Ok(Self(None)),
            text => Period::parse(text).map(|period| Self(Some(period.0))).ok_or_else(wrong),
        }
    }
}

impl AlarmsSettings {
    /// What is wrong with it, given the targets there are.
    pub fn problems(&self, targets: &[std::sync::Arc<Target>]) -> Vec<Problem> {
        let names = || targets.iter().map(|target| target.name.as_str());
        let unknown = self.notify.iter().filter(|written| !names().any(|name| name == written.get_ref()));
        unknown
            .map(|written| {
                let help = match nearest(written.get_ref(), names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "add a [[notify]] with this name".to_owned(),
                };
                let message = format!("there is no target `{}`", written.get_ref());
                Problem::error(written.span(), message).help(help)
            })
            .collect()
    }

    /// The names of the targets.
    pub fn targets(&self) -> Vec<String> {
        self.notify.iter().map(|written| written.get_ref().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_disk_or_a_size_is_kept_free() {
        let of = |text: &str| DiskFree::parse(text).unwrap();
        assert_eq!(of("10%").of(1000), 100);
        assert_eq!(of("500 MiB").of(1000), 500 << 20);
        assert_eq!(DiskFree::Usual.of(100 << 30), 5 << 30);
        assert_eq!(
            DiskFree::Usual.of(10 << 40),
            5 << 30,
            "a large disk is not nearly full by its share alone"
        );
        assert_eq!(DiskFree::Usual.of(1000), 50);
        for wrong in ["0%", "51%", "5", "5 percent", "%"] {
            assert_eq!(DiskFree::parse(wrong), None, "{wrong}");
        }
    }
}
