//! Trunks with every setting checked: who may send us calls, and what may be dialled.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;

use crate::oncall::{NumberFormat, Phone};
use crate::problem::{Problem, nearest};
use crate::sip::{Codec, Hop, IdentityPolicy, ReliableProvisional, SrtpPolicy, Transport};
use crate::switch::account::{Account, compile_account, next_hop};
use crate::switch::identity::{self, CalledNumber};
use crate::switch::limits::{self, MAX_CALL_LENGTH};
use crate::switch::sessions;
use crate::switch::settings::{TrunkSettings, TrunkTlsSettings};
use crate::switch::spend::Limits;
use crate::switch::srtp;
use crate::switch::tls::{ClientTls, Reader};

/// A trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where our requests go: the outbound proxy, where there is one.
    pub server: Option<Server>,
    /// What we are to it, and it to us.
    pub account: Account,
    /// Whose certificate its server must have, where it is spoken to by TLS.
    pub tls: Option<ClientTls>,
    /// Who may send us calls.
    pub sources: Vec<IpNet>,
    /// Where its media may come from.
    pub media_sources: Vec<IpNet>,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Whether a key's end that comes again under a new timestamp is no new press.
    pub repeated_key_ends: bool,
    /// Dialogs both ways.
    pub max_calls: usize,
    /// Its country's calling code.
    pub country: Option<String>,
    /// What may be dialled.
    pub destinations: Vec<Destination>,
    /// How often its server is asked whether it is there; nothing: never.
    pub ping: Option<Duration>,
    /// How long a call may last.
    pub max_call_length: Duration,
    /// What calls over it may cost.
    pub limits: Limits,
    /// Calls that it may begin in a second.
    pub calls_per_second: u32,
    /// Where it puts the number that was dialled.
    pub called_number: CalledNumber,
    /// How it wants numbers written.
    pub number_format: NumberFormat,
    /// How it wants to be told who calls.
    pub identity: IdentityPolicy,
    /// Whether audio is protected.
    pub srtp: SrtpPolicy,
    /// How often a sign of life is asked for in a call.
    pub session_timer: Option<Duration>,
    /// What our calls say of reliable provisional responses.
    pub reliable_provisional: ReliableProvisional,
}

