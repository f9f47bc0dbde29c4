//! Chasing: people are turned to about an open incident, level by level and round by round, until somebody takes
//! it on. Pure: who is on which level is an argument, and so is the time, because people change while they are
//! chased.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Who is on the phone for somebody else is tried again after so long.
const BUSY_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// A phone that rang when the daemon broke down may still ring: so long it is left alone.
const STILL_RINGING: SignedDuration = SignedDuration::from_secs(90);

/// How a route chases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chasing {
    /// From the beginning of a level to the next one, where an escalation does not say otherwise, and from the
    /// last one to the next round.
    pub wait: Duration,
    /// How often it begins again after the last level.
    pub repeat: u8,
    /// Whether people are phoned. Where not, they are told by their other ways alone.
    pub phone: bool,
}

/// As `check` tells it.
impl fmt::Display for Chasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.phone { "phoned" } else { "told by their own ways" };
        write!(f, "people are {how} level by level, {} s apart", self.wait.as_secs())?;
        match self.repeat {
            0 => Ok(()),
            1 => f.write_str(", and all of them once more"),
            times => write!(f, ", and all of them {times} times more"),
        }
    }
}

/// People who are turned to one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// The level of the route, from 1. What a team or an escalation in it has in levels of its own follows with
    /// the same number.
    pub number: u8,
    /// How long after the beginning of this number, where an escalation says so.
    pub after: Option<Duration>,
    /// The ids of people, in their order.
    pub people: Vec<String>,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// A level begins: these are on it from now on.
    Begin {
        /// Its number.
        level: u8,
        /// The ids of its people.
        people: Vec<String>,
    },
    /// It is this person's turn.
    Person(String),
    /// Nothing before this time.
    Wait(Timestamp),
    /// All rounds are over, and nobody has taken it on.
    Over,
}

/// What came of a person's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Told, but it was not taken on.
    Nothing,
    /// The person wants the next one to be turned to, at once.
    Next,
    /// The person, or the line, was needed for a caller.
    Busy,
    /// It was broken off before the person could say anything.
    Interrupted,
}

/// How far it has come. Kept in the database: a restart goes on where it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Rounds that are over.
    round: u8,
    /// Which of the levels, from 0.
    level: usize,
    /// When this level began; nothing: it has not.
    since: Option<Timestamp>,
    /// Its number, and from when on the delays of an escalation in it count.
    number: Option<(u8, Timestamp)>,
    /// Whose turn it was in this level.
    done: Vec<String>,
    /// Who has said in this round that somebody else should take it.
    passed: Vec<String>,
    /// The next level does not wait: the last of this one has asked for it.
    hurry: bool,
    /// Who was busy, and when they are tried again.
    busy: Vec<String>,
    again: Option<Timestamp>,
    /// Whose turn it is, and since when.
    turn: Option<(String, Timestamp)>,
}

impl Progress {
    /// The round it is in, from 1.
    pub fn round(&self) -> u8 {
        self.round.saturating_add(1)
    }

    /// The daemon has been started again: whoever was phoned when it broke down gets another turn, once that phone
    /// is certain to have stopped ringing.
    pub fn restarted(&mut self) {
        if let Some((person, at)) = self.turn.take() {
            self.done.retain(|done| *done != person);
            self.busy.push(person);
            self.again = Some(later(at, STILL_RINGING));
        }
    }

    /// What is to be done now, with the levels as they are now. Ask again after `Begin`; after `Person` once
    /// [`came`](Self::came) was told.
    pub fn next(&mut self, now: Timestamp, levels: &[Level], how: &Chasing) -> Turn {
        if levels.is_empty() {
            return self.nobody(now, how);
        }
        loop {
            let Some(level) = levels.get(self.level) else {
                if self.round >= how.repeat {
                    return Turn::Over;
                }
                self.begin_round();
                continue;
            };
            if self.since.is_none() {
                self.begin_level(now, level);
                return Turn::Begin { level: level.number, people: level.people.clone() };
            }
            if let Some(person) = self.free(now, level) {
                self.turn = Some((person.clone(), now));
                return Turn::Person(person);
            }
            match self.until(now, level, levels.get(self.level.saturating_add(1)), how) {
                Some(until) => return Turn::Wait(until),
                None => self.end_level(),
            }
        }
    }

