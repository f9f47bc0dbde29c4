//! `nightbell run`: the daemon.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast;
use tracing::level_filters::LevelFilter;

use super::{Common, Failure, output};
use crate::call::journal::{Event, Record, StepResult};
use crate::daemon::limits::raise_open_files;
use crate::daemon::logging::{self, LogFormat};
use crate::daemon::start::{Daemon, StartError};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// How long running calls may go on after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    drain: u64,
}

/// Takes calls until SIGTERM or SIGINT.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    // In the foreground the live timeline tells what happens; the log is for what goes wrong.
    let foreground = std::io::stdout().is_terminal();
    let level = if foreground { LevelFilter::WARN } else { LevelFilter::INFO };
    let _log = logging::start(options.log_format, level)?;
    let path = options.common.path()?;
    raise_open_files();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build()?;
    let done = runtime.block_on(async {
        // Before anything else: a SIGHUP that comes while the daemon starts must not end it.
        let mut signals = Signals::listen()?;
        let mut daemon = Daemon::start(&path).await.map_err(failure)?;
        if !daemon.warnings().0.is_empty() {
            // Through the log: whoever reads it as JSON gets nothing but JSON.
            tracing::warn!("the settings have warnings:\n{}", daemon.warnings().render(false));
        }
        let listening: Vec<_> = daemon.listening().iter().map(ToString::to_string).collect();
        tracing::info!(listening = listening.join(" "), "ready for calls");
        if foreground {
            output::say(&format!("nightbell takes calls on {}\n", listening.join(" ")));
            // A terminal that is held (Ctrl-S) must hold up nothing else.
            let records = daemon.watch();
            std::thread::Builder::new().name("live-view".to_owned()).spawn(|| print_live(records))?;
        }
        serve(&mut daemon, &mut signals).await?;
        stop(daemon, &mut signals, Duration::from_secs(options.drain)).await;
        Ok(ExitCode::SUCCESS)
    });
    // All is written. A name server that does not answer must not hold up the end.
    runtime.shutdown_background();
    done
}

/// Threads for the signalling and the scripts. On a machine of one core a second one has nothing to run on, and
/// each would wake the other for what it could do itself.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(2)
}

fn failure(error: StartError) -> Failure {
    match error {
        StartError::Settings(findings) => Failure::Settings(findings),
        // Another daemon on the same data, or a database of a newer version: for the operator.
        StartError::Store(error) => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.to_string()),
    }
}

/// What an operator or systemd tells the process.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// SIGTERM or SIGINT.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells systemd; without systemd this does nothing.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// Reloads, obeys commands, and returns when it is time to stop.
async fn serve(daemon: &mut Daemon, signals: &mut Signals) -> Result<(), Failure> {
    notify(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.hangup.recv() => {
                if let Ok(reloading) = NotifyState::monotonic_usec_now() {
                    notify(&[NotifyState::Reloading, reloading]);
                }
                daemon.reload().await;
                notify(&[NotifyState::Ready]);
            }
            asked = daemon.command() => match asked {
                Some(asked) => daemon.obey(asked).await,
                None => return Err(Failure::Failed("the switch broke: see the log".to_owned())),
            },
        }
    }
}

/// Lets running calls end, for as long as they may; a second signal ends them now.
async fn stop(mut daemon: Daemon, signals: &mut Signals, patience: Duration) {
    notify(&[NotifyState::Stopping]);
    let running = daemon.running();
    tracing::info!(running, "stopping");
    if running > 0 {
        let calls = output::count(running, "call");
        tracing::warn!("{calls} still running, new ones are refused; a second signal ends them now");
    }
    let (drained, late) = (daemon.drain(), tokio::time::sleep(patience));
    tokio::pin!(drained, late);
    loop {
        tokio::select! {
            biased;
            () = &mut drained => break,
            () = signals.end() => break,
            () = &mut late => {
                tracing::warn!("calls were still running after the time to drain");
                break;
            }
            // Whoever asks why it is still there gets an answer.
            asked = daemon.command() => match asked {
                Some(asked) => daemon.obey(asked).await,
                None => break,
            },
        }
    }
    daemon.stop().await;
}

/// Prints each step of each call as it happens. Blocks its thread.
pub fn print_live(mut records: broadcast::Receiver<Arc<Record>>) {
    let colour = output::colour_on_stdout();
    loop {
        match records.blocking_recv() {
            Ok(record) => {
                if let Record::Step(event) = record.as_ref() {
                    output::say(&live_line(event, colour));
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                output::say(&format!("... {missed} entries were too quick to be shown\n"));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// One step as one line: the time of day, the call, and what happened.
pub fn live_line(event: &Event, colour: bool) -> String {
    let zoned = event.at.to_zoned(jiff::tz::TimeZone::system());
    let (dim, reset) = if colour { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    let time = zoned.strftime("%H:%M:%S%.3f");
    format!("{dim}{time} {}{reset} {}\n", event.call, what(event))
}

/// One step of a call that is over: seconds since its start, and what happened.
pub fn timeline_line(event: &Event, started: jiff::Timestamp) -> String {
    let since = event.at.duration_since(started);
    format!("  {:>8.3} s  {}\n", since.as_secs_f64(), what(event))
}

fn what(event: &Event) -> String {
    let mark = match event.result {
        StepResult::Processed => ' ',
        StepResult::Failed => '!',
        StepResult::Ignored => '-',
    };
    let target = event.target.as_deref().map(|target| format!("{target}: ")).unwrap_or_default();
    let sentence = output::printable(&format!("{target}{}", event.detail));
    format!("{mark} {:<19} {sentence}", event.step.as_str())
}
