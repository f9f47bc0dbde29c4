//! `nightbell schedule import`: an export of another service becomes an on-call file of ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::export;
use crate::cli::{Failure, output};
use crate::daemon::config::read_roster;
use crate::daemon::findings::{Findings, Source};
use crate::import::{Imported, Report, opsgenie, pagerduty};

/// Where from.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The folder of Opsgenie's configuration backup
    Opsgenie(Options),
    /// Answers of PagerDuty's REST interface: one JSON file, or a folder of them
    Pagerduty(Options),
}

/// Options of an import.
#[derive(Debug, Args)]
pub struct Options {
    /// What was exported
    #[arg(value_name = "PATH")]
    from: PathBuf,
    #[command(flatten)]
    to: Destination,
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
    let (options, imported, service) = match command {
        Command::Opsgenie(options) => {
            (options, opsgenie::convert(&export::read(&options.from, "json")?, now), "Opsgenie backup")
        }
        Command::Pagerduty(options) => {
            (options, pagerduty::convert(&export::read(&options.from, "json")?, now), "PagerDuty export")
        }
    };
    let day = now.strftime("%Y-%m-%d");
    let origin = format!("Imported on {day} from the {service} {}.", options.from.display());
    deliver(&imported, &imported.draft.to_toml(&origin), &options.to)
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
