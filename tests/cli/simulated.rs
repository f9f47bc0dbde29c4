//! What `simulate` says beforehand is what a call then meets.

use std::net::UdpSocket;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::Folder;

/// A daemon on settings drawn from a seed, with a socket that is every phone and the caller.
struct House {
    folder: Folder,
    wire: UdpSocket,
    daemon: Child,
    address: String,
}

/// People, teams and a chain of targets, as the seed has it.
fn drawn(seed: u64, phones: u16) -> (String, String) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut oncall = String::new();
    for id in 0..6 {
        // Few numbers for many people: some share one.
        let numbers: Vec<String> = (0..rng.random_range(1..=2))
            .map(|_| format!("\"sip:p{}@127.0.0.1:{phones}\"", rng.random_range(0..7)))
            .collect();
        let available = rng.random_bool(0.85);
        oncall.push_str(&format!(
            "[[people]]\nid = \"p{id}\"\nphones = [{}]\navailable = {available}\n",
            numbers.join(", ")
        ));
    }
    oncall.push_str(
        "[[teams]]\nid = \"t\"\nlevels = [[\"person:p1\"], [\"schedule:s\", \"person:p2\"], [\"person:p3\"]]\n\
         [[schedules]]\nid = \"s\"\ntimezone = \"Europe/Berlin\"\n[[schedules.rotations]]\nname = \"yearly\"\n\
         people = [\"p4\", \"p5\"]\nevery = \"12 months\"\nstart = \"2026-01-05 09:00\"\n",
    );
    let targets = ["person:p0", "person:p3", "team:t", "schedule:s", "everyone:s"];
    let levels: Vec<String> = (0..rng.random_range(1..=3))
        .map(|_| {
            let target = |_| format!("\"{}\"", targets[rng.random_range(0..targets.len())]);
            format!("[{}]", (0..2).map(target).collect::<Vec<_>>().join(", "))
        })
        .collect();
    let route = format!(
        "levels = [{}]\norder = \"listed\"\nphones = \"{}\"\nmax_people = {}\nrepeat = {}\nskip_dialled = {}\n",
        levels.join(", "),
        if rng.random_bool(0.5) { "all" } else { "first" },
        rng.random_range(1..=5),
        rng.random_range(0..=1),
        rng.random_bool(0.7),
    );
    (oncall, route)
}