    /// What came of the turn.
    pub fn came(&mut self, now: Timestamp, came: Came) {
        let Some((person, _)) = self.turn.take() else { return };
        match came {
            Came::Nothing => self.done.push(person),
            Came::Next => {
                self.hurry = true;
                self.passed.push(person);
            }
            Came::Busy => {
                self.busy.push(person);
                self.again = Some(later(now, BUSY_AGAIN));
            }
            Came::Interrupted => {}
        }
    }

    /// Nobody can be turned to at the moment: that may change before the next round.
    fn nobody(&mut self, now: Timestamp, how: &Chasing) -> Turn {
        let due = later(*self.since.get_or_insert(now), length(how.wait));
        if now < due {
            return Turn::Wait(due);
        }
        if self.round >= how.repeat {
            return Turn::Over;
        }
        self.begin_round();
        self.since = Some(now);
        Turn::Wait(later(now, length(how.wait)))
    }

    fn begin_round(&mut self) {
        *self = Self { round: self.round.saturating_add(1), ..Self::default() };
    }

    fn begin_level(&mut self, now: Timestamp, level: &Level) {
        self.since = Some(now);
        if self.number.is_none_or(|(number, _)| number != level.number) {
            let after = level.after.map(length).unwrap_or_default();
            self.number = Some((level.number, now.checked_sub(after).unwrap_or(now)));
        }
    }

    fn end_level(&mut self) {
        self.level = self.level.saturating_add(1);
        (self.since, self.again, self.hurry) = (None, None, false);
        self.done.clear();
        self.busy.clear();
    }

    /// The next of a level whose turn has not been.
    fn free(&mut self, now: Timestamp, level: &Level) -> Option<String> {
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            self.busy.clear();
        }
        let had = |person: &&String| {
            [&self.done, &self.passed, &self.busy].into_iter().any(|those| those.contains(person))
        };
        level.people.iter().find(|person| !had(person)).cloned()
    }

    /// Until when nothing is to be done; nothing: the level is over.
    fn until(&self, now: Timestamp, level: &Level, next: Option<&Level>, how: &Chasing) -> Option<Timestamp> {
        let waits_for_busy =
            self.again.filter(|_| level.people.iter().any(|person| self.busy.contains(person)));
        if self.hurry && waits_for_busy.is_none() {
            return None;
        }
        let since = self.since.unwrap_or(now);
        let said = next.filter(|next| next.number == level.number).and_then(|next| next.after);
        let due = match (said, self.number) {
            (Some(after), Some((_, from))) if !after.is_zero() => later(from, length(after)),
            _ => later(since, length(how.wait)),
        };
        let due = waits_for_busy.map_or(due, |again| again.min(due));
        (now < due).then_some(due)
    }
}

