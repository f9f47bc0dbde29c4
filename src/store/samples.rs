//! Entries of a journal, for tests.

use jiff::Timestamp;

use crate::call::CallId;
use crate::call::journal::{Action, Ended, Event, Outcome, Record, Started, Stated, Step, StepResult};

pub fn started(call: u64) -> Record {
    Record::Started(Started {
        call: CallId(call),
        hotline: "Emergency".to_owned(),
        number: "+4930123456".to_owned(),
        caller: "+4915112345678".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        trunk: "carrier".to_owned(),
        sip_call_id: format!("{call}@carrier"),
        stated: Stated::default(),
    })
}

pub fn step(call: u64, seq: u32) -> Record {
    Record::Step(Event {
        call: CallId(call),
        seq,
        at: Timestamp::UNIX_EPOCH,
        step: Step::Welcome,
        action: Action::Sent,
        result: StepResult::Processed,
        target: None,
        detail: "greeted".to_owned(),
    })
}

pub fn ended(call: u64) -> Record {
    Record::Ended(Ended {
        call: CallId(call),
        at: Timestamp::UNIX_EPOCH,
        outcome: Outcome::Missed,
        reason: "the caller hung up".to_owned(),
        answered_at: None,
        route: None,
        responder: None,
        abandoned: false,
    })
}
