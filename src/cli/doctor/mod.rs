//! `nightbell doctor`: what keeps calls from working, looked for from the settings to the sound.

mod audio;
mod machine;
mod outbox;
mod trunks;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use super::{Common, Failure, output};
use crate::daemon::config::Config;
use crate::daemon::control;
use crate::daemon::feeds::Health;
use crate::daemon::findings::Findings;
use crate::daemon::logging::{self, LogFormat};
use crate::daemon::probe::probe;
use crate::daemon::storage::set_aside_lines;
use crate::store::{Alarm, Fault, Health as StorageHealth, Store};
use crate::switch::media::probe_priority;
use crate::switch::report::TrunkReport;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Leave out the call to itself, which takes some ten seconds
    #[arg(long)]
    no_call: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Move a damaged database out of the way, keeping it, and go on with a new one; look at nothing else
    #[arg(long, conflicts_with_all = ["no_call", "json"])]
    set_aside: bool,
}

/// What a check has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Calls work, but somebody should look.
    Warning,
    /// Calls do not work, or will not for long.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What about: `settings`, `disk`, `database`, `clock`, `calendar`, `alarm`, `storage`, `sip`, `media`, `files`, `priority`, `dns`,
    /// `trunk`, `registration`, `limits`, `audio`.
    check: &'static str,
    /// Of which trunk, if of one.
    trunk: Option<String>,
    status: Status,
    /// What was found.
    detail: String,
    /// What to do about it.
    help: Option<String>,
}

