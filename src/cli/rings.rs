//! Whose phones would ring, and in which order: the part of `simulate` that goes along the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::story::{Story, seconds};
use crate::oncall::{
    Attempt, DialPolicy, Next, NotRung, Order, PersonId, Roster, Rung, Standing, Walk, resolve,
};
use crate::switch::trunks::Trunk;

/// A phone that would be rung if everybody before it did not accept.
#[derive(Debug, Serialize)]
pub struct Rings {
    order: u32,
    /// Phones of one turn ring together.
    turn: u32,
    /// Which time the chain is gone through.
    pass: u32,
    level: String,
    /// Whose phone.
    pub person: PersonId,
    phone: String,
    because: String,
    /// How long after the answer, at the earliest.
    #[serde(rename = "at_s", serialize_with = "seconds")]
    at: Duration,
    /// Why a live call could not dial it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<String>,
}

/// All that ring if nobody accepts, and all that do not.
#[derive(Debug, Default, Serialize)]
pub struct Ringing {
    pub chain: Vec<Rings>,
    pub not_rung: Vec<NotRung>,
    /// Who is busy to the end.
    #[serde(skip)]
    pub busy: Vec<PersonId>,
    #[serde(skip)]
    order: Order,
    /// Who may be rung in each level.
    #[serde(skip)]
    drawn_from: BTreeMap<String, Vec<PersonId>>,
}

impl Ringing {
    /// Goes along the chain of a route as a live call does, with nobody answering.
    pub fn of(
        policy: &DialPolicy,
        roster: &Roster,
        trunks: &[&Trunk],
        busy: &BTreeSet<PersonId>,
        at: Timestamp,
    ) -> Self {
        // One order out of those a live call may draw, the same each time this is asked.
        let mut rng = StdRng::seed_from_u64(0);
        let resolved = resolve(roster, policy, at, &mut rng);
        let mut drawn_from: BTreeMap<String, Vec<PersonId>> = BTreeMap::new();
        for candidate in &resolved.candidates {
            drawn_from.entry(candidate.level.clone()).or_default().push(candidate.person.id.clone());
        }
        let mut walk = Walk::new(resolved, policy);
        let mut chain = Vec::new();
        for (turn, together) in (1..).zip(turns(&mut walk, busy)) {
            chain.extend(together.into_iter().map(|attempt| rings(attempt, turn, trunks)));
        }
        let busy = walk.waits_for().into_iter().map(|(person, _)| person.id.clone()).collect();
        Self { chain, not_rung: walk.not_rung(), busy, order: policy.order, drawn_from }
    }
}

/// The attempts, those that ring together side by side.
fn turns(walk: &mut Walk, busy: &BTreeSet<PersonId>) -> Vec<Vec<Attempt>> {
    let mut turns = Vec::new();
    let mut together: Vec<Attempt> = Vec::new();
    loop {
        match walk.next(&mut |person, _, _| Standing::of(busy.contains(&person.id))) {
            Next::Ring(attempt) => together.push(attempt),
            Next::Wait => {
                together.iter().for_each(|attempt| walk.report(attempt.order, Rung::NoAnswer));
                turns.push(std::mem::take(&mut together));
            }
            Next::Over => return turns,
        }
    }
}

fn rings(attempt: Attempt, turn: u32, trunks: &[&Trunk]) -> Rings {
    let reached = trunks.iter().any(|trunk| trunk.may_dial(&attempt.phone));
    Rings {
        order: attempt.order,
        turn,
        pass: attempt.pass,
        level: attempt.level,
        person: attempt.person.id.clone(),
        phone: attempt.phone.to_string(),
        because: attempt.because,
        at: Duration::ZERO,
        unreachable: (!reached).then(|| "no trunk of the hotline may dial it".to_owned()),
    }
}

impl Ringing {
    /// When each phone rings if nobody answers, in a story that goes on after the last.
    pub fn tell(&mut self, ring: Duration, story: &mut Story) {
        for turn in self.chain.chunk_by_mut(|one, next| one.turn == next.turn) {
            for rings in turn.iter_mut() {
                rings.at = story.now();
                let Rings { order, person, phone, .. } = rings;
                story.tell(match &rings.unreachable {
                    Some(why) => format!("{order}. {person} at {phone} cannot be rung: {why}"),
                    None => format!("{order}. {person} at {phone} rings for {} s", ring.as_secs()),
                });
            }
            if turn.iter().any(|rings| rings.unreachable.is_none()) {
                story.passes(ring);
            }
        }
    }

    /// The people who are rung, level by level, each once; where one of a level is drawn, all it is drawn from.
    pub fn levels(&self) -> Vec<Vec<PersonId>> {
        let mut seen = BTreeSet::new();
        let reached: Vec<&Rings> = self.chain.iter().filter(|rings| rings.unreachable.is_none()).collect();
        let levels = reached.chunk_by(|one, next| one.level == next.level && one.pass == next.pass);
        let people = levels.map(|rung| {
            let drawn = rung.first().and_then(|rings| self.drawn_from.get(&rings.level));
            let rung: Vec<PersonId> = match drawn.filter(|_| self.order == Order::OneRandom) {
                Some(all) => all.clone(),
                None => rung.iter().map(|rings| rings.person.clone()).collect(),
            };
            rung.into_iter().filter(|person| seen.insert(person.clone())).collect()
        });
        people.filter(|level: &Vec<PersonId>| !level.is_empty()).collect()
    }

    /// The order inside a level.
    pub fn order(&self) -> Order {
        self.order
    }
}

impl fmt::Display for Ringing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} until somebody accepts", in_words(self.order))?;
        let mut pass = 1;
        for turn in self.chain.chunk_by(|one, next| one.turn == next.turn) {
            let now = turn.first().map_or(pass, |rings| rings.pass);
            if now != pass {
                pass = now;
                writeln!(f, "  once more, from the beginning")?;
            }
            if turn.len() > 1 {
                writeln!(f, "  together")?;
            }
            let indent = if turn.len() > 1 { "    " } else { "  " };
            turn.iter().try_for_each(|rings| writeln!(f, "{indent}{rings}"))?;
        }
        if self.chain.is_empty() {
            writeln!(f, "  nobody")?;
        }
        if !self.not_rung.is_empty() {
            writeln!(f, "\nnot rung")?;
        }
        self.not_rung.iter().try_for_each(|left_out| writeln!(f, "  {left_out}"))
    }
}

impl fmt::Display for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, person, phone, level, because, .. } = self;
        write!(f, "{order}. {person} at {phone} (level {level}: {because})")?;
        match &self.unreachable {
            Some(why) => write!(f, ": could not be reached, {why}"),
            None => Ok(()),
        }
    }
}

fn in_words(order: Order) -> &'static str {
    match order {
        Order::Shuffled => "rung one after another, each call in another order,",
        Order::Listed => "rung one after another",
        Order::OneRandom => "one of each level is rung, another one each call,",
        Order::AllAtOnce => "all of a level are rung together",
    }
}
