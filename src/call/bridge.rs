//! The talk: the caller and whoever accepted hear each other, until nobody is left to speak with.
//!
//! A responder can ask for more with a star and a key ([`incall`](crate::call::incall)): another person joins,
//! or gets the call after a word with the first; the call is recorded. Words about that are played to the
//! one who asked alone. Whatever comes of it, the caller is never left alone on a silent line: a phone that
//! does not answer, a person who leaves, an attempt that is called off gives the caller back to those who
//! are there, and where nobody is there any more the route goes on as if nobody had accepted.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::consent::Consent;
use crate::call::dial::Responder;
use crate::call::incall::Command;
use crate::call::journal::{Action, Record, RecordingKind, Step, StepResult};
use crate::call::leg::{Cut, Gone, KeyUse, Leg, LegId, Playing, Recording, Said};
use crate::call::plan::{Route, Translated};
use crate::call::run::DISK_PATIENCE;
use crate::call::{Desk, invite};
use crate::incident::Fact;
use crate::oncall::{Person, PersonId};

/// The most responders in a call: beside the caller, as many as hear each other at once.
const MOST: usize = 7;
/// How long a responder has to say which of several people is to be rung.
const CHOICE: Duration = Duration::from_secs(15);

/// How a talk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The call is over, and why.
    Over(String),
    /// The caller waits, and nobody is there any more.
    Alone,
}

/// Something that is waited for beside others.
type Wait<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call under way.
struct Talk<'a> {
    caller: &'a Leg,
    desk: &'a mut Desk,
    route: &'a Route,
    /// Everybody else. Never empty, but while somebody is rung for a caller who waits.
    others: Vec<Responder>,
    /// The caller hears the hold tone.
    held: bool,
    /// The first responder speaks alone with the one who is to get the call.
    consulting: bool,
    choice: Option<Choice>,
    invited: Option<Invited>,
    recording: Recorded,
    /// Who has spoken with the caller.
    spoke: BTreeSet<PersonId>,
}

/// Somebody is asked who is to be rung.
struct Choice {
    by: LegId,
    to: Purpose,
    until: Instant,
}

/// Somebody is rung.
struct Invited {
    by: LegId,
    to: Purpose,
    ringing: Wait<'static, Option<Responder>>,
}

/// What another person is rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Join,
    Transfer,
}

/// Whether the call is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Recorded {
    Not,
    /// With these responders.
    Running(Vec<LegId>),
    /// It was, and a call is recorded once.
    Over,
}

/// What can happen.
enum Event {
    Said(LegId, Said),
    /// What became of ringing somebody.
    Rung(Option<Box<Responder>>),
    /// Nobody was chosen in time.
    NoChoice,
}

/// Lets the caller speak with whoever accepted, until it is over.
pub async fn talk(caller: &Leg, desk: &mut Desk, route: &Route, first: Responder) -> End {
    let mut talk = Talk {
        caller,
        desk,
        route,
        others: Vec::new(),
        held: false,
        consulting: false,
        choice: None,
        invited: None,
        recording: Recorded::Not,
        spoke: BTreeSet::new(),
    };
    talk.begin(first).await;
    loop {
        let event = talk.next().await;
        if let Some(end) = talk.take(event).await {
            talk.stop_recording();
            return end;
        }
    }
}

