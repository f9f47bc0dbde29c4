//! `nightbell check`: everything that can be known before the first call.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::simulate::House;
use super::{Common, Failure, expect, output};
use crate::call::plan::Snapshot;
use crate::daemon::config::Config;
use crate::daemon::findings::{Finding, Findings};
use crate::daemon::transcript;
use crate::problem::{Problem, Severity};

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    severity: &'static str,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
    help: Option<&'a str>,
}

/// Checks the settings and prints what a call would meet.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (config, mut findings) = Config::load(&options.common.path()?);
    let mut met = String::new();
    if let Some(config) = &config {
        // A file with faults of its own says nothing of people that a hotline could be checked with.
        let roster = match (&config.oncall, findings.has_errors()) {
            (Some((_, roster)), true) => Some(roster.clone()),
            // What commands have said is asked for where it can be read; the file is checked all the same.
            (Some((_, roster)), false) => {
                Some(super::with_commands(config, roster).unwrap_or_else(|_| roster.clone()))
            }
            (None, false) => Some(super::stored_roster(config)?),
            (None, true) => None,
        };
        if let Some(roster) = roster {
            let (roster, calendars) = super::calendars::check(config, roster, &mut findings)?;
            let plan = config.plan(&roster, &mut findings);
            super::coverage::check(config, &roster, &mut findings);
            // Of settings with errors, a call would say nothing.
            if !findings.has_errors() {
                let snapshot = Snapshot { hotlines: plan.hotlines.clone(), roster: Arc::new(roster.clone()) };
                let house = House { snapshot: &Arc::new(snapshot), trunks: &config.trunks };
                findings.add(&config.source, expect::problems(&config.expect, house));
            }
            met = plan.hotlines.iter().map(|hotline| format!("{hotline}\n")).collect();
            met.push_str(&calendars);
            met.push_str(&format!("{}\n", config.retention));
            met.push_str(&config.voicemail.to_string());
            transcripts(config, &mut findings);
            met.extend(config.targets.iter().map(|target| format!("target {target}\n")));
            let alarmed = config.alarms.targets().join(", ");
            if !alarmed.is_empty() {
                met.push_str(&format!("alarms of Nightbell itself are told to {alarmed}\n"));
            }
        }
    }
    let status = if findings.has_errors() { 2 } else { 0 };
    if options.json {
        output::json(&findings.0.iter().map(row).collect::<Vec<_>>())?;
        return Ok(ExitCode::from(status));
    }
    output::complain(&findings.render(output::colour_on_stderr()));
    let (errors, warnings) = findings.counts();
    if errors == 0 {
        output::say(&met);
    }
    output::say(&format!("{}, {}\n", output::count(errors, "error"), output::count(warnings, "warning")));
    Ok(ExitCode::from(status))
}

/// Whether the command that writes messages out can be kept to itself here.
fn transcripts(config: &Config, findings: &mut Findings) {
    let Some(transcription) = &config.transcript else { return };
    if let Err(why) = transcript::probe(transcription.network) {
        let message = format!("messages will not be written out: {why}");
        findings.add(&config.source, [Problem::warning(0..0, message)]);
    }
}

fn row(finding: &Finding) -> Row<'_> {
    let place = finding.place();
    Row {
        severity: match finding.problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        file: finding.source.as_ref().map(|source| source.path.display().to_string()),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        message: &finding.problem.message,
        help: finding.problem.help.as_deref(),
    }
}
