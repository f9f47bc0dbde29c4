//! What follows from one fact: the rules.

use std::time::Duration;

use jiff::Timestamp;

use super::case::{Case, Note};
use super::title::{left, story, title};
use super::{
    Abandoned, Act, Answered, Assign, Effect, Ending, Event, Fact, Incident, Message, Moment, NotifyWhen,
    Policy, Quiet, Routed, Status, Tell, Unanswered,
};

/// Done by the rules, because the call went as it did.
const CALL: &str = "call";
/// Done by the rules, because the caller gave up.
const CALLER: &str = "caller";

/// A case that takes a fact.
pub(super) struct Turn<'a> {
    case: &'a mut Case,
    at: Timestamp,
    quiet: &'a Quiet,
    changed: bool,
    effects: Vec<Effect>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(case: &'a mut Case, at: Timestamp, quiet: &'a Quiet) -> Self {
        Self { case, at, quiet, changed: false, effects: Vec::new() }
    }

    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Routed(routed) => self.routed(routed),
            Fact::Rung { person } => self.rung(person),
            Fact::NobodyAnswered => self.nobody_answered(),
            Fact::Accepted { person } => self.accepted(person),
            Fact::BridgeEnded => self.bridge_ended(),
            Fact::MessageKept(message) => self.message_kept(message),
            Fact::Ended(ending) => self.ended(ending),
            Fact::Transcribed { text } => self.transcribed(text),
            Fact::OpenedByHand { person } => self.opened_by_hand(person),
            Fact::Acknowledged { by } => self.acknowledge(by, "taken on"),
            Fact::Resolved { by } => self.resolve(by, "resolved"),
            Fact::Noted { by, text } => self.noted(by, text),
            Fact::Escalated { people, level } => self.escalated(people, *level),
            Fact::Muted { by, on } => self.muted(by, *on),
            Fact::Snoozed { by, until } => self.snoozed(by, *until),
        }
    }

    /// What follows, the incident's own row first.
    pub(super) fn finish(mut self) -> Vec<Effect> {
        let title = title(self.case);
        if let Some(incident) = &mut self.case.incident
            && incident.title != title
        {
            incident.title = title;
            self.changed = true;
        }
        if self.changed {
            self.effects.insert(0, Effect::Changed);
        }
        self.effects
    }
}

