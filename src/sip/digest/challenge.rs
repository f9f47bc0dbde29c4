//! WWW-Authenticate and Proxy-Authenticate (RFC 3261 20.27, 20.44; RFC 7616 3.3), and the lists of
//! parameters that all header fields of digest authentication are made of.

use super::algorithm::{Algorithm, Protection};
use crate::sip::message::{HeaderName, Headers, Response};
use crate::sip::scan;

/// How many challenges of one response are looked at.
const MAX_CHALLENGES: usize = 16;

/// Whom the credentials are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The far end: 401, WWW-Authenticate, Authorization.
    Server,
    /// A proxy on the way: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Scope {
    /// The header field that challenges.
    #[must_use]
    pub fn challenge(self) -> HeaderName {
        match self {
            Scope::Server => HeaderName::WwwAuthenticate,
            Scope::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header field that answers.
    #[must_use]
    pub fn answer(self) -> HeaderName {
        match self {
            Scope::Server => HeaderName::Authorization,
            Scope::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}

/// A challenge that we know how to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Who asks.
    pub scope: Scope,
    /// The realm, as it stands between the quotation marks.
    pub realm: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) opaque: Option<Vec<u8>>,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Algorithm,
    /// It was named: the answer names it too.
    pub(super) named: bool,
    pub(super) session: bool,
    pub(super) protection: Protection,
    /// The nonce was too old, and the password was right (RFC 7616 3.3).
    pub stale: bool,
}

impl Challenge {
    /// Every challenge of a response that can be answered, in their order. Other schemes, unknown
    /// algorithms and what cannot be read are passed over.
    #[must_use]
    pub fn all(response: &Response) -> Vec<Challenge> {
        let of = |scope: Scope| {
            let values = response.headers.get_all(&scope.challenge());
            values.flat_map(schemes).filter_map(move |(scheme, params)| read(scope, scheme, &params))
        };
        of(Scope::Server).chain(of(Scope::Proxy)).take(MAX_CHALLENGES).collect()
    }
}

/// The parameters of a header field of digest authentication, in their order.
pub(super) type AuthParams<'a> = Vec<(&'a [u8], &'a [u8])>;

/// One header field value may hold several challenges, and the comma that divides them divides their
/// parameters as well: a new one begins where a word is followed by another word instead of `=`.
pub(super) fn schemes(value: &[u8]) -> Vec<(&[u8], AuthParams<'_>)> {
    let mut found: Vec<(&[u8], AuthParams<'_>)> = Vec::new();
    for part in scan::split_list(value, b',').unwrap_or_default() {
        let (word, rest) = leading_token(part);
        let param = match (word, rest) {
            ([], _) => continue,
            (_, [b'=', ..]) => part,
            (scheme, rest) => {
                found.push((scheme, Vec::new()));
                rest
            }
        };
        if let (Some((_, params)), Some((name, value))) = (found.last_mut(), scan::split_once(param, b'=')) {
            params.push((scan::trim(name), scan::trim(value)));
        }
    }
    found
}

/// The token that a text begins with, and what stands behind it and its white space.
fn leading_token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| !scan::is_token_char(*octet)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (token, scan::trim(rest))
}

/// The value of a parameter, without its quotation marks if it has them. Escapes stay as they are: the
/// hash is made of what stands between the marks (RFC 7616 3.4, `unq`).
pub(super) fn param<'a>(params: &AuthParams<'a>, name: &str) -> Option<&'a [u8]> {
    let (_, value) = params.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))?;
    match value {
        [b'"', inner @ .., b'"'] => scan::unquote(value).map(|_| inner),
        // It is written between quotation marks when it is sent back.
        bare => bare.iter().all(|octet| !matches!(octet, b'"' | b'\\')).then_some(*bare),
    }
}

