//! SIP as a value machine: bytes or a timeout in, bytes or events out. No socket, no clock.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod crypto_attribute;
pub mod dialog;
pub mod digest;
pub mod dtmf_info;
pub mod endpoint;
pub mod header;
pub mod identity;
mod media_security;
pub mod message;
pub mod multipart;
pub mod offer_answer;
pub mod reason;
pub mod registration;
mod scan;
pub mod sdp;
pub mod session_timer;
pub(crate) mod spare;
pub mod stream;
pub mod token_bucket;
pub mod transaction;
pub mod transport;
pub mod uri;
pub mod validate;

pub use crypto_attribute::{CryptoSuite, MasterKey, SrtpKey, SrtpKeys};
pub use dialog::StoredDialog;
pub use endpoint::{
    AnswerError, Cause, Config, EndCause, Endpoint, Event, FailureCause, IncomingCall, LegId, Outgoing, Peer,
    Refusal, ReliableProvisional, Transmit, TrunkProfile,
};
pub use header::{CSeq, NameAddr, Params, Via};
pub use identity::{
    Attestation, Diversion, DiversionReason, Forwarded, Identity, IdentityHeader, IdentityPolicy, Verstat,
};
pub use media_security::{MediaSecurity, SrtpPolicy};
pub use message::{HeaderError, HeaderName, Headers, Malformed, Message, Method, Request, Response};
pub use offer_answer::{
    Agreed, Codec, Direction, EventTypes, LocalMedia, Negotiation, NegotiationError, NoiseTypes,
};
pub use reason::Reason;
pub use stream::{Framed, Stream};
pub use token_bucket::TokenBucket;
pub use transaction::Timers;
pub use transport::{Hop, Transport};
pub use uri::{Host, SipUri, Uri};
pub use validate::{ALLOW, Objection, objection};