/// What happens in the call.
impl Turn<'_> {
    fn routed(&mut self, routed: &Routed) {
        if self.case.routed.is_some() {
            return;
        }
        self.case.routed = Some(routed.clone());
        if self.opens_at(Moment::Call) || self.opens_at(Moment::AfterMenu) {
            self.open_and_tell();
        }
    }

    fn rung(&mut self, person: &str) {
        let is_new = self.case.rung.insert(person.to_owned());
        if is_new && self.assigns(Assign::AllRung) {
            self.assign([person]);
        }
    }

    fn nobody_answered(&mut self) {
        if self.case.bridge_ended || std::mem::replace(&mut self.case.nobody_answered, true) {
            return;
        }
        if self.opens_at(Moment::NoAnswer) && self.open_and_tell() {
            return;
        }
        self.happened(None, &story(self.case));
        self.summon();
    }

    fn accepted(&mut self, person: &str) {
        if self.case.accepted.iter().any(|known| known == person) {
            return;
        }
        self.case.accepted.push(person.to_owned());
        let Some(policy) = self.case.policy().cloned() else { return };
        if policy.answered == Answered::Acknowledge && policy.open.contains(&Moment::Accept) {
            self.open_silently();
        }
        if policy.assign == Assign::Answerer {
            self.assign([person]);
        }
        match policy.answered {
            Answered::Acknowledge | Answered::None => self.acknowledge(person, "the call was accepted"),
            Answered::ResolveAtEnd | Answered::Open => {
                if let NotifyWhen::After(_) = policy.notify_when {
                    self.hold_back();
                }
                self.happened(Some(person), "The call was accepted.");
            }
        }
    }

    fn bridge_ended(&mut self) {
        if self.case.accepted.is_empty() || std::mem::replace(&mut self.case.bridge_ended, true) {
            return;
        }
        self.after_the_talk();
    }

    fn message_kept(&mut self, message: &Message) {
        if self.case.message.is_some() {
            return;
        }
        self.case.message = Some(message.clone());
        if let Some(incident) = &mut self.case.incident {
            // Whoever was there when it was opened does not know of the message.
            incident.silent = false;
        }
        if !(self.opens_at(Moment::Voicemail) && self.open_and_tell()) {
            let what = left(message);
            self.log(None, "message", &what);
            self.news(None, &what);
            self.summon();
        }
        self.chase();
    }

    fn ended(&mut self, ending: &Ending) {
        if self.case.ended.is_some() {
            return;
        }
        self.case.ended = Some(ending.clone());
        if self.case.is_answered() {
            if !std::mem::replace(&mut self.case.bridge_ended, true) {
                self.after_the_talk();
            }
        } else if self.case.was_accepted() {
            self.left_alone();
        } else if ending.abandoned && self.case.message.is_none() {
            self.abandoned();
        } else {
            self.unanswered();
        }
        self.chase();
    }

    /// Those who spoke have done so.
    fn after_the_talk(&mut self) {
        let Some(policy) = self.case.policy().cloned() else { return };
        let by = self.case.accepted.last().map_or(CALL, String::as_str).to_owned();
        let opens = policy.open.contains(&Moment::Accept);
        match policy.answered {
            Answered::ResolveAtEnd => {
                if opens {
                    self.open_silently();
                }
                self.resolve(&by, "the call was answered, and is over");
            }
            Answered::None => self.resolve(&by, "the call was answered, and is over"),
            Answered::Open if opens && self.open_and_tell() => {}
            Answered::Open => self.summon(),
            Answered::Acknowledge => {}
        }
    }

    /// The call is over, and those who had accepted were gone before the caller. Where it came to nothing else, it
    /// was answered.
    fn left_alone(&mut self) {
        match self.case.incident.is_none() && self.case.message.is_none() {
            true => self.after_the_talk(),
            false => self.unanswered(),
        }
    }

    /// The caller gave up.
    fn abandoned(&mut self) {
        let Some(policy) = self.case.policy().cloned() else { return };
        let opens = policy.open.contains(&Moment::NoAnswer);
        match policy.abandoned {
            Abandoned::Keep if opens && self.open_and_tell() => {}
            Abandoned::Keep => self.happened(None, &story(self.case)),
            Abandoned::Resolve => {
                if opens {
                    self.open_silently();
                }
                self.resolve(CALLER, "the caller gave up before anybody answered");
            }
            Abandoned::None => self.resolve(CALLER, "the caller gave up before anybody answered"),
        }
    }

    /// Nobody answered, whether or not all were tried.
    fn unanswered(&mut self) {
        let Some(policy) = self.case.policy().cloned() else { return };
        let told = self.case.nobody_answered || self.case.message.is_some();
        let opened = self.opens_at(Moment::NoAnswer) && self.open_and_tell();
        if !opened && !told {
            self.happened(None, &story(self.case));
        }
        match policy.unanswered {
            Unanswered::Keep => {}
            Unanswered::EscalateAgain => {
                self.log(None, "escalated", "nobody answered: people are told again, from level 1 on");
            }
            Unanswered::ResolveAtEnd => self.resolve(CALL, "nobody answered, and the call is over"),
        }
    }
}

/// What happens beside the call.
impl Turn<'_> {
    fn transcribed(&mut self, text: &str) {
        if self.case.transcript.as_deref() == Some(text) {
            return;
        }
        self.case.transcript = Some(text.to_owned());
        self.log(None, "transcript", text);
        self.news(None, text);
    }

    fn opened_by_hand(&mut self, person: &str) {
        if self.case.incident.is_some() || self.case.routed.is_none() {
            return;
        }
        self.create();
        self.silence();
        self.assign([person]);
        self.log(Some(person), "opened", "by hand; nobody is told");
        self.acknowledge(person, "opened by hand");
    }

    fn noted(&mut self, by: &str, text: &str) {
        let note = Note { at: self.at, by: by.to_owned(), text: text.to_owned() };
        if self.case.incident.is_none() || self.case.notes.contains(&note) {
            return;
        }
        self.case.notes.push(note);
        self.log(Some(by), "note", text);
        self.news(Some(by), text);
    }

    fn escalated(&mut self, people: &[String], level: u8) {
        let this = (self.at, level);
        if self.case.incident.is_none() || self.case.escalations.contains(&this) {
            return;
        }
        self.case.escalations.push(this);
        self.assign(people.iter().map(String::as_str));
        self.log(None, "escalated", &format!("level {level} is told: {}", people.join(", ")));
    }

    fn muted(&mut self, by: &str, on: bool) {
        let Some(incident) = self.case.incident.as_mut().filter(|incident| incident.muted != on) else {
            return;
        };
        incident.muted = on;
        self.changed = true;
        if on {
            self.log(Some(by), "quiet", "muted: nobody is told");
            self.hold_back();
            self.stop_chase();
        } else {
            self.log(Some(by), "quiet", "not muted any more");
            self.summon();
            self.chase();
        }
    }

    fn snoozed(&mut self, by: &str, until: Option<Timestamp>) {
        let until = until.filter(|until| *until > self.at);
        let Some(incident) = self.case.incident.as_mut().filter(|incident| incident.snoozed_until != until)
        else {
            return;
        };
        incident.snoozed_until = until;
        self.changed = true;
        let what = match until {
            Some(until) => format!("snoozed: nobody is told before {until:.0}"),
            None => "not snoozed any more".to_owned(),
        };
        self.log(Some(by), "quiet", &what);
        if self.hold_back() {
            self.summon();
        }
        if self.stop_chase() {
            self.chase();
        }
    }
}

