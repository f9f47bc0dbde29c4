//! Which streams are protected, and with which keys: SDES in offer and answer (RFC 4568 5, 7).

use std::fmt;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::crypto_attribute::{CryptoAttribute, CryptoSuite, MasterKey, SrtpKey, SrtpKeys};
use super::sdp::{Attribute, Media};
use super::transport::Transport;

/// RTP over UDP in the clear (RFC 3551).
pub(crate) const PLAIN: &str = "RTP/AVP";
/// RTP over UDP, protected (RFC 3711).
const SECURE: &str = "RTP/SAVP";
/// The attribute that carries the keys.
pub(crate) const CRYPTO: &str = "crypto";

/// Whether a trunk's audio is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SrtpPolicy {
    /// Never: a stream that must be protected is refused.
    #[default]
    Off,
    /// Where the far end can: offered as RTP/AVP with keys, which who knows none passes over.
    Optional,
    /// Always: what is not protected is refused.
    Required,
}

/// Protection as one dialog has it. What an agreement leaves behind is never used again: a key that comes
/// back would protect other packets under the same numbers.
#[derive(Clone)]
pub struct MediaSecurity {
    policy: SrtpPolicy,
    /// None: the signalling could be read on the way, and so could the keys.
    keys: Option<OwnKeys>,
}

#[derive(Clone)]
struct OwnKeys {
    /// Of the next key.
    seed: [u8; 32],
    keys: [MasterKey; CryptoSuite::ALL.len()],
}

impl fmt::Debug for MediaSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSecurity").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl MediaSecurity {
    /// Audio in the clear alone.
    #[must_use]
    pub fn off() -> Self {
        Self { policy: SrtpPolicy::Off, keys: None }
    }

    /// A trunk's policy for a dialog over a transport; the keys follow from the seed. Without TLS no key is
    /// given away (RFC 4568 8.1): then `Optional` is in the clear, and `Required` accepts nothing.
    #[must_use]
    pub fn new(policy: SrtpPolicy, transport: Transport, seed: [u8; 32]) -> Self {
        match (policy, transport) {
            (SrtpPolicy::Off, _) | (SrtpPolicy::Optional, Transport::Udp | Transport::Tcp) => Self::off(),
            (SrtpPolicy::Required, Transport::Udp | Transport::Tcp) => Self { policy, keys: None },
            (_, Transport::Tls) => {
                let mut own = OwnKeys { seed, keys: [MasterKey([0; 30]); CryptoSuite::ALL.len()] };
                own.keys = CryptoSuite::ALL.map(|_| own.draw());
                Self { policy, keys: Some(own) }
            }
        }
    }

    /// The protocol and the keys of an offer. A stream that runs goes on as agreed.
    pub(crate) fn offer(&self, running: Option<(&Media, Option<&SrtpKeys>)>) -> (String, Vec<Attribute>) {
        if let Some((line, keys)) = running {
            let lines = keys.map(|keys| attribute(&CryptoAttribute { tag: 1, key: keys.send.clone() }));
            return (line.protocol.clone(), lines.into_iter().collect());
        }
        let protocol = if self.policy == SrtpPolicy::Required { SECURE } else { PLAIN };
        let suites = CryptoSuite::ALL.into_iter().zip(1..);
        let line = |(suite, tag)| Some(attribute(&CryptoAttribute { tag, key: self.own(suite)? }));
        (protocol.to_owned(), suites.filter_map(line).collect())
    }

    /// How a stream that is offered would be protected: `Some(None)` not at all, `None` it must be refused.
    /// The suite that runs is kept where it is offered again.
    pub(crate) fn answer(&self, line: &Media, running: Option<CryptoSuite>) -> Option<Option<Chosen>> {
        let secure = is_secure(line)?;
        let offered = || lines(line).filter(|line| self.own(line.key.suite).is_some());
        let kept = offered().find(|line| Some(line.key.suite) == running);
        let chosen = kept.or_else(|| offered().next()).filter(|_| self.policy != SrtpPolicy::Off);
        match chosen {
            Some(line) => {
                let keys = SrtpKeys { send: self.own(line.key.suite)?, receive: line.key };
                Some(Some(Chosen { tag: line.tag, keys }))
            }
            None if secure || self.policy == SrtpPolicy::Required => None,
            None => Some(None),
        }
    }

    /// How a stream is protected that we offered: `Some(None)` not at all, `None` the answer is none to our
    /// offer (RFC 4568 5.1.3).
    pub(crate) fn accept(&self, answer: &Media, offered: &Media) -> Option<Option<Chosen>> {
        let secure = is_secure(answer)?;
        let theirs = answer.attributes.iter().any(|attribute| attribute.name == CRYPTO);
        let ours = lines(offered).next().is_some();
        if !(theirs && ours) {
            let refused = secure || is_secure(offered)? || self.policy == SrtpPolicy::Required;
            return (!refused).then_some(None);
        }
        let line = lines(answer).next()?;
        let own = lines(offered).find(|own| own.tag == line.tag && own.key.suite == line.key.suite)?;
        Some(Some(Chosen { tag: line.tag, keys: SrtpKeys { send: own.key, receive: line.key } }))
    }

    /// An agreement takes the place of another.
    pub(crate) fn agreed(&mut self, before: Option<&SrtpKeys>, now: Option<&SrtpKeys>) {
        let Some(left) = before.filter(|before| now.is_none_or(|now| now.send != before.send)) else {
            return;
        };
        let Some(own) = &mut self.keys else { return };
        let fresh = own.draw();
        for (key, suite) in own.keys.iter_mut().zip(CryptoSuite::ALL) {
            if suite == left.send.suite {
                *key = fresh;
            }
        }
    }

    fn own(&self, suite: CryptoSuite) -> Option<SrtpKey> {
        let keys = &self.keys.as_ref()?.keys;
        let (_, master) = CryptoSuite::ALL.into_iter().zip(keys).find(|(known, _)| *known == suite)?;
        Some(SrtpKey { suite, master: *master, mki: 0 })
    }
}

impl OwnKeys {
    fn draw(&mut self) -> MasterKey {
        let mut random = StdRng::from_seed(self.seed);
        self.seed = random.random();
        MasterKey(random.random())
    }
}

/// How a stream is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    tag: u32,
    pub(crate) keys: SrtpKeys,
}

impl Chosen {
    /// The line of our answer.
    pub(crate) fn attribute(&self) -> Attribute {
        attribute(&CryptoAttribute { tag: self.tag, key: self.keys.send.clone() })
    }
}

/// The lines of a stream that we understand, in their order.
fn lines(media: &Media) -> impl Iterator<Item = CryptoAttribute> + '_ {
    let values = media.attributes.iter().filter(|attribute| attribute.name == CRYPTO);
    values.filter_map(|attribute| CryptoAttribute::parse(attribute.value.as_deref()?))
}

/// Whether the protocol demands protection; nothing for one that we do not speak.
fn is_secure(line: &Media) -> Option<bool> {
    match line.protocol.as_str() {
        PLAIN => Some(false),
        SECURE => Some(true),
        _ => None,
    }
}

fn attribute(line: &CryptoAttribute) -> Attribute {
    Attribute { name: CRYPTO.to_owned(), value: Some(line.to_text()) }
}

#[cfg(test)]
#[path = "media_security_tests.rs"]
mod tests;
