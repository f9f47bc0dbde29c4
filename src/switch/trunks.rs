//! Trunks with every setting checked: who may send us calls, and what may be dialled.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};

use ipnet::IpNet;
use toml::Spanned;

use crate::oncall::Phone;
use crate::problem::{Problem, nearest};
use crate::sip::{Codec, SrtpPolicy};
use crate::switch::settings::{MediaSettings, SipSettings, TrunkSettings};

/// A trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where our calls go.
    pub server: Option<Server>,
    /// Who may send us calls.
    pub sources: Vec<IpNet>,
    /// Where its media may come from.
    pub media_sources: Vec<IpNet>,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Dialogs both ways.
    pub max_calls: usize,
    /// Its country's calling code.
    pub country: Option<String>,
    /// What may be dialled.
    pub destinations: Vec<Destination>,
    /// Whether audio is protected.
    pub srtp: SrtpPolicy,
}

/// A trunk's far end, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port; 5060 unless it is written.
    pub port: u16,
}

impl Server {
    /// Whether it must be looked up.
    pub fn is_name(&self) -> bool {
        host_address(&self.host).is_none()
    }
}

/// Something that may be dialled over a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Numbers that begin with this.
    Prefix(String),
    /// SIP addresses whose host is inside this network.
    Network(IpNet),
    /// SIP addresses of this host.
    Host(String),
}

impl Destination {
    fn parse(text: &str) -> Option<Self> {
        if let Some(host) = text.strip_prefix("sip:*@") {
            return Some(match host.parse::<IpNet>() {
                Ok(network) => Self::Network(network),
                Err(_) => match host.parse::<IpAddr>() {
                    Ok(address) => Self::Network(address.into()),
                    Err(_) if !host.is_empty() && !host.contains('/') => Self::Host(host.to_owned()),
                    Err(_) => return None,
                },
            });
        }
        let prefix = text.strip_suffix('*').unwrap_or(text);
        let digits = prefix.strip_prefix('+')?;
        let ok = !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit());
        ok.then(|| Self::Prefix(prefix.to_owned()))
    }

    fn allows(&self, phone: &Phone) -> bool {
        match (self, phone) {
            (Self::Prefix(prefix), Phone::Number(number)) => number.as_str().starts_with(prefix),
            (Self::Network(network), Phone::Sip(address)) => {
                host_address(address.host()).is_some_and(|host| network.contains(&host))
            }
            (Self::Host(host), Phone::Sip(address)) => host.eq_ignore_ascii_case(address.host()),
            _ => false,
        }
    }
}

/// The address that a host is, if it is not a name. Takes IPv6 with and without brackets.
pub fn host_address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl Trunk {
    /// A trunk of this name with the default of every setting, which neither calls nor is called.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            server: None,
            sources: Vec::new(),
            media_sources: Vec::new(),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            max_calls: 30,
            country: None,
            destinations: Vec::new(),
            srtp: SrtpPolicy::Off,
        }
    }

    /// Whether a phone may be dialled over this trunk.
    pub fn may_dial(&self, phone: &Phone) -> bool {
        self.allows(phone) && (self.server.is_some() || matches!(phone, Phone::Sip(_)))
    }

    /// Whether it might be dialled, were there a server to send it to.
    pub fn lacks_server_for(&self, phone: &Phone) -> bool {
        self.allows(phone) && !self.may_dial(phone)
    }

    fn allows(&self, phone: &Phone) -> bool {
        self.destinations.iter().any(|destination| destination.allows(phone))
    }
}

/// `[sip]` and `[media]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Where SIP is listened for.
    pub listen: Vec<SocketAddr>,
    /// The address others see.
    pub public_address: Option<IpAddr>,
    /// Ports for RTP and RTCP.
    pub media_ports: RangeInclusive<u16>,
}

