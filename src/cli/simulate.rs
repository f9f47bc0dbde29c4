//! `nightbell simulate`: the call that would happen. It asks the very rules live calls run on: the
//! caller filter, the menu, the resolver and the walk along the chain.

mod aftermath;
mod way;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use self::aftermath::Aftermath;
use self::way::{End, Keys, follow};
use super::rings::Ringing;
use super::story::{Moment, Story};
use super::sweep::{self, Sweep, Swept};
use super::{Common, Failure, output};
use crate::call::filter::Admission;
use crate::call::journal::{Started, Stated};
use crate::call::plan::{AcceptKey, ByKey, Hotline, MessageConsent, Route, Snapshot};
use crate::call::reception::{Arrived, Reception, Visitor};
use crate::call::settings::FallbackKind;
use crate::call::{CallId, describe};
use crate::daemon::findings::Findings;
use crate::oncall::{E164, PersonId};
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
    /// Find every moment at which nobody, or somebody without a phone, would be rung: 2027-01-01..2028-01-01
    #[arg(long, value_name = "FROM..TO", value_parser = sweep::period, conflicts_with_all = ["at", "busy", "from", "keys", "calls"])]
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
    /// Who is busy and would be waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waits_for: Vec<PersonId>,
    /// `voicemail` or `closing`.
    pub fallback: Option<String>,
    /// What would come of it beside the call.
    pub incident: Option<Aftermath>,
    times: Vec<Moment>,
}

