//! Asking over HTTP: what calendars and targets have in common. Blocks, in bounds of time.

mod guard;

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, CertificateError};
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::{Agent, Error};

pub use guard::{Guard, is_public};

/// The authorities that this machine trusts, as they are now.
pub fn trust() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = found.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}

/// The beginnings of an agent that trusts these.
pub fn agent(trust: TlsConfig) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .tls_config(trust)
        .http_status_as_error(false)
        .user_agent(concat!("nightbell/", env!("CARGO_PKG_VERSION")))
}

/// What went wrong, in words that hold no address.
pub fn plain(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "the server took too long".to_owned(),
        Error::HostNotFound => "the name of the server is not known".to_owned(),
        Error::ConnectionFailed => "the server cannot be reached".to_owned(),
        Error::TooManyRedirects => "the server sends us on and on".to_owned(),
        Error::RequireHttpsOnly(_) => "the server sends us to where anybody can read along (http)".to_owned(),
        Error::BadUri(_) => "the address is none".to_owned(),
        Error::Io(error) => plain_io(error),
        Error::Rustls(error) => plain_tls(error),
        Error::Protocol(error) => format!("the server does not speak HTTP as it should: {error}"),
        _ => "the server could not be asked".to_owned(),
    }
}

/// What went wrong with a connection, or with the TLS on it.
pub fn plain_io(error: &io::Error) -> String {
    match tls_fault(error) {
        Some(fault) => plain_tls(fault),
        None => format!("the connection failed: {error}"),
    }
}

fn tls_fault(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn plain_tls(fault: &rustls::Error) -> String {
    match fault {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "the server's certificate is from an authority that this machine does not trust".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired".to_owned()
            }
            fault => format!("the server's certificate is not good: {fault}"),
        },
        fault => format!("the server's certificate or TLS is not good: {fault}"),
    }
}
