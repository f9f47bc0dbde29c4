//! Offer and answer (RFC 3264, RFC 6337) for PCMA, PCMU, G.722 and telephone-event.

use super::crypto_attribute::SrtpKeys;
use super::media_security::{Chosen, MediaSecurity, PLAIN};
use super::sdp::{Attribute, Connection, Description, Local, Media, SdpError};
use std::net::{IpAddr, SocketAddr};

/// A voice codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Codec {
    /// G.711 A-law, static payload type 8 (RFC 3551 4.5.14).
    Pcma,
    /// G.711 u-law, static payload type 0 (RFC 3551 4.5.14).
    Pcmu,
    /// G.722, static payload type 9 (RFC 3551 4.5.2).
    G722,
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
    /// The rate of their timestamps and durations in Hz: that of the codec's RTP clock, 8000, wherever the
    /// peer knows it.
    pub clock_rate: u32,
}

/// The payload types of comfort noise (RFC 3389) in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoiseTypes {
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
    /// Where our RTCP goes (a=rtcp of RFC 3605, else one above; where RTP goes, if they share a port).
    pub remote_rtcp: SocketAddr,
    /// RTP and RTCP share a port on both sides (a=rtcp-mux, RFC 5761). We accept it and do not offer it.
    pub rtcp_mux: bool,
    /// The codec, the same in both directions.
    pub codec: Codec,
    /// The payload type we send.
    pub send_payload_type: u8,
    /// The payload type we receive.
    pub receive_payload_type: u8,
    /// telephone-event, when both sides have it.
    pub telephone_event: Option<EventTypes>,
    /// Comfort noise, when both sides have it. We accept it and do not offer it first.
    pub comfort_noise: Option<NoiseTypes>,
    /// From our side.
    pub direction: Direction,
    /// What the peer wants in a packet, in ms: 10 to 60 in steps of 10. Nothing: it has not said, and 20 will do.
    pub packet_time_ms: Option<u16>,
    /// What protects the stream, where something does.
    pub srtp: Option<SrtpKeys>,
}

/// The payload type we offer telephone-event with, until the peer has named another.
const TELEPHONE_EVENT: u8 = 101;
/// The same, when a peer has given a codec that number.
const OTHER_EVENT: u8 = 102;
/// What we put into a packet, in ms, unless the peer asks for less or more.
const PACKET_TIME_MS: u16 = 20;
/// The static payload type of comfort noise, and the dynamic ones (RFC 3551 6).
const COMFORT_NOISE: u8 = 13;
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
/// The attribute of RFC 5761.
const RTCP_MUX: &str = "rtcp-mux";
/// Payload types that cannot be told from RTCP on a port that carries both (RFC 5761 4).
const LIKE_RTCP: std::ops::RangeInclusive<u8> = 64..=95;

/// Why there is no agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// The body is no session description.
    #[error("bad session description: {0}")]
    Malformed(#[from] SdpError),
    /// No stream with a codec and an address that we can serve.
    #[error("nothing acceptable in the session description")]
    NotAcceptable,
    /// An answer came where we had made no offer.
    #[error("an answer without an offer")]
    NoOffer,
}

/// The offers and answers of one dialog. A failed step leaves what was agreed before (RFC 3264 8).
#[derive(Debug, Clone)]
pub struct Negotiation {
    media: LocalMedia,
    security: MediaSecurity,
    /// `sess-version` of the last description sent.
    version: u64,
    /// The streams of the last description sent; empty before the first.
    sent: Vec<Media>,
    agreed: Option<Agreed>,
}

impl Negotiation {
    /// Nothing sent and nothing agreed yet; audio in the clear.
    #[must_use]
    pub fn new(media: LocalMedia) -> Self {
        Self::secured(media, MediaSecurity::off())
    }

    /// Nothing sent and nothing agreed yet.
    #[must_use]
    pub fn secured(media: LocalMedia, security: MediaSecurity) -> Self {
        Negotiation { media, security, version: 0, sent: Vec::new(), agreed: None }
    }

