//! `nightbell simulate --sweep`: every moment at which a call would ring nobody, or somebody whose phones
//! cannot be rung. Whom a call rings is worked out as for a live call, at every change of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::{Failure, output};
use crate::call::choice::{Choice, Goal};
use crate::call::opening::{Instead, Opening};
use crate::call::plan::{Hotline, Route};
use crate::oncall::{Person, PersonId, Phone, PhoneChoice, Roster, Stretch, Target, resolve};
use crate::switch::trunks::Trunk;

/// A route, and whose it is.
pub type Swept = (Arc<Hotline>, Arc<Route>);

/// What is wrong for some time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// A call rings nobody.
    Nobody,
    /// This person would be rung, and has no phone that can be.
    NoPhone(PersonId),
}

/// A time at which something is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// Whose.
    pub hotline: String,
    /// Which.
    pub route: String,
    fault: &'static str,
    person: Option<PersonId>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why, person by person.
    pub because: Vec<String>,
}

/// What is swept.
pub struct Sweep<'a> {
    pub roster: &'a Roster,
    pub trunks: &'a [Trunk],
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who is behind each target over that time, worked out once.
    behind: BTreeMap<Target, Vec<Stretch>>,
}

/// Reads `FROM..TO`.
pub fn period(text: &str) -> Result<(Timestamp, Timestamp), String> {
    let (from, until) = text.split_once("..").ok_or("write FROM..TO, as in 2027-01-01..2028-01-01")?;
    let (from, until) = (output::moment(from)?, output::moment(until)?);
    if from < until { Ok((from, until)) } else { Err("it ends before it has begun".to_owned()) }
}

impl<'a> Sweep<'a> {
    pub fn new(roster: &'a Roster, trunks: &'a [Trunk], (from, until): (Timestamp, Timestamp)) -> Self {
        Self { roster, trunks, from, until, behind: BTreeMap::new() }
    }

    /// Sweeps these routes and prints what was found.
    pub(super) fn run(mut self, routes: &[Swept], json: bool) -> Result<ExitCode, Failure> {
        let found: Vec<Found> =
            routes.iter().flat_map(|(hotline, route)| self.route(hotline, route)).collect();
        if json {
            output::json(&found)?;
        } else {
            output::say(&told(&found, routes.len(), self.from, self.until));
        }
        Ok(ExitCode::from(if found.is_empty() { 0 } else { 1 }))
    }

    /// The times at which a call to one of these routes would ring nobody.
    pub fn uncovered(mut self, routes: &[Swept]) -> Vec<Found> {
        let found = routes.iter().flat_map(|(hotline, route)| self.route(hotline, route));
        found.filter(|found| found.person.is_none()).collect()
    }

    fn route(&mut self, hotline: &Hotline, route: &Route) -> Vec<Found> {
        if route.direct_voicemail || route.policy.max_people == Some(0) || !route.enabled || !hotline.enabled
        {
            return Vec::new();
        }
        let targets: BTreeSet<Target> = route.policy.levels.iter().flatten().cloned().collect();
        for target in &targets {
            let stretches = || self.roster.stretches(target, self.from, self.until).collect();
            self.behind.entry(target.clone()).or_insert_with(stretches);
        }
        let trunks: Vec<&Trunk> =
            self.trunks.iter().filter(|trunk| hotline.trunks.contains(&trunk.name)).collect();
        let openings = openings(hotline, route);
        let is_closed = |at| openings.iter().any(|opening| opening.closed(self.roster, at).is_some());
        let mut open: BTreeMap<Fault, Found> = BTreeMap::new();
        let mut found = Vec::new();
        for (at, people) in self.moments(&targets, &openings) {
            let faults = match is_closed(at) {
                true => BTreeSet::new(),
                false => self.faults(&people, &trunks, route.policy.phones, at),
            };
            let (gone, stays): (BTreeMap<_, _>, _) =
                std::mem::take(&mut open).into_iter().partition(|(fault, _)| !faults.contains(fault));
            open = stays;
            found.extend(gone.into_values().map(|entry| Found { until: at, ..entry }));
            for fault in faults {
                open.entry(fault.clone()).or_insert_with(|| self.begun(hotline, route, &fault, at));
            }
        }
        found.extend(open.into_values());
        found.sort_by_key(|entry| entry.from);
        found
    }

    /// Every moment at which the people behind some targets, or whether they can be reached, may change,
    /// with the people from then on.
    fn moments(
        &self,
        targets: &BTreeSet<Target>,
        openings: &[&Opening],
    ) -> Vec<(Timestamp, BTreeSet<PersonId>)> {
        let timelines: Vec<&Vec<Stretch>> =
            targets.iter().filter_map(|target| self.behind.get(target)).collect();
        let told = self.roster.people.values().filter_map(|person| person.by_command?.until);
        let told = told.filter(|at| self.from < *at && *at < self.until);
        let edges: BTreeSet<Timestamp> = timelines
            .iter()
            .flat_map(|stretches| stretches.iter().map(|stretch| stretch.from))
            .chain(told)
            .chain(openings.iter().flat_map(|opening| self.doors(opening)))
            .chain([self.from])
            .collect();
        let people = |at: Timestamp| {
            let now = timelines.iter().filter_map(|stretches| {
                stretches.get(stretches.partition_point(|stretch| stretch.from <= at).checked_sub(1)?)
            });
            now.flat_map(|stretch| stretch.people.iter().cloned()).collect()
        };
        edges.into_iter().map(|at| (at, people(at))).collect()
    }