/// A trunk's far end, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// How it is spoken to.
    pub transport: Transport,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{}:{host}", self.transport)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Server {
    /// Whether it must be looked up.
    pub fn is_name(&self) -> bool {
        host_address(&self.host).is_none()
    }

    /// The port that is written, or the usual one of the transport.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.default_port())
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
            account: Account::default(),
            tls: None,
            sources: Vec::new(),
            media_sources: Vec::new(),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            repeated_key_ends: true,
            max_calls: 30,
            country: None,
            destinations: Vec::new(),
            ping: None,
            max_call_length: MAX_CALL_LENGTH,
            limits: Limits::default(),
            calls_per_second: limits::CALLS_PER_SECOND,
            called_number: CalledNumber::default(),
            number_format: NumberFormat::default(),
            identity: IdentityPolicy::default(),
            srtp: SrtpPolicy::Off,
            session_timer: Some(sessions::DEFAULT),
            reliable_provisional: ReliableProvisional::Off,
        }
    }

    /// Whether phones on it may hear more than telephone's band.
    pub fn is_wide(&self) -> bool {
        self.codecs.contains(&Codec::G722)
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

/// Checks `[[trunks]]`. Files are looked for in the folder.
pub fn compile_trunks(
    settings: &[TrunkSettings],
    listen: &[Hop],
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<Trunk> {
    let trunks: Vec<_> = settings.iter().map(|trunk| compile_trunk(trunk, folder, problems)).collect();
    for (settings, trunk) in settings.iter().zip(&trunks) {
        problems.extend(without_a_socket(settings, trunk, listen));
    }
    names_used_twice(settings, problems);
    overlapping_sources(settings, problems);
    trunks
}

/// Datagrams leave by a socket that is listened with: there has to be one, of the server's family.
fn without_a_socket(settings: &TrunkSettings, trunk: &Trunk, listen: &[Hop]) -> Option<Problem> {
    // A trunk without a server may be there for callers alone.
    let server = trunk.server.as_ref().filter(|server| server.transport == Transport::Udp)?;
    let address = host_address(&server.host);
    let fits = |own: &Hop| {
        // A socket of `[::]` carries both families.
        let both = own.addr.is_ipv6() && own.addr.ip().is_unspecified();
        let same = |address: IpAddr| both || address.is_ipv4() == own.addr.is_ipv4();
        own.transport == Transport::Udp && address.is_none_or(same)
    };
    if listen.is_empty() || listen.iter().any(fits) {
        return None;
    }
    let example = match address {
        Some(IpAddr::V6(_)) => "udp:[::]:5060",
        _ => "udp:0.0.0.0:5060",
    };
    let place = next_hop(settings).map_or(settings.name.span(), Spanned::span);
    let message = format!("nothing can be sent to the trunk `{}`", settings.name.get_ref());
    Some(
        Problem::error(place, message)
            .help(format!("add \"{example}\" to `listen` of [sip]: what goes by UDP leaves there")),
    )
}

fn compile_trunk(settings: &TrunkSettings, folder: &Path, problems: &mut Vec<Problem>) -> Trunk {
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
    let (server, account) = compile_account(settings, folder, problems);
    if settings.server.is_none() && settings.outbound_proxy.is_none() && settings.sources.is_empty() {
        let message = format!("the trunk `{}` has neither server nor sources", settings.name.get_ref());
        let help =
            "name the carrier's server, as in \"udp:HOST\", or the sources = [\"NETWORK\"] calls come from";
        problems.push(Problem::error(settings.name.span(), message).help(help));
    }
    if *settings.max_calls.get_ref() < 2 {
        let help = "a bridged call takes two: the caller and the responder";
        problems.push(Problem::error(settings.max_calls.span(), "max_calls is below 2").help(help));
    }
    let country = settings.country.as_ref().map(|written| country(written, problems));
    let (called_number, number_format) = identity::compile_numbers(settings, problems);
    Trunk {
        name: settings.name.get_ref().clone(),
        tls: client_tls(settings, server.as_ref(), folder, problems),
        server,
        account,
        sources: settings.sources.iter().map(|source| source.get_ref().trunc()).collect(),
        media_sources: settings.media_sources.clone(),
        codecs,
        repeated_key_ends: settings.repeated_key_ends,
        max_calls: *settings.max_calls.get_ref(),
        destinations: destinations(settings, country.as_deref(), problems),
        country,
        called_number,
        number_format,
        ping: limits::compile_ping(settings, problems),
        max_call_length: limits::compile_length(&settings.max_call_length, problems),
        limits: limits::compile_limits(settings, problems),
        calls_per_second: limits::compile_call_rate(settings, problems),
        identity: identity::compile_identity(settings, problems),
        srtp: srtp::compile_srtp(settings, problems),
        session_timer: sessions::compile_timer(settings, problems),
        reliable_provisional: sessions::compile_reliable(settings, problems),
    }
}

fn codec(name: &str) -> Option<Codec> {
    Codec::ALL.into_iter().find(|codec| codec.name() == name)
}

fn unknown_codec(written: &Spanned<String>) -> Problem {
    // "g.722" is near to one of them too.
    let bare: String = written.get_ref().chars().filter(char::is_ascii_alphanumeric).collect();
    let help = match nearest(&bare.to_ascii_uppercase(), Codec::ALL.map(Codec::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "there are PCMA (A-law), PCMU (u-law) and G722".to_owned(),
    };
    Problem::error(written.span(), format!("there is no codec `{}`", written.get_ref())).help(help)
}

pub(super) fn server(text: &str) -> Result<Server, String> {
    let form = "write udp:HOST, tcp:HOST or tls:HOST, with :PORT behind it where it is not the usual one";
    let (name, rest) = text.split_once(':').ok_or(form)?;
    let transport = transport(name).map_err(|near| near.unwrap_or_else(|| form.to_owned()))?;
    let wrong = || format!("write {transport}:HOST or {transport}:HOST:PORT; IPv6 addresses in brackets");
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| wrong())?)),
        _ => (rest, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(wrong());
    }
    Ok(Server { transport, host: host.to_owned(), port })
}

