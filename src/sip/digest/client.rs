//! The client's side (RFC 3261 22.2, 22.3): which challenge is answered, with what, and how often.

use super::Credentials;
use super::algorithm::{Protection, Terms};
use super::challenge::{Challenge, Scope, authentication_info};
use crate::sip::message::{Request, Response};
use crate::sip::scan;

/// How many challenges one request is answered for: one is the rule, a second one for a stale nonce or for
/// another realm on the way.
const MAX_ANSWERS: u8 = 2;
/// How many realms of one trunk are remembered.
const MAX_SESSIONS: usize = 8;

/// Why a challenge is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No challenge with an algorithm that we know and may use.
    #[error("no algorithm in common")]
    NoAlgorithm,
    /// What we answered was not accepted.
    #[error("the username or the password is wrong")]
    Rejected,
    /// Two challenges have been answered, and there is another one.
    #[error("challenged again and again")]
    TooOften,
}

/// What has been done to authenticate one request.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    answers: u8,
    given: Vec<Given>,
}

/// Credentials that a request carried.
#[derive(Debug, Clone)]
struct Given {
    scope: Scope,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    /// The nonce came with a challenge to this very request.
    fresh: bool,
}

impl Attempts {
    /// The request carried credentials that nobody had asked it for.
    #[must_use]
    pub fn are_unasked(&self) -> bool {
        self.answers == 0 && !self.given.is_empty()
    }

    fn to(&self, scope: Scope, realm: &[u8]) -> Option<&Given> {
        self.given.iter().find(|given| given.scope == scope && given.realm == realm)
    }

    fn note(&mut self, challenge: &Challenge, fresh: bool) {
        self.given.retain(|given| given.scope != challenge.scope || given.realm != challenge.realm);
        let (scope, realm, nonce) = (challenge.scope, challenge.realm.clone(), challenge.nonce.clone());
        self.given.push(Given { scope, realm, nonce, fresh });
    }
}

/// The challenges of one trunk that we have answered: a nonce that was accepted is used again.
#[derive(Debug, Default)]
pub struct Sessions {
    list: Vec<Session>,
}

#[derive(Debug)]
struct Session {
    challenge: Challenge,
    /// The nonce count of the last request with this nonce.
    count: u32,
    /// The far end has accepted it.
    proven: bool,
    /// The cnonce that a `-sess` key is made with, once it is made.
    cnonce: Option<String>,
}

impl Sessions {
    /// Whether we have been accepted in a realm.
    #[must_use]
    pub fn knows(&self, challenge: &Challenge) -> bool {
        self.list.iter().any(|session| session.proven && session.challenge.realm == challenge.realm)
    }

    /// Takes the challenges of a 401 or 407 in, for [`Self::authorize`] to answer them.
    ///
    /// # Errors
    /// They are not to be answered.
    pub fn challenged(
        &mut self,
        credentials: &Credentials,
        challenges: &[Challenge],
        attempts: &mut Attempts,
    ) -> Result<(), Refusal> {
        let chosen = choose(credentials, challenges);
        if chosen.is_empty() {
            return Err(Refusal::NoAlgorithm);
        }
        if chosen.iter().any(|challenge| is_rejection(challenge, attempts)) {
            self.forget(attempts);
            return Err(Refusal::Rejected);
        }
        if attempts.answers >= MAX_ANSWERS {
            return Err(Refusal::TooOften);
        }
        attempts.answers = attempts.answers.saturating_add(1);
        for challenge in chosen {
            attempts.note(challenge, true);
            self.remember(challenge);
        }
        Ok(())
    }

    fn remember(&mut self, challenge: &Challenge) {
        let same = |session: &Session| {
            session.challenge.scope == challenge.scope && session.challenge.realm == challenge.realm
        };
        match self.list.iter_mut().find(|session| same(session)) {
            // Another request was challenged with the same nonce: its count goes on.
            Some(session) if session.challenge.nonce == challenge.nonce => {}
            Some(session) => *session = Session::new(challenge),
            None => {
                if self.list.len() >= MAX_SESSIONS {
                    self.list.remove(0);
                }
                self.list.push(Session::new(challenge));
            }
        }
    }

    /// Puts credentials into a request that has been challenged, in place of those it had. `cnonce` must
    /// be random.
    pub fn authorize(
        &mut self,
        credentials: &Credentials,
        request: &mut Request,
        attempts: &Attempts,
        cnonce: &str,
    ) {
        strip(request);
        for session in &mut self.list {
            if attempts.to(session.challenge.scope, &session.challenge.realm).is_some() {
                session.authorize(credentials, request, cnonce);
            }
        }
    }