    /// What is agreed now.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Our offer, first or later: every codec of ours, payload types as agreed before, each stream that we
    /// do not serve refused in its place (RFC 3264 8).
    pub fn offer(&mut self) -> Vec<u8> {
        let audio = self.audio_offer();
        let mut lines = self.sent.clone();
        match lines.iter_mut().find(|media| media.port != 0) {
            Some(line) => *line = audio,
            None => lines.push(audio),
        }
        self.send(lines)
    }

    /// Our last description once more, for a re-INVITE that changes nothing (RFC 4028 7.4): the same version,
    /// the same streams, the same direction.
    pub fn repeat(&mut self) -> Vec<u8> {
        self.send(self.sent.clone())
    }

    /// Our answer to an offer (RFC 3264 6). What an offer says counts, not the version in its o=: many
    /// carriers change the one and forget the other (RFC 3264 8 wants both).
    ///
    /// # Errors
    /// See [`NegotiationError::status`].
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Vec<u8>, Agreed), NegotiationError> {
        let offer = Description::parse(offer)?;
        let (index, agreed, chosen) = self.serve(&offer).ok_or(NegotiationError::NotAcceptable)?;
        let lines = offer.media.iter().enumerate();
        let lines = lines.map(|(at, line)| {
            if at == index { self.audio_answer(line, &agreed, chosen.as_ref()) } else { refused(line) }
        });
        let text = self.send(lines.collect());
        self.agree(agreed.clone());
        Ok((text, agreed))
    }

    /// Reads the answer to our offer (RFC 3264 7).
    ///
    /// # Errors
    /// The call cannot go on as offered: it is to be ended, or stays as it was when it was up before.
    pub fn accept(&mut self, answer: &[u8]) -> Result<Agreed, NegotiationError> {
        let index = self.sent.iter().position(|media| media.port != 0).ok_or(NegotiationError::NoOffer)?;
        let offered = self.sent.get(index).ok_or(NegotiationError::NoOffer)?;
        let answer = Description::parse(answer)?;
        let line = answer.media.get(index).ok_or(NegotiationError::NotAcceptable)?;
        let agreed = self.read_answer(&answer, line, offered).ok_or(NegotiationError::NotAcceptable)?;
        self.agree(agreed.clone());
        Ok(agreed)
    }

    fn agree(&mut self, agreed: Agreed) {
        let before = self.agreed.as_ref().and_then(|before| before.srtp.as_ref());
        self.security.agreed(before, agreed.srtp.as_ref());
        self.agreed = Some(agreed);
    }

    /// What protects the stream now.
    fn running(&self) -> Option<&SrtpKeys> {
        self.agreed.as_ref()?.srtp.as_ref()
    }

    /// The first stream of an offer that we can serve, and how.
    fn serve(&self, offer: &Description) -> Option<(usize, Agreed, Option<Chosen>)> {
        offer.media.iter().enumerate().find_map(|(index, line)| {
            let chosen = self.security.answer(line, self.running().map(|keys| keys.send.suite))?;
            let remote = self.remote(offer, line, chosen.as_ref())?;
            let (payload_type, codec) = self.first_codec(line, &[])?;
            let event = event_type(line, &[]).map(|(payload_type, clock_rate)| EventTypes {
                send: payload_type,
                receive: payload_type,
                clock_rate,
            });
            let agreed = remote.agreed(codec, payload_type, payload_type, event);
            Some((index, agreed.sharing_a_port(line, None).with_noise(line, None), chosen))
        })
    }

    fn read_answer(&self, answer: &Description, line: &Media, offered: &Media) -> Option<Agreed> {
        let chosen = self.security.accept(line, offered)?;
        let remote = self.remote(answer, line, chosen.as_ref())?;
        let (send, codec) = self.first_codec(line, &offered.attributes)?;
        let receive = payload_types(offered, &[]).find(|(_, own)| *own == codec)?.0;
        let event = match (event_type(line, &offered.attributes), event_type(offered, &[])) {
            (Some((send, clock_rate)), Some((receive, _))) => Some(EventTypes { send, receive, clock_rate }),
            _ => None,
        };
        let agreed = remote.agreed(codec, send, receive, event);
        Some(agreed.sharing_a_port(line, Some(offered)).with_noise(line, Some(offered)))
    }

    /// The first codec of a stream that is ours too, in the peer's order (RFC 3264 6.1).
    fn first_codec(&self, line: &Media, mapped: &[Attribute]) -> Option<(u8, Codec)> {
        payload_types(line, mapped).find(|(_, codec)| self.media.codecs.contains(codec))
    }

    /// The peer's side of a stream that is audio with an address of our family.
    fn remote(&self, description: &Description, line: &Media, chosen: Option<&Chosen>) -> Option<Remote> {
        if line.kind != "audio" || line.port == 0 {
            return None;
        }
        let Some(Connection::Address(address)) = line.connection.as_ref().or(description.connection.as_ref())
        else {
            return None;
        };
        if address.is_ipv4() != self.media.address.is_ipv4() || address.is_multicast() {
            return None;
        }
        let rtp = SocketAddr::new(*address, line.port);
        let direction = direction(description, line, address.is_unspecified());
        let srtp = chosen.map(|chosen| chosen.keys.clone());
        Some(Remote { rtp, rtcp: rtcp(line, rtp), direction, packet_time_ms: packet_time(line), srtp })
    }

    fn audio_offer(&self) -> Media {
        let offered = self.media.codecs.iter().filter(|codec| !self.has_lost_its_number(**codec));
        let types = offered.map(|codec| (self.receive_type(*codec), *codec)).collect::<Vec<_>>();
        let event = self.agreed.as_ref().and_then(|agreed| agreed.telephone_event);
        let free = if types.iter().any(|(number, _)| *number == TELEPHONE_EVENT) {
            OTHER_EVENT
        } else {
            TELEPHONE_EVENT
        };
        let event = event.map_or((free, EVENT_CLOCKS[0]), |types| (types.receive, types.clock_rate));
        let direction = Attribute { name: "sendrecv".to_owned(), value: None };
        let running = self
            .agreed
            .as_ref()
            .and_then(|agreed| Some((self.sent.iter().find(|media| media.port != 0)?, agreed.srtp.as_ref())));
        let (protocol, crypto) = self.security.offer(running);
        let offer = audio(self.media.rtp_port, &types, Some(event), PACKET_TIME_MS, direction);
        // What runs on one port goes on so (RFC 5761 5.1.1).
        let mux = self.agreed.as_ref().is_some_and(|agreed| agreed.rtcp_mux);
        // So does comfort noise, unless its number now means events.
        let noise = self.agreed.as_ref().and_then(|agreed| agreed.comfort_noise).map(|types| types.receive);
        let offer = noisy(sharing(offer, mux), noise.filter(|noise| *noise != event.0));
        secured(offer, &protocol, crypto)
    }

    /// The peer has given the static number of this codec to another one, or to the events, and a number
    /// keeps its meaning.
    fn has_lost_its_number(&self, codec: Codec) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| {
            let events = agreed.telephone_event.map(|types| types.receive);
            agreed.codec != codec
                && [Some(agreed.receive_payload_type), events].contains(&Some(codec.static_type()))
        })
    }

    /// The payload type a codec was agreed with, else its static one (RFC 3264 8.3.2: a number keeps its meaning).
    fn receive_type(&self, codec: Codec) -> u8 {
        match &self.agreed {
            Some(agreed) if agreed.codec == codec => agreed.receive_payload_type,
            _ => codec.static_type(),
        }
    }

    fn audio_answer(&self, offer: &Media, agreed: &Agreed, chosen: Option<&Chosen>) -> Media {
        let types = [(agreed.receive_payload_type, agreed.codec)];
        let event = agreed.telephone_event.map(|types| (types.receive, types.clock_rate));
        let direction = Attribute { name: agreed.direction.name().to_owned(), value: None };
        let packet_time_ms = agreed.packet_time_ms.unwrap_or(PACKET_TIME_MS);
        let answer = audio(self.media.rtp_port, &types, event, packet_time_ms, direction);
        let answer = noisy(sharing(answer, agreed.rtcp_mux), agreed.comfort_noise.map(|types| types.receive));
        secured(answer, &offer.protocol, chosen.map(Chosen::attribute))
    }

    /// The text of a description of ours; the version rises when it differs from the one before (RFC 3264 8).
    fn send(&mut self, media: Vec<Media>) -> Vec<u8> {
        if self.sent != media {
            self.version = self.version.wrapping_add(1);
            self.sent = media;
        }
        let local = Local {
            id: self.media.session_id,
            version: self.version,
            address: self.media.address,
            media: self.sent.clone(),
        };
        local.to_text().into_bytes()
    }
}

