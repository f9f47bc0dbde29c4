//! Registrations and pings: requests of ours that belong to no call (RFC 3261 10, 11).

use std::time::{Duration, Instant};

use super::deadlines::Owner;
use super::event::{Event, TrunkProfile};
use super::request::Outcome;
use super::transactions::Purpose;
use super::{Endpoint, compose};
use crate::sip::header::NameAddr;
use crate::sip::message::{HeaderName, Method};
use crate::sip::registration::{Jitter, Machine, News};
use crate::sip::transport::{Hop, Transport};
use crate::sip::uri::{Host, Uri};

/// How often a binding over UDP is kept alive: a router in front of us forgets the way back after 30 s at the
/// soonest (RFC 5626 4.4.2 has 24 to 29 s).
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// What keeps it alive: line ends, which every server passes over (RFC 3261 7.5).
const LINE_ENDS: &[u8] = b"\r\n\r\n";

/// The registration of one trunk, and the names that all its REGISTERs have in common (RFC 3261 10.2).
#[derive(Debug)]
pub(super) struct Entry {
    machine: Machine,
    call_id: String,
    tag: String,
    /// The CSeq number of the last REGISTER.
    pub sequence: u32,
    /// The Contact of the last REGISTER.
    contact: Uri,
    /// When the way back is to be kept alive.
    keep_alive: Option<Instant>,
}

impl Entry {
    /// The hop that granted the binding: calls to us come by it.
    pub(super) fn bound(&self) -> Option<Hop> {
        self.machine.bound()
    }
}

