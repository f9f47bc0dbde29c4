//! Tells how the trunks stand, with a ping to each of their servers where that is asked for.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Signalling;
use super::registrations::Registered;
use crate::sip::Hop;
use crate::switch::health::State;
use crate::switch::location::Location;
use crate::switch::report::{PingReport, RegistrationReport, TargetReport, TrunkReport};
use crate::switch::table::{Resolved, transport};

/// How long pings are waited for: a little longer than they take to fail.
const PATIENCE: Duration = Duration::from_secs(6);
/// Servers of one trunk that are asked.
const MOST_SERVERS: usize = 8;

/// A question to the signalling task.
#[derive(Debug)]
pub(in crate::switch) struct Ask {
    /// Whether each server is to be pinged first.
    pub(in crate::switch) ping: bool,
    /// Where the answer goes.
    pub(in crate::switch) reply: oneshot::Sender<Vec<TrunkReport>>,
}

/// A question that waits for its pings.
#[derive(Debug)]
pub(in crate::switch) struct Asking {
    reply: oneshot::Sender<Vec<TrunkReport>>,
    pings: Vec<Ping>,
    began: Instant,
}

#[derive(Debug)]
struct Ping {
    trunk: usize,
    hop: Hop,
    /// What came back, and when; nothing while it is under way.
    done: Option<(Option<u16>, Duration)>,
    trouble: Option<String>,
}

impl Signalling {
    /// Somebody wants to know how the trunks stand.
    pub(super) fn asked(&mut self, ask: Ask) {
        let (now, table) = (Instant::now(), self.standing.borrow().table.clone());
        let mut pings = Vec::new();
        let trunks = table.trunks.iter().enumerate().filter(|(_, known)| ask.ping && !known.retired);
        for (trunk, known) in trunks {
            for addr in known.servers.iter().take(MOST_SERVERS) {
                let hop = Hop { transport: transport(&known.trunk), addr: *addr };
                pings.push(Ping { trunk, hop, done: None, trouble: None });
            }
        }
        for ping in &pings {
            self.endpoint.ping(now, ping.trunk, ping.hop);
        }
        self.asking.push(Asking { reply: ask.reply, pings, began: now });
        self.answer_asked(now);
    }

    /// A ping has come to its end, whoever wanted it.
    pub(super) fn asked_ping_done(&mut self, trunk: usize, hop: Hop, status: Option<u16>) {
        let now = Instant::now();
        for asking in &mut self.asking {
            let took = now.saturating_duration_since(asking.began);
            let waits = |ping: &&mut Ping| ping.trunk == trunk && ping.hop == hop && ping.done.is_none();
            asking.pings.iter_mut().filter(waits).for_each(|ping| ping.done = Some((status, took)));
        }
        self.answer_asked(now);
    }

    /// Why nothing could be sent to a server.
    pub(super) fn asked_ping_trouble(&mut self, trunk: usize, hop: Hop, why: &str) {
        let pings = self.asking.iter_mut().flat_map(|asking| &mut asking.pings);
        let these = pings.filter(|ping| ping.trunk == trunk && ping.hop == hop && ping.done.is_none());
        these.for_each(|ping| ping.trouble = Some(why.to_owned()));
    }

    /// When the first question has waited long enough.
    pub(super) fn asked_until(&self) -> Option<Instant> {
        self.asking.iter().map(|asking| asking.began + PATIENCE).min()
    }

    /// Answers the questions whose pings are all over, or have had their time.
    pub(super) fn answer_asked(&mut self, now: Instant) {
        let ready = |asking: &mut Asking| {
            let over = asking.pings.iter().all(|ping| ping.done.is_some());
            over || now.saturating_duration_since(asking.began) >= PATIENCE
        };
        for asking in self.asking.extract_if(.., ready).collect::<Vec<_>>() {
            let reports = self.reports(now, &asking.pings);
            // Whoever asked may have gone away.
            let _ = asking.reply.send(reports);
        }
    }

    fn reports(&self, now: Instant, pings: &[Ping]) -> Vec<TrunkReport> {
        let table = self.standing.borrow().table.clone();
        let in_use = table.trunks.iter().enumerate().filter(|(_, known)| !known.retired);
        in_use.map(|(trunk, known)| self.report(now, trunk, known, pings)).collect()
    }

    fn report(&self, now: Instant, trunk: usize, known: &Resolved, pings: &[Ping]) -> TrunkReport {
        let settings = &known.trunk;
        let name = settings.name.clone();
        let health = self.health.of(trunk);
        TrunkReport {
            server: settings.server.as_ref().map(ToString::to_string),
            found_by: known.location.as_ref().map(|location| location.way.as_str().to_owned()),
            targets: known.location.as_ref().map(targets).unwrap_or_default(),
            lookup_error: None,
            ping_s: settings.ping.map(|every| every.as_secs()),
            state: health.map_or(State::Unknown, |health| health.state),
            state_for_s: health.map_or(0, |health| now.saturating_duration_since(health.since).as_secs()),
            why: health.map(|health| health.why.clone()).unwrap_or_default(),
            registration: settings.account.registration.as_ref().map(|_| self.registration(now, trunk)),
            calls: self.slots.used(&name),
            max_calls: settings.max_calls,
            limits: self.ledger.with(&name, |spend| spend.report(Timestamp::now(), &settings.limits)),
            audio: self.audio_troubles.get(&known.trunk.name).copied().unwrap_or_default(),
            pings: pings.iter().filter(|ping| ping.trunk == trunk).map(Ping::report).collect(),
            trunk: name,
        }
    }

    fn registration(&self, now: Instant, trunk: usize) -> RegistrationReport {
        let seconds = |at: &Instant| at.saturating_duration_since(now).as_secs();
        match self.registrations.get(trunk) {
            Some(Registered::Until(at)) => {
                let detail = format!("for {} s more, unless it is refreshed", seconds(at));
                RegistrationReport { registered: true, detail }
            }
            Some(Registered::Not { status, reason, retry_at }) => {
                let status = status.map(|status| format!("{status} ")).unwrap_or_default();
                let detail = format!("{status}{reason}; tried again in {} s", seconds(retry_at));
                RegistrationReport { registered: false, detail }
            }
            None => RegistrationReport { registered: false, detail: "no answer yet".to_owned() },
        }
    }
}

impl Ping {
    fn report(&self) -> PingReport {
        let status = self.done.and_then(|(status, _)| status);
        let took = self.done.filter(|(status, _)| status.is_some()).map(|(_, took)| took);
        PingReport {
            server: self.hop.to_string(),
            status,
            took_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            trouble: self.trouble.clone().filter(|_| status.is_none()),
        }
    }
}

fn targets(location: &Location) -> Vec<TargetReport> {
    let targets = location.targets.iter().map(|target| TargetReport {
        host: target.host.clone(),
        port: target.port,
        rank: target.rank,
        weight: target.weight,
        addresses: target.addresses.iter().map(ToString::to_string).collect(),
    });
    targets.collect()
}
