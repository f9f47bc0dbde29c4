//! `[retention]`: for how long things are kept.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::problem::Problem;

/// `[retention]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Steps of calls, who was dialled, how legs sounded, what was said and written of incidents.
    pub timelines: Spanned<Keep>,
    /// Messages and recorded calls.
    pub recordings: Spanned<Keep>,
    /// The call log.
    pub calls: Spanned<Keep>,
    /// Counts of calls that are not in the log any more.
    pub statistics: Spanned<Keep>,
}

/// For how long something is kept: `"365d"`, or `"keep"`, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Keep(pub Option<u16>);

impl Keep {
    const fn days(days: u16) -> Self {
        Self(Some(days))
    }

    /// What began before this is kept no longer; nothing: everything is.
    pub fn since(self, now: Timestamp) -> Option<Timestamp> {
        let length = SignedDuration::from_hours(24 * i64::from(self.0?));
        Some(now.checked_sub(length).unwrap_or(Timestamp::MIN))
    }

    fn is_shorter_than(self, other: Self) -> bool {
        self.0.is_some_and(|days| other.0.is_none_or(|others| days < others))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(days) => write!(f, "{days}d"),
            None => f.write_str("keep"),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "keep" {
            return Ok(Self(None));
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| *days > 0);
        let wrong = || {
            de::Error::custom(format!("`{text}` is neither a number of days such as \"365d\" nor \"keep\""))
        };
        days.map(Self::days).ok_or_else(wrong)
    }
}

impl Default for RetentionSettings {
    fn default() -> Self {
        let days = |days| Spanned::new(0..0, Keep::days(days));
        Self { timelines: days(365), recordings: days(365), calls: days(365), statistics: days(730) }
    }
}

/// For how long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Steps of calls, who was dialled, how legs sounded, what was said and written of incidents.
    pub timelines: Keep,
    /// Messages and recorded calls.
    pub recordings: Keep,
    /// The call log.
    pub calls: Keep,
    /// Counts of calls that are not in the log any more.
    pub statistics: Keep,
}

impl RetentionSettings {
    /// What holds, and what is odd about what is written.
    pub fn compile(&self) -> (Retention, Vec<Problem>) {
        let (timelines, recordings) = (&self.timelines, &self.recordings);
        let (calls, statistics) = (&self.calls, &self.statistics);
        let mut problems = Vec::new();
        for (name, written) in [("timelines", timelines), ("recordings", recordings)] {
            let is_written = !written.span().is_empty();
            if is_written && calls.get_ref().is_shorter_than(*written.get_ref()) {
                let message = format!("{name} are kept no longer than their calls: {}", calls.get_ref());
                let help = "a call takes everything along that hangs on it; raise calls, or lower this";
                problems.push(Problem::warning(written.span(), message).help(help));
            }
        }
        if statistics.get_ref().is_shorter_than(*calls.get_ref()) && !statistics.span().is_empty() {
            let message = "counts of calls that are in the log are not purged: they are made of the log";
            let help = "statistics outlive the calls: keep them at least as long";
            problems.push(Problem::warning(statistics.span(), message).help(help));
        }
        let retention = Retention {
            timelines: *timelines.get_ref(),
            recordings: *recordings.get_ref(),
            calls: *calls.get_ref(),
            statistics: *statistics.get_ref(),
        };
        (retention, problems)
    }
}

impl Retention {
    /// How long recordings are really kept: no longer than their calls. With it the setting that says so.
    pub fn of_recordings(&self) -> (&'static str, Keep) {
        match self.calls.is_shorter_than(self.recordings) {
            true => ("calls", self.calls),
            false => ("recordings", self.recordings),
        }
    }
}

/// As `check` prints it.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timelines, recordings, calls, statistics } = self;
        let with_calls = |kept: &Keep| if calls.is_shorter_than(*kept) { *calls } else { *kept };
        let (timelines, recordings) = (with_calls(timelines), with_calls(recordings));
        write!(
            f,
            "kept: timelines {timelines}, recordings {recordings}, calls {calls}, statistics {statistics}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Retention, Vec<String>) {
        let (retention, problems) = toml::from_str::<RetentionSettings>(text).unwrap().compile();
        (retention, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn what_is_left_out_is_kept_for_a_year_and_counts_for_two() {
        let (retention, problems) = read("");
        assert_eq!(
            retention.to_string(),
            "kept: timelines 365d, recordings 365d, calls 365d, statistics 730d"
        );
        assert_eq!(problems, [""; 0]);
        let (retention, _) = read("calls = \"30d\"");
        assert_eq!(
            retention.to_string(),
            "kept: timelines 30d, recordings 30d, calls 30d, statistics 730d",
            "nothing outlives its call"
        );
        let (retention, _) = read("calls = \"keep\"\nrecordings = \"30d\"");
        assert_eq!(
            (retention.calls, retention.of_recordings()),
            (Keep(None), ("recordings", Keep::days(30)))
        );
    }

    #[test]
    fn nothing_outlives_its_call_and_that_is_said() {
        let (retention, problems) = read("calls = \"30d\"\nrecordings = \"90d\"\ntimelines = \"keep\"");
        assert_eq!(retention.of_recordings(), ("calls", Keep::days(30)));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(read("calls = \"30d\"").1, [""; 0], "a default is nobody's wish");
    }

    #[test]
    fn a_period_is_a_number_of_days_or_for_good() {
        for wrong in ["\"0d\"", "\"1y\"", "\"365\"", "365", "\"forever\""] {
            assert!(toml::from_str::<RetentionSettings>(&format!("calls = {wrong}")).is_err(), "{wrong}");
        }
    }
}