/// The incident.
impl Turn<'_> {
    fn opens_at(&self, moment: Moment) -> bool {
        self.case.policy().is_some_and(|policy| policy.open.contains(&moment))
    }

    fn assigns(&self, to: Assign) -> bool {
        self.case.policy().is_some_and(|policy| policy.assign == to)
    }

    /// Opens an incident that somebody has to come for. Tells whether it is new.
    fn open_and_tell(&mut self) -> bool {
        if !self.open() {
            return false;
        }
        self.summon();
        true
    }

    /// Opens an incident that nobody has to come for.
    fn open_silently(&mut self) {
        if self.open() {
            self.silence();
        }
    }

    fn silence(&mut self) {
        if let Some(incident) = &mut self.case.incident {
            incident.silent = true;
        }
    }

    /// Tells whether there is a new one.
    fn open(&mut self) -> bool {
        if self.case.incident.is_some() {
            return false;
        }
        if self.quiet.maintenance {
            if self.case.suppressed.is_none() {
                self.case.suppressed = Some(self.at);
                self.effects.push(Effect::Suppressed);
            }
            return false;
        }
        self.create();
        self.log(None, "opened", &story(self.case));
        let snoozed = self.quiet.snoozed_until.filter(|until| *until > self.at);
        if let Some(incident) = &mut self.case.incident {
            (incident.muted, incident.snoozed_until) = (self.quiet.muted, snoozed);
        }
        if self.quiet.muted {
            self.log(None, "quiet", "muted: nobody is told");
        }
        if let Some(until) = snoozed {
            self.log(None, "quiet", &format!("snoozed: nobody is told before {until:.0}"));
        }
        true
    }

    fn create(&mut self) {
        let Some(policy) = self.case.policy() else { return };
        let (severity, assign) = (policy.severity, policy.assign);
        let people = match assign {
            Assign::FirstLevel => self.case.routed.iter().flat_map(|to| to.first_level.clone()).collect(),
            Assign::Answerer => self.case.accepted.iter().cloned().collect(),
            Assign::AllRung => self.case.rung.clone(),
        };
        self.changed = true;
        self.case.incident = Some(Incident {
            opened_at: self.at,
            title: title(self.case),
            severity,
            status: Status::Triggered,
            acknowledged: None,
            resolved: None,
            people,
            muted: false,
            snoozed_until: None,
            silent: false,
            told_at: None,
            notices: 0,
            chased: false,
        });
    }

    fn assign<'p>(&mut self, people: impl IntoIterator<Item = &'p str>) {
        let Some(incident) = &mut self.case.incident else { return };
        for person in people {
            self.changed |= incident.people.insert(person.to_owned());
        }
    }

    fn acknowledge(&mut self, by: &str, why: &str) {
        let Some(incident) = &mut self.case.incident else { return };
        if incident.status != Status::Triggered {
            return;
        }
        incident.status = Status::Acknowledged;
        incident.acknowledged = Some(Act { at: self.at, by: by.to_owned() });
        self.over(Event::Acknowledge, by, why);
    }

    fn resolve(&mut self, by: &str, why: &str) {
        let Some(incident) = &mut self.case.incident else { return };
        if incident.status == Status::Resolved {
            return;
        }
        incident.status = Status::Resolved;
        incident.resolved = Some(Act { at: self.at, by: by.to_owned() });
        self.over(Event::Resolve, by, why);
    }

    /// Nobody has to come any more.
    fn over(&mut self, event: Event, by: &str, why: &str) {
        self.changed = true;
        let kind = if event == Event::Resolve { "resolved" } else { "acknowledged" };
        self.log(Some(by), kind, why);
        self.stop_chase();
        if !self.hold_back() && self.is_told() {
            if event == Event::Resolve {
                self.effects.push(Effect::Withdraw);
            }
            self.tell(event, self.at, sentence(why), Some(by));
        }
    }

    fn log(&mut self, by: Option<&str>, kind: &'static str, detail: &str) {
        if self.case.incident.is_some() {
            self.effects.push(Effect::Logged { by: by.map(str::to_owned), kind, detail: detail.to_owned() });
        }
    }
}

