//! What listening costs: instructions for 20 ms by callgrind, which are the same on a busy machine, and time.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nightbell::audio::dtmf::Detector;
use nightbell::audio::resample::convert_i16;

use crate::ears::{Tape, write_records};
use crate::line::{Line, Press, Random};
use crate::sounds;

/// The most instructions for 20 ms.
const TARGET: f64 = 10_500.0;
/// Seconds of each sound.
const SECONDS: usize = 20;
/// How often a sound is heard to tell the time it takes.
const PASSES: usize = 200;

/// The argument by which this program is started as its own child, under callgrind.
pub const WORK: &str = "cost-work";

/// Prints a table; whether ours is within its target. Without valgrind there are only times.
pub fn run(spandsp: Option<&Path>) -> bool {
    let valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !valgrind {
        println!("Instructions are left out: valgrind is not installed.");
    }
    println!(
        "\n| instructions for 20 ms (target 10,500); times real time | ours 8 kHz | ours 16 kHz | spandsp |"
    );
    println!("|---|---|---|---|");
    let mut met = true;
    for (name, make) in
        [("silence", silence as fn(&mut Line)), ("keys", keys), ("vowels", vowels), ("noise", noise)]
    {
        print!("| {name} |");
        for rate in [8000, 16_000] {
            let tape = tape(rate, make);
            let file = save(&tape);
            let instructions = valgrind.then(|| ours_by_callgrind(&file, rate));
            met &= instructions.is_none_or(|instructions| instructions <= TARGET);
            print!(" {}{} |", figure(instructions), speed(ours_in_time(&tape)));
        }
        if let Some(program) = spandsp {
            let file = save(&tape(8000, make));
            let instructions = valgrind.then(|| spandsp_by_callgrind(program, &file));
            print!(" {}{} |", figure(instructions), speed(spandsp_in_time(program, &file)));
        }
        println!();
    }
    std::fs::remove_file(tape_file()).ok();
    met
}

fn figure(instructions: Option<f64>) -> String {
    instructions.map(|instructions| format!("{instructions:.0}; ")).unwrap_or_default()
}

fn speed(time: Duration) -> String {
    format!("{:.0} x", SECONDS as f64 / time.as_secs_f64())
}

fn tape(rate: u32, make: fn(&mut Line)) -> Tape {
    let mut line = Line::new(f64::from(rate), 41);
    make(&mut line);
    line.sound.resize(SECONDS * rate as usize, 0.0);
    Tape { rate, samples: line.samples(), lost: Vec::new() }
}

fn silence(_: &mut Line) {}

fn keys(line: &mut Line) {
    for n in 0..SECONDS * 5 {
        line.press(Press { ms: 100.0, ..Press::new(n % 16) }).gap(100.0);
    }
}

fn vowels(line: &mut Line) {
    let (mut random, mut sound) = (Random::new(42), Vec::new());
    while sound.len() < SECONDS * sounds::RATE as usize {
        (sounds::SETS[0].1)(&mut random, &mut sound);
    }
    let samples: Vec<i16> = sound.iter().map(|sample| *sample as i16).collect();
    line.sound = convert_i16(&samples, sounds::RATE, line.rate as u32).into_iter().map(f64::from).collect();
}

fn noise(line: &mut Line) {
    line.gap(1000.0 * SECONDS as f64).noise(-20.0);
}

/// Where the sound is kept that is being measured.
fn tape_file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dtmf-cost-{}.tape", std::process::id()))
}

fn save(tape: &Tape) -> PathBuf {
    let path = tape_file();
    let file = File::create(&path).expect("a file in the target folder");
    write_records(file, false, tape).expect("room on the disk");
    path
}

/// Instructions for a packet: those of a run that hears, less those of one that only reads.
fn ours_by_callgrind(tape: &Path, rate: u32) -> f64 {
    let program = std::env::current_exe().expect("our own program");
    let run = |passes: &str| {
        let mut command = callgrind(&program);
        counted(command.args([WORK, &rate.to_string(), passes]).arg(tape))
    };
    (run("1") - run("0")) / packets()
}

fn spandsp_by_callgrind(program: &Path, tape: &Path) -> f64 {
    let run = |passes: &str| {
        let mut command = callgrind(program);
        counted(command.args(["0", passes]).stdin(File::open(tape).expect("it was just written")))
    };
    (run("1") - run("0")) / packets()
}

fn packets() -> f64 {
    (SECONDS * 50) as f64
}

fn callgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).stdout(Stdio::null());
    command
}

/// The instructions callgrind says it has counted.
fn counted(command: &mut Command) -> f64 {
    let output = command.output().expect("valgrind was there before");
    let words = String::from_utf8_lossy(&output.stderr);
    let line = words.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind counts")
}

/// What callgrind watches: hears the tape so many times over.
pub fn work(arguments: &[String]) -> Option<()> {
    let [rate, passes, path] = arguments else { return None };
    let mut octets = Vec::new();
    BufReader::new(File::open(path).ok()?).read_to_end(&mut octets).ok()?;
    let rate: u32 = rate.parse().ok()?;
    let mut detector = Detector::new(rate);
    // A record is a word of 4 octets and a packet of 20 ms.
    for record in octets.chunks(4 + 2 * rate as usize / 50) {
        let packet: Vec<i16> =
            record.get(4..)?.as_chunks().0.iter().map(|octets| i16::from_ne_bytes(*octets)).collect();
        for _ in 0..passes.parse().ok()? {
            black_box(detector.process(black_box(&packet)));
        }
        black_box(packet);
    }
    Some(())
}

/// The quickest of ten times, for the machine may be shared.
fn ours_in_time(tape: &Tape) -> Duration {
    let pass = || {
        let (mut detector, begin) = (Detector::new(tape.rate), Instant::now());
        for packet in tape.samples.chunks(tape.packet_len()) {
            black_box(detector.process(black_box(packet)));
        }
        begin.elapsed()
    };
    std::iter::repeat_with(pass).take(10).min().unwrap_or(Duration::MAX)
}

/// The same of spandsp, in CPU time: a run of many passes, less one that only reads.
fn spandsp_in_time(program: &Path, tape: &Path) -> Duration {
    let run = |passes: usize| {
        let input = File::open(tape).expect("it was just written");
        let output = Command::new(program).args(["0", &passes.to_string()]).stdin(input).output();
        let output = output.expect("the program was compiled by us");
        let seconds = String::from_utf8_lossy(&output.stderr).trim().parse();
        Duration::from_secs_f64(seconds.expect("it says how long it took"))
    };
    let best = |passes| std::iter::repeat_with(|| run(passes)).take(3).min().unwrap_or(Duration::MAX);
    best(PASSES).saturating_sub(best(0)) / PASSES as u32
}
