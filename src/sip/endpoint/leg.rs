//! What the endpoint keeps of each leg: where its INVITE stands, and the dialog that came of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::event::Cause;
use super::transactions::TransactionId;
use crate::sip::dialog::Dialog;
use crate::sip::message::Request;
use crate::sip::offer_answer::Negotiation;
use crate::sip::session_timer::SessionTimer;
use crate::sip::transaction::TimerTable;
use crate::sip::transport::Hop;

/// What finds the leg of a request inside a dialog: Call-ID and our tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DialogKey {
    pub call_id: String,
    pub local_tag: String,
}

/// The use of one INVITE.
#[derive(Debug)]
pub(super) struct Leg {
    pub trunk: usize,
    pub key: DialogKey,
    /// Our address on its trunk, and the random user part of our Contact.
    pub contact: SocketAddr,
    pub contact_user: String,
    /// We have begun it.
    pub ours: bool,
    /// We have let go of it: nothing of it surfaces any more.
    pub silent: bool,
    /// Our provisional response that has to be acknowledged (RFC 3262).
    pub reliable: Option<Reliable>,
    pub timers: TimerTable,
    pub state: State,
}

/// Where the leg stands.
#[derive(Debug)]
pub(super) enum State {
    /// Their INVITE waits for our final response.
    Incoming(Box<Incoming>),
    /// Our INVITE waits for their final response.
    Calling(Box<Calling>),
    /// A 2xx was sent or received.
    Up(Box<Up>),
    /// Our BYE is under way.
    Ending(Box<Dialog>),
}

/// Their INVITE.
#[derive(Debug)]
pub(super) struct Incoming {
    pub transaction: TransactionId,
    pub source: Hop,
    pub request: Request,
    /// The CSeq number of their last request.
    pub sequence: u32,
    pub session: SessionTimer,
}

/// A provisional response of ours that is repeated until its PRACK comes.
#[derive(Debug)]
pub(super) struct Reliable {
    /// RSeq.
    pub number: u32,
    /// The CSeq number of the INVITE.
    pub sequence: u32,
    /// As it was sent.
    pub message: Vec<u8>,
    pub interval: Duration,
}

/// Our INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    pub transaction: TransactionId,
    pub negotiation: Negotiation,
    /// We no longer want it.
    pub unwanted: Option<Cause>,
    /// The CANCEL has been sent.
    pub cancelled: bool,
    /// One for each phone that has sent a provisional response.
    pub early: Vec<Early>,
    pub session: SessionTimer,
}

/// A dialog that a provisional response has begun (RFC 3261 12.1.2).
#[derive(Debug)]
pub(super) struct Early {
    pub dialog: Dialog,
    /// The RSeq of the last reliable response (RFC 3262 4).
    pub reliable: Option<u32>,
    /// SDP of an unreliable response: it serves when the 2xx has none.
    pub sdp: Option<Vec<u8>>,
    /// SDP of a reliable response is the answer.
    pub negotiation: Option<Negotiation>,
}

/// A dialog with media.
#[derive(Debug)]
pub(super) struct Up {
    pub dialog: Dialog,
    pub negotiation: Negotiation,
    /// Our 2xx that has no ACK yet.
    pub answer: Option<Answer>,
    /// We have hung up, but the BYE has to wait for the ACK (RFC 3261 15).
    pub farewell: Option<Cause>,
    pub session: SessionTimer,
    /// The peer takes UPDATE.
    pub updates: bool,
    /// Our refresh that is under way.
    pub asking: Option<Asking>,
}

/// What a session is refreshed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// It has an offer.
    Reinvite,
    /// It has none.
    Update,
}

/// A 2xx of ours on its way.
#[derive(Debug)]
pub(super) struct Answer {
    pub sequence: u32,
    pub message: Vec<u8>,
    pub interval: Duration,
    /// To the INVITE that began the leg, not to a re-INVITE.
    pub first: bool,
    /// It carried our offer: the ACK carries the answer.
    pub offered: bool,
    /// Where the INVITE came from.
    pub to: Hop,
}

impl Up {
    /// Whether an offer of ours waits for its answer.
    pub(super) fn is_offering(&self) -> bool {
        self.asking == Some(Asking::Reinvite) || self.answer.as_ref().is_some_and(|answer| answer.offered)
    }
}

impl Leg {
    /// Where requests in its dialog go. Before there is one, its transaction knows.
    pub(super) fn next_hop(&self) -> Option<Hop> {
        match &self.state {
            State::Up(up) => Some(up.dialog.identity.next_hop),
            State::Ending(dialog) => Some(dialog.identity.next_hop),
            State::Incoming(_) | State::Calling(_) => None,
        }
    }

    /// When something of its own is due. (Its transactions keep their own time.)
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}
