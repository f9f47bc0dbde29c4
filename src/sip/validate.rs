//! Which answer a request deserves before any transaction or dialog looks at it (RFC 3261 8.2), and which
//! responses are to be dropped (18.1.2). What depends on transactions and dialogs (481, 482, 491) is not here.

use super::message::{HeaderError, HeaderName, Headers, Method, Request, Response};
use super::{dtmf_info, header::CSeq, multipart, scan, sdp, session_timer};

/// The methods we act on, as Allow has them.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK";
/// The extensions we know, as Supported has them (RFC 4028, RFC 3262).
pub const SUPPORTED: &str = "timer, 100rel";
/// Reliable provisional responses (RFC 3262).
pub const RELIABLE: &str = "100rel";

/// A final answer to a request that goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The status code.
    pub status: u16,
    /// Header fields that belong to it, such as Allow.
    pub headers: Vec<(HeaderName, String)>,
}

impl Objection {
    fn plain(status: u16) -> Self {
        Objection { status, headers: Vec::new() }
    }

    fn with(status: u16, name: HeaderName, value: impl Into<String>) -> Self {
        Objection { status, headers: vec![(name, value.into())] }
    }
}

/// The first objection to a request in the order of RFC 3261 8.2; `None` when it may go on. An ACK is never
/// answered: the objection then means that it is to be dropped.
#[must_use]
pub fn objection(request: &Request) -> Option<Objection> {
    if request.uri.is_broken() || essentials(&request.headers, Some(&request.method)).is_err() {
        return Some(Objection::plain(400));
    }
    method_objection(&request.method)
        .or_else(|| uri_objection(request))
        .or_else(|| hops_objection(request))
        .or_else(|| extension_objection(request))
        .or_else(|| contact_objection(request))
        .or_else(|| body_objection(request))
        .or_else(|| accept_objection(request))
}

/// A response that lacks what every response has (RFC 3261 8.2.6.2), or has it broken, is to be dropped.
#[must_use]
pub fn is_usable(response: &Response) -> bool {
    essentials(&response.headers, None).is_ok()
}

/// A header field that every message has is missing or broken.
struct Unusable;

impl From<HeaderError> for Unusable {
    fn from(_: HeaderError) -> Self {
        Unusable
    }
}

/// RFC 3261 8.1.1: Via, From, To, Call-ID and CSeq stand there (once, but for Via) and follow their grammar;
/// the CSeq names the method of a request. Max-Forwards may be missing (RFC 2543 had none).
fn essentials(headers: &Headers, method: Option<&Method>) -> Result<(), Unusable> {
    headers.vias()?;
    headers.via()?.ok_or(Unusable)?;
    headers.from()?.ok_or(Unusable)?;
    headers.to()?.ok_or(Unusable)?;
    headers.call_id()?.ok_or(Unusable)?;
    let CSeq { method: counted, .. } = headers.cseq()?.ok_or(Unusable)?;
    headers.max_forwards()?;
    headers.content_type()?;
    headers.routes()?;
    headers.record_routes()?;
    match method {
        Some(method) if *method != counted => Err(Unusable),
        _ => Ok(()),
    }
}

/// RFC 3261 8.2.1; 21.5.2 for a method that nobody has defined.
fn method_objection(method: &Method) -> Option<Objection> {
    match method {
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Info
        | Method::Update
        | Method::Prack => None,
        Method::Other(_) => Some(Objection::with(501, HeaderName::Allow, ALLOW)),
        _ => Some(Objection::with(405, HeaderName::Allow, ALLOW)),
    }
}

/// RFC 3261 8.2.2.1. `sips:` asks for TLS on every hop, which UDP is not.
fn uri_objection(request: &Request) -> Option<Objection> {
    match request.uri.scheme() {
        Some("tel") | None => None,
        Some("sip") => {
            // RFC 3261 19.1.1: header fields have no place in a Request-URI.
            let headers = request.uri.as_sip().is_some_and(|sip| sip.headers.is_some());
            headers.then(|| Objection::plain(400))
        }
        Some(_) => Some(Objection::plain(416)),
    }
}

/// RFC 7332 4: an INVITE goes on to another leg, as through a proxy. Everything else ends here, and
/// RFC 3261 11 wants an OPTIONS without hops left answered.
fn hops_objection(request: &Request) -> Option<Objection> {
    let spent = request.headers.max_forwards() == Ok(Some(0));
    (spent && request.method == Method::Invite).then(|| Objection::plain(483))
}

/// RFC 3261 8.2.2.3: what may be required of us is in [`SUPPORTED`]. ACK and CANCEL cannot be refused for it.
fn extension_objection(request: &Request) -> Option<Objection> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return None;
    }
    match request.headers.require() {
        Err(_) => Some(Objection::plain(400)),
        Ok(tags) => {
            let unknown: Vec<_> = tags.into_iter().filter(|tag| !is_supported(tag)).collect();
            let objection = || Objection::with(420, HeaderName::Unsupported, unknown.join(", "));
            (!unknown.is_empty()).then(objection)
        }
    }
}