impl House {
    fn start(seed: u64) -> Self {
        let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
        wire.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (oncall, route) = drawn(seed, wire.local_addr().unwrap().port());
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = crate::SETTINGS
            .replace("127.0.0.1:0", &format!("127.0.0.1:{port}"))
            .replace("levels = [[\"person:bob\"]]\n", &route);
        let settings = format!("{settings}[hotlines.routes.fallback]\nthen = \"closing\"\n");
        let folder = Folder::with(&format!("simulated-{seed}"), settings.as_bytes(), oncall.as_bytes());
        let daemon = folder.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { folder, wire, daemon, address: format!("127.0.0.1:{port}") }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.folder.output(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Calls, turns down every phone that is rung as busy, and stays until the daemon hangs up.
    fn call(&self) {
        let own = self.wire.local_addr().unwrap();
        let to = &self.address;
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
            own.port()
        );
        let invite = format!(
            "INVITE sip:+4930123456@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1;rport\r\n\
             From: <sip:+4915112345678@{own}>;tag=1\r\nTo: <sip:+4930123456@{to}>\r\nCall-ID: {own}\r\n\
             CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{own}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let began = Instant::now();
        let mut heard_of = false;
        let mut bytes = [0; 4096];
        loop {
            assert!(began.elapsed() < Duration::from_secs(60), "the call never ended");
            if !heard_of {
                let _ = self.wire.send_to(invite.as_bytes(), to);
            }
            let Ok((length, from)) = self.wire.recv_from(&mut bytes) else { continue };
            let Ok(text) = std::str::from_utf8(&bytes[..length]) else { continue };
            heard_of |= text.starts_with("SIP/2.0");
            let answer = match text.split(' ').next() {
                Some("INVITE") => answer(text, "486 Busy Here"),
                Some("BYE") => answer(text, "200 OK"),
                Some("SIP/2.0") if text.starts_with("SIP/2.0 200") && text.contains("1 INVITE") => {
                    ack(text, to)
                }
                _ => continue,
            };
            self.wire.send_to(answer.as_bytes(), from).unwrap();
            if text.starts_with("BYE") {
                return;
            }
        }
    }

    /// The only call, once its record is closed.
    fn record(&self) -> Value {
        let began = Instant::now();
        loop {
            let calls = self.json(&["calls", "--json"]);
            // Calls about the incident that comes of it are not meant.
            let of_caller =
                calls.as_array().unwrap().iter().find(|call| call["caller"] != "nightbell").unwrap();
            if of_caller["outcome"] != "ongoing" {
                return self.json(&["calls", of_caller["id"].as_str().unwrap(), "--json"]);
            }
            assert!(began.elapsed() < Duration::from_secs(20), "the record was never closed");
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// An answer with everything of the request that an answer repeats.
fn answer(request: &str, status: &str) -> String {
    let mut answer = format!("SIP/2.0 {status}\r\n");
    for line in request.lines() {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq"].contains(&name) {
            answer.push_str(&format!("{line}\r\n"));
        } else if name == "To" {
            let tag = if line.contains(";tag=") { "" } else { ";tag=phone" };
            answer.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    answer + "Content-Length: 0\r\n\r\n"
}

fn ack(ok: &str, to: &str) -> String {
    let line = |name: &str| ok.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    format!(
        "ACK sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {to};branch=z9hG4bK2;rport\r\n{}\r\n{}\r\n{}\r\n\
         CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        line("From:"),
        line("To:"),
        line("Call-ID:")
    )
}

/// One line for each phone rung and each person left out, as `simulate` has it.
fn foretold(simulated: &Value) -> (Vec<String>, Vec<String>) {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let rung = simulated["chain"].as_array().unwrap().iter().map(|rings| {
        format!(
            "{0}: {1}. ringing {0} at {2} (level {3}: {4})",
            text(rings, "person"),
            rings["order"],
            text(rings, "phone"),
            text(rings, "level"),
            text(rings, "because")
        )
    });
    let left_out = simulated["not_rung"].as_array().unwrap().iter().map(|left_out| {
        let because = format!("not rung: {}", text(left_out, "because"));
        left_out["person"].as_str().map_or(because.clone(), |person| format!("{person}: {because}"))
    });
    (rung.collect(), left_out.collect())
}

/// The same, as the timeline of a call has it.
fn happened(call: &Value) -> (Vec<String>, Vec<String>) {
    let (mut rung, mut left_out) = (Vec::new(), Vec::new());
    for event in call["timeline"].as_array().unwrap().iter().filter(|event| event["step"] == "DialTarget") {
        let detail = event["detail"].as_str().unwrap();
        let line = event["target"].as_str().map_or(detail.to_owned(), |who| format!("{who}: {detail}"));
        if event["result"] == "processed" { rung.push(line) } else { left_out.push(line) }
    }
    (rung, left_out)
}

fn what_is_foretold_happens(seed: u64) {
    let house = House::start(seed);
    let simulated = house.json(&["simulate", "--to", "+4930123456", "--json"]);
    house.call();
    let call = house.record();
    let (rung, left_out) = foretold(&simulated);
    let (rang, not_rung) = happened(&call);
    assert_eq!(rung, rang, "who is rung, seed {seed}: {simulated:#}");
    assert_eq!(left_out, not_rung, "who is not rung, seed {seed}: {simulated:#}");
    assert_eq!(call["outcome"], "missed");
}

#[test]
fn a_call_rings_whom_simulate_said_and_leaves_out_whom_it_said_for_the_same_reasons() {
    std::thread::scope(|scope| {
        for seed in 1..=6 {
            scope.spawn(move || what_is_foretold_happens(seed));
        }
    });
}

/// Three people, an escalation that is repeated, and a route of this order.
fn of_order(name: &str, more: &str) -> Folder {
    let people: String = ["anna", "bob", "carla"]
        .iter()
        .map(|id| format!("[[people]]\nid = \"{id}\"\nphones = [\"sip:{id}@127.0.0.1:9\"]\n"))
        .collect();
    let oncall = people
        + "[[escalations]]\nid = \"e\"\nrepeat = 1\nlevels = [{ targets = [\"person:anna\", \"person:bob\"] }, \
           { targets = [\"person:carla\"], after = \"5m\" }]\n";
    let route = format!("levels = [[\"escalation:e\"]]\n{more}\n");
    let settings = crate::SETTINGS.replace("levels = [[\"person:bob\"]]\n", &route);
    Folder::with(&format!("order-{name}"), settings.as_bytes(), oncall.as_bytes())
}

/// What is printed about the chain, and the JSON.
fn simulate(folder: &Folder, more: &[&str]) -> (String, Value) {
    let arguments = [&["simulate", "--to", "+4930123456"], more].concat();
    let output = folder.output(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let json = folder.output(&[arguments, vec!["--json"]].concat());
    let chain = text.split("\nroute ").nth(1).unwrap_or_default().split("\n\nthen").next().unwrap();
    (chain.to_owned(), serde_json::from_slice(&json.stdout).unwrap())
}

#[test]
fn those_who_ring_together_are_shown_together() {
    let folder = of_order("together", "order = \"all-at-once\"");
    let (text, json) = simulate(&folder, &[]);
    assert_eq!(
        text,
        "Production: all of a level are rung together until somebody accepts\n  together\n    \
         1. anna at sip:anna@127.0.0.1:9 (level 1: escalation e, level 1)\n    \
         2. bob at sip:bob@127.0.0.1:9 (level 1: escalation e, level 1)\n  \
         3. carla at sip:carla@127.0.0.1:9 (level 1.1: escalation e, level 2)"
    );
    let turns: Vec<_> = json["chain"].as_array().unwrap().iter().map(|rings| rings["turn"].clone()).collect();
    assert_eq!(turns, [1, 1, 2]);
}

#[test]
fn of_a_level_one_is_shown_and_why_the_others_are_not() {
    let folder = of_order("one", "order = \"one-random\"");
    let (text, json) = simulate(&folder, &["--busy", "bob"]);
    assert_eq!(
        text,
        "Production: one of each level is rung, another one each call, until somebody accepts\n  \
         1. anna at sip:anna@127.0.0.1:9 (level 1: escalation e, level 1; drawn by lot out of 2)\n  \
         2. carla at sip:carla@127.0.0.1:9 (level 1.1: escalation e, level 2)\n\nnot rung\n  \
         bob: busy with another call: the lot fell on anna"
    );
    assert_eq!(json["not_rung"][0]["person"], "bob");
}

#[test]
fn what_callers_and_responders_are_asked_is_shown_where_they_are() {
    let folder = of_order("named", "record_name = true");
    let said = |folder: &Folder| {
        let output = folder.output(&["simulate", "--to", "+4930123456"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let named = said(&folder);
    assert!(
        named.contains("the caller is asked for a name") && named.contains("whoever answers hears"),
        "{named}"
    );
    let at_once = said(&of_order("at-once", "accept = { key = \"none\" }"));
    assert!(
        at_once.contains("whoever answers has accepted") && !at_once.contains("whoever answers hears"),
        "{at_once}"
    );
    let message = said(&of_order("message", "record_name = true\ndirect = \"voicemail\""));
    assert!(message.contains("nobody is rung: the route takes messages only"), "{message}");
    assert!(!message.contains("whoever answers") && !message.contains("asked for a name"), "{message}");
}

#[test]
fn a_repeat_of_the_escalations_own_is_shown() {
    let folder = of_order("own", "order = \"listed\"\nrepeat = \"own\"\nskip_dialled = false");
    let (text, json) = simulate(&folder, &[]);
    let lines: Vec<&str> = text.lines().map(|line| line.split(" at ").next().unwrap()).skip(1).collect();
    let again = "  once more, from the beginning";
    assert_eq!(lines, ["  1. anna", "  2. bob", "  3. carla", again, "  4. anna", "  5. bob", "  6. carla"]);
    assert_eq!(json["chain"][3]["pass"], 2);
}

#[test]
fn row_59_phones_in_any_country_are_rung_that_the_trunk_may_dial() {
    let oncall =
        "[[people]]\nid = \"bob\"\nphones = [\"+4366012345\", \"+12125550123\", \"+8613912345678\"]\n";
    let settings = |destinations: &str| {
        crate::SETTINGS.replace(
            "destinations = [\"sip:*@127.0.0.1\"]",
            &format!("server = \"udp:127.0.0.1:5060\"\ndestinations = {destinations}"),
        )
    };
    let reached = |name: &str, destinations: &str| -> Vec<bool> {
        let folder = Folder::with(name, settings(destinations).as_bytes(), oncall.as_bytes());
        let (_, json) = simulate(&folder, &[]);
        json["chain"].as_array().unwrap().iter().map(|rings| rings.get("unreachable").is_none()).collect()
    };
    assert_eq!(reached("two-countries", "[\"+43\", \"+1\"]"), [true, true, false]);
    assert_eq!(reached("all-countries", "[\"+43\", \"+1\", \"+86\"]"), [true, true, true]);
}
