//! How the work of reading what comes from outside grows with its size.
//!
//! `cargo bench --bench parser` reads texts made of what has made one reader or another quadratic,
//! and prints the time for each size. Linear work takes twice as long for twice the size.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the checks are those of the fuzz targets")]

#[path = "../fuzz/checks/sdp.rs"]
mod sdp;
#[path = "../fuzz/checks/sip_message.rs"]
mod sip_message;
#[path = "../fuzz/checks/uri.rs"]
mod uri;

use std::time::{Duration, Instant};

const RUNS: usize = 7;

fn main() {
    println!("octets  time of the quickest of {RUNS} runs  beside half the size");
    let mut last: Option<Duration> = None;
    // Below the limit of a line, so that all of it is read.
    for size in [500, 1_000, 2_000, 4_000, 8_000] {
        let time = quickest(&laborious(size));
        let ratio =
            last.map_or(String::new(), |last| format!("{:.2}", time.as_secs_f64() / last.as_secs_f64()));
        println!("{size:>6}  {time:>12.1?}  {ratio}");
        last = Some(time);
    }
}

/// What has made one reader or another quadratic, as often as fits into `size` octets, behind every header
/// name whose value is taken apart.
fn laborious(size: usize) -> Vec<Vec<u8>> {
    let units = [
        "SIP/2.0/UDP h;branch=z9hG4bKa,",
        "\"\\",
        "<",
        ";a=b",
        "a\r\n ",
        "a=",
        "%41",
        ",",
        "sip:a@h,",
        "h\r\nTo: <sip:a@h>",
    ];
    let names = ["", "Via: ", "To: ", "Contact: ", "Record-Route: "];
    let texts = units.iter().flat_map(|unit| names.map(|name| (name, unit.repeat(size / unit.len()))));
    texts
        .map(|(name, value)| format!("INVITE sip:a@h SIP/2.0\r\n{name}{value}\r\n\r\n").into_bytes())
        .collect()
}

/// The time of the quickest of some runs, which is the one that was disturbed least.
fn quickest(inputs: &[Vec<u8>]) -> Duration {
    let run = || {
        let begin = Instant::now();
        inputs.iter().for_each(|input| {
            sip_message::check(input);
            uri::check(input);
            sdp::check(input);
        });
        begin.elapsed()
    };
    (0..RUNS).map(|_| run()).min().unwrap()
}
