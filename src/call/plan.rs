//! What a call runs on: hotlines with every default filled in and every name checked.
//!
//! A call takes an [`Arc`] of it at its start, so a reload never changes a running call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::describe;
use crate::call::filter::CallerFilter;
use crate::call::prompt::Prompt;
use crate::call::settings::{CallerIdSetting, FallbackKind};
use crate::oncall::{DialPolicy, E164, Language, Roster};

/// Everything calls are decided by, as it stands at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The hotlines.
    pub hotlines: Vec<Arc<Hotline>>,
    /// People, teams and schedules.
    pub roster: Arc<Roster>,
}

/// What a hotline answers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HotlineNumber {
    /// A number, in whatever form the carrier sends it.
    Number(E164),
    /// The user part of a SIP address.
    User(String),
}

impl HotlineNumber {
    /// Reads `+4930123456` or `sip:hotline`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sip:") {
            Some(user) if !user.is_empty() && !user.contains(['@', ':']) => Ok(Self::User(user.to_owned())),
            Some(_) => Err("write sip:user, without a host".to_owned()),
            None => E164::parse(text).map(Self::Number).map_err(|error| error.to_string()),
        }
    }

    /// Whether a dialled user part means this hotline, on a trunk of `country`.
    pub fn matches(&self, dialled: &str, country: Option<&str>) -> bool {
        match self {
            Self::Number(number) => E164::from_dialled(dialled, country).as_ref() == Some(number),
            Self::User(user) => user == dialled,
        }
    }
}

impl std::fmt::Display for HotlineNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::User(user) => write!(f, "sip:{user}"),
        }
    }
}

impl Snapshot {
    /// The hotline that a number dialled over a trunk belongs to.
    pub fn hotline(&self, dialled: &str, trunk: &str, country: Option<&str>) -> Option<&Arc<Hotline>> {
        self.hotlines
            .iter()
            .filter(|hotline| hotline.trunks.iter().any(|name| name == trunk))
            .find(|hotline| hotline.numbers.iter().any(|number| number.matches(dialled, country)))
    }
}

/// A hotline.
#[derive(Debug, Clone)]
pub struct Hotline {
    /// Its name.
    pub name: String,
    /// What it answers to.
    pub numbers: Vec<HotlineNumber>,
    /// The trunks it uses, in order.
    pub trunks: Arc<[String]>,
    /// Whether calls are taken.
    pub enabled: bool,
    /// Who may call.
    pub filter: CallerFilter,
    /// Which number responders see.
    pub caller_id: CallerIdSetting,
    /// Calls at a time.
    pub max_calls: usize,
    /// What is said.
    pub prompts: HotlinePrompts,
    /// What callers who are held hear beside the music.
    pub announcements: Announcements,
    /// The menu, where there is one.
    pub menu: Option<Menu>,
    /// Where calls go. Never empty; without a menu the first is the one.
    pub routes: Vec<Arc<Route>>,
}

/// What a hotline says apart from its menu and routes.
#[derive(Debug, Clone)]
pub struct HotlinePrompts {
    /// The first words.
    pub welcome: Prompt,
    /// Before people are rung.
    pub please_hold: Prompt,
    /// Before each further person is rung.
    pub next_person: Prompt,
    /// To both, right before they hear each other.
    pub connected: Prompt,
    /// Looped while people are rung.
    pub hold: Prompt,
    /// `enabled = false`.
    pub closed: Prompt,
    /// The last words.
    pub goodbye: Prompt,
    /// To a caller of whom nothing has been heard for half a minute.
    pub cannot_hear: Prompt,
    /// To a responder whose caller has hung up.
    pub caller_gone: Translated,
    /// To a responder who accepts what somebody else has accepted.
    pub taken: Translated,
    /// After a key without a route.
    pub unknown_key: Prompt,
    /// After a message was kept.
    pub thanks: Prompt,
    /// When no message can be taken.
    pub no_message: Prompt,
    /// When only the begin of a message could be kept.
    pub cut_short: Prompt,
    /// That the call may be recorded.
    pub consent: Prompt,
}

