//! `nightbell voicemail`: the messages callers left.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Common, Failure, output};
use crate::call::describe_ms;
use crate::store::{Store, VoicemailRow};

/// What can be done with messages.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print all messages and where their files are
    List(Options),
}

/// Options of `voicemail list`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    row: &'a VoicemailRow,
    path: String,
}

/// Lists the messages.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::List(options) = command;
    let (config, _) = options.common.load()?;
    let rows = Store::open_read_only(&config.data_dir)?.voicemails()?;
    let folder = config.data_dir.join("recordings");
    let listed: Vec<_> =
        rows.iter().map(|row| Listed { row, path: folder.join(&row.file).display().to_string() }).collect();
    if options.json {
        output::json(&listed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cells: Vec<Vec<String>> = listed
        .iter()
        .map(|listed| {
            vec![
                listed.row.call.to_string(),
                output::local(listed.row.at),
                describe_ms(u64::try_from(listed.row.duration_ms).unwrap_or(0)),
                output::printable(&listed.row.caller),
                output::printable(&listed.row.hotline),
                listed.path.clone(),
            ]
        })
        .collect();
    output::say(&output::table(&["CALL", "AT", "LENGTH", "CALLER", "HOTLINE", "FILE"], &cells));
    Ok(ExitCode::SUCCESS)
}
