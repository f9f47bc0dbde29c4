//! Our messages, put together.

use std::net::SocketAddr;
use std::time::Duration;

use super::event::{Outgoing, ReliableProvisional, TrunkProfile};
use crate::sip::dialog::StoredDialog;
use crate::sip::header::{CSeq, NameAddr, Via};
use crate::sip::identity::Statement;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response};
use crate::sip::session_timer::OPTION;
use crate::sip::transport::Transport;
use crate::sip::uri::{Host, Uri};
use crate::sip::validate;

const MAX_FORWARDS: &str = "70";

/// The names of a dialog that we begin, all of them random.
#[derive(Debug)]
pub(super) struct Names {
    pub call_id: String,
    pub tag: String,
    pub contact_user: String,
}

/// Text as it is kept: the identity of a dialog is ASCII, and only a display name may lose an octet.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// `<sip:user@address:port>`, with the transport where it is not UDP (RFC 3261 19.1.1).
pub(super) fn contact(user: &str, address: SocketAddr, transport: Transport) -> Vec<u8> {
    let uri = Uri::sip(Some(user), &Host::from(address.ip()), Some(address.port()));
    let uri = match transport {
        Transport::Udp => uri,
        Transport::Tcp | Transport::Tls => {
            Uri::parse(format!("{uri};transport={}", transport.param()).as_bytes())
        }
    };
    NameAddr::new(uri).to_bytes()
}

/// The INVITE that begins a call. It is kept short: it must fit into one packet (RFC 3261 18.1.1).
pub(super) fn invite(
    outgoing: &Outgoing,
    profile: &TrunkProfile,
    names: &Names,
    routes: &[String],
    software: &str,
    offer: Vec<u8>,
) -> Request {
    let uri = profile.identity.request_uri(&outgoing.request_uri);
    let (shown, own_number) = (outgoing.from_user.as_deref(), outgoing.own_user.as_deref());
    let stated = Statement::new(&profile.identity, &profile.domain, &uri, shown, own_number);
    let transport = outgoing.to.transport;
    let own = profile.contact_for(transport);
    let to = NameAddr::new(uri.clone()).to_bytes();
    let mut request = Request::new(Method::Invite, uri);
    let headers = &mut request.headers;
    headers.push(HeaderName::Via, Via::new(transport, own, "").to_bytes());
    headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
    for route in routes {
        headers.push(HeaderName::Route, route.as_str());
    }
    headers.push(HeaderName::From, stated.from.with_tag(&names.tag).to_bytes());
    headers.push(HeaderName::To, to);
    headers.push(HeaderName::CallId, names.call_id.as_str());
    headers.push(HeaderName::CSeq, CSeq { number: 1, method: Method::Invite }.to_bytes());
    headers.push(HeaderName::Contact, contact(&names.contact_user, own, transport));
    for (name, value) in stated.headers {
        headers.push(name, value);
    }
    headers.push(HeaderName::Allow, validate::ALLOW);
    match profile.reliable_provisional {
        ReliableProvisional::Off => headers.push(HeaderName::Supported, OPTION),
        ReliableProvisional::Supported => headers.push(HeaderName::Supported, validate::SUPPORTED),
        ReliableProvisional::Required => {
            headers.push(HeaderName::Supported, validate::SUPPORTED);
            headers.push(HeaderName::Require, validate::RELIABLE);
        }
    }
    headers.push(HeaderName::UserAgent, software);
    headers.push(HeaderName::ContentType, "application/sdp");
    request.body = offer;
    request
}

/// A request that belongs to no call, as far as all of them are alike. The Via is written when it is sent.
pub(super) fn outside(
    method: Method,
    uri: Uri,
    from: NameAddr,
    to: NameAddr,
    names: &Names,
    sequence: u32,
) -> Request {
    let mut request = Request::new(method.clone(), uri);
    let headers = &mut request.headers;
    headers.push(HeaderName::Via, "");
    headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
    headers.push(HeaderName::From, from.with_tag(&names.tag).to_bytes());
    headers.push(HeaderName::To, to.to_bytes());
    headers.push(HeaderName::CallId, names.call_id.as_str());
    headers.push(HeaderName::CSeq, CSeq { number: sequence, method }.to_bytes());
    request
}