/// What calls run on.
#[derive(Debug, Clone, Copy)]
pub struct House<'a> {
    /// The hotlines, and who can be rung.
    pub snapshot: &'a Arc<Snapshot>,
    /// The trunks.
    pub trunks: &'a [Trunk],
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
    /// How often the caller has called within the time that counts for repeated callers, this call counted.
    pub calls: usize,
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
    let snapshot = Arc::new(Snapshot { hotlines: plan.hotlines, roster: Arc::new(roster) });
    let house = House { snapshot: &snapshot, trunks: &config.trunks };
    if let Some(period) = options.sweep {
        return Sweep::new(&snapshot.roster, &config.trunks, period)
            .run(&house.routes(options)?, options.json);
    }
    let asked = Asked {
        to: options.to.as_deref().unwrap_or_default(),
        from: options.from.as_deref(),
        keys: &options.keys,
        at: options.at.unwrap_or_else(Timestamp::now),
        busy: options.busy.iter().map(|name| PersonId::from(name.as_str())).collect(),
        calls: options.calls,
    };
    let simulated = house.simulate(&asked, Story::with(config.sources())).map_err(|why| match why {
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
        let unknown = asked.busy.iter().find(|person| !self.snapshot.roster.people.contains_key(*person));
        if let Some(person) = unknown {
            return Err(Unasked::Busy(person.clone()));
        }
        let mut simulated = Simulated {
            hotline: hotline.name.clone(),
            route: None,
            caller_allowed: true,
            ringing: Ringing::default(),
            waits_for: Vec::new(),
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
            let visitor = Visitor { number: from, at: asked.at, calls: asked.calls };
            let reception = Reception::new(self.snapshot.clone(), hotline.clone(), visitor);
            match follow(reception, Keys::new(asked.keys), &mut story) {
                End::Arrived(arrived) => self.chain(&arrived, asked, &mut story, &mut simulated),
                End::Words => simulated.fallback = Some("closing".to_owned()),
                End::Left => {}
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
        self.snapshot.hotlines.iter().find(is_called).ok_or_else(|| Unasked::To(to.to_owned()))
    }

    fn caller(&self, asked: &Asked<'_>) -> Result<Option<E164>, Unasked> {
        let Some(from) = asked.from else { return Ok(None) };
        let number = E164::from_dialled(from, self.country());
        number.map(Some).ok_or_else(|| Unasked::From(from.to_owned()))
    }

    /// The routes that are swept: those of the hotline that is called, or all; or the one that is named.
    fn routes(&self, options: &Options) -> Result<Vec<Swept>, Failure> {
        let hotlines = match &options.to {
            Some(to) => vec![self.hotline(to).map_err(|why| Failure::Usage(why.to_string()))?],
            None => self.snapshot.hotlines.iter().collect(),
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

    fn chain(&self, arrived: &Arrived, asked: &Asked<'_>, story: &mut Story, simulated: &mut Simulated) {
        let Arrived { hotline, route, .. } = arrived;
        simulated.route = Some(route.name.clone());
        if !route.preset.is_empty() {
            story.tell(format!("{}: {}", route.name, route.preset));
        }
        let consent = &hotline.prompts.consent;
        let fallback = &route.fallback;
        let closing = route.last_resort() == FallbackKind::Closing;
        simulated.fallback = Some(if closing { "closing" } else { "voicemail" }.to_owned());
        let recorded = route.record_calls && !route.direct_voicemail;
        if recorded {
            story.hears("the call may be recorded: the caller hears", consent);
        }
        if route.record_name && !route.direct_voicemail {
            story.hears("the caller is asked for a name:", &hotline.prompts.say_name);
        }
        if route.direct_voicemail {
            story.tell("nobody is rung: the route takes messages only");
        } else {
            let trunks: Vec<&Trunk> =
                self.trunks.iter().filter(|trunk| hotline.trunks.contains(&trunk.name)).collect();
            simulated.ringing =
                Ringing::of(&route.policy, &self.snapshot.roster, &trunks, &asked.busy, asked.at);
            story.tell(format!(
                "the caller hears {}, then {}",
                hotline.prompts.please_hold, hotline.prompts.hold
            ));
            if let Some(ByKey { key, words }) = &fallback.by_key {
                story.tell(format!(
                    "with {key} the caller would leave a message at once, and hears so: {words}"
                ));
            }
            simulated.ringing.tell(route.ring, story);
            simulated.waits(route, story);
            story.tell(match route.accept.key {
                AcceptKey::None => "whoever answers has accepted".to_owned(),
                AcceptKey::Key(_) | AcceptKey::Any => {
                    format!("whoever answers hears {}", route.accept.prompt.usual)
                }
            });
            if recorded {
                story.tell(format!("whoever accepts hears {consent}, and the call is recorded"));
            }
        }
        let last = if closing { &fallback.closing } else { &fallback.greeting };
        story.hears("if nobody accepts, the caller hears", last);
        if !closing {
            match &fallback.consent {
                MessageConsent::Own(words) => story.hears("before the tone:", words),
                MessageConsent::AsForCalls if !recorded => story.hears("before the tone:", consent),
                MessageConsent::AsForCalls | MessageConsent::None => {}
            }
            let longest = describe(fallback.max_length);
            story.tell(format!("after the tone, a message of {longest} at most is taken"));
            if let Some(review) = &fallback.review {
                story.tell(format!("after the message the caller hears {review}"));
            }
        }
        let aftermath = self.aftermath(arrived, asked, &simulated.ringing);
        aftermath.sentences().into_iter().for_each(|sentence| story.tell(sentence));
        simulated.incident = Some(aftermath);
    }

    /// What would come of the call beside it.
    fn aftermath(&self, arrived: &Arrived, asked: &Asked<'_>, ringing: &Ringing) -> Aftermath {
        let row = Started {
            call: CallId::new(asked.at, 0),
            hotline: arrived.hotline.name.clone(),
            number: asked.to.to_owned(),
            caller: asked.from.unwrap_or("anonymous").to_owned(),
            at: asked.at,
            trunk: String::new(),
            sip_call_id: String::new(),
            stated: Stated::default(),
        };
        let (hotline, route) = (&arrived.hotline, &arrived.route);
        let rung: Vec<&PersonId> = ringing.chain.iter().map(|ring| &ring.person).collect();
        aftermath::Call { row: &row, hotline, route, roster: &self.snapshot.roster, rung: &rung }.aftermath()
    }
}

impl Simulated {
    /// For whom the caller would wait, once all others have been tried.
    fn waits(&mut self, route: &Route, story: &mut Story) {
        if route.waiting.for_busy.is_zero() {
            return;
        }
        self.waits_for = self.ringing.busy.clone();
        if !self.waits_for.is_empty() {
            let whom: Vec<_> = self.waits_for.iter().map(ToString::to_string).collect();
            let length = describe(route.waiting.for_busy);
            story.tell(format!("if nobody accepts, the caller waits up to {length} for {}", whom.join(", ")));
        }
    }
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
