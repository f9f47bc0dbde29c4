//! What the trunks say to our registrations: kept for whoever asks, and told once for each change.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Signalling;

/// How a trunk's registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The binding stands until then, and is refreshed before.
    Until(Instant),
    /// There is none.
    Not {
        /// The final response; none came if there is none.
        status: Option<u16>,
        /// The reason phrase, or what else there is to say.
        reason: String,
        /// When it is tried again.
        retry_at: Instant,
    },
}

/// The registrations by the trunks' places in the table.
#[derive(Debug, Default)]
pub struct Registrations {
    of: HashMap<usize, Registered>,
    /// What the operator has been alarmed of since the last binding.
    alarmed: HashMap<usize, (Option<u16>, String)>,
}

/// What to tell of a registration that has failed.
#[derive(Debug, PartialEq, Eq)]
enum Tell {
    /// Another attempt leaves at once, at the next server if there is one: nothing is lost yet.
    Again,
    /// There is no binding for a while.
    Alarm,
    /// The same as the last time.
    Nothing,
}

impl Registrations {
    /// How a trunk's registration stands; nothing, as long as nothing has been heard.
    pub(super) fn get(&self, trunk: usize) -> Option<&Registered> {
        self.of.get(&trunk)
    }

    /// Whether there is none, and none is tried for.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Forgets trunks that register no longer.
    pub(super) fn keep(&mut self, registers: impl Fn(usize) -> bool) {
        self.of.retain(|trunk, _| registers(*trunk));
        self.alarmed.retain(|trunk, _| registers(*trunk));
    }

    fn fails(&mut self, trunk: usize, status: Option<u16>, reason: &str, retry_in: Duration) -> Tell {
        if retry_in.is_zero() {
            return Tell::Again;
        }
        let why = (status, reason.to_owned());
        let is_known = self.alarmed.insert(trunk, why.clone()) == Some(why);
        if is_known { Tell::Nothing } else { Tell::Alarm }
    }
}

impl Signalling {
    pub(super) fn registered(&mut self, trunk: usize, expires: Duration) {
        let state = Registered::Until(Instant::now() + expires);
        let before = self.registrations.of.insert(trunk, state);
        self.registrations.alarmed.remove(&trunk);
        let trunk = self.trunk_name(trunk);
        match before {
            Some(Registered::Until(_)) => tracing::debug!(trunk, ?expires, "registration refreshed"),
            Some(Registered::Not { .. }) | None => tracing::info!(trunk, ?expires, "registered"),
        }
    }

    pub(super) fn not_registered(
        &mut self,
        trunk: usize,
        status: Option<u16>,
        reason: String,
        retry_in: Duration,
    ) {
        let name = self.trunk_name(trunk);
        let help = remedy(status);
        match self.registrations.fails(trunk, status, &reason, retry_in) {
            Tell::Again => {
                tracing::warn!(trunk = name, status, reason, "not registered: asked again at once")
            }
            Tell::Alarm => {
                tracing::error!(trunk = name, status, reason, ?retry_in, help, "ALARM: not registered");
            }
            Tell::Nothing => tracing::debug!(trunk = name, status, reason, ?retry_in, "still not registered"),
        }
        let state = Registered::Not { status, reason, retry_at: Instant::now() + retry_in };
        self.registrations.of.insert(trunk, state);
    }

    /// The name of a trunk, for the log.
    pub(super) fn trunk_name(&self, trunk: usize) -> String {
        let standing = self.standing.borrow();
        standing.table.trunks.get(trunk).map(|known| known.trunk.name.clone()).unwrap_or_default()
    }
}

/// What an operator can do about a registration that fails.
fn remedy(status: Option<u16>) -> &'static str {
    match status {
        Some(401 | 407) => "check username, auth_username and the password",
        Some(403) => {
            "the carrier refuses the account: check username and password, and that it is not locked"
        }
        Some(404) => "the carrier does not know the account: check username and domain",
        Some(_) => "ask the carrier, with the status and the time",
        None => "check server and the network; is a firewall in the way?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_alarmed_once_of_each_trouble_and_of_none_that_the_next_server_mends() {
        let mut registrations = Registrations::default();
        let later = Duration::from_secs(2);
        assert_eq!(registrations.fails(0, None, "no answer", Duration::ZERO), Tell::Again);
        assert_eq!(registrations.fails(0, None, "no answer", later), Tell::Alarm);
        assert_eq!(registrations.fails(0, None, "no answer", Duration::ZERO), Tell::Again);
        assert_eq!(registrations.fails(0, None, "no answer", later), Tell::Nothing);
        assert_eq!(registrations.fails(0, Some(403), "Forbidden", later), Tell::Alarm, "another trouble");
        assert_eq!(registrations.fails(1, Some(403), "Forbidden", later), Tell::Alarm, "another trunk");
    }
}
