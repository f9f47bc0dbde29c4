//! Complete hotline calls, many of them, against the daemon as it is shipped.
//!
//! | `cargo bench --bench hotline -- ...` | |
//! |---|---|
//! | `bridge 400 10s 2` | so many calls at once, bridged for so long, all of it so many times |
//! | `answer 300/s 20s` | so many calls a second, each answered, told two prompts in full and hung up |
//! | `voicemail 400 10s` | so many messages at once, each so long |
//!
//! The daemon runs on the first core. The second one has its carrier, with every caller and every responder:
//! INVITE, prompt, key, the responder's leg, the key that accepts, bridge, BYE, with RTP both ways. A call that
//! is signalled as it should be but cannot be heard is a failed call, and a failed call fails the bench.
#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

mod crowd;
mod daemon;
mod disk;
mod figures;
mod sip;
mod sound;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crowd::{Crowd, Stage};
use daemon::Daemon;
use disk::Syncs;
use figures::line;
use rustix::thread::{CpuSet, sched_setaffinity};

/// What kind of call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bridge,
    Answer,
    Voicemail,
}

/// What is asked for.
struct Wanted {
    kind: Kind,
    calls: usize,
    per_second: f64,
    time: Duration,
    turns: usize,
}

/// Of what a phone says, at least so much has to be heard.
const HEARD: f64 = 0.999;
/// And 99 of 100 packets so soon, in ms.
const SOON_MS: f64 = 5.0;
/// Legs come and go at most so quickly where their number is what counts.
const RAMP: f64 = 100.0;
/// How long a call may take to be bridged, and to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// So long after the last change, nothing of it is left to be done.
const SETTLED: Duration = Duration::from_secs(2);
/// So long a transaction over UDP outlives its call (RFC 3261 17.2.2: 64 * T1), and a bit.
const FORGOTTEN: Duration = Duration::from_secs(34);

