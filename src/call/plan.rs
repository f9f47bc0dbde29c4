//! What a call runs on: hotlines with every default filled in and every name checked.
//!
//! A call takes an [`Arc`] of it at its start, so a reload never changes a running call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::callers::{CallerRule, Repeated};
use crate::call::choice::{Choice, Goal};
use crate::call::describe;
use crate::call::filter::CallerFilter;
use crate::call::incall::{Invite, Keys};
use crate::call::menu::Menu;
use crate::call::opening::{Instead, Opening};
use crate::call::pin::PinGate;
use crate::call::preset::FilledIn;
use crate::call::prompt::Prompt;
use crate::call::settings::{CallerIdSetting, FallbackKind};
use crate::incident::Policy;
use crate::incident::chase::Chasing;
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
    /// How somebody confirms a phone that the hotline calls to have it confirmed.
    pub confirm_phone: Accept,
    /// When it is open; nothing: always.
    pub opening: Option<Opening>,
    /// Who has no PIN does not get through.
    pub pin: Option<Arc<PinGate>>,
    /// What holds for certain callers; the first that fits counts.
    pub callers: Vec<CallerRule>,
    /// What holds for callers who call again and again.
    pub repeated: Option<Repeated>,
    /// The menu, where there is one.
    pub menu: Option<Arc<Menu>>,
    /// Where calls go. Never empty; without a menu the first is the one.
    pub choices: Arc<[Arc<Choice>]>,
    /// All routes that the choices lead to, also over further menus.
    pub routes: Vec<Arc<Route>>,
    /// What of it came from a preset.
    pub preset: FilledIn,
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
    /// To a person whose phone has just been confirmed.
    pub phone_confirmed: Translated,
    /// To people who are phoned about an incident.
    pub incident: IncidentPrompts,
    /// Asks the caller for a name.
    pub say_name: Prompt,
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

/// What people hear who are phoned about an incident.
#[derive(Debug, Clone)]
pub struct IncidentPrompts {
    /// A message was left, and what can be done.
    pub message: Translated,
    /// A call was missed, and what can be done.
    pub missed: Translated,
    /// An answered call has left something to do, and what can be done.
    pub open: Translated,
    /// The message once more.
    pub again: Translated,
    /// The person has taken it on.
    pub taken_on: Translated,
    /// The next person is phoned.
    pub passed_on: Translated,
    /// Somebody else has taken it on, or it is over.
    pub settled: Translated,
}

impl IncidentPrompts {
    /// All of them, in every language there is.
    fn all(&self) -> impl Iterator<Item = &Prompt> {
        let Self { message, missed, open, again, taken_on, passed_on, settled } = self;
        [message, missed, open, again, taken_on, passed_on, settled].into_iter().flat_map(Translated::all)
    }
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
    /// Whether the caller is asked for a name.
    pub record_name: bool,
    /// Who is rung.
    pub policy: DialPolicy,
    /// How long one phone rings.
    pub ring: Duration,
    /// Who is waited for, and who is left in peace.
    pub waiting: Waiting,
    /// How a responder accepts.
    pub accept: Accept,
    /// What a responder can ask for during a call.
    pub keys: Keys,
    /// Who is rung when that is another person.
    pub invite: Invite,
    /// When nobody is left.
    pub fallback: Fallback,
    /// What comes of its calls beside them.
    pub incident: Policy,
    /// How people are chased about an open incident.
    pub chase: Chasing,
    /// What of it came from a preset.
    pub preset: FilledIn,
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

