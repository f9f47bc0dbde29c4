//! Who is behind a target over time: one stretch after another in which it is the same people by the
//! same rules.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::oncall::changes::Changes;
use crate::oncall::name::{PersonId, Target};
use crate::oncall::roster::Roster;
use crate::oncall::unfold::Unfolding;

/// A time in which the people behind a target do not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// Everybody a call may ring, of all ranks, whether they can be reached or not.
    pub people: BTreeSet<PersonId>,
}

/// The stretches between two instants, in order and without a gap.
#[derive(Debug)]
pub struct Stretches<'a> {
    roster: &'a Roster,
    target: &'a Target,
    changes: Changes<'a>,
    at: Timestamp,
    until: Timestamp,
}

impl Roster {
    /// Who is behind a target from one instant to another.
    pub fn stretches<'a>(&'a self, target: &'a Target, from: Timestamp, until: Timestamp) -> Stretches<'a> {
        Stretches { roster: self, target, changes: self.changes([target], from, until), at: from, until }
    }
}

impl Iterator for Stretches<'_> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        let from = self.at;
        if from >= self.until {
            return None;
        }
        let ranks = Unfolding::new(self.roster, from).route_level(std::slice::from_ref(self.target));
        let people = ranks.into_iter().flatten().map(|found| found.person).collect();
        self.at = self.changes.find(|change| from < *change).unwrap_or(self.until);
        Some(Stretch { from, until: self.at, people })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::OncallFile;

    fn roster() -> Roster {
        let text = r#"
            [[people]]
            id = "anna"
            phones = ["+4915100001"]
            [[people]]
            id = "bob"
            phones = ["+4915100002"]
            [[people]]
            id = "carla"
            phones = ["+4915100003"]
            [[teams]]
            id = "sre"
            levels = [["schedule:days"], ["person:carla"]]
            [[schedules]]
            id = "days"
            timezone = "Europe/Berlin"
            [[schedules.rotations]]
            name = "daily"
            people = ["anna", "bob"]
            every = "1 day"
            start = "2026-03-27 09:00"
        "#;
        OncallFile::parse(text).unwrap().compile().0
    }

    #[test]
    fn stretches_follow_each_other_through_teams_and_across_a_change_of_the_clocks() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let roster = roster();
        let team = "team:sre".parse().unwrap();
        let (from, until) = (at("2026-03-27T12:00:00Z"), at("2026-03-30T07:00:00Z"));
        let found: Vec<Stretch> = roster.stretches(&team, from, until).collect();
        let edges: Vec<String> = found.iter().map(|stretch| stretch.until.to_string()).collect();
        assert_eq!(edges, ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]);
        assert!(found.windows(2).all(|pair| pair[0].until == pair[1].from));
        let first: Vec<&str> = found[0].people.iter().map(PersonId::as_str).collect();
        assert_eq!(first, ["anna", "carla"]);
    }

    #[test]
    fn a_person_alone_is_one_stretch() {
        let anna = "person:anna".parse().unwrap();
        assert_eq!(roster().stretches(&anna, Timestamp::MIN, Timestamp::MAX).count(), 1);
    }
}
