//! SDP in the bodies of INVITE, its responses and its ACK.

use std::net::SocketAddr;

use super::event::TrunkProfile;
use crate::sip::media_security::MediaSecurity;
use crate::sip::message::{Request, Response};
use crate::sip::multipart;
use crate::sip::offer_answer::{LocalMedia, Negotiation};
use crate::sip::transport::Transport;

/// The SDP of a request.
pub(super) fn in_request(request: &Request) -> Option<&[u8]> {
    multipart::session(&request.headers, &request.body)
}

/// The SDP of a response.
pub(super) fn in_response(response: &Response) -> Option<&[u8]> {
    multipart::session(&response.headers, &response.body)
}

/// Whether an offer could be answered over a trunk, before anybody is bothered with the call.
pub(super) fn is_acceptable(
    offer: &[u8],
    profile: &TrunkProfile,
    address: SocketAddr,
    transport: Transport,
) -> bool {
    let media = LocalMedia {
        address: address.ip(),
        rtp_port: address.port(),
        codecs: profile.codecs.clone(),
        session_id: 0,
    };
    let security = MediaSecurity::new(profile.srtp, transport, [0; 32]);
    Negotiation::secured(media, security).answer(offer).is_ok()
}
