//! Registration with a trunk (RFC 3261 10): when to send REGISTER, to which server, and what its
//! response means. The messages are the endpoint's; this machine knows the time and the answers.

use std::time::{Duration, Instant};

use super::header::NameAddr;
use super::message::{HeaderName, Headers, Response};
use super::scan;
use super::transport::Hop;
use super::uri::Uri;

/// A binding is never believed to last longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Back-off while nobody answers, or a server is in trouble.
const QUICK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// Back-off after a refusal, which a person has to mend: asking more often looks like guessing.
const SLOW: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1800));
/// The longest Retry-After that is honoured.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How often in a row a longer interval (423) may be asked for.
const MAX_STRETCHES: u8 = 2;
/// How long a new binding waits at most after a connection was lost, so that the clients of a server that
/// was restarted do not all come at once.
const AFTER_LOSS: Duration = Duration::from_secs(1);
/// A connection that is lost sooner after the binding was granted was closed for it: some servers close each
/// connection behind its last transaction.
const BRIEF: Duration = Duration::from_secs(60);

/// What a trunk wants registered, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The user of the address of record, and of our Contact: many carriers route calls by it.
    pub username: String,
    /// How long a binding is asked for.
    pub expires: Duration,
    /// The servers, the best first. None: they are not known yet.
    pub servers: Vec<Hop>,
}

/// A random part of 1, in thousandths: the machine has no dice of its own.
#[derive(Debug, Clone, Copy)]
pub struct Jitter(pub u64);

impl Jitter {
    fn of(self, length: Duration) -> Duration {
        let share = u32::try_from(self.0.min(1000)).unwrap_or_default();
        length.saturating_mul(share) / 1000
    }
}

/// What happened to the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The binding stands for so long.
    Registered {
        /// As the server granted it.
        expires: Duration,
    },
    /// The binding could not be made or refreshed.
    Failed {
        /// The final response; none came if there is none.
        status: Option<u16>,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Nothing to tell: ask again now.
    Again,
    /// The binding is taken back.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is under way; REGISTER is due at that time.
    Waiting(Instant),
    /// A REGISTER is under way.
    Asking,
    /// REGISTER with Expires 0 is under way, or done.
    Leaving,
}

/// The registration of one trunk.
#[derive(Debug)]
pub struct Machine {
    wanted: Registration,
    state: State,
    /// Which of the servers is asked.
    server: usize,
    /// The servers asked in this round without an answer.
    tried: usize,
    failures: u32,
    stretches: u8,
    /// What is asked for after a 423.
    stretched: Option<Duration>,
    /// The hop that granted the binding.
    bound: Option<Hop>,
    /// When it was granted.
    granted: Option<Instant>,
    /// Connections lost in a row soon after a binding was made over them.
    losses: u32,
    /// Something changed while a REGISTER was under way.
    again: bool,
    service_route: Vec<String>,
    associated: Vec<String>,
}

impl Machine {
    /// A registration that begins now.
    #[must_use]
    pub fn new(now: Instant, wanted: Registration) -> Self {
        Self {
            wanted,
            state: State::Waiting(now),
            server: 0,
            tried: 0,
            failures: 0,
            stretches: 0,
            stretched: None,
            bound: None,
            granted: None,
            losses: 0,
            again: false,
            service_route: Vec::new(),
            associated: Vec::new(),
        }
    }

