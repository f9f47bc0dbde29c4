//! The audio path: a call of the daemon to itself, over real SIP and RTP on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Check, Status};
use crate::cli::demo::ear::VOICES;
use crate::cli::demo::phone::{Act, Behaviour, Phone};
use crate::cli::demo::{CALLER, Phones, folder, settings};
use crate::daemon::start::Daemon;

/// How long the call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of a voice must be heard, in ms.
const PROOF_MS: u32 = 1000;
const HELP: &str =
    "a firewall on the loopback interface, or a machine that is overloaded: try `nightbell demo`";

/// A caller and a responder on loopback, the daemon between them: do they hear each other?
pub fn check() -> Check {
    match call() {
        Ok((there, back)) if there >= PROOF_MS && back >= PROOF_MS => Check::ok(
            "audio",
            format!("a call to itself: the caller was heard for {there} ms, the responder for {back} ms"),
        ),
        Ok((there, back)) => {
            let detail = format!("the caller was heard for {there} ms, the responder for {back} ms");
            Check::new("audio", Status::Failed, format!("a call to itself: {detail}")).help(HELP)
        }
        Err(why) => Check::new("audio", Status::Failed, format!("a call to itself failed: {why}")).help(HELP),
    }
}

/// How long each side heard the other, in ms.
fn call() -> Result<(u32, u32), String> {
    let failed = |error: std::io::Error| error.to_string();
    let [caller, anna, bob] = VOICES.map(Phone::start);
    let phones =
        Phones { caller: caller.map_err(failed)?, anna: anna.map_err(failed)?, bob: bob.map_err(failed)? };
    let folder = folder().map_err(failed)?;
    let heard = settings(&folder, &phones).map_err(failed).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map_err(failed)?.block_on(async {
            let daemon = Daemon::start(&config).await.map_err(|error| error.to_string())?;
            let at = daemon.listening().first().ok_or("nothing listens")?.addr;
            let spoken = tokio::task::spawn_blocking(move || speak(phones, at)).await;
            daemon.stop().await;
            spoken.map_err(|error| error.to_string())?
        })
    });
    // What is left of it is only in the way.
    let _ = std::fs::remove_dir_all(&folder);
    heard
}

fn speak(phones: Phones, at: SocketAddr) -> Result<(u32, u32), String> {
    phones.anna.behave(Behaviour::Accepts { after: Duration::from_millis(500), key: '1' });
    let acts = [
        Act::Wait(Duration::from_millis(1000)),
        Act::Press('1'),
        Act::Speak(true),
        Act::Wait(Duration::from_secs(6)),
        Act::HangUp,
    ];
    phones.caller.call(at, "hotline", CALLER, &acts);
    let caller = phones.caller.report(PATIENCE);
    let anna = phones.anna.report(PATIENCE);
    let [callers_hz, annas_hz, _] = VOICES;
    phones.stop();
    let caller = caller.ok_or("the caller's phone heard nothing of its call")?;
    if let Some(status) = caller.refused {
        return Err(format!("the caller was refused with {status}"));
    }
    let anna = anna.ok_or("the responder's phone was not rung")?;
    Ok((anna.heard.heard_ms(callers_hz), caller.heard.heard_ms(annas_hz)))
}
