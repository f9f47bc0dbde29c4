//! The commands, one file each.
//!
//! Status 0: done. 1: failed. 2: wrong usage or settings.

mod apply;
mod calendars;
mod calls;
mod changing;
mod check;
mod coverage;
mod demo;
mod doctor;
mod erase;
mod expect;
mod incidents;
mod notify;
mod oncall;
mod outbox;
pub(crate) mod output;
mod overrides;
mod people;
mod quiet;
mod rings;
mod run;
mod schedule;
mod simulate;
mod story;
pub(crate) mod sweep;
mod voicemail;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::daemon::config::{self, Config};
use crate::daemon::control;
use crate::daemon::feeds::{self, Copies};
use crate::daemon::findings::Findings;
use crate::oncall::Roster;
use crate::problem::Problem;
use crate::store::{Reader, Store, StoreError};

/// Self-hosted live call routing: your SIP trunk as an on-call hotline.
#[derive(Debug, Parser)]
#[command(name = "nightbell", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The settings file [default: /etc/nightbell/nightbell.toml, then config/nightbell.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take calls
    Run(run::Options),
    /// The whole product on loopback: a hotline, a caller, two responders, a voicemail
    Demo(demo::Options),
    /// Check settings, on-call data, audio files and coverage
    Check(check::Options),
    /// Take an on-call file into the database
    Apply(apply::Options),
    /// Who is on call, since when, until when, and by which rule
    Oncall(oncall::Options),
    /// Who stands in, comes along or is left out, for a time
    #[command(subcommand)]
    Override(overrides::Command),
    /// Who can be rung, and who may be
    People(people::Options),
    /// The call that would happen, with the reason for everyone rung and not rung
    Simulate(simulate::Options),
    /// Shifts ahead; on-call data of other services
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// The call log; with an id the whole timeline of one call
    Calls(calls::Options),
    /// What keeps calls from working: trunks, names, ports, disk, clock, and the audio of a call to itself
    Doctor(doctor::Options),
    /// What calls came to, and what became of it; with a number one incident with its log
    Incidents(incidents::Options),
    /// Times in which no incident is opened; calls go on as ever
    #[command(subcommand)]
    Maintenance(quiet::Command),
    /// Tell people of an incident later, or of all that are opened at a hotline or route for a time
    Snooze(quiet::Options),
    /// Tell nobody of an incident, or of those that are opened at a hotline or route
    Mute(quiet::Options),
    /// What waits to be told to targets, and what could not be; with a number one entry with its notice
    Outbox(outbox::Options),
    /// The messages callers left
    #[command(subcommand)]
    Voicemail(voicemail::Command),
    /// Who is told of incidents
    #[command(subcommand)]
    Notify(notify::Command),
}

/// Why a command did not do what it should.
#[derive(Debug)]
enum Failure {
    /// Status 1.
    Failed(String),
    /// Status 2.
    Usage(String),
    /// Status 2: what is wrong with the settings.
    Settings(Findings),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Arguments {
    /// Runs the command; the result is the process's status.
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Run(options) => run::run(&options),
            Command::Demo(options) => demo::run(&options),
            Command::Check(options) => check::run(&options),
            Command::Apply(options) => apply::run(&options),
            Command::Oncall(options) => oncall::run(&options),
            Command::Override(command) => overrides::run(&command),
            Command::People(options) => people::run(&options),
            Command::Simulate(options) => simulate::run(&options),
            Command::Schedule(command) => schedule::run(&command),
            Command::Calls(options) => calls::run(&options),
            Command::Doctor(options) => doctor::run(&options),
            Command::Incidents(options) => incidents::run(&options),
            Command::Maintenance(command) => quiet::maintenance(&command),
            Command::Snooze(options) => quiet::snooze(&options),
            Command::Mute(options) => quiet::mute(&options),
            Command::Outbox(options) => outbox::run(&options),
            Command::Voicemail(command) => voicemail::run(&command),
            Command::Notify(command) => notify::run(&command),
        };
        match done {
            Ok(status) => status,
            Err(failure) => failure.tell(),
        }
    }
}

