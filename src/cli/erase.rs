//! `nightbell calls erase`: whatever tells of a caller.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::{Common, Failure, output};
use crate::daemon::config::Config;
use crate::daemon::control::{self, Command, Reply};
use crate::daemon::retention::{self, Erased, Removal};
use crate::oncall::E164;

/// Options of `calls erase`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The caller's number, as the log has it: +4915112345678
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    caller: String,
    /// Only tell what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn number(text: &str) -> Result<String, String> {
    E164::parse(text).map(|number| number.as_str().to_owned()).map_err(|error| error.to_string())
}

/// Erases a caller.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let removal = Removal::Caller { number: options.caller.clone(), dry_run: options.dry_run };
    let erased = remove(&config, removal)?;
    if options.json {
        output::json(&erased)?;
    } else {
        output::say(&told(&erased, &config.data_dir));
    }
    Ok(ExitCode::SUCCESS)
}

/// Has something removed: by the running daemon, or in the database of a stopped one.
pub fn remove(config: &Config, removal: Removal) -> Result<Erased, Failure> {
    match control::ask(&config.data_dir, &Command::Remove(removal.clone()))? {
        Some(Reply::Removed(erased)) => Ok(erased),
        Some(Reply::Failed(why)) => Err(Failure::Failed(why)),
        Some(_) => Err(Failure::Failed("the daemon answered something else".to_owned())),
        None => {
            let store = super::open_stopped(config)?;
            let recordings = config.data_dir.join("recordings");
            retention::carry_out(&store, &recordings, &removal, Timestamp::now())
                .map_err(|error| Failure::Failed(error.to_string()))
        }
    }
}

fn told(erased: &Erased, data_dir: &Path) -> String {
    let traces = &erased.traces;
    let mut text = match erased.dry_run {
        true => "nothing was erased; these would be:\n".to_owned(),
        false => "erased:\n".to_owned(),
    };
    let rows = [
        (traces.calls, "calls: they stay in the log without number, name and texts"),
        (traces.passed_on, "calls of others that this number had passed on: it is taken out of them"),
        (traces.recordings, "messages and recorded calls, with their files"),
        (traces.incidents, "incidents: they stay, without title and texts"),
        (traces.notices, "entries of the outbox"),
        (traces.unsent, "of which were still to be sent, and are not sent any more"),
    ];
    for (count, what) in rows {
        text.push_str(&format!("  {count:>6} {what}\n"));
    }
    if traces.running > 0 {
        let calls = output::count(usize::try_from(traces.running).unwrap_or(usize::MAX), "call");
        text.push_str(&format!(
            "{calls} of the number still running, and left alone: run this again afterwards\n"
        ));
    }
    if !erased.dry_run && !erased.log_emptied {
        text.push_str(
            "the write-ahead log could not be emptied, as somebody reads the database: run this again\n",
        );
    }
    text.push_str(&elsewhere(data_dir));
    text
}

/// Whether a file in the data directory is a database that is not in use: a copy of an upgrade's, or one that was moved
/// aside, with its write-ahead log.
fn is_copy(name: &str) -> bool {
    ["nightbell.db.", "nightbell.db-wal.", "nightbell.db-shm."].iter().any(|start| name.starts_with(start))
}

/// What no command can reach.
fn elsewhere(data_dir: &Path) -> String {
    let copies: Vec<String> = std::fs::read_dir(data_dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_copy(name))
        .collect();
    let mut text =
        "not reached: backups of the database and of the recordings, the log of the system (it names calls \
                    and their steps), the ring file of a failing disk, and what targets of [[notify]] were told already\n"
            .to_owned();
    if !copies.is_empty() {
        text.push_str(&format!("copies of the database in the data directory: {}\n", copies.join(", ")));
    }
    text
}