    /// Everything callers who are held can hear.
    pub fn prompts(&self) -> impl Iterator<Item = Prompt> {
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

impl AcceptKey {
    /// The one key that accepts, where there is one.
    pub fn alone(self) -> Option<char> {
        match self {
            Self::Key(key) => Some(key),
            Self::Any | Self::None => None,
        }
    }
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
    /// Less sound than this is no message.
    pub min_length: Duration,
    /// How a caller who is held gets here.
    pub by_key: Option<ByKey>,
    /// What is said of the recording before the beep.
    pub consent: MessageConsent,
    /// What a caller is asked who may listen to the message and record it again; nothing: nobody is asked.
    pub review: Option<Prompt>,
}

/// A key with which a caller who is held leaves a message instead.
#[derive(Debug, Clone)]
pub struct ByKey {
    /// The key.
    pub key: char,
    /// Tells of it.
    pub words: Prompt,
}

/// What callers are told before what they say is recorded.
#[derive(Debug, Clone)]
pub enum MessageConsent {
    /// Nothing.
    None,
    /// What is said before a call is recorded, unless the caller has heard it in this call.
    AsForCalls,
    /// The operator's words.
    Own(Prompt),
}

impl ByKey {
    /// The words behind those with which callers are put on hold.
    pub fn after(&self, please_hold: &Prompt) -> Prompt {
        please_hold.clone().then(self.words.clone())
    }
}

impl Fallback {
    /// Everything a caller can hear of it.
    fn prompts(&self) -> impl Iterator<Item = Prompt> {
        let consent = match &self.consent {
            MessageConsent::Own(words) => Some(words),
            MessageConsent::None | MessageConsent::AsForCalls => None,
        };
        let by_key = self.by_key.as_ref().map(|by_key| &by_key.words);
        let always = [&self.greeting, &self.beep, &self.closing];
        always.into_iter().chain(consent).chain(by_key).chain(&self.review).cloned()
    }
}

impl Route {
    /// The same route for a caller for whom the chain begins at a later level, counted from 1; at the last one
    /// where it has fewer.
    pub fn beginning_at(&self, level: u8) -> Self {
        let mut route = self.clone();
        let skipped = usize::from(level.saturating_sub(1)).min(route.policy.levels.len().saturating_sub(1));
        route.policy.levels.iter_mut().take(skipped).for_each(Vec::clear);
        route
    }

    /// Whether callers hear the words for calls that are recorded before they leave a message.
    pub fn says_words_for_calls(&self) -> bool {
        self.takes_messages() && matches!(self.fallback.consent, MessageConsent::AsForCalls)
    }

    /// Whether a caller can leave a message.
    pub fn takes_messages(&self) -> bool {
        self.last_resort() == FallbackKind::Voicemail || self.fallback.by_key.is_some()
    }

    /// What the caller gets when nobody is left. A route that takes messages only always takes one.
    pub fn last_resort(&self) -> FallbackKind {
        if self.direct_voicemail { FallbackKind::Voicemail } else { self.fallback.then }
    }
}

impl Hotline {
    /// Whether any call may be recorded.
    pub fn records_calls(&self) -> bool {
        self.routes.iter().any(|route| route.record_calls || route.keys.record.is_some())
    }

    /// The number shown to responders on calls of this hotline.
    pub fn own_number(&self) -> Option<&E164> {
        self.numbers.iter().find_map(|number| match number {
            HotlineNumber::Number(number) => Some(number),
            HotlineNumber::User(_) => None,
        })
    }

    /// What is said between the welcome and a route.
    fn prompts_on_the_way(&self) -> Vec<Prompt> {
        let choices = self.all_choices();
        let submenus = choices.iter().filter_map(|choice| match &choice.goal {
            Goal::Menu(menu) => Some(menu),
            Goal::Route(_) | Goal::Redirect(_) => None,
        });
        let menus = self.menu.iter().chain(submenus);
        let mut all: Vec<_> = menus.map(|menu| menu.prompt.clone()).collect();
        let openings = self.opening.iter().chain(choices.iter().filter_map(|choice| choice.opening.as_ref()));
        let instead = openings.map(|opening| &opening.outside);
        let instead = instead.chain(self.pin.iter().filter_map(|gate| gate.fallback.as_ref()));
        all.extend(instead.filter_map(Instead::words).cloned());
        all.extend(self.pin.iter().flat_map(|gate| [gate.prompt.clone(), gate.wrong.clone()]));
        all.extend(self.callers.iter().filter_map(|rule| rule.welcome.clone()));
        all
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
        all.extend(self.confirm_phone.prompt.all().chain(said.phone_confirmed.all()).cloned());
        all.extend(said.incident.all().cloned());
        if self.routes.iter().any(|route| route.record_name) {
            all.push(said.say_name.clone());
        }
        if self.records_calls() || self.routes.iter().any(|route| route.says_words_for_calls()) {
            all.push(said.consent.clone());
        }
        all.extend(self.announcements.prompts());
        all.extend(self.prompts_on_the_way());
        for route in &self.routes {
            all.extend(route.accept.prompt.all().cloned());
            all.extend(route.keys.prompts());
            if route.keys.invites() {
                all.extend(route.invite.which.all().chain(route.invite.ask.all()).cloned());
            }
            all.extend(route.fallback.prompts());
            // Said in one breath, which is a prompt of its own.
            all.extend(route.fallback.by_key.iter().map(|by_key| by_key.after(&said.please_hold)));
        }
        all.retain(|prompt| !prompt.is_empty());
        all
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
        if !self.preset.is_empty() {
            writeln!(f, "  {}", self.preset)?;
        }
        if !self.direct_voicemail {
            write!(f, "{}{}", self.keys, self.invite)?;
        }
        let last = match self.last_resort() {
            FallbackKind::Closing => format!("closing: {}", self.fallback.closing),
            FallbackKind::Voicemail => format!("voicemail: {}", self.fallback.greeting),
        };
        if let Some(by_key) = self.fallback.by_key.as_ref().filter(|_| !self.direct_voicemail) {
            writeln!(f, "  who presses {} while waiting leaves a message: {}", by_key.key, by_key.words)?;
        }
        writeln!(f, "  if nobody accepts, {last}")?;
        if self.takes_messages() {
            if let MessageConsent::Own(words) = &self.fallback.consent {
                writeln!(f, "  before the beep: {words}")?;
            }
            if let Some(review) = &self.fallback.review {
                writeln!(f, "  after a message: {review}")?;
            }
        }
        write!(f, "{}", self.incident)?;
        match self.incident.chase && !self.incident.open.is_empty() {
            true => writeln!(f, "  as long as nobody has it, {}", self.chase),
            false => Ok(()),
        }
    }
}

/// A line for each thing that is set.
impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(length) = self.same_responder {
            writeln!(f, "  who calls again within {} gets the same responder first", describe(length))?;
        }
        if !self.wrap_up.is_zero() {
            writeln!(f, "  after a call a responder is left in peace for {}", describe(self.wrap_up))?;
        }
        if let Some(Pause { after_misses, length }) = self.pause {
            let length = describe(length);
            writeln!(f, "  who misses {after_misses} calls in a row is rung last for {length}")?;
        }
        if !self.for_busy.is_zero() {
            let length = describe(self.for_busy);
            writeln!(f, "  if all who are left are busy, the caller waits for one of them, up to {length}")?;
        }
        Ok(())
    }
}
