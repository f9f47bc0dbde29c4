//! Offer and answer (RFC 3264, RFC 6337) for PCMA, PCMU and telephone-event.

use std::net::{IpAddr, SocketAddr};

/// A voice codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Codec {
    /// G.711 A-law, static payload type 8 (RFC 3551 4.5.14).
    Pcma,
    /// G.711 u-law, static payload type 0 (RFC 3551 4.5.14).
    Pcmu,
}

/// What we bring to a negotiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where RTP is to be sent to us.
    pub address: IpAddr,
    /// The port for RTP; RTCP is one above.
    pub rtp_port: u16,
    /// What we accept, best first.
    pub codecs: Vec<Codec>,
    /// `sess-id` of our o= line (RFC 8866 5.2).
    pub session_id: u64,
}

/// The payload types of telephone-event (RFC 4733 2.4) in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTypes {
    /// What the peer wants to receive.
    pub send: u8,
    /// What we said we receive.
    pub receive: u8,
}

/// The direction of a stream from our side (RFC 3264 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We only send.
    SendOnly,
    /// We only receive.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// The result of an offer and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where our RTP goes.
    pub remote_rtp: SocketAddr,
    /// Where our RTCP goes (a=rtcp of RFC 3605, else one above).
    pub remote_rtcp: SocketAddr,
    /// The codec, the same in both directions.
    pub codec: Codec,
    /// The payload type we send.
    pub send_payload_type: u8,
    /// The payload type we receive.
    pub receive_payload_type: u8,
    /// telephone-event, when both sides have it.
    pub telephone_event: Option<EventTypes>,
    /// From our side.
    pub direction: Direction,
    /// What the peer wants in a packet, in ms.
    pub packet_time_ms: u16,
}
