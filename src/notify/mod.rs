//! The ways out: each `[[notify]]` target turns a [`Notice`] of an incident into what its service wants to
//! be sent, one file each, and says what an answer means. [`FACTS`] tells them apart.
//!
//! What is to be sent waits in the outbox of the database, which the daemon drains; nothing here knows of it.

pub mod compile;
pub mod exchange;
mod facts;
mod pagerduty;
mod settings;

pub use facts::{Class, FACTS, Facts};
pub use settings::TargetSettings;

use crate::incident::Notice;
use compile::Reading;
use exchange::{Reply, Request, Verdict};
use pagerduty::PagerDuty;

/// A target, ready to be told.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What is known of its kind.
    pub facts: &'static Facts,
    /// Whether its address may be one of this machine or of a private network.
    pub allow_private: bool,
    way: Way,
}

/// What a target is sent, by its kind.
#[derive(Debug, Clone)]
enum Way {
    PagerDuty(PagerDuty),
}

impl Target {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let facts = reading.facts(settings)?;
        let way = match facts.kind {
            "pagerduty" => Way::PagerDuty(PagerDuty::compile(settings, reading)?),
            _ => return None,
        };
        Some(Self {
            name: settings.name.get_ref().clone(),
            facts,
            allow_private: settings.allow_private,
            way,
        })
    }

    /// What is sent for a notice; nothing where the service has no use for it.
    pub fn request(&self, notice: &Notice) -> Option<Request> {
        match &self.way {
            Way::PagerDuty(of) => of.request(notice),
        }
    }

    /// What an answer means.
    pub fn verdict(&self, reply: &Reply) -> Verdict {
        match &self.way {
            Way::PagerDuty(_) => Verdict::by_status(reply),
        }
    }
}
