//! Barge-in on the wire: how long a prompt is still heard after a key that ends it.
//!
//! `cargo bench --bench barge_in -- [calls]` starts the daemon on loopback with a tone as its welcome. A phone of
//! two sockets calls it, listens for a while, presses a key as an event at a random moment, and notes when the
//! last packet with that tone comes. With an Asterisk or a phone of your own the same can be seen in a trace.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench")]
#![allow(dead_code, reason = "the phone can do more than this needs")]

#[path = "../tests/wire/daemon.rs"]
mod daemon;
#[path = "../tests/wire/foreign.rs"]
mod foreign;
#[path = "../tests/wire/phone.rs"]
mod phone;
#[path = "../tests/wire/tones.rs"]
mod tones;

use std::path::Path;
use std::time::{Duration, Instant};

use daemon::Daemon;
use phone::Phone;
use rand::RngExt;

const NUMBER: &str = "+4930123456";
/// The tone of the welcome, in Hz: one that speech is not made of.
const WELCOME: f64 = 1900.0;
/// Packets after which the tone is over for good.
const STILL: usize = 10;

fn main() {
    let calls = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200);
    let folder = foreign::folder("barge-in", 0);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("welcome.wav");
    welcome(&file);
    let hotline = format!("welcome = {{ file = \"{}\" }}\n", file.display());
    let anna = Phone::ordinary();
    let daemon = Daemon::start_with(&[("anna", anna.port())], "max_calls = 100\n", &hotline, "");
    let mut times: Vec<Duration> = (0..calls).map(|_| barges_in(&daemon)).collect();
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!("{calls} keys: the prompt was heard for so many ms after the key was sent");
    println!("p50 {:.1}  p90 {:.1}  p99 {:.1}  longest {:.1}", at(0.5), at(0.9), at(0.99), at(1.0));
    let _ = std::fs::remove_dir_all(&folder);
}

/// One call: from the key's first packet to the last packet with the prompt in it.
fn barges_in(daemon: &Daemon) -> Duration {
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), 0.0);
    while !hears_welcome(&caller) {}
    let packets = rand::rng().random_range(5..30);
    (0..packets).for_each(|_| _ = hears_welcome(&caller));
    std::thread::sleep(Duration::from_micros(rand::rng().random_range(0..20_000)));
    let pressed = Instant::now();
    caller.presses('1');
    let (mut last, mut other) = (Duration::ZERO, 0);
    while other < STILL {
        if hears_welcome(&caller) {
            (last, other) = (pressed.elapsed(), 0);
        } else {
            other += 1;
        }
    }
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    last
}

fn hears_welcome(caller: &Phone) -> bool {
    let packet = caller.hears_a_packet();
    let samples: Vec<f64> = packet.payload.iter().map(|octet| tones::Law::Pcma.decode(*octet)).collect();
    tones::share(&samples, WELCOME) > 0.3
}

/// Ten seconds of a tone.
fn welcome(file: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file, spec).unwrap();
    for n in 0..80_000 {
        let sample = 8000.0 * (std::f64::consts::TAU * WELCOME * f64::from(n) / 8000.0).sin();
        wav.write_sample(sample as i16).unwrap();
    }
    wav.finalize().unwrap();
}