/// Words to a responder, who may want to be spoken to in another language than the hotline's callers.
#[derive(Debug, Clone, Default)]
pub struct Translated {
    /// In the hotline's language, or the operator's own words.
    pub usual: Prompt,
    /// In others.
    pub others: BTreeMap<Language, Prompt>,
}

impl Translated {
    /// The words for somebody who is to be spoken to in `language`.
    pub fn to(&self, language: Option<Language>) -> &Prompt {
        language.and_then(|language| self.others.get(&language)).unwrap_or(&self.usual)
    }

    /// The words in every language there is.
    pub fn all(&self) -> impl Iterator<Item = &Prompt> {
        std::iter::once(&self.usual).chain(self.others.values())
    }
}

/// The menu of a hotline.
#[derive(Debug, Clone)]
pub struct Menu {
    /// Its words; nothing on the first attempt when the welcome says them.
    pub prompt: Prompt,
    /// Whether the welcome has already said the prompt once.
    pub said_by_welcome: bool,
    /// Time for a key after the prompt.
    pub timeout: Duration,
    /// How often it is played.
    pub attempts: u8,
    /// The route that silence takes; none: the menu again.
    pub silence: Option<Arc<Route>>,
}

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its key.
    pub key: Option<char>,
    /// Its name.
    pub name: String,
    /// Whether its key does anything.
    pub enabled: bool,
    /// Voicemail at once.
    pub direct_voicemail: bool,
    /// Whether calls are recorded that somebody accepts.
    pub record_calls: bool,
    /// Who is rung.
    pub policy: DialPolicy,
    /// How long one phone rings.
    pub ring: Duration,
    /// Who is waited for, and who is left in peace.
    pub waiting: Waiting,
    /// How a responder accepts.
    pub accept: Accept,
    /// When nobody is left.
    pub fallback: Fallback,
}

/// What callers who are held hear beside the music.
#[derive(Debug, Clone)]
pub struct Announcements {
    /// That somebody else is tried; nothing: it is not told.
    pub next_person: Option<Prompt>,
    /// The place in line, where several callers are held.
    pub position: Option<Prompt>,
    /// How long it will take, where that is known.
    pub time: Option<Prompt>,
    /// How often the last two are told.
    pub every: Duration,
}

impl Announcements {
    /// Whether callers are told of the line.
    pub fn of_the_line(&self) -> bool {
        self.position.is_some() || self.time.is_some()
    }

    fn prompts(&self) -> impl Iterator<Item = Prompt> {
        [&self.next_person, &self.position, &self.time].into_iter().flatten().cloned()
    }
}

/// How calls of a route wait for people, and leave them in peace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// How long a caller waits for somebody who is busy; 0: not at all.
    pub for_busy: Duration,
    /// How long a responder is left in peace after a call.
    pub wrap_up: Duration,
    /// Who does not answer is left out for a while.
    pub pause: Option<Pause>,
    /// So long after a call its caller gets the same responder first.
    pub same_responder: Option<Duration>,
}

/// When somebody who does not answer is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// After so many calls in a row.
    pub after_misses: u32,
    /// For so long.
    pub length: Duration,
}

/// How a responder accepts.
#[derive(Debug, Clone)]
pub struct Accept {
    /// With which key.
    pub key: AcceptKey,
    /// The key that declines.
    pub decline: Option<char>,
    /// Time after the prompt, at each attempt.
    pub timeout: Duration,
    /// How often the prompt is played.
    pub attempts: u8,
    /// The prompt.
    pub prompt: Translated,
}

/// The key that accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptKey {
    /// This one.
    Key(char),
    /// Any but the decline key.
    Any,
    /// None: picking up is accepting.
    None,
}

/// When nobody is left.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// Message or closing words.
    pub then: FallbackKind,
    /// Before the beep.
    pub greeting: Prompt,
    /// The beep.
    pub beep: Prompt,
    /// The closing words.
    pub closing: Prompt,
    /// The longest message.
    pub max_length: Duration,
    /// So much silence ends a message; nothing: none does.
    pub silence: Option<Duration>,
}

impl Route {
    /// What the caller gets when nobody is left. A route that takes messages only always takes one.
    pub fn last_resort(&self) -> FallbackKind {
        if self.direct_voicemail { FallbackKind::Voicemail } else { self.fallback.then }
    }
}

