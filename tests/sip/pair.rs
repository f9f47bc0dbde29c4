//! Two endpoints over a seeded wire that loses, doubles, delays and reorders, on virtual time.
//!
//! `NIGHTBELL_HISTORIES=100000 cargo test --release --test sip pair` runs as many histories of each kind by
//! hand; without it they are as many as take a few seconds.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use nightbell::sip::{
    Cause, Codec, Config, Endpoint, Event, Hop, LegId, LocalMedia, Outgoing, Peer, ReliableProvisional,
    Timers, TrunkProfile,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What the wire does to datagrams, in percent and ms.
#[derive(Clone, Copy)]
struct Weather {
    loss: u64,
    doubled: u64,
    delay: u64,
}

/// What the two owners do, in ms from the start of the call (the callee's from the INVITE).
#[derive(Clone, Copy, Debug, Default)]
struct Script {
    ring: u64,
    answer: Option<u64>,
    refuse: Option<u64>,
    caller_leaves: Option<u64>,
    callee_leaves: Option<u64>,
    /// Session timers of 90 s, so that a call of minutes is refreshed.
    timed: bool,
    /// Nobody says that he takes UPDATE: refreshes are re-INVITEs.
    no_update: bool,
    /// Provisional responses are acknowledged.
    reliable: bool,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Ring,
    Answer,
    Refuse,
    HangUp,
}

#[derive(Default, Debug)]
struct Life {
    released: bool,
    ends: usize,
    up: bool,
}

struct Side {
    endpoint: Endpoint,
    address: SocketAddr,
    legs: HashMap<LegId, Life>,
    answered_at: Option<Instant>,
    heard_ack: bool,
    heard_provisional: bool,
}

struct Pair {
    start: Instant,
    now: Instant,
    random: StdRng,
    weather: Weather,
    script: Script,
    sides: [Side; 2],
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    acts: BTreeMap<(Instant, u64), (usize, LegId, Act)>,
    count: u64,
    /// How often each method was sent, over all histories of a test.
    methods: BTreeMap<String, u64>,
}

/// The one call that is ever placed.
const DIALLED: &str = "INVITE sip:+4930123456@pair.test SIP/2.0\r\n";

/// How many histories of each kind.
fn histories(usual: u64) -> u64 {
    std::env::var("NIGHTBELL_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn media(address: SocketAddr) -> LocalMedia {
    LocalMedia {
        address: address.ip(),
        rtp_port: 20_000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        session_id: 7,
    }
}

fn side(number: u8, seed: u64, timers: Timers, script: Script) -> Side {
    let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 5060));
    let mut trunk = TrunkProfile::new(address, "pair.test", vec![Codec::Pcma, Codec::Pcmu]);
    trunk.session_timer = script.timed.then_some(Duration::from_secs(90));
    if script.reliable {
        trunk.reliable_provisional = ReliableProvisional::Required;
    }
    let config = Config { trunks: vec![trunk], timers, software: "pair".into(), max_dialogs: 8 };
    let mut key = [number; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    Side {
        endpoint: Endpoint::new(config, key),
        address,
        legs: HashMap::new(),
        answered_at: None,
        heard_ack: false,
        heard_provisional: false,
    }
}