/// Checks `[sip]` and `[media]`.
pub fn compile_addresses(sip: &SipSettings, media: &MediaSettings, problems: &mut Vec<Problem>) -> Addresses {
    let mut listen = Vec::new();
    for written in &sip.listen {
        match listen_address(written.get_ref()) {
            Ok(address) if listen.contains(&address) && address.port() != 0 => {
                let message = format!("`{}` is written twice", written.get_ref());
                problems.push(Problem::error(written.span(), message).help("take one of the two out"));
            }
            Ok(address) => listen.push(address),
            Err(help) => problems.push(
                Problem::error(written.span(), format!("cannot listen on `{}`", written.get_ref()))
                    .help(help),
            ),
        }
    }
    if sip.listen.is_empty() {
        problems.push(
            Problem::error(0..0, "[sip] listens nowhere").help("write listen = [\"udp:0.0.0.0:5060\"]"),
        );
    }
    let media_ports = port_range(media.ports.get_ref()).unwrap_or_else(|| {
        let message = format!("`{}` is not a range of ports", media.ports.get_ref());
        let help = "write first-last with at least 4 ports above 1023, as in \"20000-29999\"";
        problems.push(Problem::error(media.ports.span(), message).help(help));
        20000..=29999
    });
    Addresses { listen, public_address: sip.public_address, media_ports }
}

fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    match text.split_once(':') {
        Some(("udp", address)) => {
            address.parse().map_err(|_| "write udp:ADDRESS:PORT, as in udp:0.0.0.0:5060 or udp:[::]:5060")
        }
        Some(("tcp" | "tls", _)) => Err("this version speaks SIP over UDP; write udp:ADDRESS:PORT"),
        _ => Err("write udp:ADDRESS:PORT, as in udp:0.0.0.0:5060"),
    }
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?);
    (first >= 1024 && last.checked_sub(first)? >= 3).then_some(first..=last)
}

/// Checks `[[trunks]]`.
pub fn compile_trunks(settings: &[TrunkSettings], problems: &mut Vec<Problem>) -> Vec<Trunk> {
    let trunks = settings.iter().map(|trunk| compile_trunk(trunk, problems)).collect();
    names_used_twice(settings, problems);
    overlapping_sources(settings, problems);
    trunks
}

fn compile_trunk(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> Trunk {
    let mut codecs = Vec::new();
    for written in &settings.codecs {
        match codec(written.get_ref()) {
            Some(codec) if !codecs.contains(&codec) => codecs.push(codec),
            Some(_) => {}
            None => problems.push(unknown_codec(written)),
        }
    }
    if settings.codecs.is_empty() {
        let message = format!("the trunk `{}` has no codec", settings.name.get_ref());
        problems.push(Problem::error(settings.name.span(), message).help("codecs = [\"PCMA\", \"PCMU\"]"));
    }
    let server = settings.server.as_ref().and_then(|written| match server(written.get_ref()) {
        Ok(server) => Some(server),
        Err(help) => {
            let message = format!("`{}` is not a server", written.get_ref());
            problems.push(Problem::error(written.span(), message).help(help));
            None
        }
    });
    if settings.server.is_none() && settings.sources.is_empty() {
        let message = format!("the trunk `{}` has neither server nor sources", settings.name.get_ref());
        let help = "name the carrier's server = \"udp:HOST\", or the sources = [\"NETWORK\"] calls come from";
        problems.push(Problem::error(settings.name.span(), message).help(help));
    }
    if *settings.max_calls.get_ref() < 2 {
        let help = "a bridged call takes two: the caller and the responder";
        problems.push(Problem::error(settings.max_calls.span(), "max_calls is below 2").help(help));
    }
    let country = settings.country.as_ref().map(|written| country(written, problems));
    Trunk {
        name: settings.name.get_ref().clone(),
        server,
        sources: settings.sources.iter().map(|source| source.get_ref().trunc()).collect(),
        media_sources: settings.media_sources.clone(),
        codecs,
        max_calls: *settings.max_calls.get_ref(),
        destinations: destinations(settings, country.as_deref(), problems),
        country,
        srtp: srtp(settings, problems),
    }
}

fn codec(name: &str) -> Option<Codec> {
    match name {
        "PCMA" => Some(Codec::Pcma),
        "PCMU" => Some(Codec::Pcmu),
        _ => None,
    }
}

fn unknown_codec(written: &Spanned<String>) -> Problem {
    let help = match nearest(&written.get_ref().to_ascii_uppercase(), ["PCMA", "PCMU"]) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "this version speaks PCMA and PCMU".to_owned(),
    };
    Problem::error(written.span(), format!("there is no codec `{}`", written.get_ref())).help(help)
}

