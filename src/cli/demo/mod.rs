//! `nightbell demo`: the whole product on loopback. The very daemon, with a config it prints; three
//! calls by softphones over real SIP and RTP; and the proof of who heard what.

pub mod ear;
pub mod phone;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rand::TryRng;
use rand::rngs::SysRng;
use tracing::level_filters::LevelFilter;

use super::{Failure, calls, output, run as running};
use crate::call::journal::Outcome;
use crate::daemon::logging::{self, LogFormat};
use crate::daemon::start::{Daemon, StartError};
use crate::store::{CallFilter, CallRow, Reader};
use ear::VOICES;
use phone::{Act, Behaviour, Phone, Report};

/// How long one call of the demo may take.
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// How much of a voice must be heard for the audio to be proved, in ms.
const PROOF_MS: u32 = 1000;
/// The number the caller shows.
pub const CALLER: &str = "+4915124688123";
const BLOCKED: &str = "+4930999111";

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Options {
    /// Stay up afterwards, for a softphone of your own
    #[arg(long)]
    keep: bool,
}

/// The phones of the demo.
#[derive(Debug)]
pub struct Phones {
    /// Who calls the hotline.
    pub caller: Phone,
    /// Who is on call.
    pub anna: Phone,
    /// Who is rung after her.
    pub bob: Phone,
}

/// One thing that was to be shown, and whether it was.
struct Proof(bool, String);

/// Places the three calls.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let _log = logging::start(LogFormat::Text, LevelFilter::ERROR)?;
    let [caller, anna, bob] = VOICES.map(Phone::start);
    let phones = Phones { caller: caller?, anna: anna?, bob: bob? };
    let folder = folder()?;
    let config = write_config(&folder, &phones)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(async {
        let daemon = Daemon::start(&config).await.map_err(failure)?;
        let own = *daemon.listening().first().ok_or_else(|| Failure::Failed("nothing listens".to_owned()))?;
        let at = own.addr;
        output::say(&format!("\nThe daemon listens on {own}. Three calls follow.\n"));
        let records = daemon.watch();
        let live = tokio::task::spawn_blocking(|| running::print_live(records));
        let (phones, proofs) = tokio::task::spawn_blocking(move || {
            let proofs = three_calls(&phones, at);
            (phones, proofs)
        })
        .await?;
        if options.keep {
            keep(at).await?;
        }
        let store = daemon.store().clone();
        daemon.stop().await;
        let _ = live.await;
        phones.stop();
        tokio::task::spawn_blocking(move || verdict(store.reader(), proofs, &folder)).await?
    })?;
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn failure(error: StartError) -> Failure {
    match error {
        StartError::Settings(findings) => Failure::Settings(findings),
        other => Failure::Failed(other.to_string()),
    }
}

impl Phones {
    /// Ends all of them.
    pub fn stop(self) {
        self.caller.stop();
        self.anna.stop();
        self.bob.stop();
    }
}

