//! A mail server that takes down what it is told, and answers as the test wants: RFC 5321, STARTTLS (RFC 3207),
//! AUTH PLAIN and LOGIN (RFC 4954).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// When the server speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Never,
    Asked,
    AtOnce,
}

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct Manners {
    pub tls: Tls,
    /// The name in its certificate.
    pub name: &'static str,
    /// Whom it lets in; nothing: it asks nobody.
    pub login: Option<(&'static str, &'static str)>,
    /// What it says to a recipient, by how often it was named in all.
    pub recipient: fn(&str, usize) -> &'static str,
    /// What it says to a letter.
    pub letter: &'static str,
    /// The command at which it hangs up without a word.
    pub cut_at: Option<&'static str>,
    /// The command that it never answers.
    pub silent_at: Option<&'static str>,
    /// The longest letter that it takes, in bytes.
    pub longest: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            tls: Tls::Never,
            name: "localhost",
            login: None,
            recipient: |_, _| "250 2.1.5 Ok",
            letter: "250 2.0.0 Ok: queued",
            cut_at: None,
            silent_at: None,
            longest: usize::MAX,
        }
    }
}

/// A letter that was taken, and how it came.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub hello: String,
    pub encrypted: bool,
    pub login: Option<(String, String)>,
    pub from: String,
    pub to: Vec<String>,
    pub letter: Vec<u8>,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Ledger {
    pub taken: Vec<Taken>,
    /// Each recipient that was named, in order.
    pub named: Vec<String>,
    /// All that was said before TLS began.
    pub in_the_open: String,
}

pub struct MailServer {
    pub address: SocketAddr,
    /// The authority of its certificate, in PEM.
    pub authority: String,
    pub ledger: Arc<Mutex<Ledger>>,
}

impl MailServer {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (authority, tls) = certificate(manners.name);
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let written = ledger.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, manners, ledger, tls) =
                    (stream.unwrap(), manners.clone(), written.clone(), tls.clone());
                // A client that hangs up ends its conversation and no more.
                let _ = Conversation::new(manners, ledger, tls).run(stream);
            }
        });
        Self { address, authority, ledger }
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.ledger.lock().unwrap().taken.clone()
    }

    pub fn named(&self) -> Vec<String> {
        self.ledger.lock().unwrap().named.clone()
    }
}

