//! The words between the endpoint and whoever owns it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::sip::dialog::StoredDialog;
use crate::sip::digest::Credentials;
use crate::sip::identity::{Identity, IdentityPolicy};
use crate::sip::media_security::SrtpPolicy;
use crate::sip::offer_answer::{Agreed, Codec, LocalMedia};
use crate::sip::reason::Reason;
use crate::sip::registration::Registration;
use crate::sip::transaction::Timers;
use crate::sip::transport::{Hop, Transport};

/// Where a message came from. The owner has matched its source to a trunk: what comes from elsewhere
/// never reaches the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The trunk's place in [`Config::trunks`].
    pub trunk: usize,
    /// The transport it came by.
    pub transport: Transport,
    /// The source of the datagram, or the far end of the connection.
    pub addr: SocketAddr,
}

impl Peer {
    /// Somebody who sends datagrams.
    #[must_use]
    pub fn udp(trunk: usize, addr: SocketAddr) -> Self {
        Self { trunk, transport: Transport::Udp, addr }
    }

    /// The way back.
    #[must_use]
    pub fn hop(&self) -> Hop {
        Hop { transport: self.transport, addr: self.addr }
    }
}

/// What the endpoint has to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The trunks, in the order that [`Peer::trunk`] counts.
    pub trunks: Vec<TrunkProfile>,
    /// The base values of all timers.
    pub timers: Timers,
    /// For the header fields User-Agent and Server.
    pub software: String,
    /// How many legs there may be at a time; an INVITE beyond them is refused with 503.
    pub max_dialogs: usize,
}

/// What the endpoint has to know of one trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkProfile {
    /// The address we give to the trunk: in Via, Contact and SDP.
    pub contact: SocketAddr,
    /// Our address for transports at which we are reached elsewhere than at `contact`.
    pub other_contacts: Vec<(Transport, SocketAddr)>,
    /// The host part of the URIs that carry numbers.
    pub domain: String,
    /// The codecs spoken on the trunk, the best first.
    pub codecs: Vec<Codec>,
    /// How often we want a sign that a call is still up (RFC 4028); nothing: only when the trunk demands it.
    pub session_timer: Option<Duration>,
    /// What our INVITE says of reliable provisional responses.
    pub reliable_provisional: ReliableProvisional,
    /// How it wants to be told who calls.
    pub identity: IdentityPolicy,
    /// Who we are when the trunk challenges us.
    pub credentials: Option<Credentials>,
    /// Who the trunk has to be when it sends us a request outside of a call.
    pub inbound_auth: Option<Credentials>,
    /// The binding the trunk wants, if it wants one.
    pub registration: Option<Registration>,
    /// The outbound proxy as a Route (`<sip:proxy;lr>`), for our requests outside of dialogs.
    pub routes: Vec<String>,
    /// A request too large for UDP goes by TCP (RFC 3261 18.1.1).
    pub large_by_tcp: bool,
    /// Whether its audio is protected.
    pub srtp: SrtpPolicy,
    /// How many calls it may begin in a second; nothing: as many as it likes.
    pub calls_per_second: Option<u32>,
}

/// Reliable provisional responses (RFC 3262) to our INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReliableProvisional {
    /// Not spoken of.
    #[default]
    Off,
    /// `Supported: 100rel`.
    Supported,
    /// `Require: 100rel`.
    Required,
}

impl TrunkProfile {
    /// A trunk without registration or any other peculiarity.
    #[must_use]
    pub fn new(contact: SocketAddr, domain: impl Into<String>, codecs: Vec<Codec>) -> Self {
        Self {
            contact,
            other_contacts: Vec::new(),
            domain: domain.into(),
            codecs,
            session_timer: None,
            reliable_provisional: ReliableProvisional::Off,
            identity: IdentityPolicy::default(),
            credentials: None,
            inbound_auth: None,
            registration: None,
            routes: Vec::new(),
            large_by_tcp: true,
            srtp: SrtpPolicy::Off,
            calls_per_second: None,
        }
    }

    /// Whether we are reached at the same addresses and under the same domain as with another profile.
    pub(super) fn is_reached_as(&self, other: &Self) -> bool {
        self.contact == other.contact
            && self.other_contacts == other.other_contacts
            && self.domain == other.domain
    }

    /// The address at which we are reached by a transport.
    #[must_use]
    pub fn contact_for(&self, transport: Transport) -> SocketAddr {
        let other = self.other_contacts.iter().find(|(other, _)| *other == transport);
        other.map_or(self.contact, |(_, contact)| *contact)
    }
}

/// One call leg: the use of one INVITE, in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub(super) u64);

impl std::fmt::Display for LegId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sip-leg-{}", self.0)
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The trunk whose socket it leaves by.
    pub trunk: usize,
    /// To where.
    pub hop: Hop,
    /// The message.
    pub payload: Vec<u8>,
}