    /// Puts the credentials into a new request that were accepted last time, in place of those that one like
    /// it had: a count that comes again looks like a replay.
    pub fn authorize_unasked(
        &mut self,
        credentials: &Credentials,
        request: &mut Request,
        cnonce: &str,
    ) -> Attempts {
        strip(request);
        let mut attempts = Attempts::default();
        for session in self.list.iter_mut().filter(|session| session.proven) {
            attempts.note(&session.challenge, false);
            session.authorize(credentials, request, cnonce);
        }
        attempts
    }

    /// A request was let through: its nonces may be used again, or the ones that came instead of them.
    pub fn accepted(&mut self, attempts: &Attempts, response: &Response) {
        for session in &mut self.list {
            let given = attempts.to(session.challenge.scope, &session.challenge.realm);
            if given.is_none_or(|given| given.nonce != session.challenge.nonce) {
                continue;
            }
            session.proven = true;
            if let Some(nonce) = authentication_info(&response.headers, session.challenge.scope)
                && nonce != session.challenge.nonce
            {
                session.challenge.nonce = nonce;
                session.count = 0;
                session.cnonce = None;
            }
        }
    }

    /// What a request carried is of no use.
    pub fn forget(&mut self, attempts: &Attempts) {
        self.list.retain(|session| attempts.to(session.challenge.scope, &session.challenge.realm).is_none());
    }
}

impl Session {
    fn new(challenge: &Challenge) -> Self {
        Self { challenge: challenge.clone(), count: 0, proven: false, cnonce: None }
    }

    fn authorize(&mut self, credentials: &Credentials, request: &mut Request, cnonce: &str) {
        self.count = self.count.saturating_add(1);
        let cnonce = match self.challenge.session {
            true => self.cnonce.get_or_insert_with(|| cnonce.to_owned()).as_str(),
            false => cnonce,
        };
        let value = answer(credentials, &self.challenge, self.count, request, cnonce);
        request.headers.push(self.challenge.scope.answer(), value);
    }
}

/// Takes all credentials out of a request.
pub(super) fn strip(request: &mut Request) {
    for scope in [Scope::Server, Scope::Proxy] {
        request.headers.remove(&scope.answer());
    }
}

/// For every realm the strongest challenge that may be answered.
fn choose<'a>(credentials: &Credentials, challenges: &'a [Challenge]) -> Vec<&'a Challenge> {
    let mut chosen: Vec<&Challenge> = Vec::new();
    for challenge in challenges {
        if !credentials.algorithms.contains(&challenge.algorithm) {
            continue;
        }
        let same = |other: &&mut &Challenge| other.scope == challenge.scope && other.realm == challenge.realm;
        match chosen.iter_mut().find(same) {
            Some(other) if challenge.algorithm > other.algorithm => *other = challenge,
            Some(_) => {}
            None => chosen.push(challenge),
        }
    }
    chosen
}

/// It was answered before, and not because the nonce was too old.
fn is_rejection(challenge: &Challenge, attempts: &Attempts) -> bool {
    match attempts.to(challenge.scope, &challenge.realm) {
        None => false,
        Some(given) => given.fresh && (!challenge.stale || given.nonce == challenge.nonce),
    }
}

/// The value of Authorization or Proxy-Authorization (RFC 7616 3.4).
fn answer(
    credentials: &Credentials,
    challenge: &Challenge,
    count: u32,
    request: &Request,
    cnonce: &str,
) -> Vec<u8> {
    let nc = format!("{count:08x}");
    let terms = Terms {
        algorithm: challenge.algorithm,
        session: challenge.session,
        realm: &challenge.realm,
        nonce: &challenge.nonce,
        protection: challenge.protection,
        nc: &nc,
        cnonce,
        method: request.method.as_str(),
        uri: request.uri.as_bytes(),
        body: &request.body,
    };
    let mut value = Value::begin(b"username", &scan::quote(credentials.username.as_bytes()));
    value.quoted("realm", &challenge.realm);
    value.quoted("nonce", &challenge.nonce);
    value.quoted("uri", request.uri.as_bytes());
    value.quoted("response", terms.response(credentials).as_bytes());
    if challenge.named {
        let session = if challenge.session { "-sess" } else { "" };
        value.bare("algorithm", &format!("{}{session}", challenge.algorithm));
    }
    if let Some(opaque) = &challenge.opaque {
        value.quoted("opaque", opaque);
    }
    if let Some(qop) = challenge.protection.name() {
        value.bare("qop", qop);
        value.bare("nc", &nc);
    }
    // A `-sess` key needs the cnonce known on the other side, whatever the form.
    if challenge.protection != Protection::Old || challenge.session {
        value.quoted("cnonce", cnonce.as_bytes());
    }
    value.0
}

