//! The ways out: each `[[notify]]` target turns a [`Notice`] of an incident into what its service wants to
//! be sent, one file each, and says what an answer means. [`FACTS`] tells them apart.
//!
//! What is to be sent waits in the outbox of the database, which the daemon drains; nothing here knows of it.

mod alertmanager;
mod allquiet;
pub mod compile;
mod credentials;
mod deliver;
mod discord;
pub mod exchange;
mod facts;
mod goalert;
mod gotify;
mod grafana;
pub mod http;
mod ilert;
mod incidentio;
mod link;
mod mail;
mod markdown;
mod mattermost;
mod ntfy;
mod opsgenie;
mod pagerduty;
mod prose;
pub mod sample;
mod settings;
mod size;
mod slack;
mod sms;
mod teams;
mod template;
mod text;
mod told;
mod webhook;

use std::fmt;
use std::time::Duration;

pub use deliver::{Attempt, Delivering};
pub use facts::{Class, FACTS, Facts, Scale};
pub use link::Link;
pub use settings::{HeaderSetting, IncidentsSettings, SecretFile, TargetSettings};
pub use size::Size;
pub use text::cut;

use crate::incident::Notice;
use alertmanager::Alertmanager;
use allquiet::AllQuiet;
use compile::Reading;
use discord::Discord;
use exchange::{Reply, Request, Verdict};
use goalert::GoAlert;
use gotify::Gotify;
use grafana::Grafana;
use ilert::Ilert;
use incidentio::IncidentIo;
use mail::Mail;
use mattermost::Mattermost;
use ntfy::Ntfy;
use opsgenie::Opsgenie;
use pagerduty::PagerDuty;
use slack::Slack;
use sms::TextMessages;
use teams::Teams;
use webhook::Webhook;

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
    Opsgenie(Opsgenie),
    Ilert(Ilert),
    IncidentIo(IncidentIo),
    AllQuiet(AllQuiet),
    GoAlert(GoAlert),
    Grafana(Grafana),
    Alertmanager(Alertmanager),
    Webhook(Box<Webhook>),
    Slack(Slack),
    Teams(Teams),
    Mattermost(Mattermost),
    Discord(Discord),
    Ntfy(Ntfy),
    Gotify(Gotify),
    TextMessages(Box<TextMessages>),
    Mail(Box<Mail>),
}

impl Target {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let facts = reading.facts(settings)?;
        let timeout = reading.timeout(settings.timeout.as_ref());
        let way = match facts.kind {
            "pagerduty" => Way::PagerDuty(PagerDuty::compile(settings, facts, reading)?),
            "opsgenie" => Way::Opsgenie(Opsgenie::compile(settings, facts, opsgenie::OPSGENIE, reading)?),
            "jira" => Way::Opsgenie(Opsgenie::compile(settings, facts, opsgenie::JIRA, reading)?),
            "ilert" => Way::Ilert(Ilert::compile(settings, facts, reading)?),
            "incidentio" => Way::IncidentIo(IncidentIo::compile(settings, facts, reading)?),
            "allquiet" => Way::AllQuiet(AllQuiet::compile(settings, facts, reading)?),
            "goalert" => Way::GoAlert(GoAlert::compile(settings, reading)?),
            "grafana" => Way::Grafana(Grafana::compile(settings, reading)?),
            "alertmanager" => Way::Alertmanager(Alertmanager::compile(settings, facts, reading)?),
            "webhook" => Way::Webhook(Box::new(Webhook::compile(settings, facts, reading)?)),
            "slack" => Way::Slack(Slack::compile(settings, reading)?),
            "teams" => Way::Teams(Teams::compile(settings, reading)?),
            "mattermost" => Way::Mattermost(Mattermost::compile(settings, reading)?),
            "discord" => Way::Discord(Discord::compile(settings, reading)?),
            "ntfy" => Way::Ntfy(Ntfy::compile(settings, facts, reading)?),
            "gotify" => Way::Gotify(Gotify::compile(settings, facts, reading)?),
            "sms" => Way::TextMessages(Box::new(TextMessages::compile(settings, reading)?)),
            "smtp" => Way::Mail(Box::new(Mail::compile(settings, reading)?)),
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

    /// Whether it knows nobody by itself: it reaches the people who name it as their own way, and no others.
    pub fn is_for_people_alone(&self) -> bool {
        match &self.way {
            Way::Mail(of) => of.has_no_address(),
            Way::TextMessages(of) => of.has_no_number(),
            _ => false,
        }
    }

    /// What is sent for a notice; nothing where the service has no use for it. The error says why nothing can be sent.
    pub fn request(&self, notice: &Notice) -> Result<Option<Request>, String> {
        Ok(match &self.way {
            Way::PagerDuty(of) => of.request(notice),
            Way::Opsgenie(of) => Some(of.request(notice)),
            Way::Ilert(of) => Some(of.request(notice)),
            Way::IncidentIo(of) => of.request(notice),
            Way::AllQuiet(of) => of.request(notice),
            Way::GoAlert(of) => of.request(notice),
            Way::Grafana(of) => of.request(notice),
            Way::Alertmanager(of) => of.request(notice),
            Way::Webhook(of) => Some(of.request(notice)?),
            Way::Slack(of) => Some(of.request(notice)),
            Way::Teams(of) => Some(of.request(notice)),
            Way::Mattermost(of) => Some(of.request(notice)),
            Way::Discord(of) => Some(of.request(notice)),
            Way::Ntfy(of) => Some(of.request(notice)),
            Way::Gotify(of) => Some(of.request(notice)),
            // It is no request: see `deliver`.
            Way::Mail(_) | Way::TextMessages(_) => None,
        })
    }

    /// What an answer means.
    pub fn verdict(&self, reply: &Reply) -> Verdict {
        match &self.way {
            Way::Discord(_) => Discord::verdict(reply),
            _ => Verdict::by_status(reply),
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
