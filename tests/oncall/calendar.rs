//! The beginnings of turns, compared with what Python's zoneinfo makes of the same rules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nightbell::oncall::ScheduleId;

use crate::{at, people, roster};

/// zone, start, length of a turn
type Rotation<'a> = (&'a str, &'a str, &'a str);

/// The instants at which turns begin, each with the number of the last turn that begins there.
fn expectations() -> BTreeMap<Rotation<'static>, BTreeMap<Timestamp, usize>> {
    let mut rotations: BTreeMap<Rotation<'_>, BTreeMap<Timestamp, usize>> = BTreeMap::new();
    for line in include_str!("../data/hand_overs.csv").lines().skip(1) {
        let [zone, start, every, turn, begins] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("five columns in {line}")
        };
        let turns = rotations.entry((zone, start, every)).or_default();
        turns.insert(at(begins), turn.parse().unwrap());
    }
    rotations
}

#[test]
fn turns_begin_when_another_implementation_of_the_calendar_says_so() {
    let ids: Vec<String> = (1..=53).map(|number| format!("p{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rotations = expectations();
    assert_eq!(rotations.len(), 20);
    for ((zone, start, every), turns) in rotations {
        let members: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let roster = roster(&format!(
            "{}\n[[schedules]]\nid = 's'\ntimezone = '{zone}'\n[[schedules.rotations]]\nname = 'r'\n\
             people = [{}]\nevery = '{every}'\nstart = '{start}'\n",
            people(&ids),
            members.join(", ")
        ));
        let ends = turns.keys().skip(1).map(Some).chain([None]);
        for ((begins, turn), ends) in turns.iter().zip(ends) {
            let shifts = roster.on_call(&ScheduleId::new("s"), *begins);
            let [shift] = &shifts[..] else { panic!("one is on call at {begins}") };
            let told = (shift.person.as_str(), shift.since);
            assert_eq!(told, (ids[turn - 1], *begins), "{zone} {start} {every} turn {turn}");
            if ends.is_some() {
                assert_eq!(shift.until.as_ref(), ends, "{zone} {start} {every} turn {turn}");
            }
        }
    }
}
