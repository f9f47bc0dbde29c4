//! A conversation with a mail server (RFC 5321), and what is to be made of its answers.

use std::error::Error as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use super::{Encryption, Server};
use crate::notify::exchange::Verdict;
use crate::notify::http::Reach;
use crate::notify::prose;
use crate::notify::text::cut;
use crate::web;

/// How much longer than `timeout` a step may take: a server that looks at a letter takes its time.
const STEP: u32 = 2;
/// The longest words of a server that are shown, in characters.
const LONGEST_WORDS: usize = 200;

/// Why a letter, or one of its recipients, was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    why: String,
    passes: bool,
    too_big: bool,
}

impl Fault {
    /// It may be gone the next time.
    pub fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: true, too_big: false }
    }

    /// It stays until somebody mends it.
    pub fn lasting(why: impl Into<String>) -> Self {
        Self { passes: false, ..Self::passing(why) }
    }

    /// Whether it may be gone the next time.
    pub fn passes(&self) -> bool {
        self.passes
    }

    /// Whether the letter has more bytes than the server takes.
    pub fn is_too_big(&self) -> bool {
        self.too_big
    }

    /// In words that hold no secret.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What it means to the outbox.
    pub fn verdict(self) -> Verdict {
        match self.passes {
            true => Verdict::Later { why: self.why, after: None },
            false => Verdict::Refused { why: self.why },
        }
    }
}

/// A server that listens.
pub struct Session<'a> {
    connection: SmtpConnection,
    server: &'a Server,
}

impl<'a> Session<'a> {
    /// Connects, encrypts and logs in. We are `hello`.
    pub fn open(server: &'a Server, hello: &str, reach: Reach) -> Result<Self, Fault> {
        let addresses = addresses(server, reach.allow_private)?;
        let hello = ClientId::Domain(hello.to_owned());
        let tls = match server.encryption {
            Encryption::None => None,
            Encryption::Tls | Encryption::StartTls => Some(parameters(server)?),
        };
        let patience = reach.timeout.saturating_mul(STEP);
        let at_once = tls.as_ref().filter(|_| server.encryption == Encryption::Tls);
        let connection = SmtpConnection::connect(addresses.as_slice(), Some(patience), &hello, at_once, None)
            .map_err(|error| fault(&error, server))?;
        let mut session = Self { connection, server };
        if let Some(tls) = tls.filter(|_| server.encryption == Encryption::StartTls) {
            session.encrypt(&tls, &hello)?;
        }
        if let Some((name, password)) = &server.login {
            let credentials = Credentials::new(name.clone(), password.expose().to_owned());
            if !DEFAULT_MECHANISMS
                .iter()
                .any(|known| session.connection.server_info().supports_auth_mechanism(*known))
            {
                return Err(Fault::lasting(
                    "the mail server takes no login by name and password (PLAIN or LOGIN)",
                ));
            }
            session
                .connection
                .auth(DEFAULT_MECHANISMS, &credentials)
                .map_err(|error| fault(&error, server))?;
        }
        Ok(session)
    }

    /// Nothing is sent in the open because somebody on the way took the offer out.
    fn encrypt(&mut self, tls: &TlsParameters, hello: &ClientId) -> Result<(), Fault> {
        if !self.connection.can_starttls() {
            return Err(Fault::passing("the mail server offers no encryption (STARTTLS)"));
        }
        self.connection.starttls(tls, hello).map_err(|error| fault(&error, self.server))
    }

