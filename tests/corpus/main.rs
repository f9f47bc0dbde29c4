//! The committed fuzz corpus, and some ten thousands of seeded mutations of it, against the rules of the fuzz
//! targets, on stable Rust.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../fuzz/checks/calendar.rs"]
mod calendar;
#[path = "../../fuzz/checks/digest.rs"]
mod digest;
#[path = "../../fuzz/checks/events.rs"]
mod events;
#[path = "../../fuzz/checks/gsm.rs"]
mod gsm;
#[path = "../../fuzz/checks/header.rs"]
mod header;
#[path = "../../fuzz/checks/rtp.rs"]
mod rtp;
#[path = "../../fuzz/checks/sdp.rs"]
mod sdp;
#[path = "../../fuzz/checks/sip_message.rs"]
mod sip_message;
#[path = "../../fuzz/checks/sip_stream.rs"]
mod sip_stream;
#[path = "../../fuzz/checks/uri.rs"]
mod uri;

/// Mutations per target.
const MUTATIONS: usize = 20_000;

/// xorshift64*: the same sequence on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % end.max(1)
    }
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut seeds: Vec<_> =
        entries.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    seeds
}

/// One seed with some octets replaced, cut out or put in, or with a piece of another seed in it.
fn mutation(dice: &mut Dice, seeds: &[(String, Vec<u8>)]) -> Vec<u8> {
    const TELLING: &[u8] = b"\r\n\t \0<>\"\\;,:=@%?/[]09-a\xff";
    let mut octets = seeds[dice.below(seeds.len())].1.clone();
    for _ in 0..=dice.below(8) {
        let at = dice.below(octets.len());
        let octet = TELLING[dice.below(TELLING.len())];
        match dice.below(5) {
            0 if !octets.is_empty() => octets[at] = octet,
            1 if !octets.is_empty() => drop(octets.remove(at)),
            2 => octets.truncate(at),
            3 => {
                let other = &seeds[dice.below(seeds.len())].1;
                let from = dice.below(other.len());
                let piece = other[from..other.len().min(from + dice.below(60))].to_vec();
                octets.splice(at..at, piece);
            }
            _ => octets.insert(at, octet),
        }
    }
    octets
}

/// Names the input that broke a rule.
fn guarded(name: &str, octets: &[u8], check: fn(&[u8])) {
    if std::panic::catch_unwind(|| check(octets)).is_err() {
        panic!("{name} broke a rule: {:?}", String::from_utf8_lossy(octets));
    }
}

fn replay(target: &str, check: fn(&[u8])) {
    let seeds = corpus(target);
    for (name, octets) in &seeds {
        guarded(name, octets, check);
    }
    let mut dice = Dice(0x6e69_6768_7462_656c);
    for count in 0..MUTATIONS {
        guarded(&format!("mutation {count}"), &mutation(&mut dice, &seeds), check);
    }
}

#[test]
fn sip_messages() {
    replay("sip_message", sip_message::check);
}

#[test]
fn streams_of_sip() {
    replay("sip_stream", sip_stream::check);
}

#[test]
fn session_descriptions() {
    replay("sdp", sdp::check);
}

#[test]
fn challenges_and_credentials() {
    replay("digest", digest::check);
}

#[test]
fn addresses_and_vias() {
    replay("header", header::check);
}

#[test]
fn uris() {
    replay("uri", uri::check);
}

#[test]
fn calendars() {
    replay("calendar", calendar::check);
}

#[test]
fn telephone_events() {
    replay("events", events::events);
}

#[test]
fn gsm_frames() {
    replay("gsm", gsm::check);
}

#[test]
fn rtp_and_rtcp() {
    replay("rtp", rtp::rtp);
}
