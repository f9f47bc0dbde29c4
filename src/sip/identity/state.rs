//! What our INVITE says of us: From, the header field of the trunk's choice, Privacy, and whom the call
//! was for where we show somebody else's number.

use crate::sip::header::NameAddr;
use crate::sip::message::HeaderName;
use crate::sip::uri::{Host, Uri};

/// In which header field a trunk is told our number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityHeader {
    /// P-Asserted-Identity (RFC 3325 9.1).
    #[default]
    Asserted,
    /// P-Preferred-Identity (RFC 3325 9.2).
    Preferred,
    /// From alone.
    From,
    /// Remote-Party-ID (draft-ietf-sip-privacy-04).
    RemoteParty,
}

/// In which header field a trunk is told for whom the call was whose number we show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarded {
    /// It is not.
    #[default]
    None,
    /// Diversion (RFC 5806).
    Diversion,
    /// History-Info (RFC 7044).
    HistoryInfo,
}

/// How a trunk wants to be told who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// Where our number is stated, beside From.
    pub header: IdentityHeader,
    /// The user part of From, where it has to be that of our account and not the number shown.
    pub account: Option<String>,
    /// `;user=phone` in each URI of ours that holds a number (RFC 3261 19.1.1).
    pub user_phone: bool,
    /// How a call is marked that shows another number than ours.
    pub forwarded: Forwarded,
}

impl IdentityPolicy {
    /// The Request-URI as the trunk wants it.
    pub(in crate::sip) fn request_uri(&self, written: &str) -> Uri {
        self.marked(Uri::parse(written.as_bytes()))
    }

    fn uri(&self, user: &str, domain: &str) -> Uri {
        let host = Host::parse(domain.as_bytes()).unwrap_or_else(|| Host::Name(domain.to_owned()));
        self.marked(Uri::sip(Some(user), &host, None))
    }

    fn marked(&self, uri: Uri) -> Uri {
        let unmarked =
            uri.as_sip().is_some_and(|sip| sip.params.get("user").is_none() && sip.headers.is_none());
        if self.user_phone && unmarked && uri.is_telephone_number() {
            return Uri::parse(format!("{uri};user=phone").as_bytes());
        }
        uri
    }
}

/// Who calls, in header fields.
#[derive(Debug)]
pub(in crate::sip) struct Statement {
    /// From, without a tag.
    pub from: NameAddr,
    /// The others.
    pub headers: Vec<(HeaderName, Vec<u8>)>,
}

impl Statement {
    /// `shown` is the user part of the number shown (nothing: withheld), `own` that of our own number where
    /// it is another one.
    pub(in crate::sip) fn new(
        policy: &IdentityPolicy,
        domain: &str,
        request_uri: &Uri,
        shown: Option<&str>,
        own: Option<&str>,
    ) -> Self {
        let number = |user: &str| policy.uri(user, domain);
        let (shown, own) = (shown.map(number), own.map(number));
        let mut headers = Vec::new();
        headers.extend(identity(policy.header, shown.as_ref(), own.as_ref()));
        if shown.is_none() {
            headers.push((HeaderName::Privacy, privacy(policy).to_vec()));
        }
        headers.extend(own.as_ref().and_then(|own| forwarded(policy.forwarded, own, request_uri)));
        Self { from: from(policy, shown, domain), headers }
    }
}

/// From: the account, the number shown, or nobody (RFC 3323 4.1.1.3).
fn from(policy: &IdentityPolicy, shown: Option<Uri>, domain: &str) -> NameAddr {
    let withheld = shown.is_none();
    let account = policy.account.as_deref().map(|account| policy.uri(account, domain));
    let uri = account.or(shown).unwrap_or_else(|| Uri::parse(b"sip:anonymous@anonymous.invalid"));
    let display = withheld.then(|| b"Anonymous".to_vec());
    NameAddr { display, ..NameAddr::new(uri) }
}

/// A number that is withheld is asserted all the same (RFC 3325 5): the carrier has to know who pays, and
/// keeps it from the one who is called. Of a number that is not ours nothing is asserted.
fn identity(header: IdentityHeader, shown: Option<&Uri>, own: Option<&Uri>) -> Option<(HeaderName, Vec<u8>)> {
    let ours = own.or(shown).cloned().map(NameAddr::new);
    match header {
        IdentityHeader::From => None,
        IdentityHeader::Asserted => Some((HeaderName::PAssertedIdentity, ours?.to_bytes())),
        IdentityHeader::Preferred => Some((HeaderName::PPreferredIdentity, ours?.to_bytes())),
        // Those who read it show it to the one who is called.
        IdentityHeader::RemoteParty => {
            let mut party = shown.cloned().map_or(ours, |shown| Some(NameAddr::new(shown)))?;
            party.params.set("party", Some("calling"));
            party.params.set("privacy", Some(if shown.is_some() { "off" } else { "full" }));
            Some((HeaderName::RemotePartyId, party.to_bytes()))
        }
    }
}

/// The account in From says who we are: the trunk is asked to take it out too (RFC 3323 4.2).
fn privacy(policy: &IdentityPolicy) -> &'static [u8] {
    if policy.account.is_some() { b"user;id" } else { b"id" }
}

fn forwarded(header: Forwarded, own: &Uri, request_uri: &Uri) -> Option<(HeaderName, Vec<u8>)> {
    match header {
        Forwarded::None => None,
        Forwarded::Diversion => {
            let mut by = NameAddr::new(own.clone());
            by.params.set("reason", Some("unconditional"));
            by.params.set("privacy", Some("off"));
            Some((HeaderName::Diversion, by.to_bytes()))
        }
        Forwarded::HistoryInfo => {
            let mut before = NameAddr::new(own.clone());
            before.params.set("index", Some("1"));
            // RFC 4458 2: 302 stands for every call being passed on.
            let mut now = NameAddr::new(Uri::parse(format!("{request_uri};cause=302").as_bytes()));
            now.params.set("index", Some("1.1"));
            now.params.set("mp", Some("1"));
            let value = [before.to_bytes(), now.to_bytes()].join(&b", "[..]);
            Some((HeaderName::HistoryInfo, value))
        }
    }
}