fn certificate(name: &str) -> (String, Arc<ServerConfig>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (root, Arc::new(config))
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// What ends a conversation.
enum End {
    /// The client has gone, or we have.
    Gone,
    /// From here on by TLS.
    Encrypt,
}

struct Conversation {
    manners: Manners,
    ledger: Arc<Mutex<Ledger>>,
    tls: Arc<ServerConfig>,
    now: Taken,
}

impl Conversation {
    fn new(manners: Manners, ledger: Arc<Mutex<Ledger>>, tls: Arc<ServerConfig>) -> Self {
        Self { manners, ledger, tls, now: Taken::default() }
    }

    fn run(mut self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        if self.manners.tls == Tls::AtOnce {
            return self.encrypted(stream, true);
        }
        match self.speak(&mut BufReader::new(stream.try_clone()?), true) {
            End::Encrypt => self.encrypted(stream, false),
            End::Gone => Ok(()),
        }
    }

    fn encrypted(&mut self, stream: TcpStream, greet: bool) -> std::io::Result<()> {
        let connection = ServerConnection::new(self.tls.clone()).map_err(std::io::Error::other)?;
        self.now = Taken { encrypted: true, ..Taken::default() };
        self.speak(&mut BufReader::new(StreamOwned::new(connection, stream)), greet);
        Ok(())
    }

    fn speak(&mut self, wire: &mut BufReader<impl Wire>, greet: bool) -> End {
        if greet && say(wire, "220 mail.acme.example ESMTP").is_none() {
            return End::Gone;
        }
        loop {
            let Some(line) = hear(wire) else { return End::Gone };
            if !self.now.encrypted {
                self.ledger.lock().unwrap().in_the_open.push_str(&format!("{line}\n"));
            }
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if self.manners.cut_at == Some(word.as_str()) {
                return End::Gone;
            }
            if self.manners.silent_at == Some(word.as_str()) {
                // Until the client has had enough.
                while hear(wire).is_some() {}
                return End::Gone;
            }
            let done = match word.as_str() {
                "EHLO" => self.hello(wire, &line),
                "STARTTLS" => return say(wire, "220 2.0.0 Ready").map_or(End::Gone, |()| End::Encrypt),
                "AUTH" => self.auth(wire, &line),
                "MAIL" => self.mail(wire, &line),
                "RCPT" => self.rcpt(wire, &line),
                "DATA" => self.data(wire),
                "RSET" | "NOOP" => say(wire, "250 2.0.0 Ok"),
                "QUIT" => {
                    let _ = say(wire, "221 2.0.0 Bye");
                    return End::Gone;
                }
                _ => say(wire, "500 5.5.2 Error: command not recognized"),
            };
            if done.is_none() {
                return End::Gone;
            }
        }
    }

    fn hello(&mut self, wire: &mut BufReader<impl Wire>, line: &str) -> Option<()> {
        self.now.hello = line.get(5..)?.to_owned();
        let mut said = vec!["mail.acme.example", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"];
        if self.manners.tls == Tls::Asked && !self.now.encrypted {
            said.push("STARTTLS");
        }
        if self.manners.login.is_some() {
            said.push("AUTH PLAIN LOGIN");
        }
        let last = said.len() - 1;
        said.iter()
            .enumerate()
            .try_for_each(|(n, words)| say(wire, &format!("250{}{words}", if n == last { ' ' } else { '-' })))
    }

    fn auth(&mut self, wire: &mut BufReader<impl Wire>, line: &str) -> Option<()> {
        let mut words = line.split(' ').skip(1);
        assert_eq!(words.next(), Some("PLAIN"), "the first of those that were offered");
        let told = decoded(words.next()?);
        let mut parts = told.split('\0').skip(1);
        let login = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let right = self.manners.login == Some((login.0.as_str(), login.1.as_str()));
        if !right {
            // Some servers repeat what they were told.
            return say(wire, &format!("535 5.7.8 Error: authentication failed: {}", login.1));
        }
        self.now.login = Some(login);
        say(wire, "235 2.7.0 Authentication successful")
    }

    fn mail(&mut self, wire: &mut BufReader<impl Wire>, line: &str) -> Option<()> {
        if self.manners.login.is_some() && self.now.login.is_none() {
            return say(wire, "530 5.7.0 Authentication required");
        }
        if self.manners.tls == Tls::Asked && !self.now.encrypted {
            return say(wire, "530 5.7.0 Must issue a STARTTLS command first");
        }
        self.now.from = address(line)?;
        say(wire, "250 2.1.0 Ok")
    }

    fn rcpt(&mut self, wire: &mut BufReader<impl Wire>, line: &str) -> Option<()> {
        let to = address(line)?;
        let times = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.named.push(to.clone());
            ledger.named.iter().filter(|named| **named == to).count()
        };
        let answer = (self.manners.recipient)(&to, times);
        if answer.starts_with('2') {
            self.now.to.push(to);
        }
        say(wire, answer)
    }

    fn data(&mut self, wire: &mut BufReader<impl Wire>) -> Option<()> {
        say(wire, "354 End data with <CR><LF>.<CR><LF>")?;
        let mut letter = Vec::new();
        loop {
            let mut line = Vec::new();
            if wire.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            assert!(line.ends_with(b"\r\n"), "a line feed of its own: {line:?}");
            match line.as_slice() {
                b".\r\n" => break,
                // RFC 5321, 4.5.2.
                dotted if dotted.starts_with(b".") => letter.extend_from_slice(dotted.get(1..)?),
                line => letter.extend_from_slice(line),
            }
        }
        if self.manners.cut_at == Some("LETTER") {
            return None;
        }
        if letter.len() > self.manners.longest {
            return say(wire, "552 5.3.4 Message size exceeds fixed limit");
        }
        if self.manners.letter.starts_with('2') {
            let taken = Taken { letter, ..self.now.clone() };
            self.ledger.lock().unwrap().taken.push(taken);
        }
        say(wire, self.manners.letter)
    }
}

fn say(wire: &mut BufReader<impl Wire>, line: &str) -> Option<()> {
    let wire = wire.get_mut();
    wire.write_all(format!("{line}\r\n").as_bytes()).ok()?;
    wire.flush().ok()
}

fn hear(wire: &mut BufReader<impl Wire>) -> Option<String> {
    let mut line = Vec::new();
    let read = wire.read_until(b'\n', &mut line).ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>').map(|(address, _)| address.to_owned())
}

/// Base64 (RFC 4648).
pub fn decoded(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut octets = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = alphabet.iter().position(|known| *known == letter).unwrap();
        (bits, held) = ((bits << 6) | u32::try_from(value).unwrap(), held + 6);
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    String::from_utf8(octets).unwrap()
}
