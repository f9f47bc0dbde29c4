//! `nightbell check`: everything that can be known before the first call.

use std::process::ExitCode;

use clap::Args;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::{Common, Failure, output};
use crate::daemon::config::Config;
use crate::daemon::findings::{Finding, Findings};
use crate::oncall::{Roster, ScheduleId};
use crate::problem::{Problem, Severity};

/// How far ahead gaps in coverage are looked for.
const DAYS_AHEAD: i64 = 30;

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
            (Some((_, roster)), _) => Some(roster.clone()),
            (None, false) => Some(super::stored_roster(config)?),
            (None, true) => None,
        };
        if let Some(roster) = roster {
            let (roster, calendars) = super::calendars::check(config, roster, &mut findings)?;
            let plan = config.plan(&roster, &mut findings);
            gaps(config, &roster, &mut findings);
            met = plan.hotlines.iter().map(|hotline| format!("{hotline}\n")).collect();
            met.push_str(&calendars);
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

/// Stretches of the next weeks in which nobody is on call.
fn gaps(config: &Config, roster: &Roster, findings: &mut Findings) {
    let now = Timestamp::now();
    let Ok(until) = now.checked_add((24 * DAYS_AHEAD).hours()) else { return };
    for schedule in roster.schedules.keys() {
        let gaps = roster.gaps(schedule, now, until);
        let Some((from, to)) = gaps.first() else { continue };
        let problem = Problem::warning(0..0, gap(schedule, *from, *to, gaps.len()))
            .help("add a rotation, or a level after this schedule");
        match &config.oncall {
            Some((source, _)) => findings.add(source, [problem]),
            None => findings.add_elsewhere(problem),
        }
    }
}

fn gap(schedule: &ScheduleId, from: Timestamp, to: Timestamp, count: usize) -> String {
    let (from, to) = (output::local(from), output::local(to));
    let more = match count {
        1 => String::new(),
        _ => format!(", and {} times more within {DAYS_AHEAD} days", count - 1),
    };
    format!("nobody is on call in the schedule {schedule} from {from} to {to}{more}")
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
