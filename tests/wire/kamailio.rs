//! Kamailio as a carrier: registrar, and a proxy that stays in the path of every call.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::certificate::Certificate;
use crate::foreign::{Carrier, Words, end, folder, free_ports};
use crate::sipp::installed;

/// A running Kamailio.
pub struct Kamailio {
    port: u16,
    folder: PathBuf,
    child: Child,
    log: Words,
}

/// How the carrier treats its customers.
#[derive(Clone, Copy)]
pub struct Manners {
    /// Calls come over the connection that the registration came over.
    pub reuse: bool,
}

impl Kamailio {
    /// Whether it is installed; tells of a test that is left out without it.
    pub fn is_installed(test: &str) -> bool {
        installed("kamailio", "kamailio kamailio-tls-modules", test)
    }

    /// Starts it and waits until it answers.
    pub fn start(certificate: &Certificate, manners: Manners) -> Self {
        let port = free_ports();
        let folder = folder("kamailio", port);
        let file = folder.join("kamailio.cfg");
        std::fs::write(&file, settings(port, certificate, manners)).unwrap();
        let mut child = Command::new("kamailio")
            .arg("-f")
            .arg(&file)
            .args(["-DD", "-E", "-m", "32", "-M", "4"])
            .arg("-w")
            .arg(&folder)
            .arg("-Y")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Words::of("kamailio", child.stderr.take().unwrap());
        let mut carrier = Self { port, folder, child, log };
        carrier.wait_until_it_answers();
        carrier
    }

    /// How it is reached by a transport.
    pub fn by(&self, transport: &'static str) -> Carrier {
        let port = if transport == "tls" { self.port + 1 } else { self.port };
        Carrier { transport, port }
    }

    /// Waits until its log has a line with this.
    pub fn expects(&mut self, part: &str) {
        self.log.expects(part);
    }

    fn wait_until_it_answers(&mut self) {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (own, to) = (socket.local_addr().unwrap(), format!("127.0.0.1:{}", self.port));
        let options = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready;rport\r\nMax-Forwards: 9\r\n\
             From: <sip:a@{own}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let mut octets = [0; 2048];
        for _ in 0..300 {
            // Until it listens, sending may fail with what came back for the one before.
            let _ = socket.send_to(options.as_bytes(), &to);
            if socket.recv(&mut octets).is_ok() {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "kamailio ended with {ended:?}");
        }
        panic!("kamailio never answered");
    }
}

fn settings(port: u16, certificate: &Certificate, manners: Manners) -> String {
    let values = [
        ("@PORT@", port.to_string()),
        ("@TLS_PORT@", (port + 1).to_string()),
        ("@KEY@", certificate.key.display().to_string()),
        ("@CERTIFICATE@", certificate.certificate.display().to_string()),
        ("@REUSE@", u8::from(manners.reuse).to_string()),
    ];
    values
        .iter()
        .fold(include_str!("kamailio.cfg").to_owned(), |text, (name, value)| text.replace(name, value))
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        end(&mut self.child, &self.folder);
    }
}
