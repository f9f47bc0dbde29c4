//! Via (RFC 3261 20.42) with `rport` (RFC 3581).

use super::Params;
use crate::sip::scan;
use crate::sip::transport::Transport;
use crate::sip::uri::Host;
use std::net::{IpAddr, SocketAddr};

/// What begins a branch that is unique by RFC 3261 8.1.1.7.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One Via element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, ... as it came.
    pub transport: String,
    /// Sent-by host.
    pub host: Host,
    /// Sent-by port, where given.
    pub port: Option<u16>,
    /// The branch.
    pub branch: Option<String>,
    /// Where the request came from, when that is not the sent-by host.
    pub received: Option<IpAddr>,
    /// `Some(None)`: asked for; `Some(Some(port))`: filled in.
    pub rport: Option<Option<u16>>,
    /// Every other parameter.
    pub params: Params,
}

impl Via {
    /// Our own Via, with `rport` asked for.
    #[must_use]
    pub fn new(transport: Transport, sent_by: SocketAddr, branch: &str) -> Self {
        Via {
            transport: transport.via_name().to_owned(),
            host: sent_by.ip().into(),
            port: Some(sent_by.port()),
            branch: Some(branch.to_owned()),
            received: None,
            rport: Some(None),
            params: Params::default(),
        }
    }

    /// Reads one element of a Via header field.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Via> {
        let (protocol, rest) = protocol(value)?;
        let (sent_by, params) = match scan::split_once(rest, b';') {
            Some((sent_by, params)) => (sent_by, Params::parse(params)?),
            None => (rest, Params::default()),
        };
        let (host, port) = Host::parse_with_port(scan::trim(sent_by))?;
        Via { transport: protocol, host, port, branch: None, received: None, rport: None, params }
            .with_named_params()
    }

    /// Moves the parameters that have a field of their own out of the list.
    fn with_named_params(mut self) -> Option<Via> {
        if ["branch", "received", "rport"].iter().any(|name| self.params.has_duplicate(name)) {
            return None;
        }
        self.branch = match self.params.take("branch") {
            Some(value) => Some(token_text(&value?)?),
            None => None,
        };
        self.received = match self.params.take("received") {
            Some(value) => Some(received_address(&value?)?),
            None => None,
        };
        self.rport = match self.params.take("rport") {
            Some(Some(value)) => Some(Some(u16::try_from(scan::number(&value)?).ok()?)),
            Some(None) => Some(None),
            None => None,
        };
        Some(self)
    }

    /// Notes where the request came from (RFC 3261 18.2.1, RFC 3581 4).
    pub fn stamp(&mut self, source: SocketAddr) {
        let asked = self.rport.is_some();
        if asked || self.host.address() != Some(source.ip()) {
            self.received = Some(source.ip());
        }
        if asked {
            self.rport = Some(Some(source.port()));
        }
    }

    /// The branch is unique by RFC 3261 8.1.1.7 (and not the bare cookie).
    #[must_use]
    pub fn has_unique_branch(&self) -> bool {
        let Some(branch) = self.branch.as_deref() else { return false };
        let length = MAGIC_COOKIE.len();
        branch.len() > length
            && branch.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
    }

    /// The header field value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("SIP/2.0/{} {}", self.transport, self.host);
        if let Some(port) = self.port {
            text.push_str(&format!(":{port}"));
        }
        if let Some(branch) = &self.branch {
            text.push_str(&format!(";branch={branch}"));
        }
        if let Some(received) = self.received {
            text.push_str(&format!(";received={received}"));
        }
        match self.rport {
            Some(Some(port)) => text.push_str(&format!(";rport={port}")),
            Some(None) => text.push_str(";rport"),
            None => {}
        }
        let mut out = text.into_bytes();
        self.params.write(&mut out);
        out
    }
}

/// `SIP / 2.0 / UDP` with white space anywhere around the slashes; hands back the transport and the rest.
fn protocol(value: &[u8]) -> Option<(String, &[u8])> {
    let (name, rest) = scan::split_once(value, b'/')?;
    let (version, rest) = scan::split_once(rest, b'/')?;
    let rest = scan::trim(rest);
    let end = rest.iter().position(|octet| scan::is_space(*octet))?;
    let transport = rest.get(..end)?;
    if !scan::trim(name).eq_ignore_ascii_case(b"SIP")
        || scan::trim(version) != b"2.0"
        || !scan::is_token(transport)
    {
        return None;
    }
    Some((String::from_utf8(transport.to_vec()).ok()?, scan::trim(rest.get(end..)?)))
}

fn token_text(value: &[u8]) -> Option<String> {
    String::from_utf8(value.to_vec()).ok().filter(|text| !text.is_empty())
}

/// RFC 5118 4.5: an IPv6 address in `received` comes with and without brackets.
fn received_address(value: &[u8]) -> Option<IpAddr> {
    let bare = value.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(value);
    std::str::from_utf8(bare).ok()?.parse().ok()
}
