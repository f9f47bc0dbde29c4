//! `nightbell voicemail`: the messages callers left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, Failure, erase, output};
use crate::call::describe_ms;
use crate::daemon::config::Config;
use crate::daemon::messages;
use crate::daemon::retention::Removal;
use crate::store::{Store, VoicemailFilter, VoicemailRow};

/// What can be done with messages.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print all messages and where their files are
    List(ListOptions),
    /// Copy a message, as it is or in another format
    Export(ExportOptions),
    /// Delete a message: its file, and what would still be told of it
    Delete(DeleteOptions),
}

/// Options of `voicemail list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// Only of this hotline
    #[arg(long, value_name = "NAME")]
    hotline: Option<String>,
    /// Only of this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Only callers whose number begins like this
    #[arg(long, value_name = "PREFIX")]
    caller: Option<String>,
    /// Only messages since then: a time, or a length of time back (2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = super::output::since)]
    since: Option<Timestamp>,
    /// Also those that were purged or deleted
    #[arg(long)]
    all: bool,
    /// At most so many, the newest
    #[arg(long)]
    limit: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `voicemail export`.
#[derive(Debug, Args)]
pub struct ExportOptions {
    #[command(flatten)]
    common: Common,
    /// The id of the call, or its beginning
    id: String,
    /// Where to; `-`: standard output [default: ID.wav, or ID and the format, in this folder]
    file: Option<PathBuf>,
    /// wav, or a format that a program of [voicemail] export makes
    #[arg(long, default_value = "wav")]
    format: String,
}

/// Options of `voicemail delete`.
#[derive(Debug, Args)]
pub struct DeleteOptions {
    #[command(flatten)]
    common: Common,
    /// The id of the call, or its beginning
    id: String,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    row: &'a VoicemailRow,
    path: String,
    /// It is kept, but its file is not there.
    missing: bool,
}

/// Does what is asked for with messages.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(options) => list(options),
        Command::Export(options) => export(options),
        Command::Delete(options) => delete(options),
    }
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let rows = Store::open_read_only(&config.data_dir)?.voicemails(&VoicemailFilter {
        hotline: options.hotline.clone(),
        route: options.route.clone(),
        caller_prefix: options.caller.clone(),
        since: options.since,
        gone: options.all,
        limit: options.limit,
        ..VoicemailFilter::default()
    })?;
    let listed: Vec<_> = rows.iter().map(|row| Listed::of(row, &config)).collect();
    if options.json {
        output::json(&listed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["CALL", "AT", "LENGTH", "CALLER", "HOTLINE", "ROUTE", "INCIDENT", "STATE", "FILE"];
    output::say(&output::table(&headings, &listed.iter().map(Listed::cells).collect::<Vec<_>>()));
    Ok(ExitCode::SUCCESS)
}

impl<'a> Listed<'a> {
    fn of(row: &'a VoicemailRow, config: &Config) -> Self {
        let path = path(config, row);
        let missing = row.state == "kept" && !path.exists();
        Self { row, path: path.display().to_string(), missing }
    }

    fn cells(&self) -> Vec<String> {
        let row = self.row;
        vec![
            row.call.to_string(),
            output::local(row.at),
            describe_ms(u64::try_from(row.duration_ms).unwrap_or(0)),
            output::printable(&row.caller),
            output::printable(&row.hotline),
            row.route.clone().unwrap_or("-".to_owned()),
            row.incident.map_or("-".to_owned(), |incident| incident.to_string()),
            self.state(),
            if row.state == "kept" { self.path.clone() } else { "-".to_owned() },
        ]
    }

    fn state(&self) -> String {
        let more = [
            (self.row.truncated, "cut short"),
            (self.row.encrypted, "encrypted"),
            (self.missing, "but its file is not there"),
        ];
        let words = more.into_iter().filter_map(|(holds, word)| holds.then_some(word));
        std::iter::once(self.row.state.as_str()).chain(words).collect::<Vec<_>>().join(", ")
    }
}

fn path(config: &Config, row: &VoicemailRow) -> PathBuf {
    config.data_dir.join("recordings").join(&row.file)
}

/// The one message that is kept of the call whose id begins like this.
fn message(config: &Config, id: &str) -> Result<VoicemailRow, Failure> {
    let filter = VoicemailFilter { call_prefix: Some(id.to_owned()), ..VoicemailFilter::default() };
    let mut found = Store::open_read_only(&config.data_dir)?.voicemails(&filter)?;
    match (found.pop(), found.is_empty()) {
        (Some(row), true) if !id.is_empty() => Ok(row),
        (Some(_), _) => Err(Failure::Failed(format!("several messages have an id that begins with {id}"))),
        (None, _) => Err(Failure::Failed(format!("there is no message of a call {id}"))),
    }
}

fn export(options: &ExportOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let command = match options.format.as_str() {
        "wav" => None,
        format => Some(config.voicemail.export.get(format).ok_or_else(|| unknown_format(format, &config))?),
    };
    let row = message(&config, &options.id)?;
    let from = path(&config, &row);
    if row.encrypted && command.is_some() {
        let message = "the message is encrypted: no other format can be made of it here";
        return Err(Failure::Failed(format!("{message}; export it as it is and decrypt it first")));
    }
    let ending = if row.encrypted { "wav.age" } else { options.format.as_str() };
    let file = options.file.clone().unwrap_or_else(|| format!("{}.{ending}", row.call).into());
    let sound = File::open(&from).map_err(|error| unreadable(&from, &error))?;
    if file == Path::new("-") {
        to_standard_output(command, sound)?;
    } else {
        to_file(command, sound, &file)?;
        output::say(&format!("{}\n", file.display()));
    }
    if row.encrypted {
        output::complain(&format!(
            "the message is encrypted: age -d -i KEY.txt -o {}.wav {}\n",
            row.call,
            file.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown_format(format: &str, config: &Config) -> Failure {
    let known: Vec<_> =
        std::iter::once("wav").chain(config.voicemail.export.keys().map(String::as_str)).collect();
    Failure::Usage(format!(
        "nothing makes {format} of a message; there is {}, and [voicemail] export names programs for more",
        known.join(", ")
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

fn to_standard_output(command: Option<&Vec<String>>, mut sound: File) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        return Err(Failure::Usage(
            "sound is not for a terminal: name a file, or pass it on to a program".to_owned(),
        ));
    }
    match command {
        None => io::copy(&mut sound, &mut stdout).map(drop)?,
        Some(command) => {
            let out = rustix::io::dup(&stdout).map_err(io::Error::from)?;
            messages::convert(command, sound, out.into()).map_err(Failure::Failed)?;
        }
    }
    Ok(())
}

/// A file of that name is replaced, once the new one is whole.
fn to_file(command: Option<&Vec<String>>, mut sound: File, file: &Path) -> Result<(), Failure> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written = options.and_then(|mut out| match command {
        None => io::copy(&mut sound, &mut out).map(drop),
        Some(command) => messages::convert(command, sound, out).map_err(io::Error::other),
    });
    let written = written.and_then(|()| fs::rename(&part, file));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written.map_err(|error| unreadable(file, &error))
}

fn delete(options: &DeleteOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let row = message(&config, &options.id)?;
    erase::remove(&config, Removal::Message { call: row.call.to_string() })?;
    let length = describe_ms(u64::try_from(row.duration_ms).unwrap_or(0));
    output::say(&format!("the message of call {} is deleted ({length})\n", row.call));
    Ok(ExitCode::SUCCESS)
}
