//! Request methods (RFC 3261 7.1): case-sensitive tokens, unknown ones kept as they came.

use std::fmt;

/// A request method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261 13.
    Invite,
    /// RFC 3261 13.2.2.4 and 17.1.1.3.
    Ack,
    /// RFC 3261 15.
    Bye,
    /// RFC 3261 9.
    Cancel,
    /// RFC 3261 11.
    Options,
    /// RFC 6086.
    Info,
    /// RFC 3311.
    Update,
    /// RFC 3262.
    Prack,
    /// RFC 3261 10.
    Register,
    /// RFC 6665.
    Subscribe,
    /// RFC 6665.
    Notify,
    /// RFC 3515.
    Refer,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// Any other token.
    Other(String),
}

const KNOWN: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("OPTIONS", Method::Options),
    ("INFO", Method::Info),
    ("UPDATE", Method::Update),
    ("PRACK", Method::Prack),
    ("REGISTER", Method::Register),
    ("SUBSCRIBE", Method::Subscribe),
    ("NOTIFY", Method::Notify),
    ("REFER", Method::Refer),
    ("MESSAGE", Method::Message),
    ("PUBLISH", Method::Publish),
];

impl Method {
    /// Reads a method token; `None` when the octets are no token (RFC 3261 25.1).
    #[must_use]
    pub fn parse(token: &[u8]) -> Option<Method> {
        if !crate::sip::scan::is_token(token) {
            return None;
        }
        let text = std::str::from_utf8(token).ok()?;
        let known = KNOWN.iter().find(|(name, _)| *name == text).map(|(_, method)| method.clone());
        Some(known.unwrap_or_else(|| Method::Other(text.to_owned())))
    }

    /// The token as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Method::Other(text) => text,
            known => KNOWN.iter().find(|(_, method)| method == known).map_or("", |(name, _)| name),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
