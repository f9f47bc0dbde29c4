//! TLS (RFC 3261 26.2, RFC 5922): certificates from files, checked when the settings are read, and what a
//! handshake that failed means.
//!
//! A server is known by the name in the settings, never by what a name server says. The authorities are those
//! of the machine, or those of a file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore, ServerConfig};
use toml::Spanned;

use crate::problem::Problem;
use crate::switch::settings::{SipTlsSettings, TrunkTlsSettings};

/// Whose certificates a trunk's server must have, and ours for it.
#[derive(Clone)]
pub struct ClientTls {
    name: ServerName<'static>,
    from: Arc<Material>,
    config: Arc<ClientConfig>,
}

/// Our certificate for connections to us, and whose clients must have.
#[derive(Clone)]
pub struct ServerTls {
    from: Arc<Material>,
    config: Arc<ServerConfig>,
}

/// What was read from files.
#[derive(PartialEq, Eq)]
struct Material {
    authorities: Option<Vec<CertificateDer<'static>>>,
    identity: Option<Identity>,
}

/// A certificate with its chain, and its key.
#[derive(PartialEq, Eq)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientTls {
    /// What it is to be called with.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        self.config.clone()
    }

    /// The name that the certificate has to be for.
    pub(super) fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// The same, for people.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.name.to_str()
    }
}

impl ServerTls {
    /// What it answers with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.from == other.from
    }
}

impl Eq for ClientTls {}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.from == other.from
    }
}

impl Eq for ServerTls {}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({})", self.name.to_str())
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

/// Reads files and builds what TLS needs; paths are relative to the folder.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Path,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// `[sip.tls]`. Nothing: it has faults, and they are told.
    pub(super) fn server(&mut self, settings: &SipTlsSettings) -> Option<ServerTls> {
        let identity = self.identity(&settings.certificate, &settings.key)?;
        let authorities = match &settings.client_ca {
            Some(file) => Some(self.authorities(file)?),
            None => None,
        };
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = self.settled(settings.certificate.span(), builder)?;
        let builder = match &authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let roots = Arc::new(store(authorities));
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(self.settled(settings.certificate.span(), verifier)?)
            }
        };
        let config = builder.with_single_cert(identity.chain.clone(), identity.key.clone_key());
        let config = Arc::new(self.settled(settings.certificate.span(), config)?);
        self.warn_of_age(&settings.certificate, &identity);
        Some(ServerTls { from: Arc::new(Material { authorities, identity: Some(identity) }), config })
    }

    /// `[trunks.tls]` of a trunk whose server is reached by TLS at `host`. Nothing: it has faults, and they
    /// are told, at `place` where no setting of its own is to blame.
    pub(super) fn client(
        &mut self,
        settings: &TrunkTlsSettings,
        host: &str,
        place: std::ops::Range<usize>,
    ) -> Option<ClientTls> {
        let name = self.name(settings, host, &place)?;
        let identity = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => Some(self.identity(certificate, key)?),
            (None, None) => None,
            (Some(lonely), None) | (None, Some(lonely)) => {
                let problem =
                    Problem::error(lonely.span(), "a certificate needs its key, and a key its certificate");
                self.problems.push(problem.help("write both `certificate` and `key`, or neither"));
                return None;
            }
        };
        let authorities = match &settings.ca_file {
            Some(file) => Some(self.authorities(file)?),
            None => None,
        };
        let roots = match &authorities {
            Some(authorities) => store(authorities),
            None => self.authorities_of_the_machine(&place)?,
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = self.settled(place.clone(), verifier)?;
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = self.settled(place.clone(), builder)?.with_webpki_verifier(verifier);
        let config = match &identity {
            Some(identity) => {
                let config = builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key());
                self.settled(settings.certificate.as_ref().map_or(place, Spanned::span), config)?
            }
            None => builder.with_no_client_auth(),
        };
        if let (Some(file), Some(identity)) = (&settings.certificate, &identity) {
            self.warn_of_age(file, identity);
        }
        let from = Arc::new(Material { authorities, identity });
        Some(ClientTls { name, from, config: Arc::new(config) })
    }

    fn name(
        &mut self,
        settings: &TrunkTlsSettings,
        host: &str,
        place: &std::ops::Range<usize>,
    ) -> Option<ServerName<'static>> {
        let (written, place) = match &settings.server_name {
            Some(name) => (name.get_ref().as_str(), name.span()),
            None => (host, place.clone()),
        };
        match ServerName::try_from(written.to_owned()) {
            Ok(name) => Some(name),
            Err(_) => {
                let message = format!("`{written}` can be in no certificate");
                let help = "write the name that the server's certificate is for as `server_name`";
                self.problems.push(Problem::error(place, message).help(help));
                None
            }
        }
    }

    fn identity(&mut self, certificate: &Spanned<PathBuf>, key: &Spanned<PathBuf>) -> Option<Identity> {
        let chain = self.certificates(certificate);
        let key_der = match PrivateKeyDer::from_pem_file(self.folder.join(key.get_ref())) {
            Ok(key) => Some(key),
            Err(error) => {
                let help = "name a PEM file with a private key: BEGIN PRIVATE KEY, without a password";
                self.complain("key", key, &told(&error, "no private key in it"), help);
                None
            }
        };
        Some(Identity { chain: chain?, key: key_der? })
    }

    fn authorities(&mut self, file: &Spanned<PathBuf>) -> Option<Vec<CertificateDer<'static>>> {
        let authorities = self.certificates(file)?;
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            if let Err(error) = roots.add(authority.clone()) {
                let help = "name a PEM file with the certificates of the authorities";
                self.complain("certificate", file, &error.to_string(), help);
                return None;
            }
        }
        Some(authorities)
    }

    fn certificates(&mut self, file: &Spanned<PathBuf>) -> Option<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_file_iter(self.folder.join(file.get_ref()))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) });
        read.map_err(|error| {
            let help = "name a PEM file with certificates: BEGIN CERTIFICATE, the server's own first";
            self.complain("certificate", file, &told(&error, "no certificate in it"), help);
        })
        .ok()
    }

    fn authorities_of_the_machine(&mut self, place: &std::ops::Range<usize>) -> Option<RootCertStore> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let message = "the machine knows no certificate authority";
            let help = "install the package ca-certificates, or name a `ca_file` in [trunks.tls]";
            self.problems.push(Problem::error(place.clone(), message).help(help));
            return None;
        }
        Some(roots)
    }

    fn settled<T, E: fmt::Display>(
        &mut self,
        place: std::ops::Range<usize>,
        built: Result<T, E>,
    ) -> Option<T> {
        built
            .map_err(|error| {
                let message = format!("TLS cannot be set up: {error}");
                let help = "the key has to be the one that the certificate was made for";
                self.problems.push(Problem::error(place, message).help(help));
            })
            .ok()
    }

    /// Warns of a certificate of ours that others will refuse for its dates.
    fn warn_of_age(&mut self, file: &Spanned<PathBuf>, identity: &Identity) {
        let Some(leaf) = identity.chain.first() else { return };
        let now = rustls::pki_types::UnixTime::now().as_secs();
        let Some(validity) = super::validity::of(leaf) else { return };
        let what = match validity {
            (begin, _) if begin > now => "is not yet valid",
            (_, end) if end < now => "has expired",
            _ => return,
        };
        let message = format!("the certificate in {} {what}", file.get_ref().display());
        self.problems.push(Problem::warning(file.span(), message).help("put a valid one there, and reload"));
    }

    fn complain(&mut self, what: &str, file: &Spanned<PathBuf>, why: &str, help: &str) {
        let path = self.folder.join(file.get_ref());
        let message = format!("the {what} {} cannot be read: {why}", path.display());
        self.problems.push(Problem::error(file.span(), message).help(help));
    }
}

