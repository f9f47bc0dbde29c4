//! `nightbell outbox`: what waits to be told to targets, and what could not be.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::changing::change_incident;
use super::{Common, Failure, output};
use crate::daemon::config::Config;
use crate::daemon::incidents::IncidentChange;
use crate::problem::nearest;
use crate::store::{OutboxEntry, OutboxFilter, OutboxState, Reader};

/// Options of `outbox`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(flatten)]
    list: ListOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with the outbox.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send an entry again, with what followed it in its incident; or all that is dead of a target
    Replay(ReplayOptions),
    /// Do not send an entry that waits or is dead
    Drop(DropOptions),
}

/// Options of the list.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// The number of an entry: prints it with its notice
    id: Option<i64>,
    /// Only those of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Also what was sent and what was withdrawn
    #[arg(long)]
    all: bool,
    /// At most so many, the newest
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `outbox replay`.
#[derive(Debug, Args)]
pub struct ReplayOptions {
    #[command(flatten)]
    common: Common,
    /// The number of the entry
    #[arg(required_unless_present = "target", conflicts_with = "target")]
    id: Option<i64>,
    /// All that is dead of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `outbox drop`.
#[derive(Debug, Args)]
pub struct DropOptions {
    #[command(flatten)]
    common: Common,
    /// The number of the entry
    id: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Waiting {
    /// How many entries wait by it.
    waiting: usize,
}

#[derive(Debug, Serialize)]
struct Dropped {
    /// The entry.
    dropped: i64,
}

/// Prints the outbox, or changes it.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    match &options.command {
        None => list(&options.list),
        Some(Command::Replay(replay)) => send_again(replay),
        Some(Command::Drop(dropped)) => {
            change_incident(&dropped.common, IncidentChange::DropEntry(dropped.id))?;
            tell(dropped.json, &Dropped { dropped: dropped.id }, "the entry is not sent")
        }
    }
}

fn send_again(options: &ReplayOptions) -> Result<ExitCode, Failure> {
    let change = match (options.id, &options.target) {
        (Some(id), _) => IncidentChange::ReplayEntry(id),
        (None, Some(target)) => IncidentChange::ReplayTarget(target.clone()),
        (None, None) => return Err(Failure::Usage("name an entry, or `--target`".to_owned())),
    };
    let (done, _) = change_incident(&options.common, change)?;
    let waiting = Waiting { waiting: done.entries };
    let entries =
        if done.entries == 1 { "1 entry is".to_owned() } else { format!("{} entries are", done.entries) };
    tell(options.json, &waiting, &format!("{entries} sent again"))
}

fn tell(json: bool, value: &impl Serialize, text: &str) -> Result<ExitCode, Failure> {
    if json {
        output::json(value)?;
    } else {
        output::say(&format!("{text}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let reader = super::reader_if_any(&config)?;
    if let Some(id) = options.id {
        return one(reader.as_ref(), id, options.json);
    }
    let filter = OutboxFilter {
        target: options.target.clone(),
        all: options.all,
        limit: Some(options.limit),
        ..OutboxFilter::default()
    };
    let entries = reader.map(|reader| reader.outbox(&filter)).transpose()?.unwrap_or_default();
    if let (true, Some(target)) = (entries.is_empty(), &options.target) {
        is_there(&config, target)?;
    }
    if options.json {
        output::json(&entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&table(&entries));
    output::say(&nobody_empties(&config, &entries));
    Ok(ExitCode::SUCCESS)
}

/// A name that is mistyped must not look like a target that was told everything. One that was taken out of the settings
/// may have entries all the same.
fn is_there(config: &Config, name: &str) -> Result<(), Failure> {
    let known = || config.targets.iter().map(|target| target.name.as_str());
    if known().any(|known| known == name) {
        return Ok(());
    }
    let near = nearest(name, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::Failed(format!("there is no target called `{name}`{near}")))
}

/// What is said of entries whose target the settings do not have.
fn nobody_empties(config: &Config, entries: &[OutboxEntry]) -> String {
    let known = |entry: &OutboxEntry| config.targets.iter().any(|target| target.name == entry.target);
    let mut lost: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.state == OutboxState::Waiting && !known(entry))
        .map(|entry| entry.target.as_str())
        .collect();
    lost.sort_unstable();
    lost.dedup();
    match lost.is_empty() {
        true => String::new(),
        false => format!(
            "\nThe settings have no [[notify]] named {}: its entries wait until they do, for 7 days.\n",
            output::printable(&lost.join(", "))
        ),
    }
}

fn one(reader: Option<&Reader>, id: i64, json: bool) -> Result<ExitCode, Failure> {
    let missing = || Failure::Failed(format!("there is no entry {id} in the outbox"));
    let entry = reader.map(|reader| reader.outbox_entry(id)).transpose()?.flatten().ok_or_else(missing)?;
    if json {
        output::json(&entry)?;
    } else {
        let notice = serde_json::to_string_pretty(&entry.notice)?;
        output::say(&format!("{}\n{notice}\n", table(std::slice::from_ref(&entry))));
    }
    Ok(ExitCode::SUCCESS)
}

/// Entries as a table.
pub fn table(entries: &[OutboxEntry]) -> String {
    let dash = || "-".to_owned();
    let cells: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![
                entry.id.to_string(),
                output::printable(&entry.target),
                entry.event().to_owned(),
                entry.incident.map_or_else(|| entry.dedup_key.clone(), |id| format!("incident {id}")),
                entry.state.as_str().to_owned(),
                entry.attempts.to_string(),
                output::local(entry.settled_at.unwrap_or(entry.due_at)),
                entry.last_error.as_deref().map_or_else(dash, output::printable),
            ]
        })
        .collect();
    output::table(&["ID", "TARGET", "WHAT", "OF", "STATE", "TRIES", "DUE OR DONE", "LAST ERROR"], &cells)
}