impl Talk<'_> {
    async fn begin(&mut self, first: Responder) {
        let consent = first.consent.clone();
        let person = Arc::clone(&first.person);
        self.others.push(first);
        self.connect();
        self.desk.facts.learn(|known| known.bridged = true);
        let recorded = match consent {
            Consent::NotAsked => String::new(),
            Consent::Missing(why) => format!("; not recorded: {why}"),
            Consent::Heard => {
                self.record().await;
                "; both were told, and the call is recorded".to_owned()
            }
        };
        self.tell(&person, &format!("{}{recorded}", self.who_hear_each_other()));
    }

    /// The caller and all who are there hear each other.
    fn connect(&mut self) {
        if std::mem::take(&mut self.held) {
            self.caller.silence();
        }
        self.consulting = false;
        match self.others.as_slice() {
            [one] => self.caller.bridge(&one.leg),
            several => self.caller.confer(several.iter().map(|other| &other.leg)),
        }
        for other in &self.others {
            other.leg.use_keys(self.route.keys.in_call());
        }
        self.record_newcomers();
        let first = self.others.first().map(|other| other.person.id.to_string());
        self.desk.facts.learn(|known| {
            known.responder = first.or(known.responder.take());
            known.alone = false;
        });
        for other in &self.others {
            if self.spoke.insert(other.person.id.clone()) {
                self.desk.fact(Fact::Accepted { person: other.person.id.to_string() });
            }
        }
    }

    /// The caller hears the hold tone, and nobody.
    fn hold(&mut self) {
        if !std::mem::replace(&mut self.held, true) {
            // It goes on until it is silenced.
            drop(self.caller.start(&self.desk.hotline.prompts.hold, true));
        }
    }

    async fn next(&mut self) -> Event {
        let chooser = self.choice.as_ref().map(|choice| choice.by);
        let mut waits: Vec<Wait<'_, Event>> = Vec::new();
        for Responder { leg, .. } in &mut self.others {
            let chooses = chooser == Some(leg.id());
            waits.push(Box::pin(async move { Event::Said(leg.id(), leg.listen(chooses).await) }));
        }
        if let Some(invited) = &mut self.invited {
            waits.push(Box::pin(async { Event::Rung(invited.ringing.as_mut().await.map(Box::new)) }));
        }
        if let Some(until) = self.choice.as_ref().map(|choice| choice.until) {
            waits.push(Box::pin(async move {
                tokio::time::sleep_until(until).await;
                Event::NoChoice
            }));
        }
        first_of(waits).await
    }

    /// Deals with what happened. Returns how the talk ended, if it has.
    async fn take(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Said(leg, Said::Gone(why)) => return self.left(leg, &why),
            Event::Said(leg, Said::Command(key)) => self.command(leg, key).await,
            Event::Said(_, Said::Key(key)) => self.chose(key),
            Event::NoChoice => self.call_off("nobody was chosen"),
            Event::Rung(None) => return self.reached_nobody(),
            Event::Rung(Some(new)) => self.accepted(*new),
        }
        None
    }

    /// A responder is gone.
    fn left(&mut self, leg: LegId, why: &Gone) -> Option<End> {
        let gone = self.others.extract_if(.., |other| other.leg.id() == leg).next()?;
        let person = Arc::clone(&gone.person);
        let why = gone_in_words(&person, why);
        self.choice.take_if(|choice| choice.by == leg);
        if !self.others.is_empty() {
            self.after_ringing();
            self.connect();
            self.tell(&person, &format!("{why}: {}", self.who_hear_each_other()));
            return None;
        }
        self.desk.facts.learn(|known| known.alone = self.held || self.invited.is_some());
        if self.invited.is_none() && self.held {
            // Whoever was to be rung was not yet chosen: the caller on hold did not end the call.
            self.tell(&person, &format!("{why}: the caller is alone"));
            self.caller.silence();
            return Some(End::Alone);
        }
        if self.invited.is_none() {
            return Some(End::Over(why));
        }
        self.hold();
        self.tell(&person, &format!("{why}: the caller waits for the one who is being rung"));
        None
    }

    async fn command(&mut self, leg: LegId, key: char) {
        let Some(person) = self.person(leg) else { return };
        let command = self.route.keys.command(key);
        let target = person.id.to_string();
        let asked = command.map_or_else(|| "nothing".to_owned(), |command| command.to_string());
        let detail = format!("pressed *{key} during the call: {asked}");
        self.desk.timeline.write(
            Step::GatherDtmf,
            Action::Received,
            StepResult::Processed,
            Some(&target),
            &detail,
        );
        match command {
            Some(Command::Conference | Command::Everybody) if self.consulting => {
                self.connect();
                self.tell(&person, &self.who_hear_each_other());
            }
            Some(Command::Transfer) if self.consulting => self.hand_over(leg),
            Some(Command::Conference | Command::Transfer) if self.invited.is_some() => {
                self.call_off("the one who was being rung is called off");
            }
            Some(Command::Conference) if self.choice.is_none() && self.others.len() < MOST => {
                self.invite(Purpose::Join, leg);
            }
            Some(Command::Transfer) if self.choice.is_none() && self.others.len() == 1 => {
                self.invite(Purpose::Transfer, leg);
            }
            Some(Command::Record) if !self.held => self.toggle_recording(&person, leg).await,
            Some(Command::Help) => self.say(leg, &self.route.keys.words.help),
            _ => self.say(leg, &self.route.keys.words.unknown),
        }
    }

    /// Somebody asks for another person: who it may be is asked, or known.
    fn invite(&mut self, to: Purpose, by: LegId) {
        if self.route.invite.targets.len() < 2 {
            return self.ring(to, by, None);
        }
        self.hold();
        if let Some(other) = self.others.iter_mut().find(|other| other.leg.id() == by) {
            other.leg.forget_keys();
            other.leg.use_keys(KeyUse::Script);
        }
        self.say(by, &self.route.invite.which);
        self.choice = Some(Choice { by, to, until: Instant::now() + CHOICE });
    }

    /// A key of whoever chooses. The star calls it off; what leads to nobody is passed over.
    fn chose(&mut self, key: char) {
        if key == '*' {
            return self.call_off("the choice was left");
        }
        let place = key.to_digit(10).and_then(|digit| usize::try_from(digit).ok()?.checked_sub(1));
        let target = place.and_then(|place| self.route.invite.targets.get(place)).cloned();
        let (Some(target), Some(choice)) = (target, self.choice.take()) else { return };
        self.silence(choice.by);
        self.connect();
        self.ring(choice.to, choice.by, Some(target));
    }

    /// Rings another person. Before a transfer the caller is on hold meanwhile.
    fn ring(&mut self, to: Purpose, by: LegId, chosen: Option<crate::oncall::Target>) {
        let consent = match self.recording {
            Recorded::Running(_) => Consent::Heard,
            Recorded::Not | Recorded::Over => Consent::NotAsked,
        };
        let here = self.others.iter().map(|other| other.person.id.clone()).collect();
        let ringing = invite::ring(self.desk.another(consent), self.route.clone(), here, chosen);
        self.invited = Some(Invited { by, to, ringing: Box::pin(ringing) });
        if to == Purpose::Transfer {
            self.hold();
            if let Some(other) = self.others.iter().find(|other| other.leg.id() == by) {
                // It goes on until it is silenced.
                drop(other.leg.start(&self.route.keys.words.ringing, true));
            }
        }
    }

    /// Another person has accepted.
    fn accepted(&mut self, new: Responder) {
        let Some(invited) = self.invited.take() else { return };
        let person = Arc::clone(&new.person);
        self.others.push(new);
        if invited.to == Purpose::Transfer {
            self.silence(invited.by);
        }
        match self.others.as_slice() {
            [first, second] if invited.to == Purpose::Transfer => {
                first.leg.bridge(&second.leg);
                first.leg.use_keys(self.route.keys.before_transfer());
                self.consulting = true;
                let speak = format!(
                    "{} and {} speak alone, the caller is on hold",
                    first.person.name, second.person.name
                );
                self.tell(&person, &speak);
            }
            _ => {
                self.connect();
                self.tell(&person, &self.who_hear_each_other());
            }
        }
    }

    /// No other person has accepted.
    fn reached_nobody(&mut self) -> Option<End> {
        let invited = self.invited.take()?;
        let target = self.others.first().map(|other| other.person.id.to_string());
        let told = match target {
            Some(_) => format!("nobody else could be reached: {}", self.who_hear_each_other()),
            None => "nobody else could be reached, and the caller is alone".to_owned(),
        };
        let (step, result) = (Step::Bridge, StepResult::Failed);
        self.desk.timeline.write(step, Action::Internal, result, target.as_deref(), &told);
        if self.others.is_empty() {
            self.caller.silence();
            return Some(End::Alone);
        }
        if self.held {
            self.silence(invited.by);
            self.connect();
        }
        self.say(invited.by, &self.route.keys.words.nobody_else);
        None
    }

    /// Nobody is rung any more, and all are together again.
    fn call_off(&mut self, why: &str) {
        let choice = self.choice.take().map(|choice| choice.by);
        let invited = self.invited.take().map(|invited| invited.by);
        let Some(by) = choice.or(invited) else { return };
        if self.held {
            self.silence(by);
            self.connect();
        }
        if let Some(person) = self.person(by) {
            self.tell(&person, &format!("{why}: {}", self.who_hear_each_other()));
        }
    }

    /// The first responder leaves the caller to the second.
    fn hand_over(&mut self, leg: LegId) {
        let Some(gone) = self.others.extract_if(.., |other| other.leg.id() == leg).next() else { return };
        let person = Arc::clone(&gone.person);
        // Letting go of it hangs it up.
        drop(gone);
        self.connect();
        self.tell(
            &person,
            &format!("{} has handed the call over: {}", person.name, self.who_hear_each_other()),
        );
    }

    /// Whoever waited for somebody to be rung hears the ringing tone no longer.
    fn after_ringing(&mut self) {
        if self.held && !self.consulting {
            self.others.iter().for_each(|other| other.leg.silence());
        }
    }

    async fn toggle_recording(&mut self, person: &Person, by: LegId) {
        let refused = match self.recording {
            Recorded::Running(_) => {
                self.stop_recording();
                self.say(by, &self.route.keys.words.recording_ended);
                return self.told_of_recording(person, Ok("has ended the recording"));
            }
            Recorded::Over => Err("a call is recorded once, and this one was".to_owned()),
            Recorded::Not => self.begin_recording().await,
        };
        match refused {
            Ok(()) => self.told_of_recording(person, Ok("all were told, and the call is recorded")),
            Err(why) => {
                self.told_of_recording(person, Err(&format!("not recorded: {why}")));
                self.say(by, &self.route.keys.words.not_recorded);
            }
        }
    }

    fn told_of_recording(&self, person: &Person, told: Result<&str, &str>) {
        let (result, detail) = match told {
            Ok(done) => (StepResult::Processed, done),
            Err(why) => (StepResult::Failed, why),
        };
        let person = person.id.to_string();
        self.desk.timeline.write(Step::RecordMessage, Action::Internal, result, Some(&person), detail);
    }

    /// Records the call once everybody has heard to the end that it may be.
    async fn begin_recording(&mut self) -> Result<(), String> {
        self.caller.room(Recording::Call, DISK_PATIENCE).await?;
        let words = &self.desk.hotline.prompts.consent;
        let legs = std::iter::once(self.caller).chain(self.others.iter().map(|other| &other.leg));
        let told = legs.map(|leg| leg.start(words, false)).collect();
        if !all_whole(told).await {
            return Err("not everybody heard to the end that the call may be recorded".to_owned());
        }
        self.others.iter_mut().for_each(|other| other.consent = Consent::Heard);
        self.record().await;
        Ok(())
    }

    /// Records the caller and all who are there.
    async fn record(&mut self) {
        let file = RecordingKind::Call.file(self.desk.id);
        self.desk.house.journal.write(Record::RecordingStarted {
            call: self.desk.id,
            kind: RecordingKind::Call,
            file: file.clone(),
            at: self.desk.house.clock.now(),
        });
        let recording = self.caller.record_bridge(self.others.iter().map(|other| &other.leg), file);
        self.recording = Recorded::Running(self.others.iter().map(|other| other.leg.id()).collect());
        self.desk.facts.recording(RecordingKind::Call, recording).await;
    }

    /// Who has come since the recording began is part of it, if told.
    fn record_newcomers(&mut self) {
        let Recorded::Running(known) = &mut self.recording else { return };
        for other in self.others.iter().filter(|other| other.consent == Consent::Heard) {
            if !known.contains(&other.leg.id()) {
                known.push(other.leg.id());
                self.caller.record_also(&other.leg);
            }
        }
    }

    fn stop_recording(&mut self) {
        let Recorded::Running(_) = self.recording else { return };
        self.recording = Recorded::Over;
        self.caller.stop_recording(Cut::Nothing);
        self.others.iter().for_each(|other| other.leg.stop_recording(Cut::Nothing));
    }

    /// Plays something to one responder alone, over whatever else there is to hear.
    fn say(&self, leg: LegId, words: &Translated) {
        if let Some(other) = self.others.iter().find(|other| other.leg.id() == leg) {
            // It goes on to its end by itself.
            drop(other.leg.start(words.to(other.person.language), false));
        }
    }

    fn silence(&self, leg: LegId) {
        self.others.iter().filter(|other| other.leg.id() == leg).for_each(|other| other.leg.silence());
    }

    fn person(&self, leg: LegId) -> Option<Arc<Person>> {
        self.others.iter().find(|other| other.leg.id() == leg).map(|other| Arc::clone(&other.person))
    }

    fn who_hear_each_other(&self) -> String {
        let names: Vec<_> = self.others.iter().map(|other| other.person.name.as_str()).collect();
        match names.split_last() {
            Some((last, [])) => format!("the caller and {last} hear each other"),
            Some((last, before)) => format!("the caller, {} and {last} hear each other", before.join(", ")),
            None => "the caller is alone".to_owned(),
        }
    }

    fn tell(&self, person: &Person, detail: &str) {
        let target = person.id.to_string();
        let (step, result) = (Step::Bridge, StepResult::Processed);
        self.desk.timeline.write(step, Action::Internal, result, Some(&target), detail);
    }
}

