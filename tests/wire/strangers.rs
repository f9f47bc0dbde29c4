//! What strangers send, and what is no SIP at all.

use std::net::UdpSocket;
use std::time::Duration;

use crate::daemon::Daemon;

fn options(from: &UdpSocket, to: &str) -> String {
    let own = from.local_addr().unwrap();
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{port};rport\r\nFrom: <sip:a@{own}>;tag=1\r\n\
         To: <sip:{to}>\r\nCall-ID: {own}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        port = own.port()
    )
}

pub fn phone(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    socket
}

/// The first line of the answer to an OPTIONS, if one comes.
pub fn answer(socket: &UdpSocket, to: &str) -> Option<String> {
    socket.send_to(options(socket, to).as_bytes(), to).unwrap();
    let mut bytes = [0; 2048];
    let length = socket.recv(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    text.lines().next().map(str::to_owned)
}

#[test]
fn a_trunk_is_answered_and_a_stranger_is_not() {
    let daemon = Daemon::start(&[("anna", 9)], "");
    let (trunk, stranger) = (phone("127.0.0.1"), phone("127.0.0.9"));
    assert_eq!(answer(&trunk, &daemon.address()).as_deref(), Some("SIP/2.0 200 OK"));
    assert_eq!(answer(&stranger, &daemon.address()), None);
}

#[test]
fn garbage_gets_no_answer_and_does_no_harm() {
    let daemon = Daemon::start(&[("anna", 9)], "");
    let trunk = phone("127.0.0.1");
    let mut noise = 0x9E37_79B9_u32;
    for length in (0..1400).step_by(7) {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                noise as u8
            })
            .collect();
        trunk.send_to(&bytes, daemon.address()).unwrap();
    }
    assert_eq!(answer(&trunk, &daemon.address()).as_deref(), Some("SIP/2.0 200 OK"));
    assert!(daemon.calls().is_empty());
}