fn told(error: &pem::Error, nothing: &str) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => nothing.to_owned(),
        other => other.to_string(),
    }
}

fn store(authorities: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    roots
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What a failed handshake means, and what to do about it.
pub(super) fn refusal(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(cause) = cause else { return error.to_string() };
    match cause {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "its certificate is of an authority that we do not know; see `ca_file` in [trunks.tls]"
                    .to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not yet valid; is the clock of this machine right?".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name; see `server_name` in [trunks.tls]".to_owned()
            }
            _ => cause.to_string(),
        },
        rustls::Error::NoCertificatesPresented => {
            "it shows no certificate, which `client_ca` in [sip.tls] demands".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("the other side refused: {alert:?}"),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tokio::io::duplex;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::switch::scratch::Scratch;

    /// A folder with an authority `NAME-ca.pem`, and what it signs.
    struct Authority {
        name: &'static str,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        fn new(folder: &Path, name: &'static str) -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            std::fs::write(folder.join(format!("{name}-ca.pem")), params.self_signed(&key).unwrap().pem())
                .unwrap();
            Self { name, issuer: Issuer::new(params, key) }
        }

        /// Writes `NAME.pem` and `NAME.key` for a host.
        fn signs(&self, folder: &Path, host: &str, years: (i32, i32)) {
            let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
            params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            std::fs::write(folder.join(format!("{}.pem", self.name)), certificate.pem()).unwrap();
            std::fs::write(folder.join(format!("{}.key", self.name)), key.serialize_pem()).unwrap();
        }
    }

    fn server(folder: &Path, text: &str) -> (Option<ServerTls>, Vec<Problem>) {
        let mut problems = Vec::new();
        let settings: SipTlsSettings = toml::from_str(text).unwrap();
        (Reader { folder, problems: &mut problems }.server(&settings), problems)
    }

    fn client(folder: &Path, text: &str, host: &str) -> (Option<ClientTls>, Vec<Problem>) {
        let mut problems = Vec::new();
        let settings: TrunkTlsSettings = toml::from_str(text).unwrap();
        (Reader { folder, problems: &mut problems }.client(&settings, host, 0..0), problems)
    }

    /// What the client says of a server.
    async fn met(server: &ServerTls, client: &ClientTls) -> Result<(), String> {
        let (near, far) = duplex(64 * 1024);
        let accept = TlsAcceptor::from(server.config()).accept(far);
        let connect = TlsConnector::from(client.config()).connect(client.server_name(), near);
        let (_, connected) = tokio::join!(accept, connect);
        connected.map(drop).map_err(|error| refusal(&error))
    }

    const SERVER: &str = "certificate = 'a.pem'\nkey = 'a.key'";

    #[tokio::test]
    async fn a_refusal_says_what_is_wrong_and_which_setting_to_look_at() {
        let folder = Scratch::new();
        let path = folder.path();
        let (a, _b) = (Authority::new(path, "a"), Authority::new(path, "b"));
        a.signs(path, "sip.carrier.example", (2020, 2060));
        let good = server(path, SERVER).0.unwrap();
        let ours = |host| client(path, "ca_file = 'a-ca.pem'", host).0.unwrap();
        assert_eq!(met(&good, &ours("sip.carrier.example")).await, Ok(()));
        let other_name = met(&good, &ours("sip.other.example")).await.unwrap_err();
        assert_eq!(other_name, "its certificate is for another name; see `server_name` in [trunks.tls]");
        let stranger = client(path, "ca_file = 'b-ca.pem'", "sip.carrier.example").0.unwrap();
        let unknown = met(&good, &stranger).await.unwrap_err();
        assert!(unknown.starts_with("its certificate is of an authority that we do not know"), "{unknown}");
        a.signs(path, "sip.carrier.example", (2020, 2021));
        let old = server(path, SERVER).0.unwrap();
        assert_eq!(met(&old, &ours("sip.carrier.example")).await.unwrap_err(), "its certificate has expired");
        a.signs(path, "sip.carrier.example", (2055, 2060));
        let early = server(path, SERVER).0.unwrap();
        let early = met(&early, &ours("sip.carrier.example")).await.unwrap_err();
        assert!(early.starts_with("its certificate is not yet valid"), "{early}");
    }

    #[test]
    fn a_file_that_is_no_good_is_named_with_a_remedy() {
        let folder = Scratch::new();
        let path = folder.path();
        let told = |text: &str| {
            let (tls, problems) = server(path, text);
            assert!(tls.is_none() && problems.iter().all(|problem| problem.help.is_some()), "{problems:?}");
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        };
        assert!(told(SERVER).contains("a.pem cannot be read: No such file"));
        Authority::new(path, "a").signs(path, "x.example", (2020, 2060));
        std::fs::write(path.join("a.key"), "no key").unwrap();
        assert!(told(SERVER).contains("a.key cannot be read: no private key in it"));
        std::fs::write(path.join("a.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(told(SERVER).starts_with("TLS cannot be set up"), "the key of another certificate");
        let (tls, problems) = client(path, "certificate = 'a.pem'", "x.example");
        assert!(tls.is_none());
        assert_eq!(problems[0].message, "a certificate needs its key, and a key its certificate");
    }

    #[test]
    fn an_expired_certificate_of_ours_is_a_warning() {
        let folder = Scratch::new();
        Authority::new(folder.path(), "a").signs(folder.path(), "x.example", (2020, 2021));
        let (tls, problems) = server(folder.path(), SERVER);
        assert!(tls.is_some());
        assert_eq!(problems[0].message, "the certificate in a.pem has expired");
        assert!(!problems[0].is_error());
    }

    #[test]
    fn the_same_files_are_the_same_settings_and_no_key_is_ever_printed() {
        let folder = Scratch::new();
        let path = folder.path();
        let a = Authority::new(path, "a");
        a.signs(path, "x.example", (2020, 2060));
        let (first, again) = (server(path, SERVER).0.unwrap(), server(path, SERVER).0.unwrap());
        assert_eq!(first, again, "a reload without a change changes nothing");
        a.signs(path, "x.example", (2020, 2060));
        assert_ne!(first, server(path, SERVER).0.unwrap(), "a new certificate");
        assert_eq!(format!("{first:?}"), "ServerTls");
    }
}