fn is_supported(tag: &str) -> bool {
    [session_timer::OPTION, RELIABLE].iter().any(|known| known.eq_ignore_ascii_case(tag))
}

/// RFC 3261 8.1.1.8: an INVITE has exactly one Contact, with a SIP URI. RFC 2543 knew INVITEs without one, and
/// From names the target then; its Via has no branch of RFC 3261 (RFC 4475 3.4.1).
fn contact_objection(request: &Request) -> Option<Objection> {
    if request.method != Method::Invite {
        return None;
    }
    let single = match request.headers.elements(&HeaderName::Contact) {
        Ok(elements) if elements.is_empty() && is_of_rfc_2543(&request.headers) => return None,
        Ok(elements) => elements.len() == 1,
        Err(_) => false,
    };
    let usable = matches!(request.headers.contact(), Ok(Some(contact)) if contact.uri.as_sip().is_some());
    (!single || !usable).then(|| Objection::plain(400))
}

fn is_of_rfc_2543(headers: &Headers) -> bool {
    let from = headers.from().ok().flatten();
    let old = headers.via().is_ok_and(|via| via.is_some_and(|via| !via.has_unique_branch()));
    old && from.is_some_and(|from| from.uri.as_sip().is_some())
}

/// RFC 3261 21.4.7: our answer to an INVITE is a session description, which the caller says he does not take
/// (RFC 4475 3.3.15). An empty Accept says nothing of use and is passed over.
fn accept_objection(request: &Request) -> Option<Objection> {
    let Ok(ranges) = request.headers.elements(&HeaderName::Accept) else { return None };
    let fits = |range: &&[u8]| {
        let kind = range.split(|octet| *octet == b';').next().map(scan::trim).unwrap_or_default();
        [sdp::MEDIA_TYPE, "application/*", "*/*"].iter().any(|own| kind.eq_ignore_ascii_case(own.as_bytes()))
    };
    let refused = request.method == Method::Invite && !ranges.is_empty() && !ranges.iter().any(fits);
    refused.then(|| Objection::plain(406))
}

/// RFC 3261 8.2.3: type and encoding of a body that must be understood.
fn body_objection(request: &Request) -> Option<Objection> {
    if request.body.is_empty() || is_optional(&request.headers) {
        return None;
    }
    let encoded = request.headers.tokens(&HeaderName::ContentEncoding);
    if !matches!(encoded, Ok(codings) if codings.iter().all(|coding| coding.eq_ignore_ascii_case("identity")))
    {
        return Some(Objection::with(415, HeaderName::AcceptEncoding, "identity"));
    }
    match request.method {
        Method::Invite | Method::Ack | Method::Update | Method::Prack => session_objection(request),
        Method::Info => info_objection(request),
        _ => None,
    }
}

fn session_objection(request: &Request) -> Option<Objection> {
    match request.headers.content_type() {
        Ok(Some(kind)) if kind == sdp::MEDIA_TYPE => None,
        Ok(Some(kind)) if multipart::is_multipart(&kind) && has_session(request) => None,
        // RFC 3261 7.4.1: a body without a type is a fault.
        Ok(None) => Some(Objection::plain(400)),
        _ => Some(Objection::with(415, HeaderName::Accept, sdp::MEDIA_TYPE)),
    }
}

fn has_session(request: &Request) -> bool {
    multipart::session(&request.headers, &request.body).is_some()
}

/// RFC 6086 4.2.2: 469 for a package nobody agreed on, 415 for a body that is no digit.
fn info_objection(request: &Request) -> Option<Objection> {
    if request.headers.get(&HeaderName::InfoPackage).is_some() {
        return Some(Objection::with(469, HeaderName::RecvInfo, ""));
    }
    match request.headers.content_type() {
        Ok(Some(kind)) if dtmf_info::MEDIA_TYPES.contains(&kind.as_str()) => None,
        _ => Some(Objection::with(415, HeaderName::Accept, dtmf_info::MEDIA_TYPES.join(", "))),
    }
}

/// `handling=optional` (RFC 3261 20.11): the body may be passed over.
fn is_optional(headers: &Headers) -> bool {
    let Some(value) = headers.get(&HeaderName::ContentDisposition) else { return false };
    value.split(|octet| *octet == b';').skip(1).filter_map(|param| scan::split_once(param, b'=')).any(
        |(name, value)| {
            scan::trim(name).eq_ignore_ascii_case(b"handling")
                && scan::trim(value).eq_ignore_ascii_case(b"optional")
        },
    )
}
