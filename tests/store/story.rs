//! Calls as the script tells them to the journal.

use jiff::{Timestamp, ToSpan};
use nightbell::call::CallId;
use nightbell::call::journal::{
    Action, DialIntent, Ended, Event, Journal, Outcome, Record, RecordingKind, Started, Stated, Step,
    StepResult,
};
use nightbell::call::leg::LegId;
use nightbell::incident::{Fact, Moment, Policy, Routed};
use nightbell::store::Store;

/// `2026-01-05T08:00:00Z` and so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    "2026-01-05T08:00:00Z".parse::<Timestamp>().unwrap() + seconds.seconds()
}

/// Writes entries as one run of the daemon does, and ends that run with everything on the disk.
pub fn run(store: &Store, records: impl IntoIterator<Item = Record>) {
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, None).unwrap();
    for record in records {
        journal.write(record);
    }
    drop(journal);
    writer.join();
}

/// One call whose steps follow each other by a second.
pub struct Story {
    call: CallId,
    seq: u32,
    pub records: Vec<Record>,
}

impl Story {
    pub fn of(call: u64) -> Self {
        Self::from_caller(call, "+4915112345678")
    }

    pub fn from_caller(call: u64, caller: &str) -> Self {
        let call = CallId(call);
        let started = Record::Started(Started {
            call,
            hotline: "Emergency hotline".to_owned(),
            number: "+4930123456".to_owned(),
            caller: caller.to_owned(),
            at: at(0),
            trunk: "carrier".to_owned(),
            sip_call_id: format!("{call}@carrier.example"),
            stated: Stated::default(),
        });
        Self { call, seq: 0, records: vec![started] }
    }

    pub fn then(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    pub fn step(self, step: Step) -> Self {
        self.about(step, StepResult::Processed, None)
    }

    pub fn about(mut self, step: Step, result: StepResult, target: Option<&str>) -> Self {
        self.seq += 1;
        let event = Event {
            call: self.call,
            seq: self.seq,
            at: at(i64::from(self.seq)),
            step,
            action: Action::Internal,
            result,
            target: target.map(str::to_owned),
            detail: format!("{step:?}"),
        };
        self.then(Record::Step(event))
    }

    pub fn dial(self, leg: u64, person: &str) -> Self {
        let call = self.call;
        let intent = DialIntent {
            call,
            leg: LegId(leg),
            person: person.to_owned(),
            phone: "+4915100000001".to_owned(),
            at: at(i64::from(self.seq)),
        };
        self.about(Step::DialTarget, StepResult::Processed, Some(person)).then(Record::DialIntent(intent))
    }

    pub fn leg_up(self, leg: u64) -> Self {
        let (call, dialog) = (self.call, format!("{{\"leg\":{leg}}}"));
        self.then(Record::LegUp { call, leg: LegId(leg), dialog })
    }

    pub fn leg_down(self, leg: u64) -> Self {
        self.then(Record::LegDown { leg: LegId(leg) })
    }

    pub fn recording(self) -> Self {
        let (call, at) = (self.call, at(i64::from(self.seq)));
        let file = format!("{call}.wav");
        self.then(Record::RecordingStarted { call, kind: RecordingKind::Message, file, at })
    }

    pub fn recorded(self, kept: bool) -> Self {
        let call = self.call;
        let (kind, at) = (RecordingKind::Message, at(i64::from(self.seq)));
        self.then(Record::RecordingEnded { call, at, kind, kept, duration_ms: 4200, truncated: false })
    }

    /// The bridge is being recorded.
    pub fn call_recording(self) -> Self {
        let (call, at) = (self.call, at(i64::from(self.seq)));
        let file = format!("{call}.call.wav");
        self.then(Record::RecordingStarted { call, kind: RecordingKind::Call, file, at })
    }

    pub fn call_recorded(self) -> Self {
        let (call, kind, at) = (self.call, RecordingKind::Call, at(i64::from(self.seq)));
        self.then(Record::RecordingEnded {
            call,
            at,
            kind,
            kept: true,
            duration_ms: 61_000,
            truncated: false,
        })
    }

    pub fn ended(self, outcome: Outcome) -> Self {
        let ended = Ended {
            call: self.call,
            at: at(i64::from(self.seq) + 1),
            outcome,
            reason: "caller hung up".to_owned(),
            answered_at: Some(at(1)),
            route: Some("Production".to_owned()),
            responder: (outcome == Outcome::Accepted).then(|| "anna".to_owned()),
            abandoned: false,
        };
        self.then(Record::Ended(ended))
    }

    /// The same call, so much later.
    pub fn later(mut self, days: i64) -> Self {
        let later = |at: &mut Timestamp| *at += (days * 24).hours();
        for record in &mut self.records {
            match record {
                Record::Started(started) => later(&mut started.at),
                Record::Step(event) => later(&mut event.at),
                Record::DialIntent(intent) => later(&mut intent.at),
                Record::RecordingStarted { at, .. } | Record::RecordingEnded { at, .. } => later(at),
                Record::Ended(ended) => {
                    later(&mut ended.at);
                    ended.answered_at.iter_mut().for_each(later);
                }
                _ => {}
            }
        }
        self
    }

    /// As far as every call that is let in comes.
    pub fn greeted(self) -> Self {
        self.step(Step::CallReceived).step(Step::Welcome)
    }

    pub fn chosen(self) -> Self {
        self.greeted().about(Step::GatherDtmf, StepResult::Processed, Some("Production"))
    }

    pub fn dialling(self) -> Self {
        self.chosen().step(Step::DialChainResolved).leg_up(1).dial(2, "anna")
    }

    pub fn screening(self) -> Self {
        self.dialling().leg_up(2).about(Step::ConfirmTarget, StepResult::Processed, Some("anna"))
    }

    pub fn bridged(self) -> Self {
        self.screening().about(Step::Bridge, StepResult::Processed, Some("anna"))
    }
}

/// What a route may want of incidents: of a missed call and of a message, told to these targets.
pub fn policy(targets: &[&str]) -> Policy {
    Policy {
        open: [Moment::NoAnswer, Moment::Voicemail].into(),
        notify: targets.iter().map(|target| (*target).to_owned()).collect(),
        ..Policy::never()
    }
}

impl Story {
    /// The caller gets to a route that wants this.
    pub fn routed(self, policy: Policy) -> Self {
        let routed = Routed {
            hotline: "Emergency hotline".to_owned(),
            number: "+4930123456".to_owned(),
            route: "Production".to_owned(),
            started_at: at(0),
            caller: "+4915112345678".to_owned(),
            caller_name: None,
            first_level: vec!["anna".to_owned()],
            policy,
        };
        self.fact(Fact::Routed(Box::new(routed)))
    }

    pub fn fact(self, fact: Fact) -> Self {
        let (call, at) = (self.call, at(i64::from(self.seq)));
        self.then(Record::Fact { call, at, fact: Box::new(fact) })
    }

    /// A call that nobody answered.
    pub fn missed(call: u64, targets: &[&str]) -> Self {
        let story = Self::of(call).greeted().routed(policy(targets)).dial(2, "anna");
        story.fact(Fact::NobodyAnswered).ended(Outcome::Missed)
    }
}
