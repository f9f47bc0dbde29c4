//! Tells a target: the request, its answer, and what that means.

use std::borrow::Cow;
use std::path::PathBuf;

use super::exchange::{Reply, Verdict};
use super::http::{Client, Reach};
use super::link::Link;
use super::{Class, Target, Way};
use crate::incident::Notice;

/// What targets are told with.
#[derive(Debug, Clone)]
pub struct Delivering {
    /// Sends requests.
    pub client: Client,
    /// The folder with the messages of callers, for targets that carry them along.
    pub recordings: PathBuf,
    /// Where a person reads more of an incident.
    pub link: Option<Link>,
}

/// What came of telling a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What it means.
    pub verdict: Verdict,
    /// What the target answered, in a few words; nothing where it did not.
    pub answer: Option<String>,
}

impl Delivering {
    /// The notice with its link.
    fn linked<'a>(&self, notice: &'a Notice) -> Cow<'a, Notice> {
        match self.link.as_ref().and_then(|link| link.of(notice)) {
            Some(link) if notice.link.is_none() => Cow::Owned(Notice { link: Some(link), ..notice.clone() }),
            _ => Cow::Borrowed(notice),
        }
    }
}

impl Target {
    /// Tells it, and waits for its answer: up to twice `timeout`. Blocks.
    pub fn deliver(&self, notice: &Notice, with: &Delivering) -> Verdict {
        self.attempt(notice, with).verdict
    }

    /// The same, with what it answered.
    pub fn attempt(&self, notice: &Notice, with: &Delivering) -> Attempt {
        let notice = with.linked(notice);
        let reach = Reach { allow_private: self.allow_private, timeout: self.timeout };
        // Those with several recipients hold the conversation themselves.
        let own = match &self.way {
            Way::Mail(mail) => Some(mail.deliver(&notice, &with.recordings, reach)),
            Way::TextMessages(gateway) => Some(gateway.deliver(&notice, &with.client, reach)),
            _ => None,
        };
        if let Some(verdict) = own {
            return Attempt { verdict, answer: None };
        }
        let request = match self.request(&notice) {
            Ok(Some(request)) => request,
            Ok(None) => return Attempt { verdict: Verdict::Needless, answer: None },
            Err(why) => return Attempt { verdict: Verdict::Refused { why }, answer: None },
        };
        match with.client.send(&request, reach) {
            Ok(reply) => Attempt { verdict: self.judge(&reply), answer: Some(reply.words()) },
            Err(why) => Attempt { verdict: Verdict::later(why), answer: None },
        }
    }

    /// What an answer means, and whether it counts at all: one that was cut short may come from a service that
    /// failed after its first words. Where a repeat is known by its key, we tell it again; in a chat everybody would
    /// read it twice, and its first words count.
    fn judge(&self, reply: &Reply) -> Verdict {
        match self.verdict(reply) {
            Verdict::Delivered if !reply.complete && self.knows_repeats() => {
                Verdict::later(format!("the answer {} was cut short", reply.status))
            }
            verdict => verdict,
        }
    }

    /// Whether it does nothing new when it is told the same again.
    fn knows_repeats(&self) -> bool {
        matches!(self.facts.class, Class::Incidents | Class::Any)
    }
}
