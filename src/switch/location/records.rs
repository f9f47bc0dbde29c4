//! What is asked of name servers, and what they answer, as values.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A type of record that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Which services a domain has (RFC 3403).
    Naptr,
    /// Which hosts and ports a service has (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
        })
    }
}

/// A question to a name server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, without a dot at its end.
    pub name: String,
    /// What is wanted of it.
    pub kind: Kind,
}

impl Question {
    pub(super) fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One record, as far as it concerns SIP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A service of a domain.
    Naptr(Naptr),
    /// A host and port of a service.
    Srv(Srv),
    /// An address of a host.
    Address(IpAddr),
}

/// A NAPTR record (RFC 3403 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// The lowest comes first.
    pub order: u16,
    /// Among equal orders, the lowest comes first.
    pub preference: u16,
    /// `s`: the replacement is the name of SRV records; `a`: that of addresses.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T` and others.
    pub service: String,
    /// The next name, without a dot at its end; empty where a regular expression stands for it.
    pub replacement: String,
}

/// An SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// The lowest comes first.
    pub priority: u16,
    /// The share among equal priorities.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, without a dot at its end; empty: the service is decidedly not there.
    pub target: String,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Records, and how long they may be used.
    Found(Vec<Record>, Duration),
    /// There is no such name, or nothing of this type; and how long that may be believed, if that was said.
    Nothing(Option<Duration>),
    /// No word on it: a timeout, SERVFAIL, REFUSED. In words.
    Failed(String),
}