/// What people are told.
impl Turn<'_> {
    /// Whether people were told to come by now.
    fn is_told(&self) -> bool {
        self.told_at().is_some_and(|told| told <= self.at)
    }

    fn told_at(&self) -> Option<Timestamp> {
        self.case.incident.as_ref().and_then(|incident| incident.told_at)
    }

    /// Tells people to come, by the policy, unless they were told.
    fn summon(&mut self) {
        if let Some(due) = self.due() {
            self.tell(Event::Trigger, due, story(self.case), None);
            let acknowledged = self.case.incident.as_ref().and_then(|incident| incident.acknowledged.clone());
            if let (Some(act), true) = (acknowledged, due <= self.at) {
                self.tell(Event::Acknowledge, due, "Somebody is on it.".to_owned(), Some(&act.by));
            }
        }
    }

    /// When people who were not told yet are to come. Nothing: there is no need to.
    fn due(&self) -> Option<Timestamp> {
        let (policy, incident) = (self.case.policy()?, self.case.incident.as_ref()?);
        let needed = match incident.status {
            Status::Triggered => true,
            // Whoever took it on before does not know of the message.
            Status::Acknowledged => self.case.message.is_some(),
            Status::Resolved => false,
        };
        if !needed || incident.silent || incident.muted || incident.told_at.is_some() {
            return None;
        }
        let due = self.by_policy(policy, incident.opened_at)?;
        Some(due.max(self.at).max(incident.snoozed_until.unwrap_or(self.at)))
    }

    fn by_policy(&self, policy: &Policy, opened_at: Timestamp) -> Option<Timestamp> {
        let talking = self.case.is_answered() && !self.case.bridge_ended;
        match policy.notify_when {
            NotifyWhen::AtOnce => Some(self.at),
            NotifyWhen::After(_) if talking => None,
            NotifyWhen::After(ms) => opened_at.checked_add(Duration::from_millis(ms)).ok(),
            NotifyWhen::Voicemail => self.case.message.is_some().then_some(self.at),
        }
    }

    /// Takes back what was to be told later. Tells whether there was anything.
    fn hold_back(&mut self) -> bool {
        let at = self.at;
        let Some(incident) = &mut self.case.incident else { return false };
        let held = incident.told_at.take_if(|told| *told > at).is_some();
        if held {
            self.effects.push(Effect::Withdraw);
        }
        held
    }

    /// Tells what is new to those who were told; those who are to be told later will find it there.
    fn news(&mut self, by: Option<&str>, text: &str) {
        if self.case.incident.as_ref().is_none_or(|incident| incident.muted) {
            return;
        }
        if self.is_told() {
            self.tell(Event::Update, self.at, text.to_owned(), by);
        } else if let Some(due) = self.told_at() {
            self.effects.push(Effect::Withdraw);
            self.tell(Event::Trigger, due, story(self.case), None);
        }
    }

    fn tell(&mut self, event: Event, due: Timestamp, text: String, by: Option<&str>) {
        let Some(incident) = &mut self.case.incident else { return };
        incident.notices = incident.notices.saturating_add(1);
        if event == Event::Trigger {
            incident.told_at = Some(due);
        }
        let (by, number) = (by.map(str::to_owned), incident.notices);
        self.effects.push(Effect::Tell(Tell { event, due, text, by, number }));
    }

    /// Something new in the call itself.
    fn happened(&mut self, by: Option<&str>, what: &str) {
        self.log(by, "call", what);
        self.news(by, what);
    }

    /// Has people chased once the call is over, as soon as they are told.
    fn chase(&mut self) {
        let wanted = self.case.ended.is_some() && self.case.policy().is_some_and(|policy| policy.chase);
        let at = self.at;
        let Some(incident) = self.case.incident.as_mut().filter(|_| wanted) else { return };
        let open = incident.status == Status::Triggered && !incident.muted && !incident.silent;
        if let Some(told) = incident.told_at.filter(|_| open && !incident.chased) {
            incident.chased = true;
            let from = told.max(at).max(incident.snoozed_until.unwrap_or(at));
            self.effects.push(Effect::Chase { from });
        }
    }

    /// Tells whether anybody was chased.
    fn stop_chase(&mut self) -> bool {
        let Some(incident) = &mut self.case.incident else { return false };
        let chased = std::mem::take(&mut incident.chased);
        if chased {
            self.effects.push(Effect::StopChase);
        }
        chased
    }
}

/// `taken on` as a sentence of its own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