    /// When the doors open and close.
    fn doors(&self, opening: &Opening) -> Vec<Timestamp> {
        let Some(hours) = self.roster.hours.get(&opening.hours) else { return Vec::new() };
        let next = |at: &Timestamp| hours.state(*at).until.filter(|next| at < next && *next < self.until);
        std::iter::successors(Some(self.from), next).collect()
    }

    /// What is wrong at a moment at which these people are to be rung.
    fn faults(
        &self,
        people: &BTreeSet<PersonId>,
        trunks: &[&Trunk],
        phones: PhoneChoice,
        at: Timestamp,
    ) -> BTreeSet<Fault> {
        let most = if phones == PhoneChoice::First { 1 } else { usize::MAX };
        let dialled = |phone: &Phone| trunks.iter().any(|trunk| trunk.may_dial(phone));
        let has_phone = |person: &Person| person.confirmed_phones().take(most).any(dialled);
        let known: Vec<&Person> = people
            .iter()
            .filter_map(|id| self.roster.people.get(id))
            .filter(|person| person.is_available(at))
            .collect();
        let mut faults: BTreeSet<Fault> = known
            .iter()
            .filter(|person| !has_phone(person))
            .map(|person| Fault::NoPhone(person.id.clone()))
            .collect();
        if !known.iter().any(|person| has_phone(person)) {
            faults.insert(Fault::Nobody);
        }
        faults
    }

    /// A fault that begins, with the reasons a call at that moment would be given.
    fn begun(&self, hotline: &Hotline, route: &Route, fault: &Fault, at: Timestamp) -> Found {
        let chain = resolve(self.roster, &route.policy, at, &mut StdRng::seed_from_u64(0));
        let (name, person) = match fault {
            Fault::Nobody => ("nobody", None),
            Fault::NoPhone(person) => ("no-phone", Some(person.clone())),
        };
        let undialled = chain.candidates.iter().map(|candidate| {
            let phones: Vec<String> = candidate.phones.iter().map(ToString::to_string).collect();
            let because = format!("no trunk of the hotline may dial {}", phones.join(", "));
            (Some(candidate.person.id.clone()), because)
        });
        let left_out = chain.not_rung.iter().map(|left| (left.person.clone(), left.because.clone()));
        let because: BTreeSet<String> = left_out
            .chain(undialled)
            .filter(|(whom, _)| person.is_none() || *whom == person)
            .map(|(whom, because)| match whom.filter(|_| person.is_none()) {
                Some(whom) => format!("{whom}: {because}"),
                None => because,
            })
            .collect();
        Found {
            hotline: hotline.name.clone(),
            route: route.name.clone(),
            fault: name,
            person,
            from: at,
            until: self.until,
            because: because.into_iter().collect(),
        }
    }
}

/// The hours in which a route rings anybody; nothing: always.
fn openings<'a>(hotline: &'a Hotline, route: &Route) -> Vec<&'a Opening> {
    let leads_here = |choice: &&Choice| match &choice.goal {
        Goal::Route(goal) => goal.name == route.name && goal.key == route.key,
        Goal::Menu(_) | Goal::Redirect(_) => false,
    };
    let choice = hotline.all_choices().into_iter().find(leads_here);
    // Where callers are led while the hotline is closed, phones ring then all the more.
    let leads_elsewhere = |opening: &&Opening| match &opening.outside {
        Instead::Choice(place) => !hotline.at(place).is_some_and(|there| {
            there.routes().iter().any(|goal| goal.name == route.name && goal.key == route.key)
        }),
        Instead::Voicemail | Instead::Words(_) => true,
    };
    hotline
        .opening
        .iter()
        .filter(leads_elsewhere)
        .chain(choice.and_then(|choice| choice.opening.as_ref()))
        .collect()
}

fn told(found: &[Found], routes: usize, from: Timestamp, until: Timestamp) -> String {
    let mut text = String::new();
    for entry in found {
        let what = match &entry.person {
            Some(person) => format!("{person} would be rung, and has no phone that can be"),
            None => "nobody would be rung".to_owned(),
        };
        let (from, until) = (output::local(entry.from), output::local(entry.until));
        let _ = writeln!(text, "{}, {}: {what}\n  from {from} to {until}", entry.hotline, entry.route);
        for because in &entry.because {
            let _ = writeln!(text, "    {because}");
        }
    }
    let (from, until) = (output::local(from), output::local(until));
    let (found, routes) = (output::count(found.len(), "finding"), output::count(routes, "route"));
    let _ = writeln!(text, "{found} in {routes} from {from} to {until}");
    text
}
