//! What we are to a carrier: an account that it knows, registers and routes by; and what it has to be to us.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use crate::problem::{Problem, nearest};
use crate::sip::digest::Credentials;
use crate::sip::registration::Registration;
use crate::sip::{Hop, Host, Transport, TrunkProfile};
use crate::switch::credentials;
use crate::switch::settings::TrunkSettings;
use crate::switch::trunks::{Server, server};

/// The shortest and the longest time that a registration is asked for.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The part of a trunk that is about accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The host of the URIs with numbers, where it is not that of the server.
    pub domain: Option<String>,
    /// The outbound proxy as a Route.
    pub route: Option<String>,
    /// Requests too large for a datagram go by TCP.
    pub large_by_tcp: bool,
    /// Who is registered, and for how long it is asked for.
    pub registration: Option<(String, Duration)>,
    /// What a challenge is answered with.
    pub credentials: Option<Credentials>,
    /// What the trunk has to answer to ours.
    pub inbound_auth: Option<Credentials>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            domain: None,
            route: None,
            large_by_tcp: true,
            registration: None,
            credentials: None,
            inbound_auth: None,
        }
    }
}

impl Account {
    /// Tells the SIP endpoint; the registration is with the servers, if the trunk is in use.
    pub(super) fn dress(&self, profile: &mut TrunkProfile, servers: Option<Vec<Hop>>) {
        profile.routes = self.route.iter().cloned().collect();
        profile.large_by_tcp = self.large_by_tcp;
        profile.credentials = self.credentials.clone();
        profile.inbound_auth = self.inbound_auth.clone();
        profile.registration = match (&self.registration, servers) {
            (Some((username, expires)), Some(servers)) => {
                Some(Registration { username: username.clone(), expires: *expires, servers })
            }
            _ => None,
        };
    }
}

/// What is written about where our requests go.
pub(super) fn next_hop(settings: &TrunkSettings) -> Option<&Spanned<String>> {
    settings.outbound_proxy.as_ref().or(settings.server.as_ref())
}

/// Checks what a trunk says about servers and accounts.
pub(super) fn compile_account(
    settings: &TrunkSettings,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> (Option<Server>, Account) {
    let main = settings.server.as_ref().and_then(|written| read_server(written, "a server", problems));
    let proxy =
        settings.outbound_proxy.as_ref().and_then(|written| read_server(written, "a proxy", problems));
    let route = proxy.as_ref().map(route);
    let own_domain = settings.domain.as_ref().and_then(|written| domain(written, problems));
    if let Some(written) =
        settings.outbound_proxy.as_ref().filter(|_| settings.server.is_none() && own_domain.is_none())
    {
        let help =
            "write domain = \"...\" or server = \"...\": what stands behind the @ of the carrier's addresses";
        problems.push(Problem::error(written.span(), "a proxy, but nothing behind it").help(help));
    }
    // With a proxy in front, the server only gives its name.
    let domain = own_domain.or_else(|| proxy.as_ref().and(main.as_ref()).map(bracketed));
    let mut reader = credentials::Reader { folder, problems };
    let credentials = reader.outbound(settings);
    let inbound_auth = reader.inbound(settings);
    let account = Account {
        domain,
        route,
        large_by_tcp: large_by_tcp(settings, problems),
        registration: registration(settings, problems),
        credentials,
        inbound_auth,
    };
    unused(settings, &account, problems);
    (proxy.or(main), account)
}

fn read_server(written: &Spanned<String>, what: &str, problems: &mut Vec<Problem>) -> Option<Server> {
    let read = server(written.get_ref());
    read.map_err(|help| {
        let message = format!("`{}` is not {what}", written.get_ref());
        problems.push(Problem::error(written.span(), message).help(help));
    })
    .ok()
}

/// `<sip:host:port;transport=tcp;lr>`: a loose route (RFC 3261 16.12.1.1).
fn route(proxy: &Server) -> String {
    let port = proxy.port.map(|port| format!(":{port}")).unwrap_or_default();
    let transport = match proxy.transport {
        Transport::Udp => String::new(),
        other => format!(";transport={}", other.param()),
    };
    format!("<sip:{}{port}{transport};lr>", bracketed(proxy))
}

/// The host as it stands in a URI.
fn bracketed(server: &Server) -> String {
    if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() }
}

fn domain(written: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = written.get_ref();
    if Host::parse(text.as_bytes()).is_none() {
        let help = "write the host alone, as in \"sip.carrier.example\"; IPv6 addresses in brackets";
        problems.push(Problem::error(written.span(), format!("`{text}` is not a domain")).help(help));
        return None;
    }
    Some(text.clone())
}

fn large_by_tcp(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> bool {
    let Some(written) = &settings.large_messages else { return true };
    match written.get_ref().as_str() {
        "tcp" => true,
        "udp" => false,
        other => {
            let help = match nearest(other, ["tcp", "udp"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write tcp, or udp for a carrier without TCP".to_owned(),
            };
            let message = format!("large messages cannot go by `{other}`");
            problems.push(Problem::error(written.span(), message).help(help));
            true
        }
    }
}

fn registration(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> Option<(String, Duration)> {
    if !settings.register {
        return None;
    }
    let every = settings.register_every.get_ref().0;
    if !(SHORTEST..=LONGEST).contains(&every) {
        let help = "write a time from \"1m\" to \"24h\"; the carrier may make it shorter or longer";
        let message = format!("a registration cannot last {}", settings.register_every.get_ref());
        problems.push(Problem::error(settings.register_every.span(), message).help(help));
    }
    if next_hop(settings).is_none() {
        let message = format!("the trunk `{}` registers, but has no server", settings.name.get_ref());
        problems.push(Problem::error(settings.name.span(), message).help("write server = \"udp:HOST\""));
    }
    match &settings.username {
        Some(username) => Some((username.get_ref().clone(), every)),
        None => {
            let message = format!("the trunk `{}` registers, but has no username", settings.name.get_ref());
            let help = "write username = \"...\": the account at the carrier";
            problems.push(Problem::error(settings.name.span(), message).help(help));
            None
        }
    }
}

/// What is written but would be used for nothing.
fn unused(settings: &TrunkSettings, account: &Account, problems: &mut Vec<Problem>) {
    if let Some(username) = &settings.username
        && !settings.register
        && settings.from_user.is_none()
        && settings.auth_username.is_none()
        && [&settings.password_file, &settings.password_env, &settings.credential]
            .iter()
            .all(|source| source.is_none())
    {
        let help = "write register = true, or the password that belongs to it";
        problems.push(Problem::error(username.span(), "a username that nothing uses").help(help));
    }
    if let Some(digest) = settings.digest.as_ref().filter(|_| settings.inbound_auth.is_none()) {
        let without =
            account.credentials.is_none() && settings.username.is_none() && settings.auth_username.is_none();
        if without {
            let help = "take the line out, or write username and a password";
            problems.push(Problem::error(digest.span(), "digest algorithms without a password").help(help));
        }
    }
    if let Some(name) = settings.username.as_ref().or(settings.auth_username.as_ref())
        && next_hop(settings).is_none()
    {
        let help = "write server = \"udp:HOST\"";
        problems.push(Problem::error(name.span(), "an account, but no server that knows it").help(help));
    }
}