/// A call to be placed.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Over which trunk.
    pub trunk: usize,
    /// The next hop: the address of the trunk that the INVITE, and all requests in its dialog, are sent to.
    pub to: Hop,
    /// Whom to call: `sip:+4930123456@domain`.
    pub request_uri: String,
    /// The number we show, as the trunk wants it written (a user part); nothing: withheld.
    pub from_user: Option<String>,
    /// Our own number in the same form, where it is not the one we show.
    pub own_user: Option<String>,
    /// Where we receive, and what we offer.
    pub media: LocalMedia,
    /// How long it may go without any response, where that is less than timer B: another target waits
    /// to be tried.
    pub no_response: Option<Duration>,
}

impl Outgoing {
    /// An anonymous call.
    #[must_use]
    pub fn new(trunk: usize, to: Hop, request_uri: impl Into<String>, media: LocalMedia) -> Self {
        let (request_uri, no_response) = (request_uri.into(), None);
        Self { trunk, to, request_uri, from_user: None, own_user: None, media, no_response }
    }
}

/// An INVITE that passed all checks of the protocol and waits for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingCall {
    /// Call-ID.
    pub call_id: String,
    /// Whom the Request-URI names: its user part, percent-decoded, or the number of a `tel:` URI.
    pub request_user: String,
    /// Host part of the Request-URI.
    pub request_host: String,
    /// Whom To names: some trunks give the dialled extension only here; empty when nobody.
    pub to_user: String,
    /// Whom P-Called-Party-ID names (RFC 7315 4.2), as other trunks have it.
    pub called_party: Option<String>,
    /// Who calls.
    pub identity: Identity,
    /// The INVITE carries an offer. Without one the agreement comes with the ACK.
    pub has_offer: bool,
}

/// Why we hang up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The ordinary end. To a call not yet answered: 480.
    Normal,
    /// Somebody else took the call (RFC 3326: `Reason: SIP;cause=200;text="Call completed elsewhere"`).
    AnsweredElsewhere,
    /// It rang long enough. To a call not yet answered: 480.
    NoAnswer,
    /// Not wanted. To a call not yet answered: 603.
    Declined,
    /// We cannot go on with it. To a call not yet answered: 500.
    Internal,
}

impl Cause {
    /// The refusal of an INVITE that says it.
    pub(super) fn status(self) -> u16 {
        match self {
            Cause::Normal | Cause::NoAnswer | Cause::AnsweredElsewhere => 480,
            Cause::Declined => 603,
            Cause::Internal => 500,
        }
    }

    /// The header fields Reason that say it in CANCEL and BYE (RFC 3326, with the Q.850 cause of RFC 6432).
    /// What a phone looks for comes first: a missed call is none when it was answered elsewhere.
    pub(super) fn reasons(self) -> &'static [&'static str] {
        match self {
            Cause::Normal => &["Q.850;cause=16;text=\"Normal call clearing\""],
            Cause::AnsweredElsewhere => &[
                "SIP;cause=200;text=\"Call completed elsewhere\"",
                "Q.850;cause=26;text=\"Non-selected user clearing\"",
            ],
            Cause::NoAnswer => {
                &["SIP;cause=480;text=\"No answer\"", "Q.850;cause=19;text=\"No answer from the user\""]
            }
            Cause::Declined => &["SIP;cause=603;text=\"Decline\"", "Q.850;cause=21;text=\"Call rejected\""],
            Cause::Internal => {
                &["SIP;cause=500;text=\"Internal error\"", "Q.850;cause=41;text=\"Temporary failure\""]
            }
        }
    }
}

/// Why our INVITE came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// A final response other than 2xx. Redirections (3xx) are never followed.
    Response,
    /// No answer at all in the time of timer B, or no end to the ringing (408).
    Timeout,
    /// The datagram could not be delivered (503).
    Transport,
    /// 401 or 407: the trunk wants a password, and there is none or it was not accepted.
    Authentication,
    /// 487 without a CANCEL of ours: something on the way gave the call up.
    Cancelled,
    /// It was answered, but with no media that we can use: acknowledged and hung up (488).
    NoMedia,
}

/// Why a leg is over that we had not hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// They sent BYE.
    Bye,
    /// They sent CANCEL before our answer.
    Cancelled,
    /// Our 2xx was not acknowledged for 64*T1; we sent BYE.
    NoAck,
    /// The ACK of a late offer carried no answer that we can use; we sent BYE.
    NoMedia,
    /// Our 180, which had to be acknowledged (RFC 3262), was not for 64*T1; we refused the call with 504.
    NoPrack,
    /// Nobody refreshed the session (RFC 4028 10), or our refresh showed that the peer no longer knows the
    /// call; we sent BYE.
    SessionExpired,
    /// The time that the caller's INVITE allowed (Expires) ran out before our answer; we refused it with 487.
    InviteExpired,
}

