//! A caller whom nobody answers, and a webhook that hears of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::phone::Phone;

/// The operator's server, one request after another.
struct Hook {
    address: SocketAddr,
    connections: Receiver<TcpStream>,
}

impl Hook {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, connections) = channel();
        std::thread::spawn(move || {
            let taken = |stream| taken.send(stream).is_ok();
            listener.incoming().map_while(Result::ok).all(taken)
        });
        Self { address, connections }
    }

    /// What stands in the settings.
    fn settings(&self) -> String {
        let address = self.address;
        format!(
            "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{address}/\"\nallow_private = true\n"
        )
    }

    /// The next request: its key, its notice, and whoever waits for the answer.
    fn is_told(&self) -> (String, Value, TcpStream) {
        let mut stream = self.connections.recv_timeout(Duration::from_secs(60)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut octets = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "the request ends early: {}", String::from_utf8_lossy(&octets));
            octets.extend_from_slice(&buffer[..length]);
            let text = String::from_utf8_lossy(&octets).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let Ok(notice) = serde_json::from_str(body) else { continue };
            let key = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("idempotency-key").then(|| value.trim().to_owned())
            });
            return (key.unwrap(), notice, stream);
        }
    }

    /// The next request, answered as it should be.
    fn takes(&self) -> (String, Value) {
        let (key, notice, mut stream) = self.is_told();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        (key, notice)
    }
}

fn json(daemon: &Daemon, command: &[&str]) -> Value {
    serde_json::from_slice(&daemon.prints(&[command, &["--json"]].concat())).unwrap()
}

#[test]
fn a_caller_whom_nobody_answers_is_told_of_over_a_crash_and_until_somebody_has_it() {
    let hook = Hook::new();
    let mut anna = Phone::ordinary();
    let people = [("anna", anna.port())];
    let route = "fallback = { then = \"closing\" }";
    let mut daemon = Daemon::start_with(&people, &hook.settings(), "", route);

    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), 0.0);
    let invite = anna.is_rung();
    anna.replies(&invite, "486 Busy Here", "");
    anna.expects("ACK");

    let (first, notice, unanswered) = hook.is_told();
    assert_eq!((&notice["event"], &notice["status"]), (&"trigger".into(), &"triggered".into()), "{notice:#}");
    assert_eq!((&notice["caller"], &notice["route"]), (&"+4915112345678".into(), &"Production".into()));
    assert_eq!(notice["assigned"][0]["id"], "anna");
    // It has heard, and the daemon is killed before it knows.
    daemon.kill_and_restart();
    drop(unanswered);
    let (again, same) = hook.takes();
    assert_eq!((again.as_str(), &same["id"]), (first.as_str(), &notice["id"]), "the same notice");

    let id = notice["incident"].as_str().unwrap();
    let open = json(&daemon, &["incidents"]);
    assert_eq!((&open[0]["id"].to_string()[..], &open[0]["status"]), (id, &"triggered".into()), "{open:#}");
    json(&daemon, &["incidents", "ack", id, "--by", "anna"]);
    let (_, taken) = hook.takes();
    assert_eq!((&taken["event"], &taken["by"]), (&"acknowledge".into(), &"anna".into()));
    assert_eq!(taken["dedup_key"], notice["dedup_key"]);
    json(&daemon, &["incidents", "resolve", id]);
    assert_eq!(hook.takes().1["event"], "resolve");

    let call = daemon.only_call();
    assert_eq!(call["incident"].to_string(), id, "{call:#}");
    daemon.stop();
}