/// What a server that is spoken to by TLS has to show.
fn client_tls(
    settings: &TrunkSettings,
    server: Option<&Server>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<ClientTls> {
    let place = next_hop(settings).map_or(settings.name.span(), Spanned::span);
    match server.filter(|server| server.transport == Transport::Tls) {
        Some(server) => {
            let plain = TrunkTlsSettings::default();
            let tls = settings.tls.as_ref().map_or(&plain, Spanned::get_ref);
            Reader { folder, problems }.client(tls, &server.host, place)
        }
        None => {
            if let Some(tls) = &settings.tls {
                let message = format!("the trunk `{}` does not use TLS", settings.name.get_ref());
                let help = "write server = \"tls:HOST\", or take [trunks.tls] out";
                problems.push(Problem::error(tls.span(), message).help(help));
            }
            None
        }
    }
}

/// The transport that is written, or the one that may have been meant.
pub(super) fn transport(name: &str) -> Result<Transport, Option<String>> {
    let known = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let found = known.into_iter().find(|transport| transport.param() == name);
    let near = || nearest(&name.to_ascii_lowercase(), known.map(Transport::param));
    found.ok_or_else(|| near().map(|near| format!("did you mean `{near}:`?")))
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

/// What to do about trunks with the same address.
const SHARED: &str = "an address belongs to one trunk, else nobody can say whose call it is; several accounts with one \
                      carrier may share it where each has register = true and a username of its own";

/// Calls to accounts are told apart by the name in the Contact that each has registered.
fn are_told_apart(trunk: &TrunkSettings, other: &TrunkSettings) -> bool {
    let name = |settings: &TrunkSettings| {
        settings.username.as_ref().filter(|_| settings.register).map(|name| name.get_ref().clone())
    };
    matches!((name(trunk), name(other)), (Some(own), Some(theirs)) if own != theirs)
}

/// A datagram must belong to one trunk alone.
fn overlapping_sources(settings: &[TrunkSettings], problems: &mut Vec<Problem>) {
    for (index, trunk) in settings.iter().enumerate() {
        for other in settings.iter().take(index) {
            if are_told_apart(trunk, other) {
                continue;
            }
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
                    problems.push(Problem::error(source.span(), message).help(SHARED));
                }
            }
        }
    }
}

