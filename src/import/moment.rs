//! Times as other services write them, and on the wall clock of a place.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer};

use crate::oncall::Zone;

/// A time in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// With an offset, or in milliseconds since 1970.
    Instant(Timestamp),
    /// On a wall clock that is not named.
    Wall(DateTime),
}

impl Moment {
    /// Reads `2026-01-05T08:00:00Z`, also with an offset, `2026-01-05 08:00`, or milliseconds.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::of_milliseconds);
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Self::Instant(at));
        }
        let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
        forms.iter().find_map(|form| DateTime::strptime(form, text).ok()).map(Self::Wall)
    }

    fn of_milliseconds(milliseconds: i64) -> Option<Self> {
        Timestamp::from_millisecond(milliseconds).ok().map(Self::Instant)
    }

    /// The instant, read on the wall clock of a zone where it is not known.
    pub fn instant(self, zone: &Zone) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Wall(wall) => zone.instant(wall),
        }
    }

    /// What the wall clock of a zone shows then, to the second.
    pub fn wall(self, zone: &Zone) -> DateTime {
        let wall = match self {
            Self::Instant(at) => zone.local(at),
            Self::Wall(wall) => wall,
        };
        wall.with().subsec_nanosecond(0).build().unwrap_or(wall)
    }

    /// Whether the wall clock shows this time for the second time: then our data means the first.
    pub fn comes_again(self, zone: &Zone) -> bool {
        match self {
            Self::Instant(at) => zone.instant(zone.local(at)) != at,
            Self::Wall(_) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Milliseconds(i64),
            Text(String),
        }
        let (moment, text) = match Form::deserialize(deserializer)? {
            Form::Milliseconds(at) => (Self::of_milliseconds(at), at.to_string()),
            Form::Text(text) => (Self::read(&text), text),
        };
        moment.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a time")))
    }
}

/// A wall-clock time as it stands in our files.
pub(super) fn written(wall: DateTime) -> String {
    let form = if wall.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    wall.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_is_written_in_many_ways() {
        let wanted = Moment::Instant("2026-01-05T08:00:00Z".parse().unwrap());
        for text in [
            "2026-01-05T08:00:00Z",
            "2026-01-05T08:00:00.000Z",
            "2026-01-05T09:00:00+01:00",
            "2026-01-05T08:00:00+0000",
            "1767600000000",
        ] {
            assert_eq!(Moment::read(text), Some(wanted), "{text}");
        }
        assert_eq!(serde_json::from_str::<Moment>("1767600000000").unwrap(), wanted);
        assert!(serde_json::from_str::<Moment>("\"soon\"").is_err());
    }

    #[test]
    fn a_time_is_told_on_the_wall_clock_of_the_schedule() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let wall = |text: &str| written(Moment::read(text).unwrap().wall(&berlin));
        assert_eq!(wall("2026-07-06T07:00:00Z"), "2026-07-06 09:00");
        assert_eq!(wall("2026-07-06 09:00"), "2026-07-06 09:00");
        assert!(Moment::read("2026-10-25T01:30:00Z").unwrap().comes_again(&berlin));
        assert!(!Moment::read("2026-10-25T00:30:00Z").unwrap().comes_again(&berlin));
    }
}