fn length(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOW: Chasing = Chasing { wait: Duration::from_secs(300), repeat: 0, phone: true };

    fn level(number: u8, people: &[&str]) -> Level {
        Level { number, after: None, people: people.iter().map(ToString::to_string).collect() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// Goes on to the end; everybody's turn comes to what `came` says and takes 20 s. What was done and when.
    fn told(levels: &[Level], how: &Chasing, came: impl Fn(&str) -> Came) -> Vec<String> {
        let (mut progress, mut now, mut told) = (Progress::default(), 0, Vec::new());
        for _ in 0..200 {
            match progress.next(at(now), levels, how) {
                Turn::Begin { level, .. } => told.push(format!("{now}: level {level}")),
                Turn::Person(person) => {
                    told.push(format!("{now}: {person}"));
                    now += 20;
                    progress.came(at(now), came(&person));
                }
                Turn::Wait(until) => {
                    assert!(until > at(now), "no waiting for what has passed");
                    now = until.as_second();
                }
                Turn::Over => {
                    told.push(format!("{now}: over"));
                    return told;
                }
            }
        }
        panic!("it never ends: {told:?}");
    }

    #[test]
    fn people_of_a_level_follow_at_once_and_levels_after_the_time_to_wait() {
        let levels = [level(1, &["anna", "bob"]), level(2, &["carla"])];
        assert_eq!(
            told(&levels, &HOW, |_| Came::Nothing),
            ["0: level 1", "0: anna", "20: bob", "300: level 2", "300: carla", "600: over"]
        );
    }

    #[test]
    fn it_begins_again_as_often_as_the_route_says() {
        let how = Chasing { repeat: 2, ..HOW };
        let turns = told(&[level(1, &["anna"])], &how, |_| Came::Nothing);
        let anna: Vec<_> = turns.iter().filter(|told| told.ends_with("anna")).collect();
        assert_eq!(anna, ["0: anna", "300: anna", "600: anna"]);
        assert_eq!(turns.last().unwrap(), "900: over");
    }

    #[test]
    fn whoever_asks_for_the_next_person_gets_the_next_person_at_once_and_is_left_alone_in_this_round() {
        let levels = [level(1, &["anna"]), level(2, &["anna", "bob"])];
        assert_eq!(
            told(&levels, &HOW, |person| if person == "anna" { Came::Next } else { Came::Nothing }),
            ["0: level 1", "0: anna", "20: level 2", "20: bob", "320: over"]
        );
    }

    #[test]
    fn delays_of_an_escalation_count_from_its_beginning() {
        let after = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        let levels = [
            level(1, &["anna"]),
            Level { after: after(2), ..level(1, &["bob"]) },
            Level { after: after(20), ..level(1, &["carla"]) },
            level(2, &["dora"]),
        ];
        assert_eq!(
            told(&levels, &HOW, |_| Came::Nothing),
            [
                "0: level 1",
                "0: anna",
                "120: level 1",
                "120: bob",
                "1200: level 1",
                "1200: carla",
                "1500: level 2",
                "1500: dora",
                "1800: over"
            ]
        );
    }

    #[test]
    fn who_is_busy_is_tried_again_as_long_as_the_level_lasts() {
        let levels = [level(1, &["anna", "bob"])];
        let turns = told(&levels, &HOW, |person| if person == "anna" { Came::Busy } else { Came::Nothing });
        assert_eq!(turns[..4], ["0: level 1", "0: anna", "20: bob", "50: anna"]);
        assert_eq!(turns.last().unwrap(), "320: over", "once more at the very end");
    }

    #[test]
    fn a_restart_goes_on_and_does_not_ring_a_phone_that_may_still_ring() {
        let levels = [level(1, &["anna", "bob"])];
        let mut progress = Progress::default();
        progress.next(at(0), &levels, &HOW);
        assert_eq!(progress.next(at(0), &levels, &HOW), Turn::Person("anna".to_owned()));
        let kept = serde_json::to_string(&progress).unwrap();

        let mut progress: Progress = serde_json::from_str(&kept).unwrap();
        progress.restarted();
        assert_eq!(progress.next(at(5), &levels, &HOW), Turn::Person("bob".to_owned()));
        progress.came(at(25), Came::Nothing);
        assert_eq!(progress.next(at(25), &levels, &HOW), Turn::Wait(at(90)));
        assert_eq!(progress.next(at(90), &levels, &HOW), Turn::Person("anna".to_owned()));
    }

    #[test]
    fn with_nobody_to_turn_to_it_looks_again_and_ends_in_its_time() {
        assert_eq!(told(&[], &Chasing { repeat: 1, ..HOW }, |_| Came::Nothing), ["600: over"]);
    }

    proptest! {
        #[test]
        fn it_always_ends_and_everybody_has_a_turn_in_each_round_who_did_not_pass_it_on(
            people in prop::collection::vec(prop::collection::vec(0_u8..5, 1..4), 1..5),
            repeat in 0_u8..3,
            passes in 0_u8..5,
        ) {
            let levels: Vec<Level> = (1..).zip(&people).map(|(number, level)| {
                let mut people: Vec<String> = level.iter().map(ToString::to_string).collect();
                people.sort();
                people.dedup();
                Level { number, after: None, people }
            }).collect();
            let how = Chasing { repeat, ..HOW };
            let turns = told(&levels, &how, |person| if person == passes.to_string() { Came::Next } else { Came::Nothing });
            for person in people.iter().flatten() {
                let times = turns.iter().filter(|told| told.ends_with(&format!(": {person}"))).count();
                let in_levels = levels.iter().filter(|level| level.people.contains(&person.to_string())).count();
                let each = if *person == passes { 1 } else { in_levels };
                prop_assert_eq!(times, each * (usize::from(repeat) + 1), "{} of {:?}", person, turns);
            }
        }
    }
}