impl Pair {
    fn new(seed: u64, weather: Weather, script: Script, timers: Timers) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            random: StdRng::seed_from_u64(seed),
            weather,
            script,
            sides: [side(1, seed, timers, script), side(2, seed, timers, script)],
            wire: BTreeMap::new(),
            acts: BTreeMap::new(),
            count: 0,
            methods: BTreeMap::new(),
        }
    }

    fn count_method(&mut self, payload: &[u8]) {
        let first = payload.split(|octet| *octet == b' ').next().unwrap_or_default();
        *self.methods.entry(String::from_utf8_lossy(first).into_owned()).or_default() += 1;
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound.max(1)
    }

    fn plan(&mut self, side: usize, leg: LegId, act: Act, after_ms: u64) {
        self.count += 1;
        self.acts.insert((self.now + Duration::from_millis(after_ms), self.count), (side, leg, act));
    }

    fn call(&mut self) -> LegId {
        let (from, to) = (self.sides[0].address, self.sides[1].address);
        let mut outgoing = Outgoing::new(0, Hop::udp(to), "sip:+4930123456@pair.test", media(from));
        outgoing.from_user = Some("+49301".into());
        let leg = self.sides[0].endpoint.invite(self.now, outgoing);
        self.sides[0].legs.insert(leg, Life::default());
        if let Some(after) = self.script.caller_leaves {
            self.plan(0, leg, Act::HangUp, after);
        }
        leg
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) {
        loop {
            self.settle();
            let due = [
                self.wire.keys().next().map(|key| key.0),
                self.acts.keys().next().map(|key| key.0),
                self.sides[0].endpoint.poll_timeout(),
                self.sides[1].endpoint.poll_timeout(),
            ];
            let Some(next) = due.into_iter().flatten().min() else { break };
            self.now = self.now.max(next);
            assert!(
                self.now < self.start + Duration::from_secs(900),
                "not drained after a quarter of an hour"
            );
            self.step();
        }
    }

    fn step(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, payload) = entry.remove();
            self.deliver(to, &payload);
        }
        while let Some(entry) = self.acts.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (side, leg, act) = entry.remove();
            self.act(side, leg, act);
        }
        for side in &mut self.sides {
            side.endpoint.handle_timeout(self.now);
        }
    }

    fn deliver(&mut self, to: usize, payload: &[u8]) {
        let peer = Peer::udp(0, self.sides[1 - to].address);
        let side = &mut self.sides[to];
        side.heard_ack |= payload.starts_with(b"ACK ");
        side.heard_provisional |= payload.starts_with(b"SIP/2.0 1");
        side.endpoint.receive(self.now, peer, payload);
    }

    fn act(&mut self, side: usize, leg: LegId, act: Act) {
        let (now, address) = (self.now, self.sides[side].address);
        let entry = &mut self.sides[side];
        match act {
            Act::Ring => entry.endpoint.ring(now, leg),
            Act::Refuse => {
                if entry.legs[&leg].ends == 0 {
                    entry.legs.get_mut(&leg).unwrap().released = true;
                }
                entry.endpoint.refuse(now, leg, 486, None);
            }
            Act::Answer => {
                if entry.endpoint.answer(now, leg, media(address)).is_ok() {
                    entry.answered_at = Some(now);
                }
            }
            Act::HangUp => {
                if entry.legs[&leg].ends == 0 {
                    entry.legs.get_mut(&leg).unwrap().released = true;
                }
                entry.endpoint.hang_up(now, leg, Cause::Normal);
            }
        }
    }

    /// Takes what the endpoints have to say, until they are silent.
    fn settle(&mut self) {
        for side in 0..2 {
            while let Some(event) = self.sides[side].endpoint.poll_event() {
                self.hear(side, event);
            }
            while let Some(transmit) = self.sides[side].endpoint.poll_transmit() {
                self.check_sent(side, &transmit.payload);
                assert_eq!(transmit.hop.addr, self.sides[1 - side].address);
                self.throw(1 - side, transmit.payload);
            }
        }
    }

    fn throw(&mut self, to: usize, mut payload: Vec<u8>) {
        self.count_method(&payload);
        if self.script.no_update {
            // Neither side then says that it takes UPDATE; the body stays as it is.
            payload = String::from_utf8(payload).unwrap().replace(", UPDATE, ", ", UNKNOWN, ").into_bytes();
        }
        let copies = 1 + u64::from(self.below(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.below(100) >= self.weather.loss {
                let delay = Duration::from_millis(1 + self.below(self.weather.delay));
                self.count += 1;
                self.wire.insert((self.now + delay, self.count), (to, payload.clone()));
            }
        }
    }

    fn check_sent(&self, side: usize, payload: &[u8]) {
        let entry = &self.sides[side];
        if payload.starts_with(b"BYE ") && side == 1 {
            let waited = entry.answered_at.is_some_and(|at| self.now - at >= Duration::from_secs(32));
            assert!(entry.heard_ack || waited, "the callee sent BYE before the ACK");
        }
        if payload.starts_with(b"CANCEL ") {
            assert!(entry.heard_provisional, "CANCEL before any provisional response");
        }
        let text = String::from_utf8_lossy(payload);
        if text.starts_with("INVITE ")
            && text.lines().any(|line| line.starts_with("To: ") && !line.contains(";tag="))
        {
            assert!(text.starts_with(DIALLED), "only what was asked for is ever dialled");
            assert_eq!(side, 0, "the callee dials nobody");
        }
        assert!(payload.len() < 1300, "{} octets do not fit into a packet", payload.len());
    }

    fn hear(&mut self, side: usize, event: Event) {
        let leg = match event {
            Event::Invite { leg, .. } => {
                self.sides[side].legs.insert(leg, Life::default());
                self.begin_callee(side, leg);
                leg
            }
            Event::Answered { leg, .. } | Event::Established { leg, .. } => {
                self.sides[side].legs.get_mut(&leg).unwrap().up = true;
                leg
            }
            Event::Failed { leg, .. } | Event::Ended { leg, .. } => {
                self.sides[side].legs.get_mut(&leg).unwrap().ends += 1;
                leg
            }
            Event::Answering { leg, .. }
            | Event::Ringing { leg, .. }
            | Event::MediaChanged { leg, .. }
            | Event::Digit { leg, .. } => leg,
            Event::Loop { .. } => panic!("a loop between two parties"),
            Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::TooFast { .. }
            | Event::Pinged { .. } => return,
        };
        let life = &self.sides[side].legs[&leg];
        assert!(!life.released, "something was heard of a leg that had been let go of");
        assert!(life.ends <= 1, "a leg ended twice");
    }

    fn begin_callee(&mut self, side: usize, leg: LegId) {
        let script = self.script;
        self.plan(side, leg, Act::Ring, script.ring);
        if let Some(after) = script.answer {
            self.plan(side, leg, Act::Answer, after);
        }
        if let Some(after) = script.refuse {
            self.plan(side, leg, Act::Refuse, after);
        }
        if let Some(after) = script.callee_leaves {
            self.plan(side, leg, Act::HangUp, after);
        }
    }

    fn check_end(&self, seed: u64) {
        for (name, side) in ["caller", "callee"].iter().zip(&self.sides) {
            assert_eq!(side.endpoint.active(), 0, "seed {seed}: the {name} is not drained");
            for life in side.legs.values() {
                let wanted = usize::from(!life.released);
                assert_eq!(life.ends, wanted, "seed {seed}: {name} {life:?} {:?}", self.script);
            }
        }
    }

    fn is_set_up(&self) -> bool {
        let up = |side: &Side| side.legs.values().filter(|life| life.up).count();
        up(&self.sides[0]) == 1 && up(&self.sides[1]) == 1
    }
}

