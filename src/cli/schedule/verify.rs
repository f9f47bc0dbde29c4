//! `nightbell schedule verify`: our answer to "who is on call" against another service's.

use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::against;
use crate::cli::{Common, Failure, output};
use crate::import::{Comparison, Difference, compare};
use crate::oncall::{ScheduleId, Zone};

/// Options of `schedule verify`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The schedule
    schedule: String,
    /// Their shifts: an iCalendar file or address, Opsgenie's /timeline or PagerDuty's schedule as JSON
    #[arg(long, value_name = "FILE|URL")]
    against: String,
    /// How many days are compared
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// From this time instead of now: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = crate::cli::output::moment)]
    from: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Compares, and prints each difference.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let roster = crate::cli::roster(&options.common)?;
    let id = ScheduleId::from(options.schedule.as_str());
    let Some(schedule) = roster.schedules.get(&id) else {
        return Err(Failure::Usage(format!("there is no schedule {id}")));
    };
    let from = options.from.unwrap_or_else(Timestamp::now);
    let days = SignedDuration::from_hours(24 * i64::from(options.days));
    let until = from.checked_add(days).map_err(|error| Failure::Usage(error.to_string()))?;
    let theirs = against::read(&options.against, &roster, schedule, from)?;
    let comparison = compare(&roster, &id, &theirs, &against::names(schedule), (from, until));
    if options.json {
        output::json(&comparison)?;
    } else {
        output::say(&told(&comparison, &schedule.timezone, until));
    }
    let same = comparison.differences.is_empty() && comparison.from < comparison.until;
    Ok(ExitCode::from(if same { 0 } else { 1 }))
}

fn told(comparison: &Comparison, zone: &Zone, wanted: Timestamp) -> String {
    let mut text = String::new();
    let time = |at: Timestamp| zone.local(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    for difference in &comparison.differences {
        text.push_str(&row(difference, &time));
    }
    for name in &comparison.unknown {
        text.push_str(&format!("{name}: nobody here has this name, id or e-mail address\n"));
    }
    if comparison.from == comparison.until {
        return text + "nothing was compared: their shifts end before\n";
    }
    if comparison.until < wanted {
        text.push_str(&format!("their shifts end at {}: compared until then\n", time(comparison.until)));
    }
    let (from, until) = (time(comparison.from), time(comparison.until));
    let count = output::count(comparison.differences.len(), "difference");
    text + &format!("{}: {count} from {from} to {until} ({zone})\n", comparison.schedule)
}

fn row(difference: &Difference, time: &dyn Fn(Timestamp) -> String) -> String {
    let ours: Vec<String> = difference.ours.iter().map(ToString::to_string).collect();
    let list = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") };
    let (from, until) = (time(difference.from), time(difference.until));
    let mut text =
        format!("{from} to {until}: they say {}, we say {}\n", list(&difference.theirs), list(&ours));
    for reason in &difference.because {
        text.push_str(&format!("    {reason}\n"));
    }
    text
}