fn gone_in_words(person: &Person, why: &Gone) -> String {
    match why {
        Gone::MediaTimeout => format!("nothing was heard from {}'s phone any more", person.name),
        Gone::TooLong => "max_call_length was reached".to_owned(),
        Gone::Broken(why) => why.clone(),
        Gone::HungUp | Gone::NoAck | Gone::NotAnswered(_) => format!("{} hung up", person.name),
    }
}

/// Whether all of them are played to their end; known as soon as one is not.
async fn all_whole(told: Vec<Playing>) -> bool {
    let wait =
        |mut playing: Playing| -> Wait<'static, bool> { Box::pin(async move { playing.whole().await }) };
    let mut waits: Vec<_> = told.into_iter().map(wait).collect();
    poll_fn(|context| {
        let mut cut = false;
        waits.retain_mut(|wait| match wait.as_mut().poll(context) {
            Poll::Ready(whole) => {
                cut |= !whole;
                false
            }
            Poll::Pending => true,
        });
        if cut || waits.is_empty() { Poll::Ready(!cut) } else { Poll::Pending }
    })
    .await
}

/// What comes of the first of them that is ready; of several, of the one that stands first.
async fn first_of<T>(mut waits: Vec<Wait<'_, T>>) -> T {
    poll_fn(|context| {
        let ready = waits.iter_mut().find_map(|wait| match wait.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
