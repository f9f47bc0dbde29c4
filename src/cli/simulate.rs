//! `nightbell simulate`: the call that would happen. It asks the very rules live calls run on: the
//! caller filter, the menu, the resolver and the walk along the chain.

mod way;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use self::way::{Keys, follow};
use super::rings::Ringing;
use super::{Common, Failure, output};
use crate::call::describe;
use crate::call::filter::Admission;
use crate::call::plan::{Hotline, Route, Snapshot};
use crate::call::prompt::Prompt;
use crate::call::reception::{Reception, Visitor};
use crate::call::settings::FallbackKind;
use crate::daemon::findings::Findings;
use crate::oncall::{E164, PersonId, Roster};
use crate::switch::trunks::Trunk;

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The number that is called
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The caller's number; left out: withheld
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// The keys the caller presses; a comma is a pause, and ends a PIN as # does: 4711,1
    #[arg(long, default_value = "")]
    keys: String,
    /// How often this number has called within the time of [hotlines.repeated], this call counted
    #[arg(long, value_name = "N", default_value_t = 1)]
    calls: usize,
    /// At this time instead of now: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::output::moment)]
    at: Option<Timestamp>,
    /// Somebody who is on the phone for another call; may be given several times
    #[arg(long, value_name = "PERSON")]
    busy: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The call that would happen.
#[derive(Debug, Serialize)]
struct Simulated {
    hotline: String,
    route: Option<String>,
    caller_allowed: bool,
    #[serde(flatten)]
    ringing: Ringing,
    /// Who is busy and would be waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waits_for: Vec<PersonId>,
    fallback: Option<String>,
    incident: Option<String>,
    #[serde(skip)]
    story: Vec<String>,
}

/// Prints the call.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let roster = super::roster(&options.common)?;
    let unknown =
        options.busy.iter().find(|name| !roster.people.contains_key(&PersonId::from(name.as_str())));
    if let Some(name) = unknown {
        return Err(Failure::Usage(format!("there is no person {name}")));
    }
    let mut findings = Findings::default();
    let plan = config.hotlines(&roster, &mut findings);
    if findings.has_errors() {
        return Err(Failure::Settings(findings));
    }
    let country = config.trunks.iter().find_map(|trunk| trunk.country.as_deref());
    // A name may be given as the settings have it.
    let to = options.to.strip_prefix("sip:").unwrap_or(&options.to);
    let hotline = plan
        .hotlines
        .iter()
        .find(|hotline| hotline.numbers.iter().any(|number| number.matches(to, country)))
        .ok_or_else(|| Failure::Failed(format!("no hotline has the number {}", options.to)))?;
    let from = options.from.as_deref().and_then(|from| E164::from_dialled(from, country));
    if options.from.is_some() && from.is_none() {
        return Err(Failure::Usage("--from is not a number; write +49... or leave it out".to_owned()));
    }
    let hotline = hotline.clone();
    let snapshot = Arc::new(Snapshot { hotlines: plan.hotlines, roster: Arc::new(roster) });
    let simulated = simulate(&hotline, &config.trunks, &snapshot, options, from.as_ref());
    if options.json {
        output::json(&simulated)?;
    } else {
        output::say(&simulated.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

fn simulate(
    hotline: &Arc<Hotline>,
    trunks: &[Trunk],
    snapshot: &Arc<Snapshot>,
    options: &Options,
    from: Option<&E164>,
) -> Simulated {
    let mut simulated = Simulated {
        hotline: hotline.name.clone(),
        route: None,
        caller_allowed: true,
        ringing: Ringing::default(),
        waits_for: Vec::new(),
        fallback: None,
        incident: None,
        story: Vec::new(),
    };
    if let Admission::Blocked(why) = hotline.filter.admit(from) {
        simulated.caller_allowed = false;
        simulated.story.push(format!("{why}: refused without an answer"));
        return simulated;
    }
    if !hotline.enabled {
        simulated.story.push(format!("the line is closed: the caller hears {}", hotline.prompts.closed));
        return simulated;
    }
    let at = options.at.unwrap_or_else(Timestamp::now);
    let visitor = Visitor { number: from.cloned(), at, calls: options.calls };
    let reception = Reception::new(snapshot.clone(), hotline.clone(), visitor);
    if let Some(arrived) = follow(reception, Keys::new(&options.keys), &mut simulated.story) {
        simulated.route = Some(arrived.route.name.clone());
        if !arrived.route.preset.is_empty() {
            simulated.story.push(format!("{}: {}", arrived.route.name, arrived.route.preset));
        }
        let trunks: Vec<&Trunk> =
            trunks.iter().filter(|trunk| arrived.hotline.trunks.contains(&trunk.name)).collect();
        let consent = &arrived.hotline.prompts.consent;
        chain(&arrived.route, consent, &trunks, &snapshot.roster, options, &mut simulated);
    }
    simulated
}

fn chain(
    route: &Route,
    consent: &Prompt,
    trunks: &[&Trunk],
    roster: &Roster,
    options: &Options,
    simulated: &mut Simulated,
) {
    let fallback = &route.fallback;
    let closing = route.last_resort() == FallbackKind::Closing;
    simulated.fallback = Some(if closing { "closing" } else { "voicemail" }.to_owned());
    let recorded = route.record_calls && !route.direct_voicemail;
    if recorded {
        simulated.story.push(format!("the caller hears {consent}: the call may be recorded"));
    }
    if route.direct_voicemail {
        simulated.story.push("nobody is rung: the route takes messages only".to_owned());
    } else {
        let at = options.at.unwrap_or_else(Timestamp::now);
        let busy: BTreeSet<PersonId> =
            options.busy.iter().map(|name| PersonId::from(name.as_str())).collect();
        simulated.ringing = Ringing::of(&route.policy, roster, trunks, &busy, at);
        simulated.waits(route);
    }
    let last = if closing { &fallback.closing } else { &fallback.greeting };
    simulated.story.push(format!("whoever answers hears {}", route.accept.prompt.usual));
    if recorded {
        simulated.story.push(format!("whoever accepts hears {consent}, and the call is recorded"));
    }
    simulated.story.push(format!("if nobody accepts, the caller hears {last}"));
}

impl Simulated {
    /// For whom the caller would wait, once all others have been tried.
    fn waits(&mut self, route: &Route) {
        if route.waiting.for_busy.is_zero() {
            return;
        }
        self.waits_for = self.ringing.busy.clone();
        if !self.waits_for.is_empty() {
            let whom: Vec<_> = self.waits_for.iter().map(ToString::to_string).collect();
            let length = describe(route.waiting.for_busy);
            self.story
                .push(format!("if nobody accepts, the caller waits up to {length} for {}", whom.join(", ")));
        }
    }
}

impl std::fmt::Display for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.hotline)?;
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        let Some(route) = &self.route else { return Ok(()) };
        write!(f, "\nroute {route}: {}", self.ringing)?;
        match &self.fallback {
            Some(fallback) => writeln!(f, "\nthen: {fallback}"),
            None => Ok(()),
        }
    }
}