impl Codec {
    /// All there are.
    pub const ALL: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::G722];

    /// Its encoding name (RFC 3551 6).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
        }
    }

    /// RFC 3551 6.
    fn static_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
        }
    }

    /// Whether an rtpmap means it. The clock of G.722 is written 8000 although it has 16 000 samples a second
    /// (RFC 3551 4.5.2); some peers write the 16 000. Some write no clock.
    fn is_meant_by(self, encoding: &str) -> bool {
        let mut parts = encoding.split('/');
        let name = parts.next().unwrap_or_default();
        let clock = parts.next().unwrap_or("8000");
        name.eq_ignore_ascii_case(self.name())
            && (clock == "8000" || (clock == "16000" && self == Codec::G722))
            && matches!(parts.next(), None | Some("1"))
    }
}

impl Direction {
    /// The attribute of RFC 8866 6.7.
    fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// The peer's side of a stream.
struct Remote {
    rtp: SocketAddr,
    rtcp: SocketAddr,
    direction: Direction,
    packet_time_ms: Option<u16>,
    srtp: Option<SrtpKeys>,
}

impl Remote {
    fn agreed(self, codec: Codec, send: u8, receive: u8, telephone_event: Option<EventTypes>) -> Agreed {
        Agreed {
            remote_rtp: self.rtp,
            remote_rtcp: self.rtcp,
            rtcp_mux: false,
            codec,
            send_payload_type: send,
            receive_payload_type: receive,
            telephone_event,
            comfort_noise: None,
            direction: self.direction,
            packet_time_ms: self.packet_time_ms,
            srtp: self.srtp,
        }
    }
}

impl Agreed {
    /// With RTP and RTCP on one port, if the peer's description says so, and ours before it where it is an
    /// answer (RFC 8035). Without, where one of the payload types would be mistaken for RTCP.
    fn sharing_a_port(self, line: &Media, offered: Option<&Media>) -> Self {
        let says = |line: &Media| line.attribute(RTCP_MUX).is_some();
        let events = self.telephone_event.map(|types| [types.send, types.receive]);
        let types = [self.send_payload_type, self.receive_payload_type].into_iter();
        let clash = types.chain(events.into_iter().flatten()).any(|number| LIKE_RTCP.contains(&number));
        let rtcp_mux = says(line) && offered.is_none_or(says) && !clash;
        let remote_rtcp = if rtcp_mux { self.remote_rtp } else { self.remote_rtcp };
        Agreed { rtcp_mux, remote_rtcp, ..self }
    }

