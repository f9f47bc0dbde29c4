//! CSeq (RFC 3261 20.16).

use crate::sip::message::Method;
use crate::sip::scan;

/// A sequence number below 2^31 (RFC 3261 8.1.1.5) and the method it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method; in a response that of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads a header field value.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<CSeq> {
        let mut words = value.split(|octet| scan::is_space(*octet)).filter(|word| !word.is_empty());
        let number = scan::number(words.next()?)?;
        let method = Method::parse(words.next()?)?;
        (words.next().is_none() && number < 1 << 31).then_some(CSeq { number, method })
    }

    /// The header field value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}", self.number, self.method).into_bytes()
    }
}
