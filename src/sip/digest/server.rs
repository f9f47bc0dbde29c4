//! The server's side (RFC 3261 22.4, RFC 7616 3.4.6): a trunk that has to say who it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha512_256};

use super::algorithm::{Protection, Terms, hex};
use super::challenge::{AuthParams, Scope, param, schemes, session_form};
use super::client::Value;
use super::{Algorithm, Credentials};
use crate::sip::message::Request;
use crate::sip::scan;
use crate::sip::uri::Uri;

/// How long a nonce is good for.
const NONCE_LIFE: Duration = Duration::from_secs(300);
/// How many nonces in use are remembered with their counts.
const MAX_NONCES: usize = 1024;
/// Hexadecimal digits of a nonce: seconds, salt, and the key that only we could have made.
const SECONDS: usize = 8;
const SALT: usize = 16;
const KEY: usize = 32;

/// What comes of a request's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are right.
    Accepted,
    /// There are none that are right: challenge.
    Challenge {
        /// They were right, but for a nonce that is too old or used up (RFC 7616 3.3).
        stale: bool,
    },
}

/// Makes nonces that it need not remember, and checks what is answered to them.
#[derive(Debug)]
pub struct Guard {
    secret: Key,
    began: Option<Instant>,
    /// Nonces in use: the counts seen of each. They begin with their time, so the oldest comes first.
    used: BTreeMap<Vec<u8>, Window>,
    /// No nonce up to this one is remembered any more.
    floor: Vec<u8>,
}

/// What nonces are made with.
struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The nonce counts seen, up to 63 below the highest.
#[derive(Debug, Default)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    /// Whether a count is new. It is remembered.
    fn takes(&mut self, count: u32) -> bool {
        if count > self.highest {
            let leap = count.saturating_sub(self.highest);
            self.seen = self.seen.checked_shl(leap).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = 1_u64.checked_shl(self.highest.saturating_sub(count)).unwrap_or(0);
        let new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

impl Guard {
    /// A guard whose nonces nobody can make who does not know the secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret: Key(secret), began: None, used: BTreeMap::new(), floor: Vec::new() }
    }

    /// The values of WWW-Authenticate: one for each algorithm, the strongest first (RFC 8760 2.4). `salt`
    /// must be random.
    pub fn challenge(
        &mut self,
        now: Instant,
        realm: &str,
        algorithms: &[Algorithm],
        stale: bool,
        salt: u64,
    ) -> Vec<Vec<u8>> {
        let nonce = self.nonce(now, salt);
        let mut algorithms = algorithms.to_vec();
        algorithms.sort_unstable_by(|one, other| other.cmp(one));
        algorithms.dedup();
        let of = |algorithm: &Algorithm| {
            let mut value = Value::begin(b"realm", &scan::quote(realm.as_bytes()));
            value.quoted("nonce", nonce.as_bytes());
            value.bare("algorithm", algorithm.name());
            value.quoted("qop", b"auth");
            if stale {
                value.bare("stale", "true");
            }
            value.into_bytes()
        };
        algorithms.iter().map(of).collect()
    }

    fn nonce(&mut self, now: Instant, salt: u64) -> String {
        let head = format!("{:08x}{salt:016x}", self.seconds(now));
        let key = self.key(head.as_bytes());
        format!("{head}{key}")
    }

    /// Seconds since the first nonce.
    fn seconds(&mut self, now: Instant) -> u32 {
        let began = *self.began.get_or_insert(now);
        u32::try_from(now.saturating_duration_since(began).as_secs()).unwrap_or(u32::MAX)
    }

    /// SHA-512/256 cannot be lengthened, so the secret may stand in front.
    fn key(&self, head: &[u8]) -> String {
        let digest = Sha512_256::new().chain_update(self.secret.0).chain_update(head).finalize();
        hex(digest.get(..KEY / 2).unwrap_or_default())
    }

    /// Looks at the credentials of a request.
    pub fn check(
        &mut self,
        now: Instant,
        credentials: &Credentials,
        realm: &str,
        request: &Request,
    ) -> Verdict {
        let mut stale = false;
        let values: Vec<Vec<u8>> =
            request.headers.get_all(&Scope::Server.answer()).map(<[u8]>::to_vec).collect();
        for (_, params) in
            values.iter().flat_map(|value| schemes(value)).filter(|(scheme, _)| is_digest(scheme))
        {
            let Some((nonce, count)) = claim(credentials, realm, request, &params) else { continue };
            if self.is_good(now, nonce, count) {
                return Verdict::Accepted;
            }
            stale = true;
        }
        Verdict::Challenge { stale }
    }

    /// Whether a nonce is ours, not too old, and used with this count for the first time.
    fn is_good(&mut self, now: Instant, nonce: &[u8], count: u32) -> bool {
        let Some((head, key)) = nonce.split_at_checked(SECONDS + SALT) else { return false };
        let made = std::str::from_utf8(head.get(..SECONDS).unwrap_or_default());
        let made = made.ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let age = made.and_then(|made| self.seconds(now).checked_sub(made));
        let young = age.is_some_and(|age| Duration::from_secs(age.into()) <= NONCE_LIFE);
        if !young || !same(self.key(head).as_bytes(), key) || nonce <= self.floor.as_slice() {
            return false;
        }
        if !self.used.contains_key(nonce)
            && self.used.len() >= MAX_NONCES
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.floor = oldest;
        }
        self.used.entry(nonce.to_vec()).or_default().takes(count)
    }
}