/// The ACK of a refusal: the INVITE's own Via, and the To of the response (RFC 3261 17.1.1.3).
pub(super) fn refusal_ack(invite: &Request, response: &Response) -> Request {
    let to = response.headers.get(&HeaderName::To).or_else(|| invite.headers.get(&HeaderName::To));
    let mut request = twin(invite, Method::Ack);
    request.headers.set(HeaderName::To, to.unwrap_or_default());
    request
}

/// The CANCEL of an INVITE (RFC 3261 9.1).
pub(super) fn cancel(invite: &Request, reasons: &[&str]) -> Request {
    let mut request = twin(invite, Method::Cancel);
    with_reasons(&mut request.headers, reasons);
    request
}

/// A request on the same hop, and with the same number, as an INVITE.
pub(super) fn twin(invite: &Request, method: Method) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let number = invite.headers.cseq().ok().flatten().map_or(1, |cseq| cseq.number);
    for name in [
        HeaderName::Via,
        HeaderName::Route,
        HeaderName::MaxForwards,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ] {
        for value in invite.headers.get_all(&name) {
            request.headers.push(name.clone(), value);
        }
    }
    request.headers.push(HeaderName::CSeq, CSeq { number, method }.to_bytes());
    request
}

/// The ACK of a 2xx has the credentials of its INVITE, for it cannot be challenged itself (RFC 3261 22.1).
pub(super) fn with_credentials_of(ack: &mut Request, invite: &Request) {
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        for value in invite.headers.get_all(&name) {
            ack.headers.push(name.clone(), value);
        }
    }
}

/// A request inside a dialog (RFC 3261 12.2.1.1).
pub(super) fn in_dialog(dialog: &StoredDialog, method: Method, sequence: u32, branch: &str) -> Request {
    let (uri, routes) = dialog.path();
    let mut request = Request::new(method.clone(), Uri::parse(uri.as_bytes()));
    let headers = &mut request.headers;
    headers.push(HeaderName::Via, Via::new(dialog.next_hop.transport, dialog.contact, branch).to_bytes());
    headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
    for route in routes {
        headers.push(HeaderName::Route, route);
    }
    headers.push(HeaderName::From, dialog.local.as_str());
    headers.push(HeaderName::To, dialog.remote.as_str());
    headers.push(HeaderName::CallId, dialog.call_id.as_str());
    headers.push(HeaderName::CSeq, CSeq { number: sequence, method }.to_bytes());
    request
}

/// A response; the Via of the request has been stamped with its source before.
pub(super) fn response(request: &Request, status: u16, tag: &str, software: &str) -> Response {
    let mut response = Response::to(request, status);
    if status > 100 {
        response.headers.set_to_tag(tag);
        response.headers.push(HeaderName::Server, software);
    }
    response
}

/// What a response has to carry that begins a dialog (RFC 3261 12.1.1): the route, and our Contact.
pub(super) fn begin_dialog(response: &mut Response, request: &Request, contact: Vec<u8>) {
    for route in request.headers.get_all(&HeaderName::RecordRoute) {
        response.headers.push(HeaderName::RecordRoute, route);
    }
    response.headers.push(HeaderName::Contact, contact);
    response.headers.push(HeaderName::Allow, validate::ALLOW);
    response.headers.push(HeaderName::Supported, validate::SUPPORTED);
}

/// Puts header fields in.
pub(super) fn with_fields(headers: &mut Headers, fields: Vec<(HeaderName, String)>) {
    for (name, value) in fields {
        headers.push(name, value);
    }
}

/// Puts the reasons of an end in (RFC 3326), each in a line of its own.
pub(super) fn with_reasons(headers: &mut Headers, reasons: &[&str]) {
    for reason in reasons {
        headers.push(HeaderName::Reason, *reason);
    }
}

/// Puts an SDP body in.
pub(super) fn with_sdp(response: &mut Response, sdp: Vec<u8>) {
    response.headers.push(HeaderName::ContentType, "application/sdp");
    response.body = sdp;
}

/// Puts a Retry-After in (RFC 3261 20.33), in whole seconds.
pub(super) fn with_retry_after(response: &mut Response, delay: Duration) {
    let seconds = delay.as_millis().div_ceil(1000);
    response.headers.push(HeaderName::RetryAfter, seconds.to_string());
}
