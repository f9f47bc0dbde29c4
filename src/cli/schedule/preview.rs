//! `nightbell schedule preview`: who will be on call when, as text, JSON or a calendar.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::{Timestamp, ToSpan as _};

use crate::cli::{Common, Failure, output, roster};
use crate::oncall::ical::write;
use crate::oncall::{Previewed, Roster, ScheduleId};

/// Options of `schedule preview`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Only this schedule
    schedule: Option<String>,
    /// From this time instead of now: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = output::moment)]
    from: Option<Timestamp>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = output::moment, conflicts_with = "days")]
    until: Option<Timestamp>,
    /// So many days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
    days: u16,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print JSON: the same as --format json
    #[arg(long)]
    json: bool,
}

/// How a preview is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// A calendar (iCalendar) that other programs can show
    Ics,
}

/// Prints the shifts.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let roster = roster(&options.common)?;
    let wanted = options.schedule.as_deref();
    if let Some(unknown) = wanted.filter(|name| !roster.schedules.contains_key(&ScheduleId::from(*name))) {
        let known: Vec<_> = roster.schedules.keys().map(ScheduleId::as_str).collect();
        return Err(Failure::Usage(format!(
            "there is no schedule {unknown}; there are {}",
            known.join(", ")
        )));
    }
    let from = options.from.unwrap_or_else(Timestamp::now);
    let until = options.until.map_or_else(|| from.checked_add((24 * i64::from(options.days)).hours()), Ok)?;
    if until <= from {
        return Err(Failure::Usage("the period ends before it begins".to_owned()));
    }
    let schedules = roster.schedules.keys().filter(|id| wanted.is_none_or(|name| id.as_str() == name));
    let shifts: Vec<Previewed> = schedules.flat_map(|id| roster.preview(id, from, until)).collect();
    match options.format {
        _ if options.json => output::json(&shifts)?,
        Format::Json => output::json(&shifts)?,
        Format::Text => output::say(&text(&shifts)),
        Format::Ics => output::say(&calendar(&roster, &shifts, wanted, until)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(shifts: &[Previewed]) -> String {
    let cells: Vec<Vec<String>> = shifts
        .iter()
        .map(|shift| {
            vec![
                shift.schedule.to_string(),
                output::local(shift.from),
                shift.until.map_or_else(|| "-".to_owned(), output::local),
                shift.person.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string),
                output::printable(&shift.because),
            ]
        })
        .collect();
    output::table(&["SCHEDULE", "FROM", "UNTIL", "ON CALL", "BECAUSE"], &cells)
}

fn calendar(roster: &Roster, shifts: &[Previewed], schedule: Option<&str>, until: Timestamp) -> String {
    let name = schedule.map_or_else(|| "on call".to_owned(), |schedule| format!("on call: {schedule}"));
    write(&name, &roster.entries(shifts, until), Timestamp::now())
}
