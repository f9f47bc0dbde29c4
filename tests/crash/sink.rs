//! Where notifications arrive: a receiver of webhooks with a ledger of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

/// How long it takes for an answer.
const ANSWERS_AFTER: Duration = Duration::from_millis(30);
/// Of so many requests one is refused, and has to come again.
const UNWELL_EVERY: usize = 9;

/// The receiver.
pub struct Sink {
    pub address: SocketAddr,
    ledger: Arc<Ledger>,
}

#[derive(Default)]
struct Ledger {
    came: Mutex<Vec<Value>>,
    news: Condvar,
}

impl Sink {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ledger = Arc::<Ledger>::default();
        let mine = ledger.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let ledger = mine.clone();
                std::thread::spawn(move || serve(stream, &ledger));
            }
        });
        Self { address, ledger }
    }

    /// What has come so far, duplicates included.
    pub fn came(&self) -> Vec<Value> {
        self.ledger.came.lock().unwrap().clone()
    }

    /// Waits until more than so many have come; whether they did in this time.
    pub fn waits_for_more_than(&self, count: usize, time: Duration) -> bool {
        let came = self.ledger.came.lock().unwrap();
        !self.ledger.news.wait_timeout_while(came, time, |came| came.len() <= count).unwrap().1.timed_out()
    }
}

/// One connection. A notice counts as come once all of it is here, whether or not the answer gets through.
fn serve(stream: TcpStream, ledger: &Ledger) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let Ok(mut answers) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        let notice: Value = serde_json::from_slice(&body).expect("a notice is JSON");
        let count = ledger.enters(notice);
        // Not at once: so that a kill finds it between the question and the answer.
        std::thread::park_timeout(ANSWERS_AFTER);
        let status = if count.is_multiple_of(UNWELL_EVERY) { "503 Service Unavailable" } else { "200 OK" };
        if write!(answers, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

impl Ledger {
    /// Returns how many there are now.
    fn enters(&self, notice: Value) -> usize {
        let mut came = self.came.lock().unwrap();
        came.push(notice);
        self.news.notify_all();
        came.len()
    }
}

/// The body of the next request.
fn request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
