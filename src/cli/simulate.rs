//! `nightbell simulate`: the call that would happen. It asks the very rules live calls run on: the
//! caller filter, the menu, the resolver and the walk along the chain.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::rings::Ringing;
use super::story::{Moment, Story};
use super::sweep::{self, Sweep};
use super::{Common, Failure, output};
use crate::call::filter::Admission;
use crate::call::plan::{Hotline, Route};
use crate::call::settings::FallbackKind;
use crate::daemon::findings::Findings;
use crate::oncall::{E164, PersonId, Roster};
use crate::switch::trunks::Trunk;

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The number that is called; with --sweep, all where it is left out
    #[arg(long, value_name = "NUMBER", required_unless_present = "sweep")]
    to: Option<String>,
    /// The caller's number; left out: withheld
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// The keys the caller presses
    #[arg(long, default_value = "")]
    keys: String,
    /// At this time instead of now: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::output::moment)]
    at: Option<Timestamp>,
    /// Somebody who is on the phone for another call; may be given several times
    #[arg(long, value_name = "PERSON")]
    busy: Vec<String>,
    /// Find every moment at which nobody, or somebody without a phone, would be rung: 2027-01-01..2028-01-01
    #[arg(long, value_name = "FROM..TO", value_parser = sweep::period, conflicts_with_all = ["at", "busy", "from"])]
    sweep: Option<(Timestamp, Timestamp)>,
    /// With --sweep, this route alone
    #[arg(long, value_name = "NAME", requires = "sweep")]
    route: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The call that would happen.
#[derive(Debug, Serialize)]
pub struct Simulated {
    hotline: String,
    /// Where the caller gets; nothing: nowhere.
    pub route: Option<String>,
    /// Whether the caller is let in.
    pub caller_allowed: bool,
    /// Whose phones ring, and whose do not.
    #[serde(flatten)]
    pub ringing: Ringing,
    /// `voicemail` or `closing`.
    pub fallback: Option<String>,
    incident: Option<String>,
    times: Vec<Moment>,
}

/// What calls run on.
#[derive(Debug, Clone, Copy)]
pub struct House<'a> {
    /// The hotlines.
    pub hotlines: &'a [Arc<Hotline>],
    /// The trunks.
    pub trunks: &'a [Trunk],
    /// Who can be rung.
    pub roster: &'a Roster,
}

/// A call to be simulated, as it is asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The number that is called.
    pub to: &'a str,
    /// The caller's; nothing: withheld.
    pub from: Option<&'a str>,
    /// The keys the caller presses.
    pub keys: &'a str,
    /// When.
    pub at: Timestamp,
    /// Who is on the phone for another call.
    pub busy: BTreeSet<PersonId>,
}

/// Why a call cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// No hotline has the number.
    #[error("no hotline has the number {0}")]
    To(String),
    /// The caller's number is none.
    #[error("`{0}` is not the number of a caller; write +49... or leave it out")]
    From(String),
    /// Somebody busy is nobody.
    #[error("there is no person {0}")]
    Busy(PersonId),
}