/// A server's calls come from its address: it belongs to one trunk as well.
fn same_server(trunk: &TrunkSettings, other: &TrunkSettings, problems: &mut Vec<Problem>) {
    let host = |settings: &TrunkSettings| {
        next_hop(settings).and_then(|written| server(written.get_ref()).ok()).map(|server| server.host)
    };
    let (Some(written), Some(own)) = (next_hop(trunk), host(trunk)) else { return };
    if host(other).is_some_and(|theirs| theirs.eq_ignore_ascii_case(&own)) {
        let message = format!("the server {own} is also that of the trunk `{}`", other.name.get_ref());
        problems.push(Problem::error(written.span(), message).help(SHARED));
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
        let trunks = compile_trunks(&file.trunks, &[], Path::new(""), &mut problems);
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
    fn what_goes_by_udp_needs_a_socket_to_leave_by() {
        let faults = |server: &str, listen: &[&str]| {
            let settings: TrunkSettings = toml::from_str(&format!("name = 'a'\n{server}\n")).unwrap();
            let listen: Vec<Hop> = listen
                .iter()
                .map(|own| match own.split_once(' ').unwrap() {
                    ("udp", own) => Hop::udp(own.parse().unwrap()),
                    (_, own) => Hop { transport: Transport::Tcp, addr: own.parse().unwrap() },
                })
                .collect();
            let mut problems = Vec::new();
            compile_trunks(&[settings], &listen, Path::new(""), &mut problems);
            problems.into_iter().filter_map(|problem| problem.help).collect::<Vec<_>>().join(" ")
        };
        let (tcp, udp) = ("tcp 0.0.0.0:5060", "udp 0.0.0.0:5060");
        assert!(faults("server = 'udp:192.0.2.1'", &[tcp]).contains("udp:0.0.0.0:5060"));
        assert!(faults("server = 'udp:[2001:db8::1]'", &[udp]).contains("udp:[::]:5060"));
        assert_eq!(faults("sources = ['10.0.0.0/8']", &[tcp]), "", "callers alone");
        assert_eq!(faults("server = 'udp:192.0.2.1'", &[tcp, udp]), "");
        assert_eq!(faults("server = 'udp:sip.carrier.example'", &[udp]), "");
        assert_eq!(faults("server = 'udp:192.0.2.1'", &["udp [::]:5060"]), "");
        assert_eq!(faults("server = 'tcp:192.0.2.1'", &[tcp]), "");
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
    fn accounts_with_one_carrier_share_its_addresses_where_their_names_differ() {
        let two = |first: &str, second: &str| {
            let trunk = |name: &str, more: &str| {
                format!(
                    "[[trunks]]\nname = '{name}'\nserver = 'udp:192.0.2.1'\nsources = ['192.0.2.0/24']\n{more}\n"
                )
            };
            compiled(&(trunk("a", first) + &trunk("b", second))).1.len()
        };
        let account = |name: &str| format!("register = true\nusername = '{name}'");
        assert_eq!(two(&account("e0"), &account("e1")), 0);
        assert_eq!(two(&account("e0"), &account("e0")), 2, "the server and the source");
        assert_eq!(two(&account("e0"), "username = 'e1'\nfrom_user = 'account'"), 2, "one is not registered");
    }

    #[test]
    fn a_trunk_is_spoken_to_about_numbers_as_it_wants() {
        let (trunks, problems) = compiled(
            "[[trunks]]\nname = 'a'\nserver = 'udp:x'\ncountry = '49'\nusername = 'e0'\nfrom_user = 'account'\n\
             called_number = 'to'\nidentity = 'remote-party-id'\nuser_phone = true\nnumber_format = 'national'\n\
             forwarded = 'history-info'\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let trunk = trunks.first().unwrap();
        let identity = IdentityPolicy {
            header: crate::sip::IdentityHeader::RemoteParty,
            account: Some("e0".to_owned()),
            user_phone: true,
            forwarded: crate::sip::Forwarded::HistoryInfo,
        };
        assert_eq!((&trunk.identity, trunk.called_number), (&identity, CalledNumber::To));
        assert_eq!(trunk.written(&crate::oncall::E164::parse("+4930123").unwrap()), "030123");
        let (trunks, _) = compiled("[[trunks]]\nname = 'a'\nserver = 'udp:x'\nnumber_format = 'digits'\n");
        let read = |text| trunks.first().unwrap().number(text).map(|number| number.to_string());
        assert_eq!(read("43664123").as_deref(), Some("+43664123"), "digits are a whole number");
        assert_eq!(read("0043664123").as_deref(), Some("+43664123"));
        assert_eq!(read("anna"), None);
    }

    #[test]
    fn a_word_that_is_none_is_named_with_the_one_that_is_meant() {
        let (_, problems) = compiled(
            "[[trunks]]\nname = 'a'\nserver = 'udp:x'\nfrom_user = 'account'\ncalled_number = 'To'\n\
             identity = 'p-asserted'\nnumber_format = 'national'\nforwarded = 'yes'\n",
        );
        assert_eq!(
            problems,
            [
                "called_number cannot be `To`",
                "number_format = \"national\" needs the trunk's country",
                "from_user = \"account\" needs the account's name",
                "identity cannot be `p-asserted`",
                "forwarded cannot be `yes`",
            ]
        );
    }

    #[test]
    fn session_timers_are_asked_for_unless_they_are_off() {
        let compiled_with = |setting: &str| {
            let (trunks, problems) =
                compiled(&format!("[[trunks]]\nname = 'a'\nserver = 'udp:x'\n{setting}\n"));
            (trunks.first().unwrap().session_timer, trunks.first().unwrap().reliable_provisional, problems)
        };
        let half_an_hour = Some(Duration::from_secs(1800));
        assert_eq!(compiled_with(""), (half_an_hour, ReliableProvisional::Off, vec![]));
        assert_eq!(compiled_with("session_timer = 'off'").0, None);
        assert_eq!(compiled_with("session_timer = '15m'").0, Some(Duration::from_secs(900)));
        assert_eq!(compiled_with("reliable_provisional = 'supported'").1, ReliableProvisional::Supported);
        assert_eq!(compiled_with("session_timer = '60s'").2, ["session_timer cannot be `60s`"]);
        assert_eq!(compiled_with("session_timer = 'Off'").2, ["session_timer cannot be `Off`"]);
        let wrong = compiled_with("reliable_provisional = 'require'").2;
        assert_eq!(wrong, ["reliable_provisional cannot be `require`"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let (_, problems) = compiled(
            "[[trunks]]\nname = 'a'\nserver = 'sctp:x'\ncodecs = ['pcma']\nmax_calls = 1\ncountry = '0'\ndestinations = ['49']\n",
        );
        assert_eq!(
            problems,
            [
                "there is no codec `pcma`",
                "`sctp:x` is not a server",
                "max_calls is below 2",
                "`0` is not a calling code",
                "`49` is not a destination"
            ]
        );
    }
}