fn is_digest(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"Digest")
}

/// The nonce and the count of credentials whose response is right; `None` if it is not.
fn claim<'a>(
    credentials: &Credentials,
    realm: &str,
    request: &Request,
    params: &AuthParams<'a>,
) -> Option<(&'a [u8], u32)> {
    let (bare, session) = session_form(param(params, "algorithm").unwrap_or(b"MD5"));
    let algorithm = Algorithm::named(std::str::from_utf8(bare).ok()?)?;
    let quoted = scan::quote(realm.as_bytes());
    let [b'"', wire_realm @ .., b'"'] = quoted.as_slice() else { return None };
    let uri = param(params, "uri")?;
    let ours = credentials.algorithms.contains(&algorithm)
        && !session
        && param(params, "username")? == credentials.username.as_bytes()
        && param(params, "realm")? == wire_realm
        && names_the_same(uri, request);
    let protection = match param(params, "qop") {
        None => Protection::Old,
        Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Protection::Auth,
        Some(_) => return None,
    };
    let (nc, cnonce) = match protection {
        Protection::Old => ("00000001", ""),
        _ => (text(param(params, "nc")?)?, text(param(params, "cnonce")?)?),
    };
    let nonce = param(params, "nonce")?;
    let terms = Terms {
        algorithm,
        session,
        realm: wire_realm,
        nonce,
        protection,
        nc,
        cnonce,
        method: request.method.as_str(),
        uri,
        body: &request.body,
    };
    let right =
        same(terms.response(credentials).as_bytes(), &param(params, "response")?.to_ascii_lowercase());
    let count = (nc.len() == 8).then(|| u32::from_str_radix(nc, 16).ok())??;
    (ours && right).then_some((nonce, count))
}

