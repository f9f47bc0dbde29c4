//! Header field values with a structure of their own (RFC 3261 20).

mod cseq;
mod name_addr;
mod params;
mod via;

pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use params::Params;
pub use via::Via;
