//! What we are to a carrier: an account that it knows, registers and routes by; and what it has to be to us.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use crate::problem::Problem;
use crate::sip::digest::Credentials;
use crate::sip::registration::Registration;
use crate::sip::{Hop, Host, Transport, TrunkProfile};
use crate::switch::credentials;
use crate::switch::identity::word;
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

/// Whether a request that is too large for a datagram stays with UDP.
const LARGE_BY_UDP: [(&str, bool); 2] = [("tcp", false), ("udp", true)];

fn large_by_tcp(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> bool {
    !word("large_messages", settings.large_messages.as_ref(), &LARGE_BY_UDP, problems)
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
    let every = settings.register_every.span();
    if !settings.register && !every.is_empty() {
        let help = "write register = true, or take the line out";
        problems.push(Problem::error(every, "register_every, but the trunk does not register").help(help));
    }
    if let (Some(large), Some(server)) = (&settings.large_messages, next_hop(settings))
        && ["tcp:", "tls:"].iter().any(|reliable| server.get_ref().starts_with(reliable))
    {
        let help = "take the line out: all messages go by the connection";
        problems.push(Problem::error(large.span(), "large_messages is for servers that are udp:").help(help));
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::switch::scratch::Scratch;

    /// A folder with the file `password`, closed to others.
    fn folder(password: &[u8]) -> (Scratch, PathBuf) {
        let scratch = Scratch::new();
        let path = scratch.path().join("password");
        fs::write(&path, password).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let folder = scratch.path().to_path_buf();
        (scratch, folder)
    }

    fn compiled(folder: &Path, lines: &str) -> (Option<Server>, Account, Vec<String>) {
        let text = format!("name = 'carrier'\n{lines}");
        let settings: TrunkSettings = toml::from_str(&text).unwrap();
        let mut problems = Vec::new();
        let (server, account) = compile_account(&settings, folder, &mut problems);
        (server, account, problems.into_iter().map(|problem| problem.message).collect())
    }

    /// The faults of a trunk beside a good password.
    fn faults(lines: &str) -> Vec<String> {
        let (_scratch, folder) = folder(b"geheim\n");
        compiled(&folder, lines).2
    }

    #[test]
    fn a_registered_trunk_is_filled_in_with_four_lines() {
        let (_scratch, folder) = folder(b"geheim\r\n");
        let lines = "server = 'udp:sip.carrier.example'\nregister = true\nusername = 'e1'\npassword_file = 'password'\n";
        let (_, account, faults) = compiled(&folder, lines);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(account.registration, Some(("e1".into(), Duration::from_secs(600))));
        let credentials = account.credentials.unwrap();
        assert_eq!((credentials.username.as_str(), credentials.algorithms.len()), ("e1", 3));
        assert_eq!(credentials.password, "geheim".into(), "without the line end");
        assert!(!format!("{credentials:?}").contains("geheim"));
    }

    #[test]
    fn the_name_to_authenticate_with_may_be_another() {
        let (_scratch, folder) = folder(b"geheim");
        let lines = "server = 'udp:x'\nregister = true\nusername = 'e1'\nauth_username = 'a1'\npassword_file = 'password'\n\
                     digest = ['md5', 'SHA-256']\nregister_every = '1h'\n";
        let (_, account, faults) = compiled(&folder, lines);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(account.registration, Some(("e1".into(), Duration::from_secs(3600))));
        let credentials = account.credentials.unwrap();
        assert_eq!((credentials.username.as_str(), credentials.algorithms.len()), ("a1", 2));
    }

    #[test]
    fn requests_go_to_the_outbound_proxy_and_the_server_names_the_domain() {
        let lines = "server = 'udp:carrier.example'\noutbound_proxy = 'tcp:[2001:db8::1]:5070'\n";
        let (server, account, faults) = compiled(Path::new("."), lines);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(server.map(|server| server.host), Some("2001:db8::1".into()));
        assert_eq!(account.domain.as_deref(), Some("carrier.example"));
        assert_eq!(account.route.as_deref(), Some("<sip:[2001:db8::1]:5070;transport=tcp;lr>"));
    }

    #[test]
    fn a_password_that_others_can_read_is_not_taken() {
        let (_scratch, folder) = folder(b"geheim");
        fs::set_permissions(folder.join("password"), fs::Permissions::from_mode(0o640)).unwrap();
        let lines = "server = 'udp:x'\nusername = 'e1'\npassword_file = 'password'\n";
        let settings: TrunkSettings = toml::from_str(&format!("name = 'carrier'\n{lines}")).unwrap();
        let mut problems = Vec::new();
        compile_account(&settings, &folder, &mut problems);
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.message.ends_with("can be read by others"), "{}", problem.message);
        assert!(problem.help.as_deref().unwrap().starts_with("chmod 600 "));
    }

    #[test]
    fn what_is_wrong_with_an_account_is_told() {
        let server = "server = 'udp:x'\n";
        for (lines, wanted) in [
            ("register = true\npassword_file = 'password'\n", "a password without a username"),
            ("username = 'a'\npassword_file = 'missing'\n", "cannot read the password"),
            ("username = 'a'\npassword_env = 'NIGHTBELL_NO_SUCH_VARIABLE'\n", "the environment has no"),
            ("username = 'a'\ncredential = '../shadow'\n", "is no name of a credential"),
            ("username = 'a'\npassword_file = 'password'\npassword_env = 'HOME'\n", "named twice"),
            ("auth_username = 'a'\n", "a username without a password"),
            ("username = 'a'\n", "a username that nothing uses"),
            ("username = 'a b'\npassword_file = 'password'\n", "this is not a username"),
            ("register_every = '5m'\n", "register_every, but the trunk does not register"),
            (
                "outbound_proxy = 'tls:y'\nlarge_messages = 'udp'\n",
                "large_messages is for servers that are udp:",
            ),
            ("username = 'a'\npassword_file = '.'\n", "is no file with a password"),
            ("digest = ['MD5']\n", "digest algorithms without a password"),
            (
                "username = 'a'\npassword_file = 'password'\ndigest = ['SHA256']\n",
                "there is no digest algorithm `SHA256`",
            ),
            ("username = 'a'\npassword_file = 'password'\ndigest = []\n", "digest names no algorithm"),
            ("register = true\nusername = 'a'\nregister_every = '5s'\n", "a registration cannot last 5 s"),
            ("register = true\n", "registers, but has no username"),
            ("domain = 'sip:carrier'\n", "`sip:carrier` is not a domain"),
            ("large_messages = 'tpc'\n", "large_messages cannot be `tpc`"),
            ("outbound_proxy = 'proxy'\n", "`proxy` is not a proxy"),
            ("inbound_auth = { username = 'a' }\n", "a username without a password"),
        ] {
            let faults = faults(&format!("{server}{lines}"));
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{lines}: {faults:?}");
        }
        assert!(faults("outbound_proxy = 'udp:p'\n").contains(&"a proxy, but nothing behind it".to_owned()));
        assert!(
            faults("sources = ['10.0.0.0/8']\nusername = 'a'\npassword_file = 'password'\n")
                .contains(&"an account, but no server that knows it".to_owned())
        );
    }

    #[test]
    fn an_empty_password_is_none() {
        let (_scratch, folder) = folder(b"\n\n");
        let lines = "server = 'udp:x'\nusername = 'e1'\npassword_file = 'password'\n";
        let (_, account, faults) = compiled(&folder, lines);
        assert!(account.credentials.is_none() && faults[0].contains("is empty"), "{faults:?}");
    }

    #[test]
    fn an_account_without_a_password_registers_where_the_carrier_knows_our_address() {
        let lines = "server = 'udp:x'\nregister = true\nusername = 'e1'\n";
        let (_, account, faults) = compiled(Path::new("."), lines);
        assert_eq!(faults, Vec::<String>::new());
        assert!(account.registration.is_some() && account.credentials.is_none());
    }

    #[test]
    fn a_trunk_that_authenticates_to_us_has_a_password_of_its_own() {
        let (_scratch, folder) = folder(b"geheim");
        let lines = "server = 'udp:x'\ninbound_auth = { username = 'pbx', password_file = 'password' }\ndigest = ['SHA-256']\n";
        let (_, account, faults) = compiled(&folder, lines);
        assert_eq!(faults, Vec::<String>::new());
        let theirs = account.inbound_auth.unwrap();
        assert_eq!((theirs.username.as_str(), theirs.algorithms.len()), ("pbx", 1));
        assert!(account.credentials.is_none());
    }
}