/// A script in which any two things may happen in any order, and somebody always hangs up at last.
fn any_script(random: &mut StdRng) -> Script {
    let mut moment = |bound: u64| random.next_u64() % bound;
    let mut script = Script { ring: moment(1500), ..Script::default() };
    match moment(4) {
        0 => script.refuse = Some(moment(5000)),
        _ => script.answer = Some(moment(5000)),
    }
    match moment(3) {
        0 => script.caller_leaves = Some(moment(8000)),
        1 => script.callee_leaves = Some(moment(8000)),
        _ => {
            script.caller_leaves = Some(moment(8000));
            script.callee_leaves = Some(moment(8000));
        }
    }
    script.timed = moment(2) == 0;
    script.no_update = moment(2) == 0;
    script.reliable = moment(3) == 0;
    if script.timed && script.answer.is_some() {
        // Long enough for refreshes at every 45 s.
        script.caller_leaves = script.caller_leaves.map(|_| 10_000 + moment(300_000));
        script.callee_leaves = script.callee_leaves.map(|_| 10_000 + moment(300_000));
        script.caller_leaves.get_or_insert(310_000);
        script.callee_leaves.get_or_insert(310_000);
    }
    // Somebody has to go in the end even when the first to go was refused, or never came.
    script.caller_leaves.get_or_insert(120_000);
    script.callee_leaves.get_or_insert(120_000);
    script
}

