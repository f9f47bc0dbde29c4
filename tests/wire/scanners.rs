//! The scanners that every address on the net meets: `svmap`, `svwar` and `svcrack` of SIPVicious.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::daemon::Daemon;
use crate::sipp::{free_port, installed};
use crate::strangers;

/// Nobody's address, as the daemon sees it, and the scanner's own.
const STRANGER: &str = "127.0.0.9";
const SCANNER: &str = "127.0.0.11";
const SENTINEL: &[u8] = b"the last one";

/// What a scanner sends goes on to the daemon from a stranger's address; what comes back stays in the socket.
struct Tap {
    port: u16,
    outside: UdpSocket,
    passed: Receiver<bool>,
}

impl Tap {
    fn new(daemon: &Daemon) -> Self {
        let inside = UdpSocket::bind((SCANNER, 0)).unwrap();
        let outside = UdpSocket::bind((STRANGER, 0)).unwrap();
        outside.connect(daemon.address()).unwrap();
        let (port, to) = (inside.local_addr().unwrap().port(), outside.try_clone().unwrap());
        let (pass, passed) = channel();
        std::thread::spawn(move || {
            let mut octets = [0; 65_536];
            while let Ok(length) = inside.recv(&mut octets) {
                to.send(&octets[..length]).unwrap();
                if pass.send(&octets[..length] == SENTINEL).is_err() {
                    return;
                }
            }
        });
        Self { port, outside, passed }
    }

    /// How many datagrams went to the daemon, and how many octets it sent back, once it has read all of them.
    fn counts(&self, daemon: &Daemon) -> (usize, usize) {
        let last = UdpSocket::bind((SCANNER, 0)).unwrap();
        last.send_to(SENTINEL, (SCANNER, self.port)).unwrap();
        let sent = self.passed.iter().take_while(|sentinel| !sentinel).count();
        // The daemon reads in turn: when a trunk has its answer, all of the scanner's has been read.
        let trunk = strangers::phone("127.0.0.1");
        assert_eq!(strangers::answer(&trunk, &daemon.address()).as_deref(), Some("SIP/2.0 200 OK"));
        self.outside.set_nonblocking(true).unwrap();
        let mut octets = [0; 65_536];
        let back = std::iter::from_fn(|| self.outside.recv(&mut octets).ok()).sum();
        (sent, back)
    }
}

/// Runs a scanner; what it printed.
fn scan(program: &str, arguments: &[&str], target: &str, port: u16) -> String {
    let (port, own) = (port.to_string(), free_port().to_string());
    let output = Command::new(program)
        .args(arguments)
        .args(["-p", &port, "-P", &own, "-t", "0.002", target])
        .stdin(Stdio::null())
        .env("HOME", std::env::temp_dir())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The scanners and what they look for.
const SCANS: [(&str, &[&str]); 6] = [
    ("svmap", &[]),
    ("svmap", &["-m", "INVITE"]),
    ("svwar", &["-e", "100-130", "-m", "OPTIONS", "--maximumtime", "1", "--force"]),
    ("svwar", &["-e", "100-130", "-m", "INVITE", "--maximumtime", "1", "--force"]),
    ("svwar", &["-e", "100-130", "-m", "REGISTER", "--maximumtime", "1", "--force"]),
    ("svcrack", &["-u", "100", "-r", "100-130", "--maximumtime", "1"]),
];

#[test]
fn scanners_find_nothing_and_get_no_octet_back() {
    if !installed("svmap", "sipvicious", "scanners_find_nothing_and_get_no_octet_back") {
        return;
    }
    let daemon = &Daemon::start(&[("anna", 9)], "");
    std::thread::scope(|scope| {
        for (program, arguments) in SCANS {
            scope.spawn(move || finds_nothing(daemon, program, arguments));
        }
    });
    assert!(daemon.calls().is_empty());
}

fn finds_nothing(daemon: &Daemon, program: &str, arguments: &[&str]) {
    let tap = Tap::new(daemon);
    let said = scan(program, &[arguments, &["-b", SCANNER]].concat(), SCANNER, tap.port);
    let (sent, back) = tap.counts(daemon);
    assert!(sent > 0, "{program} {arguments:?} sent something: {said}");
    assert_eq!(back, 0, "{program} {arguments:?} got octets back for {sent} datagrams: {said}");
    assert!(!said.contains("Nightbell"), "{program} {arguments:?} found us: {said}");
}

#[test]
fn the_same_scanner_finds_us_from_an_address_of_the_trunk() {
    if !installed("svmap", "sipvicious", "the_same_scanner_finds_us_from_an_address_of_the_trunk") {
        return;
    }
    let daemon = Daemon::start(&[("anna", 9)], "");
    let said = scan("svmap", &["-b", "127.0.0.1"], "127.0.0.1", daemon.port());
    assert!(said.contains("Nightbell"), "{said}");
}
