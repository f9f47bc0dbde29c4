//! What came of a call: what it wrote down and what the switch saw of it, held against the rules
//! that hold for every call.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use nightbell::call::journal::{
    Action, Ended, Event, Outcome, Record, RecordingKind, Started, Step, StepResult,
};
use nightbell::call::leg::{Farewell, Gone, LegId, NotAnswered};
use nightbell::call::plan::{Accept, AcceptKey, Hotline};
use nightbell::incident::Fact;
use nightbell::oncall::{DialPolicy, Repeat};

use crate::switch::{Seen, Sight};

/// The time within which a leg that has ended or lost is let go of.
const AT_ONCE: Duration = Duration::from_millis(200);

pub struct Told {
    pub outcome: Outcome,
    /// Why it ended, in words.
    pub reason: String,
    pub ended: Ended,
    /// Kept, and its length in ms; nothing where no message was begun or its end is not known.
    pub message: Option<(bool, u64)>,
    /// The same of the recording of the call.
    pub recorded: Option<(bool, u64)>,
    /// What matters to its incident.
    pub facts: Vec<(Timestamp, Fact)>,
    name: String,
    started: Started,
    steps: Vec<Event>,
    /// Each dialled leg's person and time, in ms since the start of the call.
    intents: Vec<(LegId, String, i64)>,
    sights: Vec<Sight>,
}

