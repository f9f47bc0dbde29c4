//! `nightbell people`: who can be rung, and who may be.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::changing::change;
use super::{Common, Failure, output};
use crate::daemon::changes::Change;
use crate::daemon::control::{self, Reply};
use crate::daemon::verify::Verified;
use crate::oncall::{Person, PersonPhone, Roster, Way};

/// Options of `people`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(flatten)]
    list: ListOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All people, their phones, and whether they may be rung now
    List(ListOptions),
    /// Have somebody rung, whatever the on-call file says
    Available(AvailabilityOptions),
    /// Have somebody not rung, whatever the on-call file says
    Unavailable(AvailabilityOptions),
    /// Have the running daemon call a phone, and whoever answers confirm it with the key 1
    Verify(VerifyOptions),
    /// Let what the on-call file says of somebody hold again
    Clear(ClearOptions),
}

/// Options of `people list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `people available` and `people unavailable`.
#[derive(Debug, Args)]
pub struct AvailabilityOptions {
    #[command(flatten)]
    common: Common,
    /// Who
    id: String,
    /// Until this time; then what the file says holds again: 2026-12-24T18:00 (local), with zone, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::output::moment)]
    until: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `people verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    #[command(flatten)]
    common: Common,
    /// Whose phone
    id: String,
    /// Which one [default: the first that is not confirmed]
    #[arg(long)]
    phone: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `people clear`.
#[derive(Debug, Args)]
pub struct ClearOptions {
    #[command(flatten)]
    common: Common,
    /// Who
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    phones: Vec<PhoneRow>,
    email: Option<&'a str>,
    language: Option<String>,
    notify: Vec<&'a str>,
    available: bool,
    until: Option<Timestamp>,
    by: &'static str,
}

#[derive(Debug, Serialize)]
struct PhoneRow {
    phone: String,
    confirmed: bool,
}

/// Carries the command out.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    match &options.command {
        None => list(&options.list),
        Some(Command::List(options)) => list(options),
        Some(Command::Available(options)) => set(options, true),
        Some(Command::Unavailable(options)) => set(options, false),
        Some(Command::Verify(options)) => verify(options),
        Some(Command::Clear(ClearOptions { common, id, json })) => told(common, id, None, None, *json),
    }
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let roster = super::roster(&options.common)?;
    let rows: Vec<Row<'_>> = roster.people.values().map(row).collect();
    if options.json {
        output::json(&rows)?;
    } else {
        tell(&rows);
    }
    Ok(ExitCode::SUCCESS)
}

/// Success where the phone is confirmed.
fn verify(options: &VerifyOptions) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let person = options.id.strip_prefix("person:").unwrap_or(&options.id).to_owned();
    let asked = control::Command::Verify { person, phone: options.phone.clone() };
    let verified = match control::ask(&config.data_dir, &asked)? {
        Some(Reply::Verified(verified)) => verified,
        Some(Reply::Failed(why)) => return Err(Failure::Failed(why)),
        Some(_) => return Err(Failure::Failed("the daemon answered something else".to_owned())),
        None => {
            let why = "the daemon is not running, and it is what calls phones: start it with `nightbell run`";
            return Err(Failure::Failed(why.to_owned()));
        }
    };
    if options.json {
        output::json(&verified)?;
    } else {
        let word = if verified.confirmed { "is confirmed" } else { "is not confirmed" };
        let Verified { phone, name, reason, call, .. } = &verified;
        output::say(&format!("{phone} of {name} {word}: {reason} (call {call})\n"));
    }
    Ok(if verified.confirmed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn set(options: &AvailabilityOptions, available: bool) -> Result<ExitCode, Failure> {
    told(&options.common, &options.id, Some(available), options.until, options.json)
}

fn told(
    common: &Common,
    id: &str,
    available: Option<bool>,
    until: Option<Timestamp>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let person = id.strip_prefix("person:").unwrap_or(id).to_owned();
    let (_, roster) = change(common, Change::Availability { person: person.clone(), available, until })?;
    let rows: Vec<Row<'_>> = person_of(&roster, &person).map(row).into_iter().collect();
    match (&rows[..], json) {
        ([row], true) => output::json(row)?,
        _ => tell(&rows),
    }
    Ok(ExitCode::SUCCESS)
}

fn person_of<'a>(roster: &'a Roster, id: &str) -> Option<&'a Person> {
    roster.people.get(&crate::oncall::PersonId::new(id))
}

fn row(person: &Person) -> Row<'_> {
    let now = Timestamp::now();
    let told = person.command_in_force(now);
    let phone = |own: &PersonPhone| PhoneRow { phone: own.phone.to_string(), confirmed: own.confirmed };
    Row {
        id: person.id.as_str(),
        name: &person.name,
        phones: person.phones.iter().map(phone).collect(),
        email: person.email.as_deref(),
        language: person.language.map(|language| language.to_string()),
        notify: person.notify.iter().map(Way::as_str).collect(),
        available: person.is_available(now),
        until: told.and_then(|told| told.until),
        by: if told.is_some() { "command" } else { "file" },
    }
}

fn tell(rows: &[Row<'_>]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.to_owned(),
                row.name.to_owned(),
                phones(row),
                row.notify.join(", "),
                availability(row),
            ]
        })
        .collect();
    output::say(&output::table(&["ID", "NAME", "PHONES", "NOTIFY", "AVAILABLE"], &cells));
}

fn phones(row: &Row<'_>) -> String {
    let phone = |own: &PhoneRow| match own.confirmed {
        true => own.phone.clone(),
        false => format!("{} (not confirmed)", own.phone),
    };
    row.phones.iter().map(phone).collect::<Vec<_>>().join(", ")
}

/// `yes`, `no, by command until 2026-12-24 18:00:00`.
fn availability(row: &Row<'_>) -> String {
    let word = if row.available { "yes" } else { "no" };
    match (row.by, row.until) {
        ("command", Some(until)) => format!("{word}, by command until {}", output::local(until)),
        ("command", None) => format!("{word}, by command"),
        _ => word.to_owned(),
    }
}