impl Failure {
    fn tell(&self) -> ExitCode {
        match self {
            Self::Failed(why) => {
                output::complain(&format!("error: {why}\n"));
                ExitCode::from(1)
            }
            Self::Usage(why) => {
                output::complain(&format!("error: {why}\n"));
                ExitCode::from(2)
            }
            Self::Settings(findings) => {
                output::complain(&findings.render(output::colour_on_stderr()));
                ExitCode::from(2)
            }
        }
    }
}

impl Common {
    /// The settings file to use.
    fn path(&self) -> Result<PathBuf, Failure> {
        let missing = || {
            let mut findings = Findings::default();
            let message = format!("there is no settings file at {}", config::PLACES.join(" or "));
            findings.add_elsewhere(Problem::error(0..0, message).help("name one with -c FILE"));
            Failure::Settings(findings)
        };
        config::find(self.config.as_deref()).ok_or_else(missing)
    }

    /// The settings, read and without errors of their own.
    fn load(&self) -> Result<(Config, Findings), Failure> {
        match Config::load(&self.path()?) {
            (Some(config), findings) if !findings.has_errors() => Ok((config, findings)),
            (_, findings) => Err(Failure::Settings(findings)),
        }
    }
}

/// The people, teams and schedules that a call would meet now: of the database while the daemon
/// runs on it, else of the on-call file that the next start applies, with what commands have changed.
fn roster(common: &Common) -> Result<Roster, Failure> {
    let (config, _) = common.load()?;
    Ok(with_calendars(&config, roster_as_written(&config)?)?.0)
}

/// The same without what calendars say.
fn roster_as_written(config: &Config) -> Result<Roster, Failure> {
    match &config.oncall {
        Some((_, roster)) if !control::is_running(&config.data_dir) => with_commands(config, roster),
        _ => stored_roster(config),
    }
}

/// The on-call file as it would hold once applied.
fn with_commands(config: &Config, file: &Roster) -> Result<Roster, Failure> {
    match Store::open_read_only(&config.data_dir) {
        Ok(reader) => Ok(reader.roster_with(file)?),
        // Commands have not said anything that an older database could not hold: the next start brings it up.
        Err(StoreError::Missing { .. } | StoreError::Older { .. }) => Ok(file.clone()),
        Err(error) => Err(error.into()),
    }
}

/// The roster with the calendars that a call would meet: the copies that the daemon keeps; while it does not run, files
/// as they are now. Beside it what is known of each calendar.
fn with_calendars(config: &Config, mut roster: Roster) -> Result<(Roster, Copies), Failure> {
    if feeds::sources(&roster).is_empty() {
        return Ok((roster, Copies::new()));
    }
    let mut copies = match Store::open_read_only(&config.data_dir) {
        Ok(reader) => reader.calendars()?,
        Err(StoreError::Missing { .. }) => Copies::new(),
        Err(error) => return Err(error.into()),
    };
    if !control::is_running(&config.data_dir) {
        feeds::look_at_files(&roster, &config.wanted_calendars().folder, &mut copies);
    }
    feeds::attach(&mut roster, &copies);
    Ok((roster, copies))
}

/// The database, to look; nothing where there is none yet.
fn reader_if_any(config: &Config) -> Result<Option<Reader>, Failure> {
    match Store::open_read_only(&config.data_dir) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The database of a stopped daemon, for writing.
fn open_stopped(config: &Config) -> Result<Store, Failure> {
    Store::open(&config.data_dir).map_err(|error| match error {
        // It holds its data directory, but does not take commands: not yet, or no more.
        StoreError::InUse { folder, .. } => Failure::Failed(format!(
            "the daemon on {} is starting or stopping: try again in a moment",
            folder.display()
        )),
        error => error.into(),
    })
}

/// What the database says; nobody, where there is none yet.
fn stored_roster(config: &Config) -> Result<Roster, Failure> {
    Ok(reader_if_any(config)?.map(|reader| reader.load_roster()).transpose()?.unwrap_or_default())
}
