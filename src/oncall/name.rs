//! The names by which people, teams and schedules refer to each other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Declares a name of its own type, so that a team's can never be taken for a person's.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name.
            pub fn new(name: &str) -> Self {
                Self(Arc::from(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    )+};
}

names! {
    /// Names a person.
    PersonId,
    /// Names a team.
    TeamId,
    /// Names a schedule.
    ScheduleId,
    /// Names an escalation.
    EscalationId,
    /// Names opening hours.
    HoursId,
}

/// Whether a text may name a person, a team or a schedule: letters, digits, `-`, `_` and `.`, at
/// most 64 of them. Nothing that could be taken for a kind (`:`) or that shells and URLs trip over.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().count() <= 64 && text.chars().all(plain)
}

/// Who is meant to be rung, as it is written in a level: `person:bob`, `team:sre`,
/// `schedule:production`, `everyone:production`, `escalation:platform`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// One person.
    Person(PersonId),
    /// A team: its levels one after another.
    Team(TeamId),
    /// Whoever is on call in a schedule at that moment.
    Schedule(ScheduleId),
    /// All who take turns in a schedule, on call or not.
    Everyone(ScheduleId),
    /// An escalation: its levels one after another.
    Escalation(EscalationId),
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No kind before a colon.
    #[error(
        "`{0}` does not say what it is: write `person:{0}`, `team:{0}`, `schedule:{0}`, \
         `everyone:{0}` or `escalation:{0}`"
    )]
    NoKind(String),
    /// A kind that we do not know.
    #[error(
        "`{0}:` is no kind of target: there are `person:`, `team:`, `schedule:`, `everyone:` and `escalation:`"
    )]
    Kind(String),
    /// The name after the colon cannot be one.
    #[error("`{0}` cannot be a name: letters, digits, `-`, `_` and `.`, at most 64 of them")]
    Name(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (kind, name) = text.split_once(':').ok_or_else(|| TargetError::NoKind(text.to_owned()))?;
        let target = match kind {
            "person" => Self::Person(PersonId::new(name)),
            "team" => Self::Team(TeamId::new(name)),
            "schedule" => Self::Schedule(ScheduleId::new(name)),
            "everyone" => Self::Everyone(ScheduleId::new(name)),
            "escalation" => Self::Escalation(EscalationId::new(name)),
            other => return Err(TargetError::Kind(other.to_owned())),
        };
        if is_name(name) { Ok(target) } else { Err(TargetError::Name(name.to_owned())) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Team(id) => write!(f, "team:{id}"),
            Self::Schedule(id) => write!(f, "schedule:{id}"),
            Self::Everyone(id) => write!(f, "everyone:{id}"),
            Self::Escalation(id) => write!(f, "escalation:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_printed_as_it_is_written() {
        for text in [
            "person:bob",
            "team:sre",
            "schedule:production",
            "everyone:pro-duction_2.b",
            "escalation:platform",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_way_to_write_it() {
        let refusal = |text: &str| text.parse::<Target>().unwrap_err().to_string();
        assert!(refusal("bob").contains("write `person:bob`"));
        assert!(refusal("group:bob").starts_with("`group:` is no kind"));
        for wrong in ["person:", "person:a b", "person:a:b", "person:a\n"] {
            assert!(refusal(wrong).contains("cannot be a name"), "{wrong}");
        }
    }
}
