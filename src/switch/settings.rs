//! `[sip]`, `[media]` and `[[trunks]]` of `nightbell.toml`, as they are written.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

/// `[sip]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipSettings {
    /// Where SIP is listened for: `udp:ADDRESS:PORT`.
    pub listen: Vec<Spanned<String>>,
    /// The address in Contact and SDP behind NAT. Default: the socket's that reaches the trunk.
    pub public_address: Option<IpAddr>,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self { listen: vec![Spanned::new(0..0, "udp:0.0.0.0:5060".to_owned())], public_address: None }
    }
}

/// `[media]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaSettings {
    /// The ports for RTP and RTCP, first and last: `"20000-29999"`.
    pub ports: Spanned<String>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self { ports: Spanned::new(0..0, "20000-29999".to_owned()) }
    }
}

/// `[[trunks]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkSettings {
    /// Its name in `trunks = [...]` and in the log.
    pub name: Spanned<String>,
    /// Where our calls go: `udp:HOST` or `udp:HOST:PORT`. Left out: straight to SIP addresses.
    pub server: Option<Spanned<String>>,
    /// Who may send us calls, beside the addresses of `server`.
    #[serde(default)]
    pub sources: Vec<Spanned<IpNet>>,
    /// Where its RTP may come from, beside `sources` and the address in the SDP.
    #[serde(default)]
    pub media_sources: Vec<IpNet>,
    /// Offered and accepted codecs, in order of preference: `PCMA`, `PCMU`.
    #[serde(default = "default_codecs")]
    pub codecs: Vec<Spanned<String>>,
    /// Dialogs both ways; a caller is let in only with a slot for a responder.
    #[serde(default = "default_max_calls")]
    pub max_calls: Spanned<usize>,
    /// Its country's calling code: `030...`, `0049...` and `49...` are read as `+49...`.
    pub country: Option<Spanned<String>>,
    /// Whether audio is protected: `off`, `optional`, `required`.
    pub srtp: Option<Spanned<String>>,
    /// What may be dialled over it: `+49`, `sip:*@10.1.2.0/24`. Default: its own country.
    pub destinations: Option<Vec<Spanned<String>>>,
}

fn default_codecs() -> Vec<Spanned<String>> {
    ["PCMA", "PCMU"].map(|name| Spanned::new(0..0, name.to_owned())).to_vec()
}

fn default_max_calls() -> Spanned<usize> {
    Spanned::new(0..0, 30)
}
