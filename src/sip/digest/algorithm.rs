//! The hashes of digest authentication, and the response that is made of them (RFC 7616 3.4.1).

use std::fmt;

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

use super::Credentials;

/// A hash by its name in `algorithm` (RFC 7616 6.1, RFC 8760 2.1). They are ordered by strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`: what RFC 3261 has, and most carriers still.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512_256,
}

impl Algorithm {
    /// All, the strongest first.
    pub const ALL: [Algorithm; 3] = [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];

    /// The name on the wire and in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
        }
    }

    /// The algorithm of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The hash of the parts with a colon between each two, in hexadecimal.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        let joined = parts.join(&b':');
        match self {
            Algorithm::Md5 => hex(&Md5::digest(&joined)),
            Algorithm::Sha256 => hex(&Sha256::digest(&joined)),
            Algorithm::Sha512_256 => hex(&Sha512_256::digest(&joined)),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Two digits for each octet.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// How much of a request the response speaks for (RFC 7616 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// No `qop`: the form of RFC 2069.
    Old,
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body as well.
    AuthInt,
}

impl Protection {
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Protection::Old => None,
            Protection::Auth => Some("auth"),
            Protection::AuthInt => Some("auth-int"),
        }
    }
}

/// What a response is computed from. Realm and nonce are the texts between the quotation marks as they
/// stand on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub algorithm: Algorithm,
    /// The `-sess` form, which binds the password to nonce and cnonce.
    pub session: bool,
    pub realm: &'a [u8],
    pub nonce: &'a [u8],
    pub protection: Protection,
    pub nc: &'a str,
    pub cnonce: &'a str,
    pub method: &'a str,
    pub uri: &'a [u8],
    pub body: &'a [u8],
}

impl Terms<'_> {
    /// The value of `response`.
    pub(super) fn response(&self, credentials: &Credentials) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let secret = self.secret(credentials);
        let body = match self.protection {
            Protection::AuthInt => Some(hash(&[self.body])),
            Protection::Old | Protection::Auth => None,
        };
        let request = match &body {
            Some(body) => hash(&[self.method.as_bytes(), self.uri, body.as_bytes()]),
            None => hash(&[self.method.as_bytes(), self.uri]),
        };
        match self.protection.name() {
            None => hash(&[secret.as_bytes(), self.nonce, request.as_bytes()]),
            Some(qop) => hash(&[
                secret.as_bytes(),
                self.nonce,
                self.nc.as_bytes(),
                self.cnonce.as_bytes(),
                qop.as_bytes(),
                request.as_bytes(),
            ]),
        }
    }

    /// H(A1) of the RFC.
    fn secret(&self, credentials: &Credentials) -> zeroize::Zeroizing<String> {
        let username = credentials.username.as_bytes();
        let plain = self.algorithm.hash(&[username, self.realm, credentials.password.octets()]);
        zeroize::Zeroizing::new(match self.session {
            false => plain,
            true => self.algorithm.hash(&[plain.as_bytes(), self.nonce, self.cnonce.as_bytes()]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;

    /// The example of RFC 7616 3.9.1.
    fn example(algorithm: Algorithm) -> Terms<'static> {
        Terms {
            algorithm,
            session: false,
            realm: b"http-auth@example.org",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            protection: Protection::Auth,
            nc: "00000001",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            method: "GET",
            uri: b"/dir/index.html",
            body: b"",
        }
    }

    fn mufasa(password: &str) -> Credentials {
        Credentials::new("Mufasa", Secret::from(password))
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out_right() {
        let credentials = mufasa("Circle of Life");
        assert_eq!(example(Algorithm::Md5).response(&credentials), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            example(Algorithm::Sha256).response(&credentials),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn the_example_of_rfc_2617_comes_out_right() {
        let terms = Terms {
            realm: b"testrealm@host.com",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "0a4f113b",
            ..example(Algorithm::Md5)
        };
        assert_eq!(terms.response(&mufasa("Circle Of Life")), "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn the_form_of_rfc_2069_leaves_out_count_and_cnonce() {
        // The vector of RFC 2069 2.4 as its erratum 749 puts it right.
        let terms = Terms {
            realm: b"testrealm@host.com",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            protection: Protection::Old,
            ..example(Algorithm::Md5)
        };
        assert_eq!(terms.response(&mufasa("CircleOfLife")), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn sha_512_256_is_the_hash_of_its_own_initial_value() {
        // FIPS 180-4 examples: the digest of "abc"; cutting SHA-512 short gives another.
        assert_eq!(
            Algorithm::Sha512_256.hash(&[b"abc"]),
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        );
    }

    #[test]
    fn the_session_form_and_auth_int_change_the_response() {
        let (credentials, plain) = (mufasa("Circle of Life"), example(Algorithm::Md5));
        let session = Terms { session: true, ..plain };
        let whole = Terms { protection: Protection::AuthInt, ..plain };
        let other_body = Terms { body: b"v=0", ..whole };
        let all = [plain, session, whole, other_body].map(|terms| terms.response(&credentials));
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{all:?}");
        }
    }

    #[test]
    fn the_strongest_comes_first() {
        assert!(Algorithm::ALL.is_sorted_by(|one, other| one > other));
        assert_eq!(Algorithm::named("sha-512-256"), Some(Algorithm::Sha512_256));
        assert_eq!(Algorithm::named("SHA-512"), None);
    }
}
