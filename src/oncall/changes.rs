//! The instants at which somebody else may be rung.

use jiff::Timestamp;

use crate::oncall::name::Target;
use crate::oncall::roster::Roster;
use crate::oncall::unfold::Unfolding;

/// The instants between two others at which the people behind some targets may change, in order.
#[derive(Debug)]
pub struct Changes<'a> {
    roster: &'a Roster,
    targets: Vec<Target>,
    /// The ends of what commands have said of people's availability, in order.
    availability: Vec<Timestamp>,
    at: Timestamp,
    until: Timestamp,
}

impl Roster {
    /// The instants after `from` and before `until` at which the people behind these targets, or whether
    /// they may be rung, may change. Nothing changes between two of them.
    pub fn changes(&self, targets: &[Target], from: Timestamp, until: Timestamp) -> Changes<'_> {
        let mut availability: Vec<Timestamp> =
            self.people.values().filter_map(|person| person.by_command?.until).collect();
        availability.sort_unstable();
        Changes { roster: self, targets: targets.to_vec(), availability, at: from, until }
    }
}

impl Iterator for Changes<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let mut unfolding = Unfolding::new(self.roster, self.at);
        for target in &self.targets {
            unfolding.route_level(std::slice::from_ref(target));
        }
        let told = self.availability.get(self.availability.partition_point(|end| *end <= self.at)).copied();
        let next = unfolding.edges.next.into_iter().chain(told).min()?;
        // A change that does not lie ahead would be told for ever.
        if next <= self.at || next >= self.until {
            return None;
        }
        self.at = next;
        Some(next)
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
            [[teams]]
            id = "sre"
            levels = [["schedule:days"], ["person:bob"]]
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
    fn changes_are_told_through_teams_and_across_a_change_of_the_clocks() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let targets = ["team:sre".parse().unwrap()];
        let found: Vec<String> = roster()
            .changes(&targets, at("2026-03-27T12:00:00Z"), at("2026-03-30T07:00:00Z"))
            .map(|change| change.to_string())
            .collect();
        assert_eq!(found, ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"], "the end is not among them");
    }

    #[test]
    fn a_person_alone_never_changes() {
        let targets = ["person:anna".parse().unwrap()];
        let forever = roster().changes(&targets, Timestamp::MIN, Timestamp::MAX).count();
        assert_eq!(forever, 0);
    }
}