    /// Who is registered.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.wanted.username
    }

    /// When to call [`Self::due`]; nothing while an answer is waited for, or no server is known.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(at) if !self.wanted.servers.is_empty() => Some(at),
            State::Waiting(_) | State::Asking | State::Leaving => None,
        }
    }

    /// REGISTER is due: where to, and for how long.
    pub fn due(&mut self, now: Instant) -> Option<(Hop, Duration)> {
        let State::Waiting(at) = self.state else { return None };
        let hop = self.hop().filter(|_| at <= now)?;
        self.state = State::Asking;
        Some((hop, self.stretched.unwrap_or(self.wanted.expires)))
    }

    fn hop(&self) -> Option<Hop> {
        self.wanted.servers.get(self.server).or_else(|| self.wanted.servers.first()).copied()
    }

    /// The final response to the REGISTER under way; challenges have been answered before. `contact` is what
    /// was registered.
    pub fn answered(&mut self, now: Instant, response: &Response, contact: &Uri, jitter: Jitter) -> News {
        if self.state == State::Leaving {
            return News::Gone;
        }
        match response.status {
            200..300 => self.granted(now, response, contact, jitter),
            423 => self.too_brief(now, response, jitter),
            408 | 480 | 500 | 502 | 504 => self.unanswered(now, Some(response.status), jitter),
            503 => self.unavailable(now, response, jitter),
            status => self.refused(now, status, jitter),
        }
    }

    fn granted(&mut self, now: Instant, response: &Response, contact: &Uri, jitter: Jitter) -> News {
        let asked = self.stretched.unwrap_or(self.wanted.expires);
        let granted = granted(&response.headers, contact).unwrap_or(asked).min(LONGEST);
        if granted.is_zero() {
            return self.refused(now, response.status, jitter);
        }
        (self.failures, self.stretches, self.tried) = (0, 0, 0);
        (self.bound, self.granted) = (self.hop(), Some(now));
        self.service_route = texts(&response.headers, &HeaderName::ServiceRoute);
        self.associated = texts(&response.headers, &HeaderName::PAssociatedUri);
        // Somewhere from one half to nine tenths of the time granted.
        let refresh = granted / 2 + jitter.of(granted.saturating_mul(2) / 5);
        let wait = if std::mem::take(&mut self.again) { Duration::ZERO } else { refresh };
        self.state = State::Waiting(now + wait);
        News::Registered { expires: granted }
    }

    /// 423 (RFC 3261 10.2.8): the interval it names, unless that is beyond reason.
    fn too_brief(&mut self, now: Instant, response: &Response, jitter: Jitter) -> News {
        let least = seconds(&response.headers, &HeaderName::MinExpires).filter(|least| *least <= LONGEST);
        let asked = self.stretched.unwrap_or(self.wanted.expires);
        match least.filter(|least| *least > asked && self.stretches < MAX_STRETCHES) {
            Some(least) => {
                self.stretches = self.stretches.saturating_add(1);
                self.stretched = Some(least);
                self.state = State::Waiting(now);
                News::Again
            }
            None => self.refused(now, 423, jitter),
        }
    }

    /// 503: as long as the server says, elsewhere at once if there is another server (RFC 3263 4.3).
    fn unavailable(&mut self, now: Instant, response: &Response, jitter: Jitter) -> News {
        let Some(wait) = seconds(&response.headers, &HeaderName::RetryAfter) else {
            return self.unanswered(now, Some(503), jitter);
        };
        if self.next_server() {
            return self.failed(now, Some(503), Duration::ZERO);
        }
        let wait = wait.clamp(QUICK.0, LONGEST_WAIT);
        self.failed(now, Some(503), wait + jitter.of(wait / 5))
    }

    /// Nobody answered, or nothing could be delivered.
    pub fn no_answer(&mut self, now: Instant, jitter: Jitter) -> News {
        if self.state == State::Leaving {
            return News::Gone;
        }
        self.unanswered(now, None, jitter)
    }

    /// The next server at once; when all have been tried, all again after a while.
    fn unanswered(&mut self, now: Instant, status: Option<u16>, jitter: Jitter) -> News {
        if self.next_server() {
            return self.failed(now, status, Duration::ZERO);
        }
        let wait = self.back_off(QUICK);
        self.failed(now, status, wait + jitter.of(wait / 4))
    }

    /// Whether there is a server that was not tried in this round.
    fn next_server(&mut self) -> bool {
        let count = self.wanted.servers.len().max(1);
        self.tried = self.tried.saturating_add(1);
        self.server = self.server.saturating_add(1).checked_rem(count).unwrap_or_default();
        let left = self.tried < count;
        if !left {
            self.tried = 0;
        }
        left
    }

    fn refused(&mut self, now: Instant, status: u16, jitter: Jitter) -> News {
        let wait = self.back_off(SLOW);
        self.failed(now, Some(status), wait + jitter.of(wait / 4))
    }

    fn back_off(&mut self, bounds: (Duration, Duration)) -> Duration {
        let wait = doubled(bounds, self.failures);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    fn failed(&mut self, now: Instant, status: Option<u16>, wait: Duration) -> News {
        let wait = if std::mem::take(&mut self.again) { Duration::ZERO } else { wait };
        self.bound = None;
        self.state = State::Waiting(now + wait);
        News::Failed { status, retry_in: wait }
    }

    /// The binding is to be made anew: our address has changed, or the machine has slept.
    pub fn renew(&mut self, now: Instant) {
        match self.state {
            State::Waiting(_) => self.state = State::Waiting(now),
            State::Asking => self.again = true,
            State::Leaving => {}
        }
    }

    /// A connection is gone: a binding made over it leads nowhere, and is made anew at once. Where that is
    /// answered by closing the next one too, it is made ever more rarely.
    pub fn connection_lost(&mut self, now: Instant, hop: Hop, jitter: Jitter) {
        if self.bound != Some(hop) {
            return;
        }
        self.bound = None;
        let brief = self.granted.is_some_and(|at| now.saturating_duration_since(at) < BRIEF);
        self.losses = if brief { self.losses.saturating_add(1) } else { 0 };
        let wait = match self.losses.checked_sub(2) {
            None => jitter.of(AFTER_LOSS),
            Some(more) => {
                let wait = doubled(QUICK, more);
                wait + jitter.of(wait / 4)
            }
        };
        self.renew(now + wait);
    }

    /// Other settings, or other addresses of the same server. True: it is another binding, and this one is
    /// to be taken back.
    #[must_use]
    pub fn becomes(&mut self, now: Instant, wanted: &Registration) -> bool {
        if wanted.username != self.wanted.username {
            return true;
        }
        let before = self.hop();
        let sooner = wanted.expires != self.wanted.expires;
        self.wanted = wanted.clone();
        self.server = wanted.servers.iter().position(|hop| Some(*hop) == before).unwrap_or_default();
        if sooner {
            self.stretched = None;
        }
        if sooner || self.hop() != before {
            self.tried = 0;
            self.renew(now);
        }
        false
    }

    /// Takes the binding back: where to. Nothing, if there is none.
    pub fn leave(&mut self) -> Option<Hop> {
        let asked = self.state == State::Asking;
        let bound = self.bound.take().or_else(|| self.hop().filter(|_| asked));
        self.state = State::Leaving;
        bound
    }

    /// The hop that granted the binding, while it stands.
    #[must_use]
    pub fn bound(&self) -> Option<Hop> {
        self.bound
    }

    /// The route of our requests outside of dialogs (RFC 3608).
    #[must_use]
    pub fn service_route(&self) -> &[String] {
        &self.service_route
    }

    /// The identities that the carrier has given us (RFC 7315 4.1), as `name-addr`.
    #[must_use]
    pub fn associated(&self) -> &[String] {
        &self.associated
    }
}

