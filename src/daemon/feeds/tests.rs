//! Calendars fetched from a real server on loopback, which does what servers do on bad days.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::oncall::{OncallFile, ScheduleId};

/// What the server does with one request.
type Answer = fn(&mut TcpStream);

/// A server that answers one request after another, and tells what it was asked.
struct Server {
    address: String,
    asked: Receiver<String>,
}

impl Server {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/secret.ics", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let mut head = String::new();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                while lines.read_line(&mut head).is_ok_and(|read| read > 2) {}
                let _ = tell.send(head.to_lowercase());
                answer(&mut stream);
            }
        });
        Self { address, asked }
    }
}

fn send(stream: &mut TcpStream, text: &str) {
    // A client that has seen enough may have gone.
    let _ = stream.write_all(text.as_bytes());
}

const ICS: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:anna\r\nDTSTART;VALUE=DATE:20260105\r\n\
                   RRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn ok(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nLast-Modified: Mon, 05 Jan 2026 08:00:00 GMT\r\nConnection: close";
    send(stream, &format!("{head}\r\nContent-Length: {}\r\n\r\n{ICS}", ICS.len()));
}

fn unchanged(stream: &mut TcpStream) {
    send(stream, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

fn broken(stream: &mut TcpStream) {
    send(stream, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

fn log_in(stream: &mut TcpStream) {
    send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n<html>log in");
}

fn cut(stream: &mut TcpStream) {
    let half = ICS.get(..40).unwrap();
    send(
        stream,
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{half}", ICS.len()),
    );
}

/// Cut, and nothing of HTTP shows it.
fn cut_without_a_length(stream: &mut TcpStream) {
    send(stream, &format!("HTTP/1.0 200 OK\r\n\r\n{}", ICS.get(..90).unwrap()));
}

fn huge(stream: &mut TcpStream) {
    send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nBEGIN:VCALENDAR\r\n");
    let line = "X-FILL:".to_owned() + &"x".repeat(1 << 16) + "\r\n";
    for _ in 0..300 {
        send(stream, &line);
    }
}

fn stranger(stream: &mut TcpStream) {
    let ics = ICS.replace("anna", "zoe");
    send(
        stream,
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{ics}", ics.len()),
    );
}

fn elsewhere(stream: &mut TcpStream) {
    send(
        stream,
        "HTTP/1.1 302 Found\r\nLocation: /other.ics\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
}

/// Begins well, and then says nothing until the other side gives up.
fn slow(stream: &mut TcpStream) {
    send(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nBEGIN:VCAL", ICS.len()));
    let _ = stream.read(&mut [0]);
}

fn garbage(stream: &mut TcpStream) {
    send(stream, "SSH-2.0-OpenSSH_9.6\r\n");
}

/// A database of a test's own, and a roster with a schedule that this server feeds.
struct House {
    folder: PathBuf,
    store: Store,
    roster: Roster,
    source: String,
}

impl House {
    fn new(name: &str, source: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("nightbell-feeds-{}-{name}", std::process::id()));
        let store = Store::open(&folder).unwrap();
        let text = format!(
            "[[people]]\nid = \"anna\"\nphones = [\"+4915112345678\"]\n[[schedules]]\nid = \"s\"\ntimezone = \"UTC\"\n\
             calendar = \"{source}\"\n[[hours]]\nid = \"h\"\ntimezone = \"UTC\"\ncalendar = \"{source}\"\n"
        );
        let (roster, problems) = OncallFile::parse(&text).unwrap().compile();
        assert!(!problems.iter().any(crate::problem::Problem::is_error), "{problems:?}");
        store.apply_roster(&roster, false).unwrap();
        Self { folder, store, roster, source: source.to_owned() }
    }

    fn renew(&self) -> Tried {
        renew(&self.store, &Fetcher::new(), &self.roster, &self.source, &self.folder).unwrap()
    }

    /// Why a try failed; nothing of the address may be in it.
    fn refusal(&self) -> String {
        let Tried::Failed(why) = self.renew() else { panic!("it was taken") };
        assert!(!why.contains("secret"), "{why}");
        why
    }

    /// Who is on call by what is kept.
    fn on_call(&self) -> Vec<String> {
        let (roster, _) = load(self.store.reader()).unwrap();
        let shifts = roster.on_call(&ScheduleId::from("s"), Timestamp::now());
        shifts.into_iter().map(|shift| shift.person.to_string()).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_calendar_is_fetched_once_and_then_only_asked_after() {
    let server = Server::start(vec![ok, unchanged, ok]);
    let house = House::new("asked", &server.address);
    assert!(house.on_call().is_empty());
    assert_eq!(house.renew(), Tried::New);
    assert_eq!(house.on_call(), ["anna"]);
    assert_eq!(house.renew(), Tried::Same);
    let (first, second) = (server.asked.recv().unwrap(), server.asked.recv().unwrap());
    assert!(!first.contains("if-none-match"), "{first}");
    assert!(second.contains("if-none-match: \"one\""), "{second}");
    assert!(second.contains("if-modified-since: mon, 05 jan 2026 08:00:00 gmt"), "{second}");
    assert_eq!(house.renew(), Tried::Same, "sent again, word by word");
}

#[test]
fn whatever_a_server_does_the_last_good_copy_stays_in_use() {
    let bad: [(Answer, &str); 7] = [
        (broken, "answered 500"),
        (log_in, "not a calendar"),
        (cut, "the connection failed"),
        (cut_without_a_length, "cut off"),
        (huge, "longer than 8 MiB"),
        (stranger, "`zoe` is nobody of the people"),
        (garbage, "HTTP"),
    ];
    let answers = std::iter::once(ok as Answer).chain(bad.map(|(answer, _)| answer)).collect();
    let server = Server::start(answers);
    let house = House::new("bad", &server.address);
    assert_eq!(house.renew(), Tried::New);
    for (_, part) in bad {
        let why = house.refusal();
        assert!(why.contains(part), "{why}");
        assert_eq!(house.on_call(), ["anna"]);
        let kept = house.store.reader().calendars().unwrap();
        assert_eq!(kept.get(&house.source).and_then(|kept| kept.failure.clone()), Some(why));
    }
    // Nobody is there any more.
    drop(server);
    assert!(house.refusal().contains("connection failed"));
}

#[test]
fn a_server_that_takes_its_time_is_not_waited_for() {
    let server = Server::start(vec![ok, slow]);
    let house = House::new("slow", &server.address);
    assert_eq!(house.renew(), Tried::New);
    let hasty = Fetcher::with_patience(std::time::Duration::from_millis(200));
    let tried = renew(&house.store, &hasty, &house.roster, &house.source, &house.folder).unwrap();
    assert_eq!(tried, Tried::Failed("the server took too long".to_owned()));
    assert_eq!(house.on_call(), ["anna"]);
}

#[test]
fn a_calendar_may_be_elsewhere_but_not_on_and_on() {
    let server =
        Server::start(vec![elsewhere, ok, elsewhere, elsewhere, elsewhere, elsewhere, elsewhere, elsewhere]);
    let house = House::new("elsewhere", &server.address);
    assert_eq!(house.renew(), Tried::New);
    assert!(house.refusal().contains("on and on"));
}

#[test]
fn who_asks_over_tls_is_told_what_is_wrong_with_it() {
    let server = Server::start(vec![garbage]);
    let house = House::new("tls", &server.address.replace("http://", "https://"));
    let why = house.refusal();
    assert!(why.contains("TLS") || why.contains("connection failed"), "{why}");
}

#[test]
fn a_kept_copy_whose_people_have_gone_is_used_and_told() {
    let server = Server::start(vec![ok]);
    let house = House::new("gone", &server.address);
    house.renew();
    let copies = house.store.reader().calendars().unwrap();
    let mut roster = house.roster.clone();
    roster.people.clear();
    let notes = attach(&mut roster, &copies);
    assert!(notes[0].message.contains("`anna` is nobody of the people"), "{notes:?}");
    let feed = roster.schedules[&ScheduleId::from("s")]
        .calendar
        .as_ref()
        .and_then(|calendar| calendar.feed.as_ref());
    assert!(feed.is_some());
}

#[test]
fn holidays_of_a_calendar_close_its_hours() {
    let server = Server::start(vec![ok]);
    let house = House::new("holidays", &server.address);
    house.renew();
    let (roster, notes) = load(house.store.reader()).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let state = roster.hours.values().next().unwrap().state(Timestamp::now());
    assert!(!state.open && state.because.starts_with("closed: anna ("), "{}", state.because);
}

#[test]
fn a_file_is_read_as_it_is_now_and_forgotten_when_nothing_names_it() {
    let house = House::new("file", "shifts.ics");
    assert!(house.refusal().contains("cannot be read"));
    std::fs::write(house.folder.join("shifts.ics"), ICS).unwrap();
    assert_eq!((house.renew(), house.renew()), (Tried::New, Tried::Same));
    assert_eq!(house.on_call(), ["anna"]);
    house.store.keep_calendars(&BTreeSet::new()).unwrap();
    assert!(house.store.reader().calendars().unwrap().is_empty());
}
