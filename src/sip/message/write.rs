//! Messages to octets (RFC 3261 7).

use crate::sip::scan;

use super::{HeaderName, Headers, Request, Response};

pub(super) fn request(request: &Request) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    line(&mut out, &[request.method.as_str().as_bytes(), b" ", request.uri.as_bytes(), b" SIP/2.0"]);
    head_and_body(out, &request.headers, &request.body)
}

pub(super) fn response(response: &Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let status = response.status.to_string();
    line(&mut out, &[b"SIP/2.0 ", status.as_bytes(), b" ", &response.reason]);
    head_and_body(out, &response.headers, &response.body)
}

fn head_and_body(mut out: Vec<u8>, headers: &Headers, body: &[u8]) -> Vec<u8> {
    for (name, value) in headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength) {
        line(&mut out, &[name.as_str().as_bytes(), b": ", value]);
    }
    let length = body.len().to_string();
    line(&mut out, &[b"Content-Length: ", length.as_bytes()]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// One line of the head. What would end it early becomes a space.
fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let mut before = 0;
    for octet in parts.iter().flat_map(|part| part.iter().copied()) {
        out.push(if scan::is_forbidden(before, octet) { b' ' } else { octet });
        before = octet;
    }
    out.extend_from_slice(b"\r\n");
}