impl Endpoint {
    /// Puts every registration in the state that the trunks' settings want.
    pub(super) fn settle_registrations(&mut self, now: Instant) {
        for trunk in 0..self.config.trunks.len() {
            let wanted = self.config.trunks.get(trunk).and_then(|profile| profile.registration.clone());
            let stays = match (self.registrations.get_mut(&trunk), &wanted) {
                (Some(entry), Some(wanted)) => !entry.machine.becomes(now, wanted),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if !stays && self.is_taken_over(trunk) {
                self.registrations.remove(&trunk);
            } else if !stays {
                self.unregister_trunk(now, trunk);
            }
            if let Some(wanted) = wanted.filter(|_| !self.registrations.contains_key(&trunk)) {
                let entry = Entry {
                    machine: Machine::new(now, wanted),
                    call_id: self.call_id(trunk),
                    tag: self.token(),
                    sequence: 0,
                    contact: Uri::parse(b""),
                    keep_alive: None,
                };
                self.registrations.insert(trunk, entry);
            }
            self.reschedule_registration(trunk);
        }
    }

    /// Whether another trunk registers what this one did, as after a change of its name: to take the binding
    /// back would take it from the other.
    fn is_taken_over(&self, trunk: usize) -> bool {
        let (Some(entry), Some(old)) = (self.registrations.get(&trunk), self.config.trunks.get(trunk)) else {
            return false;
        };
        let takes = |new: &TrunkProfile| {
            let same_name =
                new.registration.as_ref().is_some_and(|new| new.username == entry.machine.username());
            same_name && new.domain == old.domain && new.contact == old.contact
        };
        self.config.trunks.iter().enumerate().any(|(other, new)| other != trunk && takes(new))
    }

    fn reschedule_registration(&mut self, trunk: usize) {
        let entry = self.registrations.get(&trunk);
        let deadline = entry
            .and_then(|entry| [entry.machine.next_timeout(), entry.keep_alive].into_iter().flatten().min());
        self.deadlines.set(Owner::Registration(trunk), deadline);
    }

    /// A trunk's binding is made anew: its settings or our address have changed.
    pub(super) fn renew_registration(&mut self, now: Instant, trunk: usize) {
        if let Some(entry) = self.registrations.get_mut(&trunk) {
            entry.machine.renew(now);
        }
        self.reschedule_registration(trunk);
    }

    /// All bindings are made anew: the machine has slept, or its network has changed.
    pub fn renew_registrations(&mut self, now: Instant) {
        for trunk in 0..self.config.trunks.len() {
            self.renew_registration(now, trunk);
        }
    }

    /// A connection that had been open is gone. The other side may have closed it before it read our request:
    /// one that nothing has come back for is sent once more, by a new connection, and has failed if that is
    /// lost too. A binding made over it leads nowhere and is made anew at once.
    pub fn connection_lost(&mut self, now: Instant, trunk: usize, hop: Hop) {
        self.resend_undelivered(now, trunk, hop);
        let jitter = self.jitter();
        if let Some(entry) = self.registrations.get_mut(&trunk) {
            entry.machine.connection_lost(now, hop, jitter);
        }
        self.reschedule_registration(trunk);
    }

    /// Takes every binding back (RFC 3261 10.2.2): no more calls are wanted. [`Self::active`] counts the
    /// requests until they are answered.
    pub fn unregister(&mut self, now: Instant) {
        let trunks: Vec<usize> = self.registrations.keys().copied().collect();
        for trunk in trunks {
            self.unregister_trunk(now, trunk);
        }
    }

    fn unregister_trunk(&mut self, now: Instant, trunk: usize) {
        let Some(mut entry) = self.registrations.remove(&trunk) else { return };
        if let Some(hop) = entry.machine.leave() {
            self.send_register(now, trunk, &mut entry, hop, Duration::ZERO, Purpose::Unregister);
        }
        self.reschedule_registration(trunk);
    }

    /// REGISTER is due.
    pub(super) fn register_timeout(&mut self, now: Instant, trunk: usize) {
        let Some(mut entry) = self.registrations.remove(&trunk) else { return };
        if let Some((hop, expires)) = entry.machine.due(now) {
            self.send_register(now, trunk, &mut entry, hop, expires, Purpose::Register(trunk));
        }
        self.keep_alive(now, trunk, &mut entry);
        self.registrations.insert(trunk, entry);
        self.reschedule_registration(trunk);
    }

    /// Line ends to where calls come from by UDP; connections are kept alive where they are.
    fn keep_alive(&mut self, now: Instant, trunk: usize, entry: &mut Entry) {
        let Some(at) = entry.keep_alive else { return };
        let Some(hop) = entry.bound().filter(|hop| hop.transport == Transport::Udp) else {
            entry.keep_alive = None;
            return;
        };
        if at <= now {
            self.send(trunk, hop, LINE_ENDS.to_vec());
            entry.keep_alive = Some(now + KEEP_ALIVE);
        }
    }

    fn send_register(
        &mut self,
        now: Instant,
        trunk: usize,
        entry: &mut Entry,
        hop: Hop,
        expires: Duration,
        purpose: Purpose,
    ) {
        let Some(profile) = self.config.trunks.get(trunk) else { return };
        let username = entry.machine.username();
        let own = profile.contact_for(hop.transport);
        let contact = compose::contact(username, own, hop.transport);
        let host = domain(&profile.domain);
        let registrar = Uri::sip(None, &host, None);
        let record = NameAddr::new(Uri::sip(Some(username), &host, None));
        entry.sequence = entry.sequence.saturating_add(1);
        entry.contact = NameAddr::parse(&contact).map_or_else(|| Uri::parse(b""), |contact| contact.uri);
        let names = compose::Names {
            call_id: entry.call_id.clone(),
            tag: entry.tag.clone(),
            contact_user: username.to_owned(),
        };
        let mut request =
            compose::outside(Method::Register, registrar, record.clone(), record, &names, entry.sequence);
        for route in &profile.routes {
            request.headers.push(HeaderName::Route, route.as_str());
        }
        request.headers.push(HeaderName::Contact, contact);
        request.headers.push(HeaderName::Expires, expires.as_secs().to_string());
        request.headers.push(HeaderName::Supported, "path");
        request.headers.push(HeaderName::UserAgent, self.config.software.as_str());
        self.send_request(now, trunk, hop, request, purpose);
    }

    /// What became of a REGISTER.
    pub(super) fn registered(&mut self, now: Instant, trunk: usize, outcome: Outcome<'_>) {
        let jitter = self.jitter();
        let Some(entry) = self.registrations.get_mut(&trunk) else { return };
        let news = match outcome {
            Outcome::Response(response) => entry.machine.answered(now, response, &entry.contact, jitter),
            Outcome::Timeout | Outcome::Transport => entry.machine.no_answer(now, jitter),
        };
        match news {
            News::Registered { expires } => {
                let associated = entry.machine.associated().to_vec();
                entry.keep_alive = Some(now + KEEP_ALIVE);
                self.events.push_back(Event::Registered { trunk, expires, associated });
            }
            News::Failed { status, retry_in } => {
                let reason = reason(&outcome);
                self.events.push_back(Event::Unregistered { trunk, status, reason, retry_in });
            }
            News::Again | News::Gone => {}
        }
        self.reschedule_registration(trunk);
    }

    /// Asks a server whether it is there (RFC 3261 11): [`Event::Pinged`] tells. Any answer is one; a
    /// challenge is not met.
    pub fn ping(&mut self, now: Instant, trunk: usize, hop: Hop) {
        let Some(profile) = self.config.trunks.get(trunk) else {
            return self.events.push_back(Event::Pinged { trunk, hop, status: None });
        };
        let own = profile.contact_for(hop.transport);
        let target = Uri::sip(None, &domain(&profile.domain), None);
        let from = NameAddr::new(Uri::sip(None, &Host::from(own.ip()), Some(own.port())));
        let routes = profile.routes.clone();
        let names =
            compose::Names { call_id: self.call_id(trunk), tag: self.token(), contact_user: self.token() };
        let to = NameAddr::new(target.clone());
        let mut request = compose::outside(Method::Options, target, from, to, &names, 1);
        for route in routes {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::Contact, compose::contact(&names.contact_user, own, hop.transport));
        request.headers.push(HeaderName::Accept, "application/sdp");
        request.headers.push(HeaderName::UserAgent, self.config.software.as_str());
        self.send_request(now, trunk, hop, request, Purpose::Ping(trunk, hop));
    }

    /// What became of a ping.
    pub(super) fn pinged(&mut self, trunk: usize, hop: Hop, outcome: Outcome<'_>) {
        let status = match outcome {
            Outcome::Response(response) => Some(response.status),
            Outcome::Timeout | Outcome::Transport => None,
        };
        self.events.push_back(Event::Pinged { trunk, hop, status });
    }

    /// The routes of a request outside of dialogs: the outbound proxy, and those that the registrar has
    /// given us (RFC 3608 6.1).
    pub(super) fn preloaded_routes(&self, trunk: usize) -> Vec<String> {
        let own = self.config.trunks.get(trunk).map(|profile| profile.routes.clone()).unwrap_or_default();
        let entry = self.registrations.get(&trunk);
        let given = entry.map(|entry| entry.machine.service_route()).unwrap_or_default();
        let host = |route: &str| {
            let route = NameAddr::parse(route.as_bytes())?;
            Some(route.uri.host()?.to_string().to_ascii_lowercase())
        };
        let proxy = own.first().and_then(|route| host(route));
        let twice = proxy.is_some() && given.first().and_then(|route| host(route)) == proxy;
        own.into_iter().chain(given.iter().skip(usize::from(twice)).cloned()).collect()
    }

    fn jitter(&mut self) -> Jitter {
        Jitter(self.random_below(1001))
    }
}

/// The host of the URIs on a trunk.
fn domain(text: &str) -> Host {
    Host::parse(text.as_bytes()).unwrap_or_else(|| Host::Name(text.to_owned()))
}

/// Why there is no binding, for people.
fn reason(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Response(response) => super::uac::printable(&response.reason),
        Outcome::Timeout => "no answer".to_owned(),
        Outcome::Transport => "not reachable".to_owned(),
    }
}
