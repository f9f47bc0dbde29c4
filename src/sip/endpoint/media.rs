//! SDP in the bodies of INVITE, its responses and its ACK.

use std::net::SocketAddr;

use crate::sip::message::{Request, Response};
use crate::sip::multipart;
use crate::sip::offer_answer::{Codec, LocalMedia, Negotiation};

/// The SDP of a request.
pub(super) fn in_request(request: &Request) -> Option<&[u8]> {
    multipart::session(&request.headers, &request.body)
}

/// The SDP of a response.
pub(super) fn in_response(response: &Response) -> Option<&[u8]> {
    multipart::session(&response.headers, &response.body)
}

/// Whether an offer could be answered with these codecs, before anybody is bothered with the call.
pub(super) fn is_acceptable(offer: &[u8], codecs: &[Codec], address: SocketAddr) -> bool {
    let media = LocalMedia {
        address: address.ip(),
        rtp_port: address.port(),
        codecs: codecs.to_vec(),
        session_id: 0,
    };
    Negotiation::new(media).answer(offer).is_ok()
}