#[test]
fn whatever_the_wire_does_every_leg_ends_once_and_both_sides_drain() {
    let mut methods = BTreeMap::<String, u64>::new();
    for seed in 0..histories(1500) {
        let mut random = StdRng::seed_from_u64(seed ^ 0x5eed);
        let weather = Weather {
            loss: random.next_u64() % 50,
            doubled: random.next_u64() % 50,
            delay: 1 + random.next_u64() % 1500,
        };
        let script = any_script(&mut random);
        let mut pair = Pair::new(seed, weather, script, Timers::default());
        pair.call();
        pair.run();
        pair.check_end(seed);
        for (method, count) in std::mem::take(&mut pair.methods) {
            *methods.entry(method).or_default() += count;
        }
    }
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE"] {
        assert!(
            methods.get(method).is_some_and(|count| *count > 100),
            "{method} was hardly sent: {methods:?}"
        );
    }
}

#[test]
fn refreshed_over_a_good_wire_a_call_lives_until_somebody_hangs_up() {
    for seed in 0..40 {
        let script = Script {
            ring: 20,
            answer: Some(500),
            caller_leaves: Some(400_000),
            callee_leaves: Some(500_000),
            timed: true,
            no_update: seed % 2 == 0,
            reliable: seed % 4 < 2,
            ..Script::default()
        };
        let mut pair = Pair::new(seed, Weather { loss: 0, doubled: 0, delay: 50 }, script, Timers::default());
        pair.call();
        pair.run();
        assert!(pair.is_set_up(), "seed {seed}");
        let caller = pair.sides[0].legs.values().next().unwrap();
        assert!(caller.released, "seed {seed}: it was not the caller who ended it");
        pair.check_end(seed);
    }
}

#[test]
fn with_every_second_message_doubled_no_call_is_there_twice() {
    let script = Script {
        ring: 100,
        answer: Some(1_000),
        caller_leaves: Some(9_000),
        callee_leaves: Some(9_500),
        ..Script::default()
    };
    for seed in 0..histories(500) {
        let mut pair =
            Pair::new(seed, Weather { loss: 0, doubled: 50, delay: 200 }, script, Timers::default());
        pair.call();
        pair.run();
        assert_eq!(pair.sides[1].legs.len(), 1, "seed {seed}");
        assert!(pair.is_set_up(), "seed {seed}");
        pair.check_end(seed);
    }
}

#[test]
fn on_a_good_wire_every_answered_call_is_set_up() {
    for seed in 0..200 {
        let script = Script {
            ring: 20,
            answer: Some(seed * 10),
            caller_leaves: Some(9_000),
            callee_leaves: Some(9_000),
            ..Script::default()
        };
        let mut pair = Pair::new(seed, Weather { loss: 0, doubled: 0, delay: 50 }, script, Timers::default());
        pair.call();
        pair.run();
        assert!(pair.is_set_up(), "seed {seed}");
        pair.check_end(seed);
    }
}

#[test]
fn with_30_percent_loss_999_of_1000_calls_are_set_up() {
    // With the timer B of the RFC: seven INVITEs. (The short one for dead trunks sends only four.)
    let timers = Timers { timer_b: Duration::from_secs(32), ..Timers::default() };
    let script = Script {
        ring: 100,
        answer: Some(3_000),
        caller_leaves: Some(100_000),
        callee_leaves: Some(120_000),
        ..Script::default()
    };
    let mut failed = 0;
    let count = histories(2000);
    for seed in 0..count {
        let mut pair = Pair::new(seed, Weather { loss: 30, doubled: 0, delay: 100 }, script, timers);
        pair.call();
        pair.run();
        pair.check_end(seed);
        failed += usize::from(!pair.is_set_up());
    }
    println!("{failed} of {count} calls were not set up");
    assert!(failed as u64 * 1000 <= count, "{failed} of {count} calls were not set up");
}
