//! What protecting and opening one packet of audio costs.
//!
//! `cargo bench --bench srtp` prints the time for a packet of 20 ms of G.711 in each suite.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]
#![allow(clippy::unwrap_used, reason = "a bench that breaks says so")]

use std::time::{Duration, Instant};

use nightbell::rtp::packet::Header;
use nightbell::rtp::srtp::{Keying, MASTER, Receiver, Sender, Suite};

const PACKETS: u16 = 50_000;
const RUNS: usize = 7;

fn main() {
    println!(
        "suite                  protected     opened   (a packet of 172 octets, quickest of {RUNS} runs)"
    );
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32] {
        let runs = (0..RUNS).map(|_| run(suite)).collect::<Vec<_>>();
        let protected = runs.iter().map(|run| run.0).min().unwrap() / u32::from(PACKETS);
        let opened = runs.iter().map(|run| run.1).min().unwrap() / u32::from(PACKETS);
        println!("{:<20} {protected:>11.0?} {opened:>10.0?}", format!("{suite:?}"));
    }
}

fn run(suite: Suite) -> (Duration, Duration) {
    let keying = Keying { suite, master: [7; MASTER], mki: 0 };
    let (mut sender, mut receiver) = (Sender::new(keying.clone()), Receiver::new(keying, 0));
    let (mut protecting, mut opening) = (Duration::ZERO, Duration::ZERO);
    let mut came = [0_u8; 256];
    // A hundred at a time, so that the clock is not what is measured.
    let sequences: Vec<u16> = (0..PACKETS).collect();
    for hundred in sequences.chunks(100) {
        let plain: Vec<Vec<u8>> = hundred.iter().map(|sequence| packet(*sequence)).collect();
        let mut protected: Vec<_> = hundred.iter().map(|_| Vec::with_capacity(256)).collect();
        let begin = Instant::now();
        for (plain, protected) in plain.iter().zip(&mut protected) {
            protected.extend_from_slice(sender.rtp(plain).unwrap());
        }
        protecting += begin.elapsed();
        let begin = Instant::now();
        for protected in &protected {
            let came = came.get_mut(..protected.len()).unwrap();
            came.copy_from_slice(protected);
            assert_eq!(receiver.rtp(came), Ok(172));
        }
        opening += begin.elapsed();
    }
    (protecting, opening)
}

fn packet(sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence).wrapping_mul(160);
    let header = Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 7 };
    [&header.to_octets()[..], &[0x55; 160]].concat()
}