/// Keys travel in the signalling, so who can read it can hear the call (RFC 4568 8.1).
fn srtp(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> SrtpPolicy {
    let Some(written) = &settings.srtp else { return SrtpPolicy::Off };
    let known =
        [("off", SrtpPolicy::Off), ("optional", SrtpPolicy::Optional), ("required", SrtpPolicy::Required)];
    let Some((_, policy)) = known.into_iter().find(|(name, _)| name == written.get_ref()) else {
        let names = known.map(|(name, _)| name);
        let help = match nearest(&written.get_ref().to_ascii_lowercase(), names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write \"off\", \"optional\" or \"required\"".to_owned(),
        };
        let message = format!("srtp cannot be `{}`", written.get_ref());
        problems.push(Problem::error(written.span(), message).help(help));
        return SrtpPolicy::Off;
    };
    let clear = settings.server.as_ref().is_some_and(|server| !server.get_ref().starts_with("tls:"));
    if policy != SrtpPolicy::Off && clear {
        let message =
            format!("srtp on the trunk `{}`, which is not reached over TLS", settings.name.get_ref());
        let help = "its keys would be sent in the clear: write server = \"tls:HOST\", or srtp = \"off\"";
        problems.push(Problem::error(written.span(), message).help(help));
    }
    policy
}

fn server(text: &str) -> Result<Server, &'static str> {
    let rest = match text.split_once(':') {
        Some(("udp", rest)) => rest,
        Some(("tcp" | "tls", _)) => {
            return Err("this version speaks SIP over UDP; write udp:HOST or udp:HOST:PORT");
        }
        _ => return Err("write udp:HOST or udp:HOST:PORT"),
    };
    let wrong = "write udp:HOST or udp:HOST:PORT; IPv6 addresses in brackets";
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong)?),
        _ => (rest, 5060),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(wrong);
    }
    Ok(Server { host: host.to_owned(), port })
}