impl EndCause {
    /// The header fields Reason of the BYE that we send for it.
    pub(super) fn reasons(self) -> &'static [&'static str] {
        match self {
            EndCause::NoAck => {
                &["SIP;cause=408;text=\"No ACK\"", "Q.850;cause=102;text=\"Recovery on timer expiry\""]
            }
            EndCause::NoMedia => &[
                "SIP;cause=488;text=\"Not Acceptable Here\"",
                "Q.850;cause=79;text=\"Service not implemented\"",
            ],
            EndCause::SessionExpired => &[
                "SIP;cause=408;text=\"Session expired\"",
                "Q.850;cause=102;text=\"Recovery on timer expiry\"",
            ],
            EndCause::Bye | EndCause::Cancelled | EndCause::NoPrack | EndCause::InviteExpired => &[],
        }
    }
}

/// Why [`super::Endpoint::answer`] did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The caller is no longer there, or was answered before.
    #[error("the call is no longer waiting for an answer")]
    Gone,
    /// No codec in common: the call was refused with 488, and the leg is over.
    #[error("the offer has no media that can be used; refused with 488")]
    NotAcceptable,
}

/// What happened. Each leg has exactly one `Failed` or `Ended` at its end, unless we hung it up or
/// refused it: then nothing more of it is heard.
#[derive(Debug)]
pub enum Event {
    /// A call came in; 100 has been sent.
    Invite {
        /// The new leg.
        leg: LegId,
        /// Who sent it.
        peer: Peer,
        /// What it says.
        call: Box<IncomingCall>,
    },
    /// An INVITE of ours has come back to us; it was refused with 482.
    Loop {
        /// The leg that it began.
        leg: LegId,
        /// Who sent it back.
        peer: Peer,
    },
    /// A provisional response from 180 to 199 to our INVITE.
    Ringing {
        /// Which leg.
        leg: LegId,
        /// 180 to 199.
        status: u16,
    },
    /// Our INVITE was answered; its ACK is sent.
    Answered {
        /// Which leg.
        leg: LegId,
        /// What was agreed on.
        media: Agreed,
        /// To be stored, for a BYE after a restart.
        dialog: StoredDialog,
    },
    /// Our 200 is about to leave. The dialog is to be stored before it does: from then on the caller may be
    /// charged, and must get a BYE after a restart.
    Answering {
        /// Which leg.
        leg: LegId,
        /// For a BYE after a restart.
        dialog: StoredDialog,
    },
    /// The ACK of our answer came.
    Established {
        /// Which leg.
        leg: LegId,
        /// What was agreed on, if the ACK carried it (late offer).
        media: Option<Agreed>,
    },
    /// A re-INVITE or UPDATE changed the media: hold, resume, another address.
    MediaChanged {
        /// Which leg.
        leg: LegId,
        /// What is agreed on from now.
        media: Agreed,
    },
    /// A key, in an INFO.
    Digit {
        /// Which leg.
        leg: LegId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
        /// How long it was held, in ms, where it was said.
        duration_ms: Option<u16>,
    },
    /// Our INVITE came to nothing.
    Failed {
        /// Which leg.
        leg: LegId,
        /// The final status; 408 for a timeout, 503 where the network failed.
        status: u16,
        /// The reason phrase, without control characters.
        reason: String,
        /// What kind of end it is.
        cause: FailureCause,
        /// What else the refusal said.
        more: Box<Refusal>,
    },
    /// The leg is over.
    Ended {
        /// Which leg.
        leg: LegId,
        /// Why.
        cause: EndCause,
        /// The Reason of their BYE or CANCEL.
        because: Option<Reason>,
    },
    /// A trunk has registered us, or has refreshed the registration.
    Registered {
        /// Which trunk.
        trunk: usize,
        /// For how long.
        expires: Duration,
        /// The identities the carrier has given us (P-Associated-URI, RFC 7315 4.1).
        associated: Vec<String>,
    },
    /// A trunk has not registered us, or not again.
    Unregistered {
        /// Which trunk.
        trunk: usize,
        /// The final response; none came if there is none.
        status: Option<u16>,
        /// The reason phrase, or what else there is to say.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// A trunk begins calls faster than it may; they are refused. Told once a minute at most.
    TooFast {
        /// Which trunk.
        trunk: usize,
        /// How many it has begun too many since this was told the last time.
        refused: u64,
    },
    /// A ping ([`super::Endpoint::ping`]) has come to its end.
    Pinged {
        /// Which trunk.
        trunk: usize,
        /// Which of its servers.
        hop: Hop,
        /// What it answered; nothing, if it did not.
        status: Option<u16>,
    },
}

/// What a refusal of our INVITE says beside its status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// Reason (RFC 3326): the cause in the telephone network, where it is known.
    pub because: Option<Reason>,
    /// Retry-After (RFC 3261 20.33).
    pub retry_after: Option<Duration>,
    /// Where a redirection (3xx) points. It is never dialled.
    pub redirected_to: Option<String>,
}

impl Event {
    /// The leg whose event it is; some are of trunks.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Event::Invite { leg, .. }
            | Event::Loop { leg, .. }
            | Event::Ringing { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Answering { leg, .. }
            | Event::Established { leg, .. }
            | Event::MediaChanged { leg, .. }
            | Event::Digit { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Ended { leg, .. } => Some(*leg),
            Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::TooFast { .. }
            | Event::Pinged { .. } => None,
        }
    }
}
