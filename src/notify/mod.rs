//! The ways out: each `[[notify]]` target turns a [`Notice`] of an incident into what its service wants to
//! be sent, one file each, and says what an answer means. [`FACTS`] tells them apart.
//!
//! What is to be sent waits in the outbox of the database, which the daemon drains; nothing here knows of it.

pub mod compile;
mod deliver;
pub mod exchange;
mod facts;
pub mod http;
mod link;
mod pagerduty;
mod settings;
mod text;

use std::fmt;
use std::time::Duration;

pub use deliver::{Attempt, Delivering};
pub use facts::{Class, FACTS, Facts, Scale};
pub use link::Link;
pub use settings::{HeaderSetting, IncidentsSettings, SecretFile, TargetSettings};

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
    /// How long it may take until it begins to answer.
    pub timeout: Duration,
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
        let timeout = reading.timeout(settings.timeout.as_ref());
        let way = match facts.kind {
            "pagerduty" => Way::PagerDuty(PagerDuty::compile(settings, facts, reading)?),
            _ => return None,
        };
        Some(Self {
            name: settings.name.get_ref().clone(),
            facts,
            allow_private: settings.allow_private,
            timeout: timeout?,
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

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = [
            (true, "opened"),
            (self.facts.acknowledges, "acknowledged"),
            (self.facts.resolves, "resolved"),
            (self.facts.updates, "updated"),
        ];
        let told: Vec<_> = told.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        write!(f, "{}: {}, told of incidents that are {}", self.name, self.facts.service, told.join(", "))?;
        if self.allow_private {
            f.write_str("; private addresses are allowed")?;
        }
        Ok(())
    }
}