impl Check {
    fn new(check: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { check, trunk: None, status, detail: detail.into(), help: None }
    }

    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, detail)
    }

    fn of(self, trunk: &str) -> Self {
        Self { trunk: Some(trunk.to_owned()), ..self }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Everything, as it is printed.
#[derive(Debug, Serialize)]
struct Report {
    /// Nothing failed.
    ok: bool,
    /// A daemon is running on the data directory.
    running: bool,
    checks: Vec<Check>,
    trunks: Vec<TrunkReport>,
}

/// Looks at everything.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    // What is found is printed below, in one place.
    let _log = logging::start(LogFormat::Text, LevelFilter::OFF)?;
    let (config, findings) = options.common.load()?;
    if options.set_aside {
        return set_aside(&config);
    }
    let running = control::is_running(&config.data_dir);
    let mut checks = vec![settings(&findings)];
    checks.extend(machine::checks(&config));
    checks.extend(calendars(&options.common));
    checks.extend(alarms(&config));
    checks.extend(outbox::checks(&config));
    let trunks = match running {
        true => {
            checks.push(storage(&config)?);
            asked(&config, &mut checks)?
        }
        false => probed(&config, &mut checks)?,
    };
    checks.extend(trunks::checks(&trunks, running));
    if !options.no_call {
        checks.push(audio::check());
    }
    let ok = checks.iter().all(|check| check.status != Status::Failed);
    let report = Report { ok, running, checks, trunks };
    if options.json {
        output::json(&report)?;
    } else {
        output::say(&text(&report));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Has a damaged database moved out of the way, by the daemon if it runs.
fn set_aside(config: &Config) -> Result<ExitCode, Failure> {
    let lines = match control::ask(&config.data_dir, &control::Command::SetAside)? {
        Some(control::Reply::Done(lines)) => lines,
        Some(control::Reply::Failed(why)) => return Err(Failure::Failed(why)),
        Some(_) => return Err(Failure::Failed("the daemon has answered something else".to_owned())),
        None => {
            let mut lines = set_aside_lines(&Store::set_damaged_aside(&config.data_dir)?);
            lines.push(
                "the next start makes a new one, or uses the backup that you put in its place".to_owned(),
            );
            lines
        }
    };
    lines.iter().for_each(|line| output::say(&format!("{line}\n")));
    Ok(ExitCode::SUCCESS)
}

/// Whether the running daemon's database takes entries.
fn storage(config: &Config) -> Result<Check, Failure> {
    match control::ask(&config.data_dir, &control::Command::Storage)? {
        Some(control::Reply::Storage(StorageHealth::Degraded { since, fault, detail, waiting })) => {
            let detail = format!("since {since:.0} {fault} ({detail}); {waiting} entries wait");
            let help = match fault {
                Fault::Damaged => {
                    "calls go on, on a spare database: `nightbell doctor --set-aside`, or a backup"
                }
                _ => "calls go on; see docs/guide/troubleshooting.md, The disk is full or broken",
            };
            Ok(Check::new("storage", Status::Failed, detail).help(help))
        }
        Some(control::Reply::Storage(StorageHealth::Good)) => {
            Ok(Check::ok("storage", "the database takes entries"))
        }
        Some(_) | None => Err(Failure::Failed("the daemon has just stopped: try again".to_owned())),
    }
}

fn settings(findings: &Findings) -> Check {
    match findings.counts() {
        (_, 0) => Check::ok("settings", "no faults"),
        (_, warnings) => Check::new("settings", Status::Warning, output::count(warnings, "warning"))
            .help("`nightbell check` shows them"),
    }
}

/// The alarms that are on.
fn alarms(config: &Config) -> Vec<Check> {
    let found = Store::open_read_only(&config.data_dir).and_then(|reader| reader.alarms());
    let alarm = |alarm: Alarm| {
        let since = output::local(alarm.since);
        Check::new("alarm", Status::Warning, format!("{}, since {since}: {}", alarm.name, alarm.title))
            .help(alarm.detail)
    };
    // What keeps the database from being read is another check's.
    found.unwrap_or_default().into_iter().map(alarm).collect()
}

/// How the calendars stand from which it is known who is on call.
fn calendars(common: &Common) -> Vec<Check> {
    let check = |health: Health| match health.alarms.as_slice() {
        [] => Check::ok("calendar", health.to_string()),
        alarms => Check::new("calendar", Status::Warning, format!("{health}: {}", alarms.join("; "))).help(
            "the last good copy is in use: see whether the address still gives a calendar, and its names",
        ),
    };
    // What keeps the database from being read is another check's.
    super::calendars::standing(common).unwrap_or_default().into_iter().map(check).collect()
}

/// How the trunks stand, as the running daemon sees it.
fn asked(config: &Config, checks: &mut Vec<Check>) -> Result<Vec<TrunkReport>, Failure> {
    match control::ask(&config.data_dir, &control::Command::Trunks { ping: true })? {
        Some(control::Reply::Trunks { listening, audio, trunks }) => {
            checks.push(Check::ok("sip", format!("the daemon listens on {}", listening.join(" "))));
            checks.push(machine::priority(audio, true));
            Ok(trunks)
        }
        Some(control::Reply::Failed(why)) => Err(Failure::Failed(why)),
        Some(_) | None => Err(Failure::Failed("the daemon has just stopped: try again".to_owned())),
    }
}

/// How the trunks stand, as a daemon would see it.
fn probed(config: &Config, checks: &mut Vec<Check>) -> Result<Vec<TrunkReport>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let probed = runtime.block_on(probe(config));
    // A name server that does not answer must not hold up the end.
    runtime.shutdown_background();
    match probed {
        Ok((listening, trunks)) => {
            let detail = format!("no daemon is running; {} can be listened on", listening.join(" "));
            checks.push(Check::ok("sip", detail));
            checks.push(machine::priority(probe_priority(), false));
            Ok(trunks)
        }
        Err(error) => {
            let help = "another program has the address, or it is not one of this machine: see [sip] listen";
            checks.push(Check::new("sip", Status::Failed, error.to_string()).help(help));
            Ok(Vec::new())
        }
    }
}

fn text(report: &Report) -> String {
    let line = |check: &Check| {
        let mark = match check.status {
            Status::Ok => "ok  ",
            Status::Warning => "warn",
            Status::Failed => "FAIL",
        };
        let of = check.trunk.as_ref().map(|trunk| format!("{trunk}: ")).unwrap_or_default();
        let help = check.help.as_deref().map(output::printable);
        let help = help.map(|help| format!("{:19}{help}\n", "")).unwrap_or_default();
        let detail = output::printable(&format!("{of}{}", check.detail));
        format!("{mark} {:<13} {detail}\n{help}", check.check)
    };
    let lines: String = report.checks.iter().map(line).collect();
    let failed = report.checks.iter().filter(|check| check.status == Status::Failed).count();
    let warnings = report.checks.iter().filter(|check| check.status == Status::Warning).count();
    format!("{lines}\n{} failed, {}\n", output::count(failed, "check"), output::count(warnings, "warning"))
}