fn read(scope: Scope, scheme: &[u8], params: &AuthParams<'_>) -> Option<Challenge> {
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    let algorithm = param(params, "algorithm");
    let (bare, session) = session_form(algorithm.unwrap_or(b"MD5"));
    Some(Challenge {
        scope,
        realm: param(params, "realm")?.to_vec(),
        nonce: param(params, "nonce").filter(|nonce| !nonce.is_empty())?.to_vec(),
        opaque: param(params, "opaque").map(<[u8]>::to_vec),
        algorithm: Algorithm::named(std::str::from_utf8(bare).ok()?)?,
        named: algorithm.is_some(),
        session,
        protection: protection(param(params, "qop"))?,
        stale: param(params, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
    })
}

/// The name without `-sess`, and whether it had that.
pub(super) fn session_form(algorithm: &[u8]) -> (&[u8], bool) {
    let bare = algorithm.len().checked_sub(5).and_then(|length| algorithm.split_at_checked(length));
    match bare {
        Some((bare, end)) if end.eq_ignore_ascii_case(b"-sess") => (bare, true),
        _ => (algorithm, false),
    }
}

/// The best of the values offered that we know; nothing if we know none of them.
fn protection(qop: Option<&[u8]>) -> Option<Protection> {
    let Some(offered) = qop.map(scan::trim).filter(|qop| !qop.is_empty()) else {
        return Some(Protection::Old);
    };
    let offers = |name: &[u8]| {
        offered.split(|octet| *octet == b',').any(|one| scan::trim(one).eq_ignore_ascii_case(name))
    };
    if offers(b"auth") {
        return Some(Protection::Auth);
    }
    offers(b"auth-int").then_some(Protection::AuthInt)
}

/// The nonce that a success gives us for the next request (RFC 7615 3, RFC 7616 3.5).
pub(crate) fn authentication_info(headers: &Headers, scope: Scope) -> Option<Vec<u8>> {
    let name = match scope {
        Scope::Server => HeaderName::AuthenticationInfo,
        Scope::Proxy => HeaderName::ProxyAuthenticationInfo,
    };
    let elements = headers.elements(&name).ok()?;
    let params: AuthParams<'_> = elements
        .into_iter()
        .filter_map(|element| scan::split_once(element, b'='))
        .map(|(name, value)| (scan::trim(name), scan::trim(value)))
        .collect();
    param(&params, "nextnonce").filter(|nonce| !nonce.is_empty()).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenged(values: &[&str]) -> Vec<Challenge> {
        let mut response = Response::new(401);
        for value in values {
            response.headers.push(HeaderName::WwwAuthenticate, *value);
        }
        Challenge::all(&response)
    }

    fn facts(challenge: &Challenge) -> (String, Algorithm, Protection) {
        (String::from_utf8_lossy(&challenge.realm).into_owned(), challenge.algorithm, challenge.protection)
    }

    #[test]
    fn several_challenges_are_read_from_one_line_and_from_several() {
        let sha = "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=\"auth,auth-int\"";
        let md5 = "Digest nonce = \"2\" , realm = \"b, \\\"c\\\"\",algorithm=MD5";
        let wanted = [
            ("a".to_owned(), Algorithm::Sha256, Protection::Auth),
            ("b, \\\"c\\\"".to_owned(), Algorithm::Md5, Protection::Old),
        ];
        let both: Vec<_> = challenged(&[sha, md5]).iter().map(facts).collect();
        assert_eq!(both, wanted);
        let joined: Vec<_> = challenged(&[&format!("{sha}, {md5}")]).iter().map(facts).collect();
        assert_eq!(joined, wanted);
    }

    #[test]
    fn what_we_do_not_know_is_passed_over() {
        let values = [
            "Basic realm=\"a\"",
            "Negotiate, Digest realm=\"a\", nonce=\"1\", algorithm=SHA-3",
            "Digest realm=\"a\", nonce=\"1\", qop=\"future\"",
            "Digest realm=\"a\"",
            "Digest realm=\"a, nonce=\"1\"",
            "",
            "=,=,\"",
        ];
        assert_eq!(challenged(&values), []);
        assert_eq!(challenged(&["NTLM abc==, digest REALM=a,NONCE=b, x=\"y\""]).len(), 1);
    }

    #[test]
    fn without_algorithm_it_is_md5_and_without_qop_the_old_form() {
        let found = challenged(&["Digest realm=\"\", nonce=\"n\", stale=TRUE, qop=\"\""]);
        let challenge = &found[0];
        assert_eq!((challenge.algorithm, challenge.named, challenge.stale), (Algorithm::Md5, false, true));
        assert_eq!(challenge.protection, Protection::Old);
    }

    #[test]
    fn the_session_form_and_quoted_algorithms_are_known() {
        let found = challenged(&["Digest realm=\"a\", nonce=\"n\", algorithm=\"sha-256-SESS\""]);
        assert_eq!((found[0].algorithm, found[0].session), (Algorithm::Sha256, true));
    }

    #[test]
    fn a_thousand_challenges_are_not_all_kept() {
        let many = vec!["Digest realm=\"a\", nonce=\"n\""; 1000];
        assert_eq!(challenged(&many).len(), MAX_CHALLENGES);
    }

    #[test]
    fn the_next_nonce_is_read() {
        let mut headers = Headers::new();
        headers.push(HeaderName::AuthenticationInfo, "qop=auth, nextnonce=\"n2\", rspauth=\"00\"");
        assert_eq!(authentication_info(&headers, Scope::Server), Some(b"n2".to_vec()));
        assert_eq!(authentication_info(&headers, Scope::Proxy), None);
    }
}
