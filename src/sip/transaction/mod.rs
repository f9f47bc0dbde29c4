//! The four transactions of RFC 3261 17, one file for each figure, with the Accepted states of RFC 6026.
//!
//! A machine knows its state and its timers; the bytes it speaks of are kept by the endpoint. What
//! happens to it returns what the endpoint has to do.

mod client_invite;
mod client_other;
mod server_invite;
mod server_other;
mod timers;

pub use client_invite::ClientInvite;
pub use client_other::ClientOther;
pub use server_invite::ServerInvite;
pub use server_other::ServerOther;
pub use timers::{Timer, TimerTable, Timers};

/// What a client transaction makes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnResponse {
    /// It goes up to the user of the transaction.
    Deliver,
    /// It is a refusal of our INVITE: acknowledge it, and it goes up.
    AcknowledgeAndDeliver,
    /// It is a refusal that came before: only acknowledge it again.
    Acknowledge,
    /// It came before, or too late.
    Absorb,
}

/// What a transaction does when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimeout {
    /// Nothing.
    Wait,
    /// Send the last message once more.
    Retransmit,
    /// Nobody answered: the user of the transaction must know, and the transaction is over.
    TimedOut,
    /// The transaction is over.
    Terminated,
}

/// What a server transaction makes of a request that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRequest {
    /// Send the last response once more.
    Retransmit,
    /// Nothing is to be done.
    Absorb,
}