/// The shortest time doubled so often, up to the longest.
fn doubled((shortest, longest): (Duration, Duration), times: u32) -> Duration {
    shortest.saturating_mul(1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX)).min(longest)
}

/// How long our own Contact is bound; bindings of others do not matter (RFC 3261 10.2.4).
fn granted(headers: &Headers, contact: &Uri) -> Option<Duration> {
    let elements = headers.elements(&HeaderName::Contact).unwrap_or_default();
    let contacts: Vec<NameAddr> = elements.into_iter().filter_map(NameAddr::parse).collect();
    let own = contacts.iter().find(|bound| is_same(&bound.uri, contact));
    // Some registrars write another host into the only binding there is.
    let only = contacts.first().filter(|_| contacts.len() == 1);
    let param = own.or(only).and_then(|bound| bound.params.get("expires"));
    match param.and_then(|text| scan::number(text.as_bytes())) {
        Some(granted) => Some(Duration::from_secs(granted.into())),
        None => seconds(headers, &HeaderName::Expires),
    }
}

fn is_same(one: &Uri, other: &Uri) -> bool {
    one.user() == other.user() && one.host() == other.host() && one.port() == other.port()
}

/// A number of seconds, with whatever comment or parameter stands behind it (RFC 3261 20.33).
fn seconds(headers: &Headers, name: &HeaderName) -> Option<Duration> {
    let value = headers.get(name)?;
    let end = value.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(value.len());
    let digits = value.get(..end).filter(|digits| !digits.is_empty())?;
    // More digits than fit are a very long time.
    Some(Duration::from_secs(scan::number(digits).unwrap_or(u32::MAX).into()))
}

/// The addresses of a list, as they are written into our own requests.
fn texts(headers: &Headers, name: &HeaderName) -> Vec<String> {
    let elements = headers.elements(name).unwrap_or_default();
    let addresses = elements.into_iter().filter_map(NameAddr::parse).take(16);
    addresses.map(|address| String::from_utf8_lossy(&address.to_bytes()).into_owned()).collect()
}