/// A fresh folder of its own.
pub fn folder() -> std::io::Result<PathBuf> {
    let chance = SysRng.try_next_u32().map_err(std::io::Error::other)?;
    let folder = std::env::temp_dir().join(format!("nightbell-demo-{chance:08x}"));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Writes the settings of a hotline that rings these phones.
pub fn settings(folder: &Path, phones: &Phones) -> std::io::Result<PathBuf> {
    let (config, oncall) = files(phones);
    let path = folder.join("nightbell.toml");
    std::fs::write(&path, config)?;
    std::fs::write(folder.join("oncall.toml"), oncall)?;
    Ok(path)
}

fn files(phones: &Phones) -> (String, String) {
    let oncall = include_str!("oncall.toml")
        .replace("ANNA", &phones.anna.address.to_string())
        .replace("BOB", &phones.bob.address.to_string());
    (include_str!("nightbell.toml").replace("BLOCKED", BLOCKED), oncall)
}

fn write_config(folder: &Path, phones: &Phones) -> Result<PathBuf, Failure> {
    let (config, oncall) = files(phones);
    let path = settings(folder, phones)?;
    output::say(&format!(
        "# {}\n{config}\n# {}\n{oncall}",
        path.display(),
        folder.join("oncall.toml").display()
    ));
    Ok(path)
}

fn three_calls(phones: &Phones, at: SocketAddr) -> Vec<Proof> {
    let mut proofs = Vec::new();
    output::say("\nCall 1: key 1; Anna lets it ring, Bob picks up and presses 1\n");
    phones.anna.behave(Behaviour::Rings);
    phones.bob.behave(Behaviour::Accepts { after: Duration::from_millis(2500), key: '1' });
    accepted(phones, at, &mut proofs);
    output::say("\nCall 2: everyone is busy, the caller leaves a message\n");
    phones.anna.behave(Behaviour::Busy);
    phones.bob.behave(Behaviour::Busy);
    message(phones, at, &mut proofs);
    output::say("\nCall 3: a blocked caller\n");
    blocked(phones, at, &mut proofs);
    proofs
}

fn accepted(phones: &Phones, at: SocketAddr, proofs: &mut Vec<Proof>) {
    phones.anna.forget_reports();
    phones.bob.forget_reports();
    let acts = [
        Act::Wait(Duration::from_millis(1500)),
        Act::Press('1'),
        Act::Speak(true),
        // Anna rings for 5 s, Bob listens for 2.5 s: then they talk for some 4 s.
        Act::Wait(Duration::from_secs(12)),
        Act::HangUp,
    ];
    phones.caller.call(at, "hotline", CALLER, &acts);
    let caller = phones.caller.report(CALL_PATIENCE).unwrap_or_default();
    let bob = phones.bob.report(CALL_PATIENCE).unwrap_or_default();
    let [callers_hz, _, bobs_hz] = VOICES;
    proofs.push(heard("the caller", "Bob", &caller, bobs_hz));
    proofs.push(heard("Bob", "the caller", &bob, callers_hz));
    let prompts = caller.heard.other > 50;
    proofs.push(Proof(
        prompts,
        format!("the caller heard prompts and hold tone for {} ms", caller.heard.other * 20),
    ));
}

fn heard(who: &str, whom: &str, report: &Report, hz: u32) -> Proof {
    let ms = report.heard.heard_ms(hz);
    Proof(ms >= PROOF_MS, format!("{who} heard {whom}'s {hz} Hz for {ms} ms"))
}

fn message(phones: &Phones, at: SocketAddr, proofs: &mut Vec<Proof>) {
    let acts = [
        Act::Wait(Duration::from_millis(1500)),
        Act::Press('1'),
        Act::Wait(Duration::from_millis(1500)),
        // Cuts the greeting short; the beep follows.
        Act::Press('5'),
        Act::Wait(Duration::from_millis(1000)),
        Act::Speak(true),
        Act::Wait(Duration::from_secs(3)),
        Act::Speak(false),
        Act::Press('#'),
        Act::Wait(Duration::from_secs(8)),
        Act::HangUp,
    ];
    phones.caller.call(at, "hotline", CALLER, &acts);
    let caller = phones.caller.report(CALL_PATIENCE);
    proofs.push(Proof(
        caller.is_some_and(|report| report.answered),
        "the second caller was answered".to_owned(),
    ));
}

fn blocked(phones: &Phones, at: SocketAddr, proofs: &mut Vec<Proof>) {
    phones.caller.call(at, "hotline", BLOCKED, &[]);
    let refused = phones.caller.report(CALL_PATIENCE).and_then(|report| report.refused);
    let what = refused.map_or("was not refused".to_owned(), |status| format!("was refused with {status}"));
    proofs.push(Proof(refused == Some(603), format!("the blocked caller {what}")));
}

async fn keep(at: SocketAddr) -> Result<(), Failure> {
    output::say(&format!("\nStill up: call sip:hotline@{at} with a softphone. Ctrl-C ends it.\n"));
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The call log, the message, and whether all ended as it should.
fn verdict(reader: &Reader, mut proofs: Vec<Proof>, folder: &Path) -> Result<bool, Failure> {
    let rows = reader.calls(&CallFilter::default())?;
    output::say(&format!("\nThe call log:\n{}", calls::log(&rows)));
    for wanted in [Outcome::Accepted, Outcome::Voicemail, Outcome::Blocked] {
        let count = rows.iter().filter(|row| row.outcome == wanted).count();
        proofs.push(Proof(count >= 1, format!("{count} call(s) in the log: {}", wanted.as_str())));
    }
    proofs.push(recorded(&rows, folder));
    output::say("\nWhat was to be shown:\n");
    for Proof(shown, what) in &proofs {
        output::say(&format!("  {} {what}\n", if *shown { "ok " } else { "NOT" }));
    }
    output::say(&format!("\nThe database: {}\n", folder.join("data/nightbell.db").display()));
    Ok(proofs.iter().all(|Proof(shown, _)| *shown))
}

/// The message, listened to.
fn recorded(rows: &[CallRow], folder: &Path) -> Proof {
    let Some(file) = rows.iter().find_map(|row| row.voicemail.as_ref()) else {
        return Proof(false, "no message was kept".to_owned());
    };
    let path = folder.join("data/recordings").join(file);
    let mut heard = ear::Ear::default();
    if let Ok(mut wav) = hound::WavReader::open(&path) {
        let samples: Vec<i16> = wav.samples::<i16>().filter_map(Result::ok).collect();
        for frame in samples.chunks(160) {
            let encoded: Vec<u8> =
                frame.iter().map(|sample| crate::audio::g711::linear_to_alaw(*sample)).collect();
            heard.hear(&encoded);
        }
    }
    let [hz, ..] = VOICES;
    let ms = heard.heard_ms(hz);
    Proof(ms >= 2 * PROOF_MS, format!("the message has the caller's {hz} Hz for {ms} ms: {}", path.display()))
}