/// A header field value as it is put together.
pub(super) struct Value(Vec<u8>);

impl Value {
    pub(super) fn begin(name: &[u8], value: &[u8]) -> Self {
        Self([b"Digest ", name, b"=", value].concat())
    }

    pub(super) fn bare(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(format!(", {name}={value}").as_bytes());
    }

    /// The value as it stands between the quotation marks.
    pub(super) fn quoted(&mut self, name: &str, value: &[u8]) {
        self.0.extend_from_slice(format!(", {name}=\"").as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'"');
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Secret};
    use super::*;
    use crate::sip::message::{HeaderName, Method};
    use crate::sip::uri::Uri;

    fn credentials() -> Credentials {
        Credentials::new("bob", Secret::from("zanzibar"))
    }

    fn challenges(values: &[&str]) -> Vec<Challenge> {
        let mut response = Response::new(407);
        for value in values {
            response.headers.push(HeaderName::ProxyAuthenticate, *value);
        }
        Challenge::all(&response)
    }

    fn request() -> Request {
        Request::new(Method::Invite, Uri::parse(b"sip:bob@biloxi.com"))
    }

    /// The credentials that a request carries.
    fn carried(request: &Request) -> Vec<String> {
        let values = request.headers.get_all(&HeaderName::ProxyAuthorization);
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    struct Talk {
        sessions: Sessions,
        attempts: Attempts,
        request: Request,
    }

    impl Talk {
        fn new() -> Self {
            Self { sessions: Sessions::default(), attempts: Attempts::default(), request: request() }
        }

        fn hear(&mut self, values: &[&str]) -> Result<Vec<String>, Refusal> {
            let challenges = challenges(values);
            self.sessions.challenged(&credentials(), &challenges, &mut self.attempts)?;
            self.sessions.authorize(&credentials(), &mut self.request, &self.attempts, "0a4f113b");
            Ok(carried(&self.request))
        }

        /// Another request, after the one before was let through.
        fn next(&mut self) -> Vec<String> {
            self.sessions.accepted(&self.attempts, &Response::new(200));
            self.request = request();
            self.attempts = self.sessions.authorize_unasked(&credentials(), &mut self.request, "c2");
            carried(&self.request)
        }
    }

    #[test]
    fn the_answer_has_every_part_as_the_grammar_has_it() {
        let mut talk = Talk::new();
        let challenge = "Digest realm=\"biloxi.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
            qop=\"auth,auth-int\", opaque=\"5ccc\", algorithm=MD5";
        assert_eq!(
            talk.hear(&[challenge]).unwrap(),
            ["Digest username=\"bob\", realm=\"biloxi.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
              uri=\"sip:bob@biloxi.com\", response=\"89eb0059246c02b2f6ee02c7961d5ea3\", algorithm=MD5, \
              opaque=\"5ccc\", qop=auth, nc=00000001, cnonce=\"0a4f113b\""]
        );
    }

    #[test]
    fn the_strongest_algorithm_is_taken_that_the_trunk_may_use() {
        let both = [
            "Digest realm=\"r\", nonce=\"1\", algorithm=MD5",
            "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256",
        ];
        assert!(Talk::new().hear(&both).unwrap()[0].contains("algorithm=SHA-256"));
        let mut narrow = credentials();
        narrow.algorithms = vec![Algorithm::Sha512_256];
        let refused = Sessions::default().challenged(&narrow, &challenges(&both), &mut Attempts::default());
        assert_eq!(refused, Err(Refusal::NoAlgorithm));
    }

    #[test]
    fn a_wrong_password_is_tried_once() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\""]).unwrap();
        assert_eq!(talk.hear(&["Digest realm=\"r\", nonce=\"2\""]), Err(Refusal::Rejected));
    }

    #[test]
    fn a_stale_nonce_is_no_wrong_password_but_is_not_followed_for_ever() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\""]).unwrap();
        let second = talk.hear(&["Digest realm=\"r\", nonce=\"2\", stale=true"]).unwrap();
        assert!(second[0].contains("nonce=\"2\""));
        assert_eq!(talk.hear(&["Digest realm=\"r\", nonce=\"3\", stale=true"]), Err(Refusal::TooOften));
    }

    #[test]
    fn the_same_nonce_called_stale_is_a_refusal() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\""]).unwrap();
        assert_eq!(talk.hear(&["Digest realm=\"r\", nonce=\"1\", stale=true"]), Err(Refusal::Rejected));
    }

    #[test]
    fn each_realm_gets_its_own_answer_and_keeps_it() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"one\", nonce=\"1\""]).unwrap();
        let both = talk.hear(&["Digest realm=\"two\", nonce=\"2\""]).unwrap();
        assert_eq!(both.len(), 2);
        assert!(both[0].contains("realm=\"one\"") && both[1].contains("realm=\"two\""));
    }

    #[test]
    fn an_accepted_nonce_is_used_again_with_a_rising_count() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\", qop=\"auth\""]).unwrap();
        for count in 2..=17_u32 {
            let carried = talk.next();
            assert!(carried[0].contains(&format!("nc={count:08x}")), "{carried:?}");
        }
    }

    #[test]
    fn a_nonce_that_was_not_accepted_is_not_used_unasked() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\""]).unwrap();
        let mut next = request();
        talk.sessions.authorize_unasked(&credentials(), &mut next, "c");
        assert_eq!(carried(&next), Vec::<String>::new());
    }

    #[test]
    fn an_expired_nonce_used_unasked_is_replaced_even_if_nobody_says_stale() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\""]).unwrap();
        talk.next();
        assert!(talk.hear(&["Digest realm=\"r\", nonce=\"2\""]).unwrap()[0].contains("nonce=\"2\""));
    }

    #[test]
    fn the_next_nonce_takes_the_place_of_the_one_accepted() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\", qop=\"auth\""]).unwrap();
        let mut response = Response::new(200);
        response.headers.push(HeaderName::ProxyAuthenticationInfo, "nextnonce=\"2\"");
        talk.sessions.accepted(&talk.attempts, &response);
        let mut next = request();
        talk.sessions.authorize_unasked(&credentials(), &mut next, "c");
        assert!(carried(&next)[0].contains("nonce=\"2\"") && carried(&next)[0].contains("nc=00000001"));
    }

    #[test]
    fn the_session_form_keeps_the_cnonce_of_its_key() {
        let mut talk = Talk::new();
        talk.hear(&["Digest realm=\"r\", nonce=\"1\", qop=\"auth\", algorithm=MD5-sess"]).unwrap();
        assert!(talk.next()[0].contains("cnonce=\"0a4f113b\""));
    }

    proptest::proptest! {
        /// Whatever a server writes: what we answer is one challenge's worth of parameters on one line, and
        /// nothing in it ends the line or the quotation early.
        #[test]
        fn whatever_the_challenge_the_answer_is_well_formed(
            value in "[Dd]igest ([a-z]{1,5}=(\"[ -~]{0,8}\"|[!-~]{0,8}), ?){0,3}realm=(\"[ -~]{0,12}\"|[!-~]{1,6}), nonce=\"[ -~]{1,12}\"(, (qop|algorithm|opaque|stale)=\"?[ -~]{0,9}\"?){0,4}",
        ) {
            let found = challenges(&[&value]);
            let mut talk = Talk::new();
            if talk.sessions.challenged(&credentials(), &found, &mut talk.attempts).is_ok() {
                talk.sessions.authorize(&credentials(), &mut talk.request, &talk.attempts, "c");
                for value in talk.request.headers.get_all(&HeaderName::ProxyAuthorization) {
                    let read = super::super::challenge::schemes(value);
                    proptest::prop_assert_eq!(read.len(), 1, "{}", String::from_utf8_lossy(value));
                    proptest::prop_assert_eq!(read[0].1[0].0, b"username".as_slice());
                }
            }
        }

        /// No octets make the reader fail.
        #[test]
        fn any_octets_are_read(value in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut response = Response::new(401);
            response.headers.push(HeaderName::WwwAuthenticate, value);
            proptest::prop_assert!(Challenge::all(&response).len() <= 16);
        }
    }

    #[test]
    fn no_more_than_eight_realms_are_remembered() {
        let mut sessions = Sessions::default();
        for realm in 0..100 {
            let found = challenges(&[&format!("Digest realm=\"{realm}\", nonce=\"1\"")]);
            sessions.challenged(&credentials(), &found, &mut Attempts::default()).unwrap();
        }
        assert_eq!(sessions.list.len(), MAX_SESSIONS);
    }
}
