//! What any service may do to whoever asks it: take its time, hang up, say too much, or not be there.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nightbell::incident::Event;
use nightbell::notify::exchange::Verdict;
use nightbell::notify::{Delivering, Link};

use crate::bench::{Folder, delivering, target};
use crate::service::{Answer, Service};
use crate::tools::{leak, told};

/// A service that takes what it is sent, writes this, and hangs up; where `stays`, it does not.
fn raw(answer: &'static [u8], stays: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = vec![0; 64 * 1024];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer);
            if stays {
                kept.push(stream);
            }
        }
    });
    format!("http://{address}")
}

fn told_to(url: &str, kind: &str, more: &str) -> Verdict {
    let folder = Folder::new();
    let settings = format!("kind = \"{kind}\"\nurl = \"{url}\"\nallow_private = true\n{more}\n");
    target(&folder, &settings).deliver(&told(Event::Trigger), &delivering(&folder))
}

fn later(verdict: Verdict) -> String {
    match verdict {
        Verdict::Later { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_not_there_hangs_up_or_speaks_another_language_is_told_later() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [
        format!("http://{gone}/"),
        "http://nightbell.invalid/".to_owned(),
        raw(b"", false),
        raw(b"HTTP/1.1 2", false),
        raw(b"220 mail.acme.example ESMTP\r\n", false),
    ] {
        let why = later(told_to(&url, "webhook", ""));
        assert!(!why.contains(&gone.to_string()) && !why.contains("nightbell.invalid"), "{why}");
    }
}

#[test]
fn who_does_not_answer_in_time_is_told_later() {
    let why = later(told_to(&raw(b"", true), "webhook", "timeout = \"1s\""));
    assert_eq!(why, "the server took too long");
    // Nor is one waited for that begins and never ends.
    let drips = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", true);
    let why = later(told_to(&drips, "webhook", "timeout = \"1s\""));
    assert!(why.contains("cut short"), "{why}");
}

#[test]
fn an_answer_that_is_cut_short_counts_where_a_repeat_would_be_read_twice() {
    let cut = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", false);
    assert!(later(told_to(&cut, "webhook", "")).contains("cut short"));
    assert_eq!(told_to(&cut, "slack", ""), Verdict::Delivered);
}

#[test]
fn of_an_answer_without_an_end_the_beginning_is_enough() {
    let service = Service::start(|_, _| Answer::new(400, leak("0123456789".repeat(1_000_000))));
    match told_to(&service.url(), "webhook", "") {
        Verdict::Refused { why } => assert!(why.len() < 300, "{}", why.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_leave_nothing_on_this_machine_or_in_a_private_network_is_asked() {
    let folder = Folder::new();
    let (heard, hearing) = mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|_| heard.send(()).unwrap()));
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "2130706433",
        "0x7f000001",
    ] {
        let settings = format!("kind = \"webhook\"\nurl = \"https://{host}:{port}/\"\ntimeout = \"2s\"\n");
        let Ok(target) = crate::bench::compiled(&folder, &settings) else { continue };
        let why = later(target.deliver(&told(Event::Trigger), &delivering(&folder)));
        assert!(why.contains("allow_private = true"), "{host}: {why}");
    }
    assert!(hearing.recv_timeout(Duration::from_millis(1)).is_err(), "nobody knocked");
}

#[test]
fn a_certificate_that_nobody_here_trusts_is_said_to_be_one() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (key.cert.der().clone(), key.signing_key.serialize_der());
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(key).unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let config = std::sync::Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = tokio_rustls::rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = stream.unwrap();
            while connection.complete_io(&mut stream).is_ok() && connection.is_handshaking() {}
        }
    });
    let why = later(told_to(&url, "webhook", ""));
    assert_eq!(why, "the server's certificate is from an authority that this machine does not trust");
}

#[test]
fn the_link_of_the_settings_is_told_with_everything() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "")));
    let target =
        target(&folder, &format!("kind = \"webhook\"\nurl = \"{}\"\nallow_private = true\n", service.url()));
    let mut problems = Vec::new();
    let written = toml::Spanned::new(0..1, "https://wiki.example/{call}?i={incident}".to_owned());
    let with = Delivering { link: Link::compile(&written, &mut problems), ..delivering(&folder) };
    let notice = nightbell::incident::Notice { link: None, ..told(Event::Trigger) };
    assert_eq!(target.deliver(&notice, &with), Verdict::Delivered);
    assert_eq!(service.asked()[0].json()["link"], "https://wiki.example/c1?i=7");
    // What is of no call has no link.
    let alarm = nightbell::incident::Notice { call: None, ..notice };
    assert_eq!(target.deliver(&alarm, &with), Verdict::Delivered);
    assert_eq!(service.asked()[1].json()["link"], serde_json::Value::Null);
}
