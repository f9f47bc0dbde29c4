//! What strangers and a trunk gone mad send, while a call is up.

use std::path::Path;
use std::time::{Duration, Instant};

use nightbell::call::leg::Heard;
use nightbell::sip::Transport;
use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;

use crate::bench::Bench;
use crate::carrier::{Authority, Caller, PATIENCE};
use crate::phone::Phone;

const STRANGER: [u8; 4] = [127, 0, 0, 9];
/// Addresses of the trunk that floods: 127.0.1.1 and above.
fn flooder(n: usize) -> [u8; 4] {
    [127, 0, 1, 1 + u8::try_from(n % 250).unwrap()]
}

async fn bench(folder: &Path) -> Bench {
    let settings = "[sip]\nlisten = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0', 'tls:127.0.0.1:0']\n[sip.tls]\n\
                    certificate = 'switch.example.pem'\nkey = 'switch.example.key'\n[[trunks]]\nname = 'phones'\n\
                    sources = ['127.0.0.1/32']\nmax_calls = 20\ndestinations = ['sip:*@127.0.0.1']\n[[trunks]]\n\
                    name = 'mad'\nsources = ['127.0.1.0/24']\n[trunks.limits]\ncalls_per_second = 5\n";
    Bench::of(settings, folder).await
}

/// Connections that send the beginning of a message, or of a handshake, and then nothing.
async fn slow_ones(bench: &Bench, count: usize) -> Vec<Caller> {
    let mut slow = Vec::new();
    for n in 0..count {
        let transport = if n % 2 == 0 { Transport::Tcp } else { Transport::Tls };
        // Beyond the limits the connection is closed as soon as it is made.
        let Ok(mut caller) = Caller::connect(flooder(n / 8), bench.listens(transport), None).await else {
            continue;
        };
        let text = if n % 2 == 0 { "INVITE sip:" } else { "\u{16}\u{3}\u{1}" };
        let _ = tokio::io::AsyncWriteExt::write_all(&mut caller.wire, text.as_bytes()).await;
        slow.push(caller);
    }
    slow
}

/// INVITEs that nobody will ever acknowledge. How many were let in, and how many were refused with 503.
async fn half_open(bench: &Bench, count: usize) -> (usize, usize) {
    let socket = UdpSocket::bind((std::net::Ipv4Addr::from(flooder(0)), 0)).await.unwrap();
    let (own, to) = (socket.local_addr().unwrap(), bench.listens(Transport::Udp));
    let (mut let_in, mut refused) = (0, 0);
    let mut octets = [0; 2048];
    for number in 0..count {
        let text = invite(own, number);
        socket.send_to(text.as_bytes(), to).await.unwrap();
        while let Ok(length) = socket.try_recv(&mut octets) {
            count_answer(&octets[..length], &mut let_in, &mut refused);
        }
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    while let Ok(Ok(length)) =
        tokio::time::timeout(Duration::from_millis(300), socket.recv(&mut octets)).await
    {
        count_answer(&octets[..length], &mut let_in, &mut refused);
    }
    (let_in, refused)
}

fn invite(own: std::net::SocketAddr, number: usize) -> String {
    format!(
        "INVITE sip:+4930123456@switch SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{own}>;tag={number}\r\nTo: <sip:switch>\r\nCall-ID: {own}-{number}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{own}>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn count_answer(answer: &[u8], let_in: &mut usize, refused: &mut usize) {
    *let_in += usize::from(answer.starts_with(b"SIP/2.0 100"));
    *refused += usize::from(answer.starts_with(b"SIP/2.0 503"));
}

/// Connections and datagrams of a stranger. How many octets came back.
async fn strangers(bench: &Bench, count: usize) -> usize {
    let socket = UdpSocket::bind((std::net::Ipv4Addr::from(STRANGER), 0)).await.unwrap();
    let own = socket.local_addr().unwrap();
    let mut back = 0;
    for number in 0..count {
        let text = invite(own, number);
        socket.send_to(text.as_bytes(), bench.listens(Transport::Udp)).await.unwrap();
        let transport = if number % 2 == 0 { Transport::Tcp } else { Transport::Tls };
        if let Ok(mut caller) = Caller::connect(STRANGER, bench.listens(transport), None).await {
            let mut octets = Vec::new();
            let read = caller.wire.read_to_end(&mut octets);
            let _ = tokio::time::timeout(PATIENCE, read).await.expect("it is closed");
            back += octets.len();
        }
    }
    back + socket.try_recv(&mut [0; 2048]).unwrap_or(0)
}

/// A key of the running call, told by SIP, is heard: how long that took.
async fn key_takes(phone: &mut Phone, leg: &mut nightbell::call::leg::Leg, digit: u8) -> Duration {
    let begun = Instant::now();
    phone.press_in_info(digit).await;
    assert_eq!(leg.key(PATIENCE).await, Heard::Key(char::from(b'0' + digit)));
    begun.elapsed()
}

#[allow(clippy::print_stdout, reason = "the figures of a run by hand")]
async fn under_fire(name: &str, size: usize) {
    let authority = Authority::new(name);
    authority.signs("switch.example", 2060);
    let bench = bench(authority.folder()).await;
    let mut phone = Phone::start().await;
    let mut leg = bench.reach(&mut phone, None).await;
    let quiet = key_takes(&mut phone, &mut leg, 1).await;

    let slow = slow_ones(&bench, size).await;
    let with_slow = key_takes(&mut phone, &mut leg, 2).await;

    let (fire, with_invites) = tokio::join!(half_open(&bench, size), key_takes(&mut phone, &mut leg, 3));
    let (let_in, refused) = fire;
    assert!(refused > 0, "more calls than a trunk may begin: {let_in} let in, {refused} refused");
    // What comes at once is twice the rate, and the rest comes with the time the flood takes.
    assert!(let_in < size / 2, "{let_in} of {size} were let in");

    let (back, with_strangers) = tokio::join!(strangers(&bench, size), key_takes(&mut phone, &mut leg, 4));
    assert_eq!(back, 0, "a stranger gets nothing");

    let mut another = Phone::start().await;
    let begun = Instant::now();
    let _second = bench.reach(&mut another, Some(leg.id())).await;
    println!(
        "{size} each: key quiet {quiet:?}, with slow connections {with_slow:?}, with INVITEs {with_invites:?}, with \
         strangers {with_strangers:?}; a new call then {:?}; {} slow connections open, {let_in} INVITEs let in, \
         {refused} refused",
        begun.elapsed(),
        slow.len()
    );
}

#[tokio::test]
async fn a_running_call_feels_nothing_of_slow_connections_half_open_calls_and_strangers() {
    under_fire("fire", 400).await;
}

/// `cargo test --test switch -- --ignored --nocapture at_full_size`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "by hand: it takes 10,000 connections and a minute"]
async fn a_running_call_feels_nothing_of_them_at_full_size() {
    under_fire("full", 10_000).await;
}
