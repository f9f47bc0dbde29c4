//! `nightbell oncall`: who is on call, since when, until when, and by which rule.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, Failure, output};
use crate::oncall::{Roster, ScheduleId, Shift};

/// Options of `oncall`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Only this schedule
    schedule: Option<String>,
    /// At this time instead of now: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::output::moment)]
    at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct OnDuty<'a> {
    schedule: &'a ScheduleId,
    person: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    because: String,
}

/// Prints who is on call.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let roster = super::roster(&options.common)?;
    let at = options.at.unwrap_or_else(Timestamp::now);
    let wanted = options.schedule.as_deref();
    if let Some(unknown) = wanted.filter(|name| !roster.schedules.contains_key(&ScheduleId::from(*name))) {
        let known: Vec<_> = roster.schedules.keys().map(ScheduleId::as_str).collect();
        let known = if known.is_empty() { "none at all".to_owned() } else { known.join(", ") };
        return Err(Failure::Usage(format!("there is no schedule {unknown}; there are {known}")));
    }
    let rows: Vec<OnDuty<'_>> = roster
        .schedules
        .keys()
        .filter(|id| wanted.is_none_or(|name| id.as_str() == name))
        .flat_map(|id| on_duty(&roster, id, at))
        .collect();
    if options.json {
        output::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), output::local);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.schedule.to_string(),
                row.person.clone().unwrap_or("nobody".to_owned()),
                time(row.since),
                time(row.until),
                row.because.clone(),
            ]
        })
        .collect();
    output::say(&output::table(&["SCHEDULE", "ON CALL", "SINCE", "UNTIL", "BECAUSE"], &cells));
    Ok(ExitCode::SUCCESS)
}

fn on_duty<'a>(roster: &Roster, schedule: &'a ScheduleId, at: Timestamp) -> Vec<OnDuty<'a>> {
    let shifts = roster.on_call(schedule, at);
    if shifts.is_empty() {
        let because = roster.nobody_on_call(schedule, at).unwrap_or_default();
        return vec![OnDuty { schedule, person: None, since: None, until: None, because }];
    }
    let row = |shift: Shift| OnDuty {
        schedule,
        person: Some(shift.person.to_string()),
        since: Some(shift.since),
        until: shift.until,
        because: shift.because,
    };
    shifts.into_iter().map(row).collect()
}