impl Told {
    /// Sorts what was written down, and checks what holds for every call.
    pub fn new(name: &str, records: Vec<Record>, sights: Vec<Sight>, hotline: &Hotline, lost: bool) -> Self {
        assert!(matches!(records.first(), Some(Record::Started(_))), "a call begins with its row");
        assert!(matches!(records.last(), Some(Record::Ended(_))), "a call ends with its record");
        let (mut started, mut ended, mut steps, mut intents) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut message, mut recorded) = (None, None);
        let facts = records.iter().filter_map(Record::fact).map(|(_, at, fact)| (at, fact)).collect();
        for record in records {
            match record {
                Record::Started(row) => started.push(row),
                Record::Ended(row) => ended.push(row),
                Record::Step(event) => steps.push(event),
                Record::DialIntent(intent) => intents.push(intent),
                Record::RecordingEnded { kind: RecordingKind::Message, kept, duration_ms, .. } => {
                    message = Some((kept, duration_ms));
                }
                Record::RecordingEnded { kind: RecordingKind::Call, kept, duration_ms, .. } => {
                    recorded = Some((kept, duration_ms));
                }
                _ => {}
            }
        }
        assert_eq!((started.len(), ended.len()), (1, 1), "one row and one record");
        let (started, ended) = (started.remove(0), ended.remove(0));
        let since = |at: Timestamp| i64::try_from(at.duration_since(started.at).as_millis()).unwrap();
        let intents =
            intents.into_iter().map(|intent| (intent.leg, intent.person, since(intent.at))).collect();
        let (outcome, reason) = (ended.outcome, ended.reason.clone());
        let name = name.to_owned();
        let told =
            Self { outcome, reason, ended, message, recorded, facts, name, started, steps, intents, sights };
        told.facts_are_whole();
        told.steps_are_in_order();
        told.every_ring_has_its_result();
        told.outcome_is_what_was_seen();
        if !lost {
            told.every_leg_is_released_once();
            told.every_leg_that_ended_is_let_go_of_at_once();
            if let Some(route) =
                hotline.routes.iter().find(|route| Some(&route.name) == told.ended.route.as_ref())
            {
                told.nobody_is_bridged_unasked(&route.accept);
                told.no_more_is_rung_than_the_route_allows(&route.policy);
            }
        }
        told
    }

    fn steps_are_in_order(&self) {
        for (index, step) in (1..).zip(&self.steps) {
            assert_eq!(step.seq, index, "steps are numbered without a gap");
        }
        assert!(self.steps.is_sorted_by_key(|step| step.at), "time runs forward");
        assert_eq!(self.steps.first().map(|step| step.step), Some(Step::CallReceived));
        assert_eq!(self.steps.last().map(|step| step.step), Some(Step::Hangup));
        assert_eq!(self.count(Step::Hangup), 1);
    }

    /// Every phone that was rung has a result as the next step of that person, and every question an answer.
    fn every_ring_has_its_result(&self) {
        let pairs =
            [(Step::DialTarget, Step::DialTargetResult), (Step::ConfirmTarget, Step::ConfirmTargetResult)];
        for (index, step) in self.steps.iter().enumerate() {
            for (asked, answered) in pairs {
                if step.step == asked && step.action == Action::Sent {
                    let next = self.steps.iter().skip(index + 1).find(|next| next.target == step.target);
                    assert_eq!(next.map(|next| next.step), Some(answered), "{}", self.timeline());
                }
            }
        }
        let rung =
            self.steps.iter().filter(|step| step.step == Step::DialTarget && step.action == Action::Sent);
        assert!(rung.count() <= self.intents.len(), "a phone was rung without an intent");
    }

    /// Whatever happened: a call that got to a route says so first and its end last, and whoever spoke with the caller
    /// had done so by then.
    fn facts_are_whole(&self) {
        let facts: Vec<&Fact> = self.facts.iter().map(|(_, fact)| fact).collect();
        assert!(self.facts.is_sorted_by_key(|(at, _)| *at), "time runs forward");
        assert_eq!(matches!(facts[0], Fact::Routed(_)), self.ended.route.is_some(), "{facts:?}");
        assert!(matches!(facts[facts.len() - 1], Fact::Ended(_)), "{facts:?}");
        let accepted = facts.iter().any(|fact| matches!(fact, Fact::Accepted { .. }));
        let over = facts.iter().any(|fact| matches!(fact, Fact::BridgeEnded | Fact::NobodyAnswered));
        assert_eq!(accepted, self.outcome == Outcome::Accepted, "{facts:?}");
        assert!(over || !accepted, "{facts:?}");
    }

    /// When it came in.
    pub fn came(&self) -> Timestamp {
        self.started.at
    }

    fn outcome_is_what_was_seen(&self) {
        let bridged = self.saw(|seen| matches!(seen, Seen::Bridged { .. }));
        let kept = self.message.is_some_and(|(kept, _)| kept);
        let blocked = self.count(Step::CallerBlocked) > 0;
        let right = match self.outcome {
            Outcome::Accepted => bridged,
            Outcome::Voicemail => kept && !bridged,
            Outcome::Blocked => blocked && !bridged && !kept && !self.saw(|seen| *seen == Seen::Answered),
            Outcome::Missed | Outcome::Failed => !bridged && !kept && !blocked,
            Outcome::Ongoing => false,
        };
        assert!(right, "the call was not {:?}:\n{}", self.outcome, self.timeline());
        assert_eq!(self.ended.responder.is_some(), bridged);
        assert_eq!(self.count(Step::Bridge) > 0, bridged);
    }

    fn every_leg_is_released_once(&self) {
        let mut releases: HashMap<LegId, usize> = HashMap::new();
        for sight in &self.sights {
            let released = matches!(sight.seen, Seen::Released { .. });
            *releases.entry(sight.leg).or_default() += usize::from(released);
        }
        assert!(releases.values().all(|count| *count == 1), "{:#?}", self.sights);
    }

    /// Also the call itself: only a recording that cannot be closed holds its record up.
    fn every_leg_that_ended_is_let_go_of_at_once(&self) {
        for ended in self.sights.iter().filter(|sight| matches!(sight.seen, Seen::Ended(_))) {
            let release = self
                .sights
                .iter()
                .find(|sight| sight.leg == ended.leg && matches!(sight.seen, Seen::Released { .. }));
            let within = release.expect("this leg was released").at - ended.at;
            assert!(within <= AT_ONCE, "{} is held for {within:?}", ended.who);
            if ended.who == self.name && !self.timeline().contains("could not be closed") {
                let told = self.ended.at.duration_since(self.started.at).unsigned_abs();
                assert!(told <= ended.at - self.sights[0].at + AT_ONCE, "{}", self.timeline());
            }
        }
    }

    /// A responder who was bridged has pressed what the route asks for. (What is pressed while "you are connected"
    /// is said changes nothing.)
    fn nobody_is_bridged_unasked(&self, accept: &Accept) {
        let mut known = BTreeSet::new();
        for sight in self.sights.iter().filter(|sight| sight.who != self.name) {
            if let Seen::Bridged { keys } | Seen::Conferred { keys } = &sight.seen
                && known.insert(sight.leg)
            {
                assert!(accepted(accept, keys), "{} is bridged after pressing {keys:?}", sight.who);
            }
        }
    }

    /// Where the chain is not repeated: as many people as may be, and no phone twice.
    fn no_more_is_rung_than_the_route_allows(&self, policy: &DialPolicy) {
        if self.timeline().contains("during the call: ") {
            // Somebody has asked for more.
            return;
        }
        if policy.repeat != Repeat::Times(0) {
            return;
        }
        let people: BTreeSet<_> = self.rang().into_iter().collect();
        let most = policy.max_people.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
        assert!(people.len() <= most, "{}", self.timeline());
        let mut phones = BTreeSet::new();
        for sight in self.sights.iter().filter(|sight| matches!(sight.seen, Seen::Dialled { .. })) {
            if self.found_no_line(sight.leg) {
                continue;
            }
            assert!(phones.insert(&sight.who) || !policy.skip_dialled, "{} is rung twice", sight.who);
        }
    }

    /// Its phone was not really dialled.
    fn found_no_line(&self, leg: LegId) -> bool {
        let full = |seen: &Seen| matches!(seen, Seen::Ended(Gone::NotAnswered(NotAnswered::NoLine(_))));
        self.sights.iter().any(|sight| sight.leg == leg && full(&sight.seen))
    }

    pub fn saw(&self, what: impl Fn(&Seen) -> bool) -> bool {
        self.sights.iter().any(|sight| what(&sight.seen))
    }

    /// Those apart from the caller whose legs went through this.
    pub fn people_of(&self, what: impl Fn(&Seen) -> bool) -> Vec<&str> {
        let of_it = self.sights.iter().filter(|sight| sight.who != self.name && what(&sight.seen));
        of_it.map(|sight| sight.who.as_str()).collect()
    }

    /// How many steps are about this.
    pub fn count(&self, step: Step) -> usize {
        self.steps.iter().filter(|event| event.step == step).count()
    }

    /// Whether the caller was answered.
    pub fn was_answered(&self) -> bool {
        self.sights.iter().any(|sight| sight.who == self.name && sight.seen == Seen::Answered)
    }

    /// Whose phones were rung, and when: ms since the call came in.
    pub fn rung(&self) -> Vec<(&str, i64)> {
        let dialled = |leg: &LegId| {
            self.sights.iter().any(|sight| sight.leg == *leg && matches!(sight.seen, Seen::Dialled { .. }))
        };
        let rung = self.intents.iter().filter(|(leg, ..)| dialled(leg));
        rung.map(|(_, person, at)| (person.as_str(), *at)).collect()
    }

    /// From when until when the caller waited for somebody who was busy, since the house was opened, and for
    /// whom.
    pub fn waits(&self) -> Vec<(Duration, Duration, Vec<String>)> {
        let came = self.sights.first().expect("a call comes in").at;
        let at = |step: &Event| came + step.at.duration_since(self.started.at).unsigned_abs();
        let mut waits = Vec::new();
        for pair in self.steps.windows(2) {
            let [begun, next] = pair else { continue };
            if let Some((_, names)) = begun.detail.split_once("rung now: waiting up to ") {
                let names = names.split_once(" for ").expect("for somebody").1;
                let whom =
                    names.split(", ").filter(|name| !name.contains("in line")).map(str::to_owned).collect();
                waits.push((at(begun), at(next), whom));
            }
        }
        waits
    }

    /// Each phone that was rung, from when until when it was in use, since the house was opened.
    pub fn phones_in_use(&self) -> Vec<(&str, Duration, Duration)> {
        let released = |leg: LegId| {
            let released = |sight: &&Sight| sight.leg == leg && matches!(sight.seen, Seen::Released { .. });
            self.sights.iter().find(released).expect("every leg is let go of").at
        };
        let dialled = self.sights.iter().filter(|sight| matches!(sight.seen, Seen::Dialled { .. }));
        dialled.map(|sight| (sight.who.as_str(), sight.at, released(sight.leg))).collect()
    }

    /// Whose phones were rung.
    pub fn rang(&self) -> Vec<&str> {
        self.rung().into_iter().map(|(person, _)| person).collect()
    }

    /// The number that a phone showed when it was first rung; nothing: withheld.
    pub fn shown(&self, who: &str) -> Option<&str> {
        self.sights.iter().filter(|sight| sight.who == who).find_map(|sight| match &sight.seen {
            Seen::Dialled { shown } => shown.as_deref(),
            _ => None,
        })
    }

    /// What somebody heard, in order; what was cut short ends in `--`, and what was repeated until
    /// then in `...`.
    pub fn heard(&self, who: &str) -> Vec<String> {
        let mut heard: Vec<String> = Vec::new();
        for sight in self.sights.iter().filter(|sight| sight.who == who) {
            match &sight.seen {
                Seen::Plays { prompt, looped } => {
                    heard.push(format!("{prompt}{}", if *looped { "..." } else { "" }))
                }
                Seen::Cut(_) => heard.iter_mut().rev().take(1).for_each(|last| last.push_str(" --")),
                Seen::Bridged { .. } => heard.push("the other one".to_owned()),
                Seen::Conferred { .. } => heard.push("all others".to_owned()),
                _ => {}
            }
        }
        heard
    }

    /// How somebody's leg was let go of last: when (ms since the call came in), with which words,
    /// and with which clip.
    pub fn released(&self, who: &str) -> (u128, Farewell, Option<String>) {
        let release = self.sights.iter().rev().find_map(|sight| match &sight.seen {
            Seen::Released { reason, clip } if sight.who == who => Some((sight.at, *reason, clip.clone())),
            _ => None,
        });
        let (at, reason, clip) = release.expect("this leg was released");
        let began = self.sights.first().expect("a call comes in").at;
        ((at - began).as_millis(), reason, clip)
    }

    /// The timeline, a line for each step: seconds since the call came in, step, action, result,
    /// whom it concerns, and the sentence.
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let at = step.at.duration_since(self.started.at).as_millis();
            let (seconds, ms) = (at / 1000, at % 1000);
            let mark = match step.result {
                StepResult::Processed => ' ',
                StepResult::Failed => '!',
                StepResult::Ignored => '~',
            };
            let whom = step.target.as_ref().map_or_else(String::new, |target| format!("{target}: "));
            let name = step.step.as_str();
            writeln!(text, "{seconds:>4}.{ms:03} {mark} {name:<19} {whom}{}", step.detail).unwrap();
        }
        write!(text, "{}: {}", self.outcome.as_str(), self.reason).unwrap();
        text
    }
}

fn accepted(accept: &Accept, keys: &str) -> bool {
    match accept.key {
        AcceptKey::None => true,
        AcceptKey::Any => keys.chars().any(|key| accept.decline != Some(key)),
        AcceptKey::Key(key) => keys.contains(key),
    }
}
