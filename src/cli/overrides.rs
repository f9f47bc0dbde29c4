//! `nightbell override`: who stands in, comes along or is left out, for a time.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::changing::change;
use super::{Common, Failure, output};
use crate::daemon::changes::{Change, NewOverride};
use crate::oncall::{Origin, Override, Roster, Schedule, Target};

/// What to do with overrides.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Have somebody stand in, come along or be left out; in use from the next call on
    Add(AddOptions),
    /// Overrides that are in force or to come
    List(ListOptions),
    /// Take overrides away that commands have made
    Remove(RemoveOptions),
}

/// Options of `override add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    #[command(flatten)]
    common: Common,
    /// The schedule
    #[arg(long)]
    schedule: String,
    /// Who: a person's id, team:, schedule:, everyone:, escalation:, or nobody
    #[arg(long)]
    person: String,
    /// From when, by the schedule's wall clock ("2026-12-24 18:00") or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when
    #[arg(long, value_name = "TIME")]
    until: String,
    /// replace: instead of who is on call; add: beside them; remove: not this one [default: replace]
    #[arg(long)]
    kind: Option<String>,
    /// Only in this rotation (several times: in these)
    #[arg(long, value_name = "NAME")]
    rotation: Vec<String>,
    /// Only where this person is on call
    #[arg(long, value_name = "PERSON")]
    instead_of: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `override list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// Only those of this schedule
    #[arg(long)]
    schedule: Option<String>,
    /// Also those that are over
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `override remove`.
#[derive(Debug, Args)]
pub struct RemoveOptions {
    #[command(flatten)]
    common: Common,
    /// The numbers, as `override list` shows them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    /// `None`: it stands in the on-call file.
    id: Option<i64>,
    schedule: String,
    person: String,
    kind: &'static str,
    instead_of: Option<String>,
    rotations: Vec<String>,
    from: Timestamp,
    until: Timestamp,
    by: &'static str,
}

/// Carries the command out.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(options) => add(options),
        Command::List(options) => list(options),
        Command::Remove(options) => remove(options),
    }
}

fn add(options: &AddOptions) -> Result<ExitCode, Failure> {
    let new = NewOverride {
        schedule: options.schedule.clone(),
        person: options.person.clone(),
        from: options.from.clone(),
        until: options.until.clone(),
        kind: options.kind.clone(),
        rotations: options.rotation.clone(),
        instead_of: options.instead_of.clone(),
    };
    let (changed, roster) = change(&options.common, Change::AddOverride(new))?;
    let made: Vec<Row> =
        rows(&roster).filter(|row| row.id.is_some_and(|id| changed.overrides.contains(&id))).collect();
    match (&made[..], options.json) {
        ([row], true) => output::json(row)?,
        _ => tell(&made),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let roster = super::roster(&options.common)?;
    let now = Timestamp::now();
    let wanted = |row: &Row| {
        (options.all || now < row.until) && options.schedule.as_ref().is_none_or(|name| *name == row.schedule)
    };
    let rows: Vec<Row> = rows(&roster).filter(wanted).collect();
    if options.json {
        output::json(&rows)?;
    } else {
        tell(&rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(options: &RemoveOptions) -> Result<ExitCode, Failure> {
    let (changed, _) = change(&options.common, Change::RemoveOverrides(options.ids.clone()))?;
    if options.json {
        output::json(&changed.overrides)?;
    } else {
        output::say(&format!("{} removed\n", output::count(changed.overrides.len(), "override")));
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(roster: &Roster) -> impl Iterator<Item = Row> {
    let schedules = roster.schedules.values();
    schedules.flat_map(|schedule| schedule.overrides.iter().map(|over| row(schedule, over)))
}

fn row(schedule: &Schedule, over: &Override) -> Row {
    let (id, by) = match over.origin {
        Origin::File => (None, "file"),
        Origin::Command(id) => (Some(id), "command"),
    };
    Row {
        id,
        schedule: schedule.id.to_string(),
        person: over.member.to_string(),
        kind: over.kind.as_str(),
        instead_of: over.instead_of.as_ref().map(Target::to_string),
        rotations: over.rotations.clone(),
        from: schedule.timezone.instant(over.from),
        until: schedule.timezone.instant(over.until),
        by,
    }
}

fn tell(rows: &[Row]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                row.schedule.clone(),
                what(row),
                if row.rotations.is_empty() { "all".to_owned() } else { row.rotations.join(", ") },
                output::local(row.from),
                output::local(row.until),
                row.by.to_owned(),
            ]
        })
        .collect();
    output::say(&output::table(&["ID", "SCHEDULE", "WHAT", "ROTATIONS", "FROM", "UNTIL", "BY"], &cells));
}

/// `carla`, `carla instead of person:bob`, `add carla`.
fn what(row: &Row) -> String {
    match (&row.instead_of, row.kind) {
        (Some(who), _) => format!("{} instead of {who}", row.person),
        (None, "replace") => row.person.clone(),
        (None, kind) => format!("{kind} {}", row.person),
    }
}