fn country(written: &Spanned<String>, problems: &mut Vec<Problem>) -> String {
    let code = written.get_ref().trim_start_matches('+');
    let ok =
        (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0');
    if !ok {
        let message = format!("`{}` is not a calling code", written.get_ref());
        problems.push(Problem::error(written.span(), message).help("write its digits, as in \"49\""));
    }
    code.to_owned()
}

fn destinations(
    settings: &TrunkSettings,
    country: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Vec<Destination> {
    let Some(written) = &settings.destinations else {
        return country.map(|code| Destination::Prefix(format!("+{code}"))).into_iter().collect();
    };
    let mut destinations = Vec::new();
    for entry in written {
        match Destination::parse(entry.get_ref()) {
            Some(destination) => destinations.push(destination),
            None => problems.push(
                Problem::error(entry.span(), format!("`{}` is not a destination", entry.get_ref()))
                    .help("write the beginning of numbers (+49) or sip:*@NETWORK (sip:*@10.1.2.0/24)"),
            ),
        }
    }
    destinations
}

fn names_used_twice(settings: &[TrunkSettings], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    for trunk in settings {
        if seen.insert(trunk.name.get_ref(), trunk.name.span()).is_some() {
            let message = format!("there are two trunks `{}`", trunk.name.get_ref());
            problems.push(Problem::error(trunk.name.span(), message).help("give each a name of its own"));
        }
    }
}

/// A datagram must belong to one trunk alone.
fn overlapping_sources(settings: &[TrunkSettings], problems: &mut Vec<Problem>) {
    for (index, trunk) in settings.iter().enumerate() {
        for other in settings.iter().take(index) {
            same_server(trunk, other, problems);
            for source in &trunk.sources {
                let clash = other.sources.iter().find(|theirs| overlap(theirs.get_ref(), source.get_ref()));
                if let Some(theirs) = clash {
                    let message = format!(
                        "the source {} overlaps {} of the trunk `{}`",
                        source.get_ref(),
                        theirs.get_ref(),
                        other.name.get_ref()
                    );
                    let help = "an address belongs to one trunk, else nobody can say whose call it is";
                    problems.push(Problem::error(source.span(), message).help(help));
                }
            }
        }
    }
}

/// A server's calls come from its address: it belongs to one trunk as well.
fn same_server(trunk: &TrunkSettings, other: &TrunkSettings, problems: &mut Vec<Problem>) {
    let host = |settings: &TrunkSettings| {
        settings.server.as_ref().and_then(|written| server(written.get_ref()).ok()).map(|server| server.host)
    };
    let (Some(written), Some(own)) = (&trunk.server, host(trunk)) else { return };
    if host(other).is_some_and(|theirs| theirs.eq_ignore_ascii_case(&own)) {
        let message = format!("the server {own} is also that of the trunk `{}`", other.name.get_ref());
        let help = "an address belongs to one trunk, else nobody can say whose call it is";
        problems.push(Problem::error(written.span(), message).help(help));
    }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> (Vec<Trunk>, Vec<String>) {
        #[derive(serde::Deserialize)]
        struct File {
            trunks: Vec<TrunkSettings>,
        }
        let file: File = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let trunks = compile_trunks(&file.trunks, &mut problems);
        (trunks, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_trunk_dials_its_own_country_unless_told_otherwise() {
        let (trunks, problems) =
            compiled("[[trunks]]\nname = 'carrier'\nserver = 'udp:sip.carrier.example'\ncountry = '49'\n");
        assert_eq!(problems, Vec::<String>::new());
        let trunk = trunks.first().unwrap();
        assert!(trunk.may_dial(&Phone::parse("+4915112345").unwrap()));
        assert!(!trunk.may_dial(&Phone::parse("+4315112345").unwrap()));
        assert!(!trunk.may_dial(&Phone::parse("sip:anna@10.1.2.3").unwrap()));
    }

    #[test]
    fn desk_phones_are_dialled_over_a_trunk_of_their_network_alone() {
        let (trunks, problems) = compiled(
            "[[trunks]]\nname = 'lan'\nsources = ['10.1.2.0/24']\ndestinations = ['sip:*@10.1.2.0/24', '+49']\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let trunk = trunks.first().unwrap();
        assert!(trunk.may_dial(&Phone::parse("sip:anna@10.1.2.3:5062").unwrap()));
        assert!(!trunk.may_dial(&Phone::parse("sip:anna@10.1.3.3").unwrap()));
        assert!(!trunk.may_dial(&Phone::parse("+4930123").unwrap()), "without a server no number");
    }

    #[test]
    fn sources_of_two_trunks_must_not_overlap() {
        let (_, problems) = compiled(
            "[[trunks]]\nname = 'a'\nsources = ['10.0.0.0/8']\n[[trunks]]\nname = 'b'\nsources = ['10.1.2.3/32']\n",
        );
        assert_eq!(problems, ["the source 10.1.2.3/32 overlaps 10.0.0.0/8 of the trunk `a`"]);
    }

    #[test]
    fn two_trunks_cannot_share_a_server() {
        let (_, problems) = compiled(
            "[[trunks]]\nname = 'a'\nserver = 'udp:192.0.2.1'\n[[trunks]]\nname = 'b'\nserver = 'udp:192.0.2.1:5070'\n",
        );
        assert_eq!(problems, ["the server 192.0.2.1 is also that of the trunk `a`"]);
    }

    #[test]
    fn audio_is_protected_on_trunks_that_are_reached_over_tls() {
        for (written, expected) in [("", SrtpPolicy::Off), ("srtp = 'required'", SrtpPolicy::Required)] {
            let (trunks, problems) =
                compiled(&format!("[[trunks]]\nname = 'a'\nsources = ['192.0.2.0/24']\n{written}\n"));
            assert_eq!((trunks.first().unwrap().srtp, problems), (expected, Vec::new()));
        }
        let (_, problems) = compiled("[[trunks]]\nname = 'a'\nserver = 'udp:x'\nsrtp = 'optional'\n");
        assert_eq!(problems, ["srtp on the trunk `a`, which is not reached over TLS"]);
        let (_, problems) =
            compiled("[[trunks]]\nname = 'a'\nsources = ['192.0.2.1/32']\nsrtp = 'Require'\n");
        assert_eq!(problems, ["srtp cannot be `Require`"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let (_, problems) = compiled(
            "[[trunks]]\nname = 'a'\nserver = 'tcp:x'\ncodecs = ['pcma']\nmax_calls = 1\ncountry = '0'\ndestinations = ['49']\n",
        );
        assert_eq!(
            problems,
            [
                "there is no codec `pcma`",
                "`tcp:x` is not a server",
                "max_calls is below 2",
                "`0` is not a calling code",
                "`49` is not a destination"
            ]
        );
    }
}