impl Hotline {
    /// The route of a key: its own, or `*`'s.
    pub fn route_for(&self, key: char) -> Option<&Arc<Route>> {
        let of = |wanted: char| self.routes.iter().find(|route| route.enabled && route.key == Some(wanted));
        of(key).or_else(|| of('*'))
    }

    /// Whether any call may be recorded.
    pub fn records_calls(&self) -> bool {
        self.routes.iter().any(|route| route.record_calls)
    }

    /// The number shown to responders on calls of this hotline.
    pub fn own_number(&self) -> Option<&E164> {
        self.numbers.iter().find_map(|number| match number {
            HotlineNumber::Number(number) => Some(number),
            HotlineNumber::User(_) => None,
        })
    }

    /// Every prompt a call to this hotline can play.
    pub fn all_prompts(&self) -> Vec<Prompt> {
        let said = &self.prompts;
        let mut all = vec![
            said.welcome.clone(),
            said.please_hold.clone(),
            said.next_person.clone(),
            said.hold.clone(),
            said.connected.clone(),
            said.closed.clone(),
            said.goodbye.clone(),
            said.cannot_hear.clone(),
            said.unknown_key.clone(),
            said.thanks.clone(),
            said.no_message.clone(),
            said.cut_short.clone(),
        ];
        all.extend(said.caller_gone.all().chain(said.taken.all()).cloned());
        if self.records_calls() {
            all.push(said.consent.clone());
        }
        all.extend(self.announcements.prompts());
        all.extend(self.menu.iter().map(|menu| menu.prompt.clone()));
        for route in &self.routes {
            let fallback = &route.fallback;
            all.extend(route.accept.prompt.all().cloned());
            all.extend([fallback.greeting.clone(), fallback.beep.clone(), fallback.closing.clone()]);
        }
        all.retain(|prompt| !prompt.is_empty());
        all
    }
}

/// What a call to a hotline meets, as `check` prints it.
impl std::fmt::Display for Hotline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<_> = self.numbers.iter().map(ToString::to_string).collect();
        writeln!(f, "hotline {} ({})", self.name, numbers.join(", "))?;
        if !self.enabled {
            return writeln!(f, "  closed: {}", self.prompts.closed);
        }
        writeln!(f, "  welcome: {}", self.prompts.welcome)?;
        for told in self.announcements.prompts() {
            writeln!(f, "  while callers are held: {told}")?;
        }
        if let Some(menu) = &self.menu {
            writeln!(f, "  menu, up to {} times: {}", menu.attempts, menu.prompt)?;
        }
        for route in self.routes.iter().filter(|route| route.enabled) {
            write!(f, "  {route}")?;
            if route.record_calls && !route.direct_voicemail {
                writeln!(f, "    the call is recorded; before, both hear {}", self.prompts.consent)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = self.key.map(|key| format!("{key}: ")).unwrap_or_default();
        let levels: Vec<String> = self
            .policy
            .levels
            .iter()
            .map(|level| level.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
            .collect();
        let rings = if self.direct_voicemail { "nobody".to_owned() } else { levels.join(", then ") };
        writeln!(f, "route {key}{} rings {rings}", self.name)?;
        write!(f, "{}", self.waiting)?;
        let last = match self.last_resort() {
            FallbackKind::Closing => format!("closing: {}", self.fallback.closing),
            FallbackKind::Voicemail => format!("voicemail: {}", self.fallback.greeting),
        };
        writeln!(f, "    if nobody accepts, {last}")
    }
}

/// A line for each thing that is set.
impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(length) = self.same_responder {
            writeln!(f, "    who calls again within {} gets the same responder first", describe(length))?;
        }
        if !self.wrap_up.is_zero() {
            writeln!(f, "    after a call a responder is left in peace for {}", describe(self.wrap_up))?;
        }
        if let Some(Pause { after_misses, length }) = self.pause {
            let length = describe(length);
            writeln!(f, "    who misses {after_misses} calls in a row is rung last for {length}")?;
        }
        if !self.for_busy.is_zero() {
            let length = describe(self.for_busy);
            writeln!(
                f,
                "    if all who are left are busy, the caller waits for one of them, up to {length}"
            )?;
        }
        Ok(())
    }
}
