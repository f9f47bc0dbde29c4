//! `[sip]` and `[media]` with every setting checked: where we are reached.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use toml::Spanned;

use crate::problem::Problem;
use crate::sip::{Hop, Transport};
use crate::switch::location::Resolvers;
use crate::switch::settings::{MediaSettings, SipSettings};
use crate::switch::tls::{Reader, ServerTls};
use crate::switch::trunks::transport;

/// Where `threads` is left out: one thread carries some thousand calls, and more of them than there is
/// work for only wake each other's processors.
const USUAL_THREADS: usize = 4;
/// No machine needs more.
const MOST_THREADS: usize = 64;

/// `[sip]` and `[media]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Where SIP is listened for.
    pub listen: Vec<Hop>,
    /// The address others see.
    pub public_address: Option<IpAddr>,
    /// Ports for RTP and RTCP.
    pub media_ports: RangeInclusive<u16>,
    /// How many threads carry audio.
    pub media_threads: usize,
    /// Our certificate for connections to us.
    pub tls: Option<ServerTls>,
    /// The name servers that are asked where a trunk's server is.
    pub resolvers: Resolvers,
}

/// Checks `[sip]` and `[media]`. Files are looked for in the folder.
pub fn compile_addresses(
    sip: &SipSettings,
    media: &MediaSettings,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Addresses {
    let mut listen = Vec::new();
    for written in &sip.listen {
        match listen_address(written.get_ref()) {
            Ok(address) if listen.contains(&address) && address.addr.port() != 0 => {
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
    let media_threads = media_threads(media.threads.as_ref(), problems);
    let tls = server_tls(sip, folder, problems);
    let resolvers = resolvers(sip, problems);
    Addresses { listen, public_address: sip.public_address, media_ports, media_threads, tls, resolvers }
}

/// As many as are wanted, or one a processor.
fn media_threads(wanted: Option<&Spanned<usize>>, problems: &mut Vec<Problem>) -> usize {
    if let Some(wanted) = wanted {
        if (1..=MOST_THREADS).contains(wanted.get_ref()) {
            return *wanted.get_ref();
        }
        let message = format!("{} threads cannot carry audio", wanted.get_ref());
        let help = format!("write 1 to {MOST_THREADS}, or leave threads out");
        problems.push(Problem::error(wanted.span(), message).help(help));
    }
    std::thread::available_parallelism().map_or(1, usize::from).min(USUAL_THREADS)
}

/// Name servers: an address each, with a port where it is not 53.
fn resolvers(sip: &SipSettings, problems: &mut Vec<Problem>) -> Resolvers {
    let mut servers = Vec::new();
    for written in &sip.resolvers {
        let text = written.get_ref();
        let address = text.parse().ok().map(|address: IpAddr| SocketAddr::new(address, 53));
        match address.or_else(|| text.parse().ok()) {
            Some(address) => servers.push(address),
            None => {
                problems.push(Problem::error(written.span(), format!("`{text}` is not a name server")).help(
                    "write its address, as in \"192.0.2.53\", \"192.0.2.53:5353\" or \"[2001:db8::53]:53\"",
                ))
            }
        }
    }
    if servers.is_empty() { Resolvers::System } else { Resolvers::Named(servers) }
}

/// A `tls:` listener needs a certificate, and a certificate a listener.
fn server_tls(sip: &SipSettings, folder: &Path, problems: &mut Vec<Problem>) -> Option<ServerTls> {
    let is_tls = |own: &str| listen_address(own).is_ok_and(|own| own.transport == Transport::Tls);
    let listener = sip.listen.iter().find(|written| is_tls(written.get_ref()));
    match (&sip.tls, listener) {
        (Some(settings), Some(_)) => Reader { folder, problems }.server(settings),
        (Some(settings), None) => {
            let help = "add \"tls:0.0.0.0:5061\" to `listen`, or take [sip.tls] out";
            let problem = Problem::error(settings.certificate.span(), "nothing listens for TLS");
            problems.push(problem.help(help));
            None
        }
        (None, Some(listener)) => {
            let help = "write [sip.tls] with `certificate` and `key`";
            let problem = Problem::error(listener.span(), "listening for TLS takes a certificate");
            problems.push(problem.help(help));
            None
        }
        (None, None) => None,
    }
}

fn listen_address(text: &str) -> Result<Hop, String> {
    let form = "write udp:ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT, as in udp:0.0.0.0:5060";
    let (name, address) = text.split_once(':').ok_or(form)?;
    let transport = transport(name).map_err(|near| near.unwrap_or_else(|| form.to_owned()))?;
    let port = transport.default_port();
    let wrong = || {
        format!("write {transport}:ADDRESS:PORT, as in {transport}:0.0.0.0:{port} or {transport}:[::]:{port}")
    };
    Ok(Hop { transport, addr: address.parse().map_err(|_| wrong())? })
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?);
    (first >= 1024 && last.checked_sub(first)? >= 3).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(listen: &str) -> (Vec<String>, Vec<String>) {
        let sip: SipSettings = toml::from_str(&format!("listen = {listen}")).unwrap();
        let mut problems = Vec::new();
        let addresses = compile_addresses(&sip, &MediaSettings::default(), Path::new(""), &mut problems);
        let listen = addresses.listen.iter().map(ToString::to_string).collect();
        (listen, problems.into_iter().map(|problem| problem.help.unwrap_or_default()).collect())
    }

    #[test]
    fn audio_has_as_many_threads_as_are_written_and_else_at_most_four() {
        let threads = |text| {
            let (media, mut problems) = (toml::from_str(text).unwrap(), Vec::new());
            let addresses = compile_addresses(&SipSettings::default(), &media, Path::new(""), &mut problems);
            (addresses.media_threads, problems.len())
        };
        assert_eq!((threads("threads = 1"), threads("threads = 64")), ((1, 0), (64, 0)));
        assert_eq!((threads("threads = 0").1, threads("threads = 65").1), (1, 1));
        assert!((1..=4).contains(&threads("").0));
    }

    #[test]
    fn each_transport_is_listened_for_where_it_is_written() {
        let (listen, problems) = compiled("['udp:0.0.0.0:5060', 'tcp:0.0.0.0:5060', 'tcp:[::]:5060']");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(listen, ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tcp:[::]:5060"]);
    }

    #[test]
    fn what_cannot_be_listened_on_comes_with_its_remedy() {
        let (_, problems) =
            compiled("['TCP:0.0.0.0:5060', 'tcp:5060', 'udp:1.2.3.4:5060', 'udp:1.2.3.4:5060']");
        assert_eq!(
            problems,
            [
                "did you mean `tcp:`?",
                "write tcp:ADDRESS:PORT, as in tcp:0.0.0.0:5060 or tcp:[::]:5060",
                "take one of the two out"
            ]
        );
    }
}