/// Prints the call.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let roster = super::roster(&options.common)?;
    let mut findings = Findings::default();
    let plan = config.hotlines(&roster, &mut findings);
    if findings.has_errors() {
        return Err(Failure::Settings(findings));
    }
    let house = House { hotlines: &plan.hotlines, trunks: &config.trunks, roster: &roster };
    if let Some(period) = options.sweep {
        return Sweep::new(&roster, &config.trunks, period).run(&house.routes(options)?, options.json);
    }
    let asked = Asked {
        to: options.to.as_deref().unwrap_or_default(),
        from: options.from.as_deref(),
        keys: &options.keys,
        at: options.at.unwrap_or_else(Timestamp::now),
        busy: options.busy.iter().map(|name| PersonId::from(name.as_str())).collect(),
    };
    // A prompt that cannot be rendered here has no length, and is told by `check`.
    let lengths = config.plan(&roster, &mut Findings::default()).library;
    let simulated = house.simulate(&asked, Story::with(lengths)).map_err(|why| match why {
        Unasked::To(_) => Failure::Failed(why.to_string()),
        Unasked::From(_) | Unasked::Busy(_) => Failure::Usage(why.to_string()),
    })?;
    if options.json {
        output::json(&simulated)?;
    } else {
        output::say(&simulated.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

impl House<'_> {
    /// The call that would happen.
    pub fn simulate(&self, asked: &Asked<'_>, mut story: Story) -> Result<Simulated, Unasked> {
        let hotline = self.hotline(asked.to)?;
        let from = self.caller(asked)?;
        let unknown = asked.busy.iter().find(|person| !self.roster.people.contains_key(*person));
        if let Some(person) = unknown {
            return Err(Unasked::Busy(person.clone()));
        }
        let mut simulated = Simulated {
            hotline: hotline.name.clone(),
            route: None,
            caller_allowed: true,
            ringing: Ringing::default(),
            fallback: None,
            incident: None,
            times: Vec::new(),
        };
        if let Admission::Blocked(why) = hotline.filter.admit(from.as_ref()) {
            simulated.caller_allowed = false;
            story.tell(format!("{why}: refused without an answer"));
        } else if !hotline.enabled {
            simulated.fallback = Some("closing".to_owned());
            story.hears("the line is closed: the caller hears", &hotline.prompts.closed);
        } else {
            story.hears("the caller hears", &hotline.prompts.welcome);
            if let Some(route) = menu(hotline, asked.keys, &mut story) {
                simulated.route = Some(route.name.clone());
                self.chain(hotline, &route, asked, &mut story, &mut simulated);
            }
        }
        simulated.times = story.moments();
        Ok(simulated)
    }

    fn country(&self) -> Option<&str> {
        self.trunks.iter().find_map(|trunk| trunk.country.as_deref())
    }

    fn hotline(&self, to: &str) -> Result<&Arc<Hotline>, Unasked> {
        // A name may be given as the settings have it.
        let dialled = to.strip_prefix("sip:").unwrap_or(to);
        let is_called = |hotline: &&Arc<Hotline>| {
            hotline.numbers.iter().any(|number| number.matches(dialled, self.country()))
        };
        self.hotlines.iter().find(is_called).ok_or_else(|| Unasked::To(to.to_owned()))
    }

    fn caller(&self, asked: &Asked<'_>) -> Result<Option<E164>, Unasked> {
        let Some(from) = asked.from else { return Ok(None) };
        let number = E164::from_dialled(from, self.country());
        number.map(Some).ok_or_else(|| Unasked::From(from.to_owned()))
    }

    /// The routes that are swept: those of the hotline that is called, or all; or the one that is named.
    fn routes(&self, options: &Options) -> Result<Vec<(Arc<Hotline>, Arc<Route>)>, Failure> {
        let hotlines = match &options.to {
            Some(to) => vec![self.hotline(to).map_err(|why| Failure::Usage(why.to_string()))?],
            None => self.hotlines.iter().collect(),
        };
        let is_wanted = |route: &Route| options.route.as_ref().is_none_or(|name| *name == route.name);
        let routes: Vec<_> = hotlines
            .into_iter()
            .flat_map(|hotline| hotline.routes.iter().map(|route| (hotline.clone(), route.clone())))
            .filter(|(_, route)| is_wanted(route))
            .collect();
        match &options.route {
            Some(name) if routes.is_empty() => Err(Failure::Usage(format!("there is no route {name}"))),
            _ => Ok(routes),
        }
    }

    fn chain(
        &self,
        hotline: &Hotline,
        route: &Route,
        asked: &Asked<'_>,
        story: &mut Story,
        simulated: &mut Simulated,
    ) {
        let consent = &hotline.prompts.consent;
        let fallback = &route.fallback;
        let closing = route.last_resort() == FallbackKind::Closing;
        simulated.fallback = Some(if closing { "closing" } else { "voicemail" }.to_owned());
        let recorded = route.record_calls && !route.direct_voicemail;
        if recorded {
            story.hears("the call may be recorded: the caller hears", consent);
        }
        if route.direct_voicemail {
            story.tell("nobody is rung: the route takes messages only");
        } else {
            let trunks: Vec<&Trunk> =
                self.trunks.iter().filter(|trunk| hotline.trunks.contains(&trunk.name)).collect();
            simulated.ringing = Ringing::of(&route.policy, self.roster, &trunks, &asked.busy, asked.at);
            story.tell(format!(
                "the caller hears {}, then {}",
                hotline.prompts.please_hold, hotline.prompts.hold
            ));
            simulated.ringing.tell(route.ring, story);
        }
        story.tell(format!("whoever answers hears {}", route.accept.prompt.usual));
        if recorded {
            story.tell(format!("whoever accepts hears {consent}, and the call is recorded"));
        }
        let last = if closing { &fallback.closing } else { &fallback.greeting };
        story.hears("if nobody accepts, the caller hears", last);
        if !closing {
            let longest = describe(fallback.max_length);
            story.tell(format!("after the tone, a message of {longest} at most is taken"));
        }
    }
}

/// A length of time, as people say it.
fn describe(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// The route the keys lead to, by the rule of a live menu.
fn menu(hotline: &Hotline, keys: &str, story: &mut Story) -> Option<Arc<Route>> {
    let Some(menu) = &hotline.menu else {
        return hotline.routes.first().cloned();
    };
    let mut keys = keys.chars();
    for _ in 0..menu.attempts {
        story.hears("the menu:", &menu.prompt);
        let key = keys.next();
        if key.is_none() {
            story.passes(menu.timeout);
        }
        let (route, what) = hotline.answer(menu, key);
        story.tell(format!("the caller {what}"));
        if route.is_some() {
            return route;
        }
    }
    story.hears("we hang up after", &hotline.prompts.goodbye);
    None
}

impl std::fmt::Display for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.hotline)?;
        for moment in &self.times {
            writeln!(f, "  {moment}")?;
        }
        if self.route.is_some() && !self.ringing.chain.is_empty() {
            writeln!(
                f,
                "\nTimes are the earliest, if nobody answers: how long a phone takes until it rings, and who answers \
                 when, is only known in a call."
            )?;
        }
        let Some(route) = &self.route else { return Ok(()) };
        write!(f, "\nroute {route}: {}", self.ringing)?;
        match &self.fallback {
            Some(fallback) => writeln!(f, "\nthen: {fallback}"),
            None => Ok(()),
        }
    }
}