/// Proxies may have changed the host of the Request-URI (RFC 3261 22.4), but not whom it calls.
fn names_the_same(uri: &[u8], request: &Request) -> bool {
    uri == request.uri.as_bytes() || Uri::parse(uri).user() == request.uri.user()
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// Compares without telling by its time where the two differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::{Attempts, Challenge, Secret, Sessions};
    use super::*;
    use crate::sip::message::{HeaderName, Method, Response};

    fn credentials(password: &str) -> Credentials {
        Credentials::new("carrier", Secret::from(password))
    }

    fn invite() -> Request {
        Request::new(Method::Invite, Uri::parse(b"sip:+4930123@192.0.2.1"))
    }

    struct Gate {
        guard: Guard,
        now: Instant,
        salt: u64,
    }

    impl Gate {
        fn new() -> Self {
            Self { guard: Guard::new([7; 32]), now: Instant::now(), salt: 0 }
        }

        fn challenge(&mut self) -> Vec<Challenge> {
            self.salt += 1;
            let values = self.guard.challenge(self.now, "pbx \"a\"", &Algorithm::ALL, false, self.salt);
            let mut response = Response::new(401);
            for value in values {
                response.headers.push(HeaderName::WwwAuthenticate, value);
            }
            Challenge::all(&response)
        }

        /// A request with an answer to a challenge.
        fn answered(&mut self, challenges: &[Challenge], password: &str) -> Request {
            let (mut sessions, mut attempts, mut request) =
                (Sessions::default(), Attempts::default(), invite());
            let own = credentials(password);
            sessions.challenged(&own, challenges, &mut attempts).unwrap();
            sessions.authorize(&own, &mut request, &attempts, "c");
            request
        }

        fn check(&mut self, request: &Request) -> Verdict {
            self.guard.check(self.now, &credentials("right"), "pbx \"a\"", request)
        }
    }

    const CHALLENGE: Verdict = Verdict::Challenge { stale: false };
    const STALE: Verdict = Verdict::Challenge { stale: true };

    #[test]
    fn who_answers_with_the_right_password_is_let_in_by_every_algorithm() {
        let mut gate = Gate::new();
        assert_eq!(gate.check(&invite()), CHALLENGE);
        for at in 0..Algorithm::ALL.len() {
            let one = gate.challenge()[at].clone();
            assert_eq!(one.algorithm, Algorithm::ALL[at]);
            let request = gate.answered(&[one], "right");
            assert_eq!(gate.check(&request), Verdict::Accepted);
        }
    }

    #[test]
    fn a_wrong_password_another_number_or_another_method_is_challenged() {
        let mut gate = Gate::new();
        let challenges = gate.challenge();
        let request = gate.answered(&challenges, "wrong");
        assert_eq!(gate.check(&request), CHALLENGE);
        let mut request = gate.answered(&challenges, "right");
        request.uri = Uri::parse(b"sip:+4930999@192.0.2.1");
        assert_eq!(gate.check(&request), CHALLENGE);
        let mut request = gate.answered(&challenges, "right");
        request.method = Method::Options;
        assert_eq!(gate.check(&request), CHALLENGE);
    }

    #[test]
    fn the_same_answer_opens_once() {
        let mut gate = Gate::new();
        let challenges = gate.challenge();
        let request = gate.answered(&challenges, "right");
        assert_eq!(gate.check(&request), Verdict::Accepted);
        assert_eq!(gate.check(&request), STALE);
    }

    #[test]
    fn a_nonce_grows_old() {
        let mut gate = Gate::new();
        let challenges = gate.challenge();
        let request = gate.answered(&challenges, "right");
        gate.now += NONCE_LIFE + Duration::from_secs(1);
        assert_eq!(gate.check(&request), STALE);
    }

    #[test]
    fn a_nonce_that_we_did_not_make_is_worth_nothing() {
        let mut gate = Gate::new();
        let mut challenges = gate.challenge();
        for challenge in &mut challenges {
            challenge.nonce[9] ^= 1;
        }
        let request = gate.answered(&challenges, "right");
        assert_eq!(gate.check(&request), STALE);
    }

    #[test]
    fn two_challenges_of_one_second_do_not_stand_in_each_others_way() {
        let mut gate = Gate::new();
        let (one, other) = (gate.challenge(), gate.challenge());
        for challenges in [one, other] {
            let request = gate.answered(&challenges, "right");
            assert_eq!(gate.check(&request), Verdict::Accepted);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_does_not_open_again() {
        let mut gate = Gate::new();
        let challenges = gate.challenge();
        let first = gate.answered(&challenges, "right");
        assert_eq!(gate.check(&first), Verdict::Accepted);
        for _ in 0..MAX_NONCES + 10 {
            let challenges = gate.challenge();
            let request = gate.answered(&challenges, "right");
            gate.check(&request);
        }
        assert_eq!(gate.guard.used.len(), MAX_NONCES);
        assert_eq!(gate.check(&first), STALE);
    }

    #[test]
    fn counts_may_come_out_of_order_but_none_twice() {
        let mut window = Window::default();
        let taken = [1, 3, 2, 3, 2, 70, 6, 7, 70, 69].map(|count| window.takes(count));
        assert_eq!(taken, [true, true, true, false, false, true, false, true, false, true]);
    }
}
