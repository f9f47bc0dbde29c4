//! `[sip]`, `[sip.tls]`, `[media]`, `[[trunks]]` and `[trunks.tls]` of `nightbell.toml`, as they are written.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use crate::call::settings::Period;
use crate::switch::credentials::InboundAuthSettings;
use crate::switch::limits::MAX_CALL_LENGTH;

/// `[sip]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipSettings {
    /// Where SIP is listened for: `udp:ADDRESS:PORT`, `tcp:...`, `tls:...`.
    pub listen: Vec<Spanned<String>>,
    /// The address in Contact and SDP behind NAT. Default: the socket's that reaches the trunk.
    pub public_address: Option<IpAddr>,
    /// Our certificate, for those who connect to us by TLS.
    pub tls: Option<SipTlsSettings>,
    /// The name servers that are asked for the servers of trunks: `ADDRESS` or `ADDRESS:PORT`. Left out:
    /// those of the machine.
    pub resolvers: Vec<Spanned<String>>,
}

/// `[sip.tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipTlsSettings {
    /// PEM file: our certificate, and those between it and the authority.
    pub certificate: Spanned<PathBuf>,
    /// PEM file: its key.
    pub key: Spanned<PathBuf>,
    /// PEM file: authorities of which whoever connects must have a certificate.
    pub client_ca: Option<Spanned<PathBuf>>,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self {
            listen: vec![Spanned::new(0..0, "udp:0.0.0.0:5060".to_owned())],
            public_address: None,
            tls: None,
            resolvers: Vec::new(),
        }
    }
}

/// `[media]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaSettings {
    /// The ports for RTP and RTCP, first and last: `"20000-29999"`.
    pub ports: Spanned<String>,
    /// How many threads carry audio. Left out: one a processor, four at most.
    pub threads: Option<Spanned<usize>>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self { ports: Spanned::new(0..0, "20000-29999".to_owned()), threads: None }
    }
}

