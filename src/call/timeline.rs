//! The timeline of one call. Every verb of the script opens a step and closes it with a result;
//! a step that is dropped unclosed says that it was interrupted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::call::CallId;
use crate::call::clock::Clock;
use crate::call::journal::{Action, Event, Journal, Record, Step, StepResult};

/// Where the steps of one call are written.
#[derive(Debug, Clone)]
pub struct Timeline {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    call: CallId,
    clock: Clock,
    journal: Journal,
    seq: AtomicU32,
    interruption: Mutex<String>,
}

impl Timeline {
    /// The timeline of a call that starts now.
    pub fn new(call: CallId, clock: Clock, journal: Journal) -> Self {
        let interruption = Mutex::new("interrupted".to_owned());
        Self { inner: Arc::new(Inner { call, clock, journal, seq: AtomicU32::new(0), interruption }) }
    }

    /// The time by which steps are written.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Writes a step that is complete in itself.
    pub fn write(&self, step: Step, action: Action, result: StepResult, target: Option<&str>, detail: &str) {
        let seq = self.inner.seq.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(call = %self.inner.call, seq, step = step.as_str(), result = result.as_str(), target = target, "{detail}");
        self.inner.journal.write(Record::Step(Event {
            call: self.inner.call,
            seq,
            at: self.inner.clock.now(),
            step,
            action,
            result,
            target: target.map(str::to_owned),
            detail: detail.to_owned(),
        }));
    }

    /// Opens a step that will be written with its result.
    pub fn open(&self, step: Step, action: Action, target: Option<&str>) -> OpenStep {
        OpenStep { timeline: self.clone(), step, action, target: target.map(str::to_owned), closed: false }
    }

    /// What steps that are dropped unclosed from now on will say, such as "the caller hung up".
    pub fn interrupted_by(&self, why: &str) {
        *self.inner.interruption.lock().unwrap_or_else(PoisonError::into_inner) = why.to_owned();
    }

    fn interruption(&self) -> String {
        self.inner.interruption.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A step that has begun.
#[derive(Debug)]
pub struct OpenStep {
    timeline: Timeline,
    step: Step,
    action: Action,
    target: Option<String>,
    closed: bool,
}

impl OpenStep {
    /// It went as it should.
    pub fn done(self, detail: &str) {
        self.close(StepResult::Processed, detail);
    }

    /// It did not work; the call goes on.
    pub fn failed(self, detail: &str) {
        self.close(StepResult::Failed, detail);
    }

    /// Names whom it turned out to concern.
    pub fn concerning(&mut self, target: &str) {
        self.target = Some(target.to_owned());
    }

    fn close(mut self, result: StepResult, detail: &str) {
        self.closed = true;
        self.timeline.write(self.step, self.action, result, self.target.as_deref(), detail);
    }
}

impl Drop for OpenStep {
    fn drop(&mut self) {
        if !self.closed {
            let detail = format!("interrupted: {}", self.timeline.interruption());
            self.timeline.write(self.step, self.action, StepResult::Ignored, self.target.as_deref(), &detail);
        }
    }
}
