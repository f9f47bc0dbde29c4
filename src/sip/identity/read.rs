//! What an INVITE says of its caller. It comes from a trunk of ours, or it would not be read: the
//! trunk's word is taken (RFC 3325 7), the one that is asserted by the network before others.

use super::attestation::{self, Attestation, Verstat};
use super::diversion::{self, Diversion};
use super::{MAX_TEXT, addresses, clean, decoded, hides, is_shown, is_unknown, is_withheld};
use crate::sip::header::NameAddr;
use crate::sip::message::{HeaderName, Headers};
use crate::sip::uri::Uri;

/// The longest name that is called, in octets: the Contact of a registration may be long.
const MAX_CALLED: usize = 256;

/// Who calls, as the trunk says. All texts are printable and at most 64 characters long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The names or numbers of the caller (user parts), the most trustworthy first: those of
    /// P-Asserted-Identity, Remote-Party-ID, P-Preferred-Identity, From. Empty when withheld or unknown.
    pub callers: Vec<String>,
    /// The caller wants to stay unknown (RFC 3323, 3325).
    pub withheld: bool,
    /// The caller's name, unless it is withheld.
    pub display_name: Option<String>,
    /// Who passed the call on, the last to do so first.
    pub diversions: Vec<Diversion>,
    /// What the trunk found out about the caller's number.
    pub verstat: Option<Verstat>,
    /// What the carrier in which the call began vouches for. No signature is checked here.
    pub attestation: Option<Attestation>,
}

/// The caller's addresses, by header field.
struct Stated {
    asserted: Vec<NameAddr>,
    remote: Option<NameAddr>,
    preferred: Vec<NameAddr>,
    from: Option<NameAddr>,
}

impl Identity {
    /// Reads what a request says. Never fails: what is malformed says nothing.
    #[must_use]
    pub fn read(headers: &Headers) -> Identity {
        let stated = Stated::read(headers);
        let (verstat, level) = attestation::verstat(stated.all());
        let withheld = stated.is_withheld(&headers.privacy());
        Identity {
            callers: if withheld { Vec::new() } else { stated.users() },
            withheld,
            display_name: if withheld { None } else { stated.display_name() },
            diversions: diversion::read(headers),
            verstat,
            attestation: attestation::of(headers).or(level),
        }
    }
}

impl Stated {
    fn read(headers: &Headers) -> Self {
        let calling = |address: &NameAddr| {
            address.params.get("party").is_none_or(|party| party.eq_ignore_ascii_case("calling"))
        };
        Self {
            asserted: addresses(headers, &HeaderName::PAssertedIdentity),
            remote: addresses(headers, &HeaderName::RemotePartyId).into_iter().find(calling),
            preferred: addresses(headers, &HeaderName::PPreferredIdentity),
            from: headers.from().ok().flatten(),
        }
    }

    /// Every address, the most trustworthy first.
    fn all(&self) -> impl Iterator<Item = &NameAddr> {
        self.asserted.iter().chain(&self.remote).chain(&self.preferred).chain(&self.from)
    }

    /// Privacy is asked for, or the caller has hidden already. `Privacy: none` (RFC 3325 9.3) says that
    /// an asserted number may be shown although From does not.
    fn is_withheld(&self, privacy: &[String]) -> bool {
        let asked = |kinds: &[&str]| privacy.iter().any(|kind| kinds.contains(&kind.as_str()));
        if asked(&["id", "user", "header", "full"]) || self.remote.as_ref().is_some_and(is_private) {
            return true;
        }
        let shown = self.asserted.iter().chain(&self.remote).any(|address| named(address).is_some());
        self.from.as_ref().is_some_and(is_anonymous) && !(asked(&["none"]) && shown)
    }

    fn users(&self) -> Vec<String> {
        let mut users: Vec<String> = Vec::new();
        for user in self.all().filter_map(named) {
            if !users.contains(&user) {
                users.push(user);
            }
        }
        users
    }

    /// The first name that says more than the number does.
    fn display_name(&self) -> Option<String> {
        if self.remote.as_ref().is_some_and(|remote| privacy_of(remote).any(|kind| kind == "name")) {
            return None;
        }
        let users = self.users();
        self.all()
            .filter_map(|address| clean(&decoded(address.display.as_deref()?)))
            .find(|name| !is_withheld(name) && !is_unknown(name) && !users.contains(name))
    }
}

/// The user part of an address that names somebody.
fn named(address: &NameAddr) -> Option<String> {
    let user = address.uri.subscriber().filter(|user| user.chars().count() <= MAX_TEXT)?;
    let user = clean(&user).filter(|clean| *clean == user)?;
    (!hides(address) && !is_unknown(&user)).then_some(user)
}

/// The caller hides behind From, by its address or by its display name.
fn is_anonymous(from: &NameAddr) -> bool {
    let display = from.display.as_deref().and_then(|display| clean(&decoded(display)));
    hides(from) || display.is_some_and(|name| is_withheld(&name))
}

/// `privacy=` of a Remote-Party-ID, in lower case.
fn privacy_of(remote: &NameAddr) -> impl Iterator<Item = String> {
    let kinds = remote.params.get("privacy").unwrap_or_default().trim_matches('"').to_ascii_lowercase();
    kinds.split([',', '-']).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// A Remote-Party-ID whose number must not be shown.
fn is_private(remote: &NameAddr) -> bool {
    privacy_of(remote).any(|kind| matches!(kind.as_str(), "full" | "uri"))
}

/// Whom a URI names that is called; nobody where the name is too long, or is none that can be shown.
pub(in crate::sip) fn called(uri: &Uri) -> Option<String> {
    let name = uri.subscriber().filter(|name| name.len() <= MAX_CALLED)?;
    name.chars().all(|c| is_shown(&c)).then_some(name)
}

/// The number that was dialled as P-Called-Party-ID has it (RFC 7315 4.2).
pub(in crate::sip) fn called_party(headers: &Headers) -> Option<String> {
    addresses(headers, &HeaderName::PCalledPartyId).first().and_then(|address| called(&address.uri))
}
