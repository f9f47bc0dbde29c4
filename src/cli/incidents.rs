//! `nightbell incidents`: what calls came to, and what became of it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::changing::{change_incident, typed_by};
use super::{Common, Failure, output};
use crate::daemon::incidents::{Act, By, IncidentChange};
use crate::incident::Status;
use crate::store::{IncidentFilter, IncidentRow, LogRow, OutboxEntry, OutboxFilter, Reader, Store};

/// Options of `incidents`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(flatten)]
    list: ListOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open one for a call that has none: somebody is on it, and nobody is told
    Open(OpenOptions),
    /// Somebody has taken it on: nobody else is told to come any more
    Ack(ActOptions),
    /// It is over
    Resolve(ActOptions),
    /// Add a note; who was told of the incident is told of it
    Note(NoteOptions),
}

/// Options of the list.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// The number of an incident: prints it with its log
    id: Option<i64>,
    /// Only those that have come this far: triggered, acknowledged, resolved
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Also those that are resolved
    #[arg(long)]
    all: bool,
    /// Only those of this hotline
    #[arg(long, value_name = "NAME")]
    hotline: Option<String>,
    /// Only those of this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Only those opened since then: a time, or a length of time back (2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = super::output::since)]
    since: Option<Timestamp>,
    /// At most so many, the newest
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `incidents open`.
#[derive(Debug, Args)]
pub struct OpenOptions {
    #[command(flatten)]
    common: Common,
    /// The id of the call, or its beginning
    #[arg(long)]
    call: String,
    /// The id of the person who is on it
    #[arg(long, value_name = "PERSON")]
    assign: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `incidents ack` and `incidents resolve`.
#[derive(Debug, Args)]
pub struct ActOptions {
    #[command(flatten)]
    common: Common,
    /// The number of the incident
    id: i64,
    /// Who: the id of a person [default: the user who types this]
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `incidents note`.
#[derive(Debug, Args)]
pub struct NoteOptions {
    #[command(flatten)]
    act: ActOptions,
    /// What is to be said
    text: String,
}

/// An incident with all that is known of it.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    row: &'a IncidentRow,
    log: &'a [LogRow],
    outbox: &'a [OutboxEntry],
}

fn status(word: &str) -> Result<Status, String> {
    let known: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
    Status::from_word(word).ok_or_else(|| format!("known are {}", known.join(", ")))
}

/// Prints incidents, or changes one.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let of = |of: &ActOptions, act| act_on(&of.common, of.id, of.by.as_deref(), act, of.json);
    match &options.command {
        None => list(&options.list),
        Some(Command::Open(open)) => {
            let change = IncidentChange::Open { call: open.call.clone(), assign: open.assign.clone() };
            changed(&open.common, change, open.json)
        }
        Some(Command::Ack(ack)) => of(ack, Act::Acknowledge),
        Some(Command::Resolve(resolve)) => of(resolve, Act::Resolve),
        Some(Command::Note(note)) => of(&note.act, Act::Note(note.text.clone())),
    }
}

/// Does something to an incident, and prints it as it stands then.
pub fn act_on(common: &Common, id: i64, by: Option<&str>, act: Act, json: bool) -> Result<ExitCode, Failure> {
    let by = by.map_or_else(|| By::User(typed_by()), |by| By::Person(by.to_owned()));
    changed(common, IncidentChange::Of { id, by, act }, json)
}

fn changed(common: &Common, change: IncidentChange, json: bool) -> Result<ExitCode, Failure> {
    let (done, config) = change_incident(common, change)?;
    let reader = Store::open_read_only(&config.data_dir)?;
    let Some((row, _)) = done.incident.map(|id| reader.incident(id)).transpose()?.flatten() else {
        return Err(Failure::Failed("the incident is not there any more".to_owned()));
    };
    if json {
        output::json(&row)?;
    } else {
        output::say(&table(&[row]));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let reader = super::reader_if_any(&config)?;
    if let Some(id) = options.id {
        return one(reader.as_ref(), id, options.json);
    }
    let filter = IncidentFilter {
        status: options.status,
        all: options.all,
        hotline: options.hotline.clone(),
        route: options.route.clone(),
        since: options.since,
        limit: Some(options.limit),
    };
    let rows = reader.map(|reader| reader.incidents(&filter)).transpose()?.unwrap_or_default();
    if options.json {
        output::json(&rows)?;
    } else {
        output::say(&table(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn one(reader: Option<&Reader>, id: i64, json: bool) -> Result<ExitCode, Failure> {
    let missing =
        || Failure::Failed(format!("there is no incident {id}; `nightbell incidents --all` lists them"));
    let reader = reader.ok_or_else(missing)?;
    let (row, log) = reader.incident(id)?.ok_or_else(missing)?;
    let of = OutboxFilter { incident: Some(id), all: true, ..OutboxFilter::default() };
    let outbox = reader.outbox(&of)?;
    if json {
        output::json(&Whole { row: &row, log: &log, outbox: &outbox })?;
    } else {
        output::say(&whole(&row, &log, &outbox));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[IncidentRow]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                output::local(row.opened_at),
                state(row),
                row.severity.to_string(),
                output::printable(&row.title),
                if row.assigned.is_empty() { "-".to_owned() } else { row.assigned.join(", ") },
                row.call.to_string(),
            ]
        })
        .collect();
    output::table(&["ID", "OPENED", "STATUS", "SEVERITY", "WHAT", "ASSIGNED", "CALL"], &cells)
}

/// `triggered, muted`
fn state(row: &IncidentRow) -> String {
    let by = match row.status {
        Status::Triggered => None,
        Status::Acknowledged => row.acknowledged_by.as_ref(),
        Status::Resolved => row.resolved_by.as_ref(),
    };
    let mut text = row.status.to_string();
    if let Some(by) = by {
        text.push_str(&format!(" by {}", output::printable(by)));
    }
    if row.status != Status::Resolved {
        if row.muted {
            text.push_str(", muted");
        }
        if let Some(until) = row.snoozed_until.filter(|until| *until > Timestamp::now()) {
            text.push_str(&format!(", snoozed until {}", output::local(until)));
        }
    }
    text
}

/// One incident as a person reads it.
fn whole(row: &IncidentRow, log: &[LogRow], outbox: &[OutboxEntry]) -> String {
    let mut text = format!("incident {}: {}\n", row.id, output::printable(&row.title));
    let mut add =
        |name: &str, value: &str| text.push_str(&format!("  {name}: {}\n", output::printable(value)));
    add("status", &state(row));
    add("severity", row.severity.as_str());
    if !row.assigned.is_empty() {
        add("on it", &row.assigned.join(", "));
    }
    if let Some(file) = &row.voicemail {
        add("message", file);
    }
    if let Some(said) = &row.transcript {
        add("said in it", said);
    }
    add("call", &format!("{} (`nightbell calls {}` prints its timeline)", row.call, row.call));
    text.push('\n');
    for line in log {
        let by = line.by.as_ref().map(|by| format!(" by {}", output::printable(by))).unwrap_or_default();
        let detail = output::printable(&line.detail);
        text.push_str(&format!("{}  {}{by}: {detail}\n", output::local(line.at), line.kind));
    }
    if !outbox.is_empty() {
        text.push_str(&format!("\n{}", super::outbox::table(outbox)));
    }
    text
}