    /// Sends a letter to all whom the server takes it for; those it does not come back. An error: nobody has it.
    pub fn post(
        mut self,
        from: &Address,
        whom: &[Mailbox],
        letter: &[u8],
    ) -> Result<Vec<(Mailbox, Fault)>, Fault> {
        let options = self.options(from, whom, letter)?;
        let failed = |error: &Error| fault(error, self.server);
        self.connection.command(Mail::new(Some(from.clone()), options)).map_err(|error| failed(&error))?;
        let mut left = Vec::new();
        for to in whom {
            if let Err(error) = self.connection.command(Rcpt::new(to.email.clone(), Vec::new())) {
                // Without a status the connection is gone, and with it all of them.
                if error.status().is_none() {
                    return Err(failed(&error));
                }
                left.push((to.clone(), failed(&error)));
            }
        }
        if left.len() == whom.len() {
            self.leave();
            let first = left.iter().find(|(_, fault)| fault.passes()).or(left.first());
            return Err(first
                .map_or_else(|| Fault::lasting("there is nobody to write to"), |(_, fault)| fault.clone()));
        }
        self.connection.command(Data).map_err(|error| failed(&error))?;
        self.connection.message(letter).map_err(|error| failed(&error))?;
        self.leave();
        Ok(left)
    }

    /// The letter is the server's by now: what it says to our farewell changes nothing.
    fn leave(&mut self) {
        let _ = self.connection.quit();
    }

    fn options(&self, from: &Address, whom: &[Mailbox], letter: &[u8]) -> Result<Vec<MailParameter>, Fault> {
        let mut options = Vec::new();
        let ours = whom.iter().map(|to| &to.email).chain([from]);
        if ours.map(AsRef::<str>::as_ref).any(|address| !address.is_ascii()) {
            if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::lasting("the mail server knows no addresses beyond ASCII"));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !letter.is_ascii() {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(options)
    }
}

/// Where the server is; of a name only what we may connect to, and to nothing else we do.
fn addresses(server: &Server, allow_private: bool) -> Result<Vec<SocketAddr>, Fault> {
    let found = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|_| Fault::passing("the name of the mail server is not known"))?;
    let allowed: Vec<_> = found.filter(|found| allow_private || web::is_public(found.ip())).collect();
    if allowed.is_empty() {
        let why =
            "the mail server is on this machine or in a private network, which takes allow_private = true";
        return Err(Fault::passing(why));
    }
    Ok(allowed)
}

fn parameters(server: &Server) -> Result<TlsParameters, Fault> {
    let builder = TlsParameters::builder(server.host.clone());
    let builder = match &server.authorities {
        Some(own) => builder.certificate_store(CertificateStore::None).add_root_certificate(own.clone()),
        None => builder,
    };
    builder.build_rustls().map_err(|error| Fault::passing(format!("TLS cannot be used: {error}")))
}

/// By RFC 5321, 4.2.1: 4yz passes, 5yz stays; what breaks the connection passes.
fn fault(error: &Error, server: &Server) -> Fault {
    let Some(status) = error.status() else { return Fault::passing(broken(error)) };
    let said = error.source().map(|words| prose::line(&words.to_string())).unwrap_or_default();
    let said = server.login.iter().fold(said, |said, (_, password)| said.replace(password.expose(), "***"));
    let words = cut(&said, LONGEST_WORDS);
    let why = match words.is_empty() {
        true => format!("the mail server answered {status}"),
        false => format!("the mail server answered {status}: {words}"),
    };
    // 552, and the enhanced codes of RFC 3463 for a letter that is too big.
    let code = status.to_string();
    let too_big = code == "552" || ["5.3.4", "5.2.3"].iter().any(|code| words.starts_with(code));
    Fault { why, passes: error.is_transient(), too_big }
}

/// What went wrong with the connection, in words.
fn broken(error: &Error) -> String {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(error) = found.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                    "the mail server took too long".to_owned()
                }
                io::ErrorKind::ConnectionRefused => "the mail server cannot be reached".to_owned(),
                _ => web::plain_io(error),
            };
        }
        cause = found.source();
    }
    match error.is_response() {
        true => "the mail server broke off, or does not speak SMTP as it should".to_owned(),
        false => cut(&prose::line(&format!("the mail server could not be used: {error}")), LONGEST_WORDS),
    }
}
