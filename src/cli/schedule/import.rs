//! `nightbell schedule import`: an export of another service becomes an on-call file of ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{against, export};
use crate::cli::{Common, Failure, output};
use crate::daemon::config::read_roster;
use crate::daemon::feeds::Place;
use crate::daemon::findings::{Findings, Source};
use crate::import::calendar::Setting;
use crate::import::calls::{Answers, Origin, questionnaire};
use crate::import::{self, Fate, Imported, Report, opsgenie, pagerduty};
use crate::oncall::{Roster, Zone};

/// Where from.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The folder of Opsgenie's configuration backup
    Opsgenie(Options),
    /// Answers of PagerDuty's REST interface: one JSON file, or a folder of them
    Pagerduty(Options),
    /// A calendar subscription of GoAlert
    Goalert(CalendarOptions),
    /// Any iCalendar file or address
    Ical(CalendarOptions),
}

/// Options of the import of a calendar.
#[derive(Debug, Args)]
pub struct CalendarOptions {
    #[command(flatten)]
    common: Common,
    /// The calendar
    #[arg(value_name = "FILE|URL")]
    from: String,
    /// The id of the schedule
    #[arg(long, default_value = "calendar")]
    schedule: String,
    /// The zone of days and of times that name none
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: Zone,
    #[command(flatten)]
    to: Destination,
}

/// Options of an import.
#[derive(Debug, Args)]
pub struct Options {
    /// What was exported
    #[arg(value_name = "PATH")]
    from: PathBuf,
    #[command(flatten)]
    to: Destination,
    #[command(flatten)]
    calls: Calls,
}

/// Where the result goes.
#[derive(Debug, Args)]
struct Destination {
    /// Write the on-call file here [default: to standard output]
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Numbers for incoming calls: no export holds them.
#[derive(Debug, Args)]
struct Calls {
    /// Write a table of questions about the numbers for incoming calls
    #[arg(long, value_name = "CSV")]
    questionnaire: Option<PathBuf>,
    /// The table, filled in: its numbers become hotlines
    #[arg(long, value_name = "CSV", requires = "hotlines")]
    calls: Option<PathBuf>,
    /// Write the hotlines here, to be put into nightbell.toml
    #[arg(long, value_name = "FILE", requires = "calls")]
    hotlines: Option<PathBuf>,
    /// The trunk over which calls will come in
    #[arg(long, value_name = "NAME", default_value = "carrier")]
    trunk: String,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    report: &'a Report,
    /// The text of the on-call file, where it was not written to a file.
    oncall: Option<&'a str>,
    /// Where it was written.
    into: Option<&'a Path>,
}

/// Imports.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    let now = Timestamp::now();
    let (options, imported, service, preset) = match command {
        Command::Goalert(options) | Command::Ical(options) => return calendar(options, now),
        Command::Opsgenie(options) => (
            options,
            opsgenie::convert(&export::read(&options.from, "json")?, now),
            "Opsgenie backup",
            "opsgenie",
        ),
        Command::Pagerduty(options) => (
            options,
            pagerduty::convert(&export::read(&options.from, "json")?, now),
            "PagerDuty export",
            "pagerduty",
        ),
    };
    calls(&imported, &options.calls, preset, options.to.force)?;
    let day = now.strftime("%Y-%m-%d");
    let origin = format!("Imported on {day} from the {service} {}.", options.from.display());
    deliver(&imported, &imported.draft.to_toml(&origin), &options.to)
}

/// A schedule that is fed by a calendar, and whom its names mean.
fn calendar(options: &CalendarOptions, now: Timestamp) -> Result<ExitCode, Failure> {
    let source = match Place::of(&options.from, Path::new("")) {
        Place::Web(address) => address,
        Place::File(path) => path.canonicalize().unwrap_or(path).display().to_string(),
    };
    let label = Place::label(&options.from);
    // Without settings nobody is known yet.
    let roster = match options.common.path() {
        Ok(_) => crate::cli::roster(&options.common)?,
        Err(_) => Roster::default(),
    };
    let setting = Setting {
        source: &source,
        label: &label,
        name: &options.schedule,
        zone: &options.timezone,
        people: &roster.people,
    };
    let imported = import::calendar::convert(&against::fetch(&options.from)?, setting, now)?;
    let day = now.strftime("%Y-%m-%d");
    let text = imported.draft.to_toml(&format!("Imported on {day} from the {label}."));
    let all_known = imported.report.of(Fate::Dropped).next().is_none();
    deliver(&imported, &text, &options.to).map(|status| if all_known { status } else { ExitCode::from(1) })
}

/// The questions, and the hotlines made of the answers.
fn calls(imported: &Imported, calls: &Calls, preset: &str, force: bool) -> Result<(), Failure> {
    if let Some(path) = &calls.questionnaire {
        write(path, &questionnaire(&imported.directory), force)?;
        output::complain(&format!("questions about the numbers for incoming calls: {}\n\n", path.display()));
    }
    let (Some(table), Some(path)) = (&calls.calls, &calls.hotlines) else { return Ok(()) };
    let answers = Answers::read(&export::text(table)?, &imported.directory).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::Failed(format!("{}: {}", table.display(), errors.join("\n       ")))
    })?;
    write(path, &Answers::to_toml(&answers, Origin { preset, trunk: &calls.trunk }), force)?;
    output::complain(&format!(
        "{} written to {}\n\n",
        output::count(answers.len(), "hotline"),
        path.display()
    ));
    Ok(())
}

/// Writes the result where it is wanted, and tells what became of everything.
fn deliver(imported: &Imported, oncall: &str, to: &Destination) -> Result<ExitCode, Failure> {
    let (findings, usable) = checked(oncall, to.into.as_deref());
    if let Some(path) = &to.into {
        write(path, oncall, to.force)?;
    }
    if to.json {
        let text = to.into.is_none().then_some(oncall);
        output::json(&Told { report: &imported.report, oncall: text, into: to.into.as_deref() })?;
    } else if let Some(path) = &to.into {
        output::say(&imported.report.to_string());
        output::say(&format!("written to {}\n", path.display()));
    } else {
        output::say(oncall);
        output::complain(&imported.report.to_string());
    }
    output::complain(&findings.render(output::colour_on_stderr()));
    Ok(ExitCode::from(if usable { 0 } else { 1 }))
}

/// What `check` says of the result; and whether it can be used.
fn checked(oncall: &str, path: Option<&Path>) -> (Findings, bool) {
    let mut findings = Findings::default();
    let path = path.unwrap_or(Path::new("standard output")).to_owned();
    read_roster(&Arc::new(Source { path, text: oncall.to_owned() }), &mut findings);
    let usable = !findings.has_errors();
    (findings, usable)
}

/// Writes a file that is not there yet.
pub fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} is there already: --force replaces it", path.display()))
        }
        _ => Failure::Failed(format!("cannot write {}: {error}", path.display())),
    })
}