    /// With comfort noise, if the peer's description has it, and ours before it where it is an answer.
    fn with_noise(self, line: &Media, offered: Option<&Media>) -> Self {
        let types = match offered {
            None => noise_type(line, &[]).map(|number| (number, number)),
            Some(offered) => noise_type(line, &offered.attributes).zip(noise_type(offered, &[])),
        };
        let comfort_noise = types.map(|(send, receive)| NoiseTypes { send, receive });
        Agreed { comfort_noise, ..self }
    }
}

/// The payload types of a stream that are codecs we know, in its order. `mapped` names dynamic types for
/// a peer that answers without repeating rtpmap.
fn payload_types<'a>(line: &'a Media, mapped: &'a [Attribute]) -> impl Iterator<Item = (u8, Codec)> + 'a {
    line.formats.iter().filter_map(move |format| {
        let payload_type = payload_type(format)?;
        let encoding = rtpmap(&line.attributes, payload_type).or_else(|| rtpmap(mapped, payload_type));
        Some((payload_type, codec(payload_type, encoding)?))
    })
}

/// 0 to 127 (RFC 3550 5.1), without leading zeros or a sign: the answer repeats it as it came.
fn payload_type(format: &str) -> Option<u8> {
    let digits = format.bytes().all(|octet| octet.is_ascii_digit());
    if !digits || (format.len() > 1 && format.starts_with('0')) {
        return None;
    }
    format.parse().ok().filter(|payload_type| *payload_type < 128)
}

/// What a=rtpmap says of a payload type (RFC 8866 6.6).
fn rtpmap(attributes: &[Attribute], payload_type: u8) -> Option<&str> {
    attributes.iter().filter(|attribute| attribute.name == "rtpmap").find_map(|attribute| {
        let (number, encoding) = attribute.value.as_deref()?.split_once(' ')?;
        (number.parse() == Ok(payload_type)).then(|| encoding.trim())
    })
}

fn codec(payload_type: u8, encoding: Option<&str>) -> Option<Codec> {
    Codec::ALL.into_iter().find(|codec| match encoding {
        Some(encoding) => codec.is_meant_by(encoding),
        None => codec.static_type() == payload_type,
    })
}

/// The payload type of telephone-event and its clock (RFC 4733 2.4.1): the one with the clock of our codecs
/// (2.5.1.2), else the first one with that of a wider codec, which tells keys as well. `mapped` as above.
fn event_type(line: &Media, mapped: &[Attribute]) -> Option<(u8, u32)> {
    let types = || line.formats.iter().filter_map(|format| payload_type(format));
    let clocks = || {
        types().filter_map(|payload_type| {
            let encoding = rtpmap(&line.attributes, payload_type).or_else(|| rtpmap(mapped, payload_type))?;
            Some((payload_type, event_clock(encoding)?))
        })
    };
    clocks().find(|(_, clock)| *clock == EVENT_CLOCKS[0]).or_else(|| clocks().next())
}

/// The clocks of telephone-event that we know: ours, and those of wider codecs.
const EVENT_CLOCKS: [u32; 4] = [8_000, 16_000, 32_000, 48_000];

/// The clock in the rtpmap of telephone-event; 8000 where none is written.
fn event_clock(encoding: &str) -> Option<u32> {
    let mut parts = encoding.split('/');
    let name = parts.next()?;
    let clock = parts.next().unwrap_or("8000").parse().ok()?;
    let one_channel = matches!(parts.next(), None | Some("1"));
    let known = name.eq_ignore_ascii_case("telephone-event") && EVENT_CLOCKS.contains(&clock);
    (known && one_channel).then_some(clock)
}

/// The payload type of comfort noise at the clock of our codecs (RFC 3389 4): its static number, or a dynamic
/// one. `mapped` as above.
fn noise_type(line: &Media, mapped: &[Attribute]) -> Option<u8> {
    line.formats.iter().filter_map(|format| payload_type(format)).find(|payload_type| {
        let encoding = rtpmap(&line.attributes, *payload_type).or_else(|| rtpmap(mapped, *payload_type));
        let is_noise = encoding.map_or(*payload_type == COMFORT_NOISE, |encoding| {
            encoding.strip_suffix("/1").unwrap_or(encoding).eq_ignore_ascii_case("CN/8000")
        });
        is_noise && (*payload_type == COMFORT_NOISE || DYNAMIC.contains(payload_type))
    })
}

/// From our side (RFC 3264 6.1). An address of zeros is how RFC 2543 put a call on hold (RFC 3264 8.4): the
/// peer wants to receive nothing.
fn direction(description: &Description, line: &Media, zeros: bool) -> Direction {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let stated = |attributes: &[Attribute]| {
        attributes
            .iter()
            .find_map(|attribute| all.into_iter().find(|direction| direction.name() == attribute.name))
    };
    let theirs =
        stated(&line.attributes).or_else(|| stated(&description.attributes)).unwrap_or(Direction::SendRecv);
    match (theirs, zeros) {
        (Direction::SendRecv, false) => Direction::SendRecv,
        (Direction::RecvOnly, false) => Direction::SendOnly,
        (Direction::SendRecv | Direction::SendOnly, _) => Direction::RecvOnly,
        (Direction::RecvOnly | Direction::Inactive, _) => Direction::Inactive,
    }
}

/// a=rtcp (RFC 3605 2.1), else the port above (RFC 3550 11). The address is that of RTP: an RTCP address of
/// its own would send our reports to a third party.
fn rtcp(line: &Media, rtp: SocketAddr) -> SocketAddr {
    let stated = line
        .attribute("rtcp")
        .flatten()
        .and_then(|value| value.split_ascii_whitespace().next()?.parse().ok());
    let port = stated.filter(|port| *port != 0).unwrap_or_else(|| rtp.port().saturating_add(1));
    SocketAddr::new(rtp.ip(), port)
}

/// a=ptime (RFC 8866 6.4), no more than a=maxptime, in whole steps of 10 ms from 10 to 60; nothing when the
/// peer says neither.
fn packet_time(line: &Media) -> Option<u16> {
    let stated = |name: &str| {
        let value = line.attribute(name).flatten().and_then(|value| value.parse::<u16>().ok());
        value.filter(|ms| *ms != 0)
    };
    let wanted = match (stated("ptime"), stated("maxptime")) {
        (Some(wanted), Some(most)) => wanted.min(most),
        (Some(wanted), None) => wanted,
        // A limit alone is no wish for more than we would send.
        (None, Some(most)) => most.min(PACKET_TIME_MS),
        (None, None) => return None,
    };
    Some((wanted / 10 * 10).clamp(10, 60))
}

/// An m= line of ours.
fn audio(
    port: u16,
    types: &[(u8, Codec)],
    event: Option<(u8, u32)>,
    packet_time_ms: u16,
    direction: Attribute,
) -> Media {
    let mut formats: Vec<String> = types.iter().map(|(payload_type, _)| payload_type.to_string()).collect();
    let mut attributes: Vec<Attribute> = types
        .iter()
        .map(|(payload_type, codec)| valued("rtpmap", format!("{payload_type} {}/8000", codec.name())))
        .collect();
    if let Some((event, clock)) = event {
        formats.push(event.to_string());
        attributes.push(valued("rtpmap", format!("{event} telephone-event/{clock}")));
        attributes.push(valued("fmtp", format!("{event} 0-15")));
    }
    attributes.push(valued("ptime", packet_time_ms.to_string()));
    attributes.push(direction);
    Media {
        kind: "audio".to_owned(),
        port,
        protocol: PLAIN.to_owned(),
        formats,
        connection: None,
        attributes,
    }
}

/// With comfort noise under this number, or without.
fn noisy(mut media: Media, noise: Option<u8>) -> Media {
    media.formats.extend(noise.map(|number| number.to_string()));
    media.attributes.extend(noise.map(|number| valued("rtpmap", format!("{number} CN/8000"))));
    media
}

/// With RTP and RTCP on one port, or not.
fn sharing(mut media: Media, rtcp_mux: bool) -> Media {
    media.attributes.extend(rtcp_mux.then(|| Attribute { name: RTCP_MUX.to_owned(), value: None }));
    media
}

/// With the protocol and the keys that were chosen.
fn secured(media: Media, protocol: &str, crypto: impl IntoIterator<Item = Attribute>) -> Media {
    let attributes = media.attributes.into_iter().chain(crypto).collect();
    Media { protocol: protocol.to_owned(), attributes, ..media }
}

fn valued(name: &str, value: String) -> Attribute {
    Attribute { name: name.to_owned(), value: Some(value) }
}

/// A stream we do not serve, refused in its place (RFC 3264 6).
fn refused(line: &Media) -> Media {
    Media { port: 0, connection: None, attributes: Vec::new(), ..line.clone() }
}

#[cfg(test)]
#[path = "offer_answer_tests.rs"]
mod tests;