fn main() -> io::Result<ExitCode> {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(wanted) = Wanted::read(&words) else {
        println!("say what to do: bridge 400 10s, answer 300/s 20s, or voicemail 400 10s");
        return Ok(ExitCode::SUCCESS);
    };
    pin(&[0]);
    let sip = crowd::carrier()?;
    let mut daemon = Daemon::start(wanted.kind, wanted.calls, sip.local_addr()?.port())?;
    println!("{:?}, {} calls; the daemon is process {}", wanted.kind, wanted.calls, daemon.pid());
    pin(&[0, 1]);
    let syncs = Syncs::start(&daemon.data());
    pin(&[1]);
    let (mut failed, mut answered_ms) = (0, 0.0_f64);
    for turn in 0..wanted.turns {
        let mut crowd = Crowd::new(wanted.kind, wanted.calls, sip.try_clone()?, daemon.port)?;
        failed += match wanted.kind {
            Kind::Answer => answer(&wanted, &daemon, &mut crowd)?,
            Kind::Bridge | Kind::Voicemail => at_once(&wanted, &daemon, &mut crowd, turn)?,
        };
        answered_ms = answered_ms.max(crowd.answers.at(0.99));
    }
    let syncs = syncs.stop()?;
    line("a sync of 4 KiB in the same folder", syncs.shown());
    let allowed_ms = syncs.at(0.99) * 2.0 + 5.0;
    line(
        "from INVITE to 200, p99",
        format!("{answered_ms:.2} ms; two syncs' p99 and 5 ms are {allowed_ms:.2} ms"),
    );
    let written = tell_records(&daemon, &wanted)?;
    for (complaint, times) in daemon.complaints() {
        line("the daemon's log", format!("{times} times: {complaint}"));
    }
    if !daemon.stop()? {
        line("the daemon", "did not end as it should");
        failed += 1;
    }
    println!("failed calls: {failed}");
    Ok(if failed == 0 && written { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Wanted {
    fn read(words: &[String]) -> Option<Self> {
        let number = |n: usize, unit: &str| words.get(n)?.strip_suffix(unit)?.parse::<usize>().ok();
        let seconds = |default| Duration::from_secs(number(2, "s").unwrap_or(default) as u64);
        let count = number(1, "").filter(|count| *count > 0);
        let (kind, calls, per_second, time) = match words.first()?.as_str() {
            "bridge" => (Kind::Bridge, count?, RAMP, seconds(10)),
            "voicemail" => (Kind::Voicemail, count?, RAMP, seconds(10)),
            "answer" => {
                let (rate, time) = (number(1, "/s").filter(|rate| *rate > 0)?, seconds(20));
                (Kind::Answer, rate * time.as_secs() as usize, rate as f64, time)
            }
            _ => return None,
        };
        Some(Self { kind, calls, per_second, time, turns: number(3, "").unwrap_or(1).max(1) })
    }
}

/// So many calls at the same time: they come, talk, and go. Returns how many failed.
fn at_once(wanted: &Wanted, daemon: &Daemon, crowd: &mut Crowd, turn: usize) -> io::Result<usize> {
    let calls = wanted.calls;
    crowd.run(SETTLED, |_| false);
    let idle = daemon.memory()?;
    crowd.call_at(wanted.per_second);
    let coming = Duration::from_secs_f64(calls as f64 / wanted.per_second);
    crowd.run(coming + PATIENCE, |crowd| match wanted.kind {
        Kind::Bridge => (0..calls).all(|call| crowd.is_bridged(call)),
        Kind::Answer | Kind::Voicemail => crowd.count(Stage::Up) + crowd.count(Stage::Failed) == calls,
    });
    // The messages' greeting and beep are over by then.
    crowd.run(SETTLED * 2, |_| false);
    let full = daemon.memory()?;
    let (before, begun) = (daemon.cpu()?, Instant::now());
    crowd.sound.count();
    crowd.run(wanted.time, |_| false);
    let (cpu, time) = (daemon.cpu()?.since(before), begun.elapsed());
    crowd.sound.stop_counting();
    crowd.run(Duration::from_millis(300), |_| false);
    let failed = (0..calls).filter(|call| !is_good(wanted.kind, crowd, *call)).count();
    let dropped = daemon.dropped(true);
    crowd.hang_up_at(wanted.per_second);
    let ended = crowd.run(coming + PATIENCE, Crowd::is_over);
    crowd.run(FORGOTTEN, |_| false);
    let after = daemon.memory()?;

    println!("turn {}:", turn + 1);
    line("calls as they should be", format!("{} of {calls}", calls - failed));
    line("CPU of the daemon", cpu.shown(time));
    let share = cpu.total().as_secs_f64() / time.as_secs_f64() * 100.0;
    line("CPU a call", format!("{:.4} % of a core", share / calls as f64));
    if wanted.kind == Kind::Bridge {
        tell_bridges(crowd, dropped);
    }
    let kib = |octets: u64| octets as f64 / 1024.0;
    line("memory a call", format!("{:.1} KiB", (kib(full) - kib(idle)) / calls as f64));
    let mib = [idle, full, after].map(|octets| format!("{:.1}", kib(octets) / 1024.0));
    line("memory before, during, after", format!("{} MiB", mib.join(", ")));
    tell_signalling(crowd, daemon);
    let late = wanted.kind == Kind::Bridge && crowd.sound.delays.at(0.99) > SOON_MS;
    Ok(if late || !ended { failed.max(1) } else { failed })
}

/// Whether a call is heard as well as signalled.
fn is_good(kind: Kind, crowd: &Crowd, call: usize) -> bool {
    let heard = |leg: usize| {
        let leg = crowd.sound.leg(leg);
        leg.sent > 0 && f64::from(leg.delivered) >= f64::from(leg.sent) * HEARD
    };
    match kind {
        Kind::Bridge => {
            let responder = crowd.sound.leg(call).hears;
            crowd.is_bridged(call) && heard(call) && responder.is_some_and(heard)
        }
        Kind::Answer | Kind::Voicemail => crowd.stage(call) == Stage::Up,
    }
}

fn tell_bridges(crowd: &Crowd, dropped: u64) {
    let (sent, delivered) = crowd.sound.legs().iter().fold((0_u64, 0_u64), |(sent, heard), leg| {
        (sent + u64::from(leg.sent), heard + u64::from(leg.delivered))
    });
    let lost = format!(
        "{} of {sent}, {dropped} of all before the daemon had read them",
        sent.saturating_sub(delivered)
    );
    line("packets lost between the phones", lost);
    line("from phone to phone", crowd.sound.delays.shown());
}

fn tell_signalling(crowd: &Crowd, daemon: &Daemon) {
    line("from INVITE to 200", crowd.answers.shown());
    line("sent by the load late", format!("p99 {:.2} ms", crowd.sound.behind.at(0.99)));
    line("SIP that had to be sent again", format!("{}, {} dropped", crowd.sent_again, daemon.dropped(false)));
    for (why, calls) in &crowd.refusals {
        line("legs that failed", format!("{calls}: {why}"));
    }
}

/// So many calls a second. Returns how many failed.
fn answer(wanted: &Wanted, daemon: &Daemon, crowd: &mut Crowd) -> io::Result<usize> {
    crowd.run(SETTLED, |_| false);
    let (idle, before, begun) = (daemon.memory()?, daemon.cpu()?, Instant::now());
    crowd.call_at(wanted.per_second);
    crowd.run(wanted.time, |_| false);
    let (cpu, time) = (daemon.cpu()?.since(before), begun.elapsed());
    let (full, up) = (daemon.memory()?, crowd.count(Stage::Up));
    let ended = crowd.run(PATIENCE, Crowd::is_over);
    crowd.run(SETTLED, |_| false);
    let after = daemon.memory()?;
    // Two prompts, of which the fades of beginning and end may be too low to count.
    let frames = daemon::PROMPT.as_millis() as u32 / 20 * 2;
    let is_whole = |call: &usize| {
        let leg = crowd.sound.leg(*call);
        crowd.stage(*call) == Stage::Over && leg.missing == 0 && leg.sounding + 2 >= frames
    };
    let good = (0..wanted.calls).filter(is_whole).count();
    line("calls answered, told all and hung up", format!("{good} of {}", wanted.calls));
    line("CPU of the daemon", cpu.shown(time));
    line(
        "CPU a call",
        format!("{:.3} ms", cpu.total().as_secs_f64() * 1e3 / (wanted.per_second * time.as_secs_f64())),
    );
    line("packets of prompts from 20 ms apart", crowd.sound.unevenness.shown());
    let mib = [idle, full, after].map(|octets| format!("{:.1}", octets as f64 / 1048576.0));
    line("memory before, during, after", format!("{} MiB, with {up} calls during", mib.join(", ")));
    tell_signalling(crowd, daemon);
    let failed = wanted.calls - good;
    let uneven = crowd.sound.unevenness.at(0.99) > SOON_MS;
    Ok(if uneven || !ended { failed.max(1) } else { failed })
}

/// What the database says. Returns whether it has every call.
fn tell_records(daemon: &Daemon, wanted: &Wanted) -> io::Result<bool> {
    let made = (wanted.calls * wanted.turns) as u32;
    let records = disk::records(&daemon.data().join("nightbell.db"), made).map_err(io::Error::other)?;
    let outcomes: Vec<_> =
        records.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    line("records in the database", format!("{} of {made} ({})", records.ended, outcomes.join(", ")));
    if let Some((kept, shortest, longest)) = records.recordings {
        line("messages kept", format!("{kept}, from {shortest} to {longest} ms"));
    }
    // Each was recorded at least for as long as all were there together.
    let whole =
        |(kept, shortest, _): (u32, i64, i64)| kept == made && shortest >= wanted.time.as_millis() as i64;
    Ok(records.ended == made && (wanted.kind != Kind::Voicemail || records.recordings.is_some_and(whole)))
}

/// Keeps this thread, and those and the processes it starts, on some cores.
fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    // A machine of one core runs it all the same.
    let _ = sched_setaffinity(None, &set);
}