/// `[[trunks]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkSettings {
    /// Its name in `trunks = [...]` and in the log.
    pub name: Spanned<String>,
    /// Where our calls go: `udp:HOST`, `tcp:HOST` or `tls:HOST`, with or without `:PORT`. Left out: straight
    /// to SIP addresses.
    pub server: Option<Spanned<String>>,
    /// The host in URIs with numbers, and the registrar. Default: the host of `server`.
    pub domain: Option<Spanned<String>>,
    /// Where our requests go instead of `server`, which then only names the domain. Written as that is.
    pub outbound_proxy: Option<Spanned<String>>,
    /// How a request goes that is too large for one datagram: `tcp`, or `udp` for carriers without it.
    pub large_messages: Option<Spanned<String>>,
    /// The carrier wants to be told by REGISTER where its calls to us go.
    #[serde(default)]
    pub register: bool,
    /// How long a registration is asked for.
    #[serde(default = "default_register_every")]
    pub register_every: Spanned<Period>,
    /// The account at the carrier.
    pub username: Option<Spanned<String>>,
    /// The name to authenticate with, where it is not `username`.
    pub auth_username: Option<Spanned<String>>,
    /// The password: a file.
    pub password_file: Option<Spanned<String>>,
    /// The password: an environment variable.
    pub password_env: Option<Spanned<String>>,
    /// The password: a systemd credential.
    pub credential: Option<Spanned<String>>,
    /// The algorithms that may be used with the passwords.
    pub digest: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who the trunk has to be when it calls.
    pub inbound_auth: Option<Spanned<InboundAuthSettings>>,
    /// Whose certificate the server must have, and ours for it.
    pub tls: Option<Spanned<TrunkTlsSettings>>,
    /// Who may send us calls, beside the addresses of `server`.
    #[serde(default)]
    pub sources: Vec<Spanned<IpNet>>,
    /// Where its RTP may come from, beside `sources` and the address in the SDP.
    #[serde(default)]
    pub media_sources: Vec<IpNet>,
    /// Offered and accepted codecs, in order of preference: `PCMA`, `PCMU`, `G722`.
    #[serde(default = "default_codecs")]
    pub codecs: Vec<Spanned<String>>,
    /// Dialogs both ways; a caller is let in only with a slot for a responder.
    #[serde(default = "default_max_calls")]
    pub max_calls: Spanned<usize>,
    /// Its country's calling code: `030...`, `0049...` and `49...` are read as `+49...`.
    pub country: Option<Spanned<String>>,
    /// Where the number that was dialled stands: `request-uri`, `to`, `p-called-party-id`.
    pub called_number: Option<Spanned<String>>,
    /// How our number is stated: `p-asserted-identity`, `p-preferred-identity`, `from`, `remote-party-id`.
    pub identity: Option<Spanned<String>>,
    /// Whom From names: `number`, or `account`, the `username`.
    pub from_user: Option<Spanned<String>>,
    /// `;user=phone` in every URI of ours with a number.
    #[serde(default)]
    pub user_phone: bool,
    /// Whether a key's end that comes again under a new timestamp, within 40 ms, is no new press.
    #[serde(default = "default_repeated_key_ends")]
    pub repeated_key_ends: bool,
    /// How numbers are written: `e164`, `digits`, `international`, `national`.
    pub number_format: Option<Spanned<String>>,
    /// Which header field names the hotline when the caller's number is shown: `none`, `diversion`, `history-info`.
    pub forwarded: Option<Spanned<String>>,
    /// Whether audio is protected: `off`, `optional`, `required`.
    pub srtp: Option<Spanned<String>>,
    /// How often a sign of life is asked for in a call, as in `30m`; `off`: only when the trunk demands it.
    pub session_timer: Option<Spanned<String>>,
    /// Whether our calls speak of reliable provisional responses: `off`, `supported`, `required`.
    pub reliable_provisional: Option<Spanned<String>>,
    /// What may be dialled over it: `+49`, `sip:*@10.1.2.0/24`. Default: its own country.
    pub destinations: Option<Vec<Spanned<String>>>,
    /// How often its server is asked whether it is there, or `off`.
    pub ping: Option<Spanned<String>>,
    /// How long a call may last.
    #[serde(default = "default_max_call_length")]
    pub max_call_length: Spanned<Period>,
    /// What calls over it may cost.
    #[serde(default)]
    pub limits: LimitsSettings,
}

fn default_codecs() -> Vec<Spanned<String>> {
    ["PCMA", "PCMU"].map(|name| Spanned::new(0..0, name.to_owned())).to_vec()
}

fn default_repeated_key_ends() -> bool {
    true
}

fn default_max_call_length() -> Spanned<Period> {
    Spanned::new(0..0, Period(MAX_CALL_LENGTH))
}

fn default_register_every() -> Spanned<Period> {
    Spanned::new(0..0, Period::seconds(600))
}

fn default_max_calls() -> Spanned<usize> {
    Spanned::new(0..0, 30)
}

/// `[trunks.limits]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSettings {
    /// Outbound legs at a time.
    pub concurrent_legs: Option<Spanned<u32>>,
    /// Outbound legs in 60 minutes.
    pub legs_per_hour: Option<Spanned<u32>>,
    /// Outbound legs in 24 hours.
    pub legs_per_day: Option<Spanned<u32>>,
    /// Minutes of answered outbound legs in 24 hours.
    pub minutes_per_day: Option<Spanned<u32>>,
    /// Calls that it may begin in a second. Default: 50.
    pub calls_per_second: Option<Spanned<u32>>,
}

/// `[trunks.tls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrunkTlsSettings {
    /// PEM file: the authorities that may have signed the server's certificate. Default: the machine's.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// PEM file: our certificate, for a server that wants one.
    pub certificate: Option<Spanned<PathBuf>>,
    /// PEM file: its key.
    pub key: Option<Spanned<PathBuf>>,
    /// The name in the server's certificate. Default: the host of `server`.
    pub server_name: Option<Spanned<String>>,
}
