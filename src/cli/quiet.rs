//! `nightbell maintenance`, `snooze` and `mute`: when incidents are not opened, or nobody is told of them. None of
//! them keeps a phone from ringing.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::changing::change_incident;
use super::{Common, Failure, incidents, output};
use crate::daemon::config::Config;
use crate::daemon::findings::Findings;
use crate::daemon::incidents::{Act, IncidentChange};
use crate::problem::nearest;
use crate::store::{NewQuietTime, QuietKind, QuietTime, Store};

/// What to do with maintenance windows.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open no incidents for a time; calls go on as ever
    Add(AddOptions),
    /// End one
    Remove(RemoveOptions),
    /// All that is quiet or will be: maintenance, snooze, mute
    List(ListOptions),
}

/// Where it is quiet.
#[derive(Debug, Args)]
struct Place {
    /// Only for this hotline
    #[arg(long, value_name = "NAME")]
    hotline: Option<String>,
    /// Only for this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
}

/// Options of `maintenance add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    /// Until when: a time, or how long from now (2h, 1d)
    #[arg(long, value_name = "TIME", value_parser = super::output::ahead)]
    until: Timestamp,
    /// From when [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::output::ahead)]
    from: Option<Timestamp>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `maintenance remove`.
#[derive(Debug, Args)]
pub struct RemoveOptions {
    #[command(flatten)]
    common: Common,
    /// Its number, as `maintenance list` shows it
    id: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `maintenance list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    common: Common,
    /// Also what is over
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `snooze` and `mute`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The number of an incident; else what is opened at a hotline or route from then on
    #[arg(conflicts_with_all = ["hotline", "route", "everywhere", "from", "reason"])]
    id: Option<i64>,
    #[command(flatten)]
    place: Place,
    /// All hotlines
    #[arg(long, conflicts_with_all = ["hotline", "route"])]
    everywhere: bool,
    /// Until when: a time, or how long from now (2h, 1d)
    #[arg(long, value_name = "TIME", value_parser = super::output::ahead, conflicts_with = "off")]
    until: Option<Timestamp>,
    /// From when [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::output::ahead, conflicts_with = "off")]
    from: Option<Timestamp>,
    /// Why
    #[arg(long, conflicts_with = "off")]
    reason: Option<String>,
    /// Not any more
    #[arg(long)]
    off: bool,
    /// Who says so of an incident: the id of a person [default: the user who types this]
    #[arg(long, value_name = "PERSON", requires = "id")]
    by: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `nightbell maintenance`
pub fn maintenance(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(options) => {
            let time = NewQuietTime {
                kind: QuietKind::Maintenance,
                hotline: options.place.hotline.clone(),
                route: options.place.route.clone(),
                from: options.from.unwrap_or_else(Timestamp::now),
                until: Some(options.until),
                reason: options.reason.clone(),
            };
            add(&options.common, time, options.json)
        }
        Command::Remove(options) => remove(&options.common, QuietKind::Maintenance, options.id, options.json),
        Command::List(options) => list(&options.common, options.all, options.json),
    }
}

/// `nightbell snooze`: people are told at its end.
pub fn snooze(options: &Options) -> Result<ExitCode, Failure> {
    match (options.id, options.until) {
        (Some(_), None) if !options.off => Err(Failure::Usage("until when? Add `--until`".to_owned())),
        (Some(id), until) => {
            incidents::act_on(&options.common, id, options.by.as_deref(), Act::Snooze(until), options.json)
        }
        (None, None) if !options.off => Err(Failure::Usage("until when? Add `--until`".to_owned())),
        (None, _) => at_place(options, QuietKind::Snooze),
    }
}

/// `nightbell mute`: nobody is told.
pub fn mute(options: &Options) -> Result<ExitCode, Failure> {
    match options.id {
        Some(_) if options.until.is_some() => {
            let why = "an incident is muted for good; `nightbell snooze` puts it off until a time";
            Err(Failure::Usage(why.to_owned()))
        }
        Some(id) => incidents::act_on(
            &options.common,
            id,
            options.by.as_deref(),
            Act::Mute(!options.off),
            options.json,
        ),
        None => at_place(options, QuietKind::Mute),
    }
}

fn at_place(options: &Options, kind: QuietKind) -> Result<ExitCode, Failure> {
    let Place { hotline, route } = &options.place;
    if hotline.is_none() && route.is_none() && !options.everywhere {
        let why = "name an incident, a `--hotline`, a `--route`, or `--everywhere`";
        return Err(Failure::Usage(why.to_owned()));
    }
    let (hotline, route) = (hotline.clone(), route.clone());
    if options.off {
        let (done, _) = change_incident(&options.common, IncidentChange::EndQuiet { kind, hotline, route })?;
        return removed(&done.quiet, options.json);
    }
    let from = options.from.unwrap_or_else(Timestamp::now);
    let time =
        NewQuietTime { kind, hotline, route, from, until: options.until, reason: options.reason.clone() };
    add(&options.common, time, options.json)
}

fn add(common: &Common, time: NewQuietTime, json: bool) -> Result<ExitCode, Failure> {
    let (config, _) = common.load()?;
    check_place(&config, &time)?;
    let (done, config) = change_incident(common, IncidentChange::AddQuiet(time))?;
    let all = Store::open_read_only(&config.data_dir)?.quiet_times(Timestamp::now(), true)?;
    let made: Vec<_> = all.into_iter().filter(|time| done.quiet.contains(&time.id)).collect();
    match (&made[..], json) {
        ([time], true) => output::json(time)?,
        _ => output::say(&table(&made)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is quiet must be there: a name that is mistyped would keep nothing quiet.
fn check_place(config: &Config, time: &NewQuietTime) -> Result<(), Failure> {
    let roster = super::stored_roster(config)?;
    let hotlines = config.hotlines(&roster, &mut Findings::default()).hotlines;
    let here = || hotlines.iter().filter(|it| time.hotline.as_ref().is_none_or(|name| it.name == *name));
    if let Some(name) = &time.hotline {
        known("hotline", name, hotlines.iter().map(|hotline| hotline.name.as_str()))?;
    }
    if let Some(name) = &time.route {
        known(
            "route",
            name,
            here().flat_map(|hotline| hotline.routes.iter().map(|route| route.name.as_str())),
        )?;
    }
    Ok(())
}

fn known<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failure> {
    if known.clone().any(|known| known == name) {
        return Ok(());
    }
    let near = nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::Failed(format!("there is no {what} `{name}`{near}")))
}

fn remove(common: &Common, kind: QuietKind, id: i64, json: bool) -> Result<ExitCode, Failure> {
    let (done, _) = change_incident(common, IncidentChange::RemoveQuiet { kind, id })?;
    removed(&done.quiet, json)
}

fn removed(ids: &[i64], json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::json(&ids)?;
    } else {
        output::say(&format!("{} removed\n", output::count(ids.len(), "quiet time")));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(common: &Common, all: bool, json: bool) -> Result<ExitCode, Failure> {
    let (config, _) = common.load()?;
    let reader = super::reader_if_any(&config)?;
    let times =
        reader.map(|reader| reader.quiet_times(Timestamp::now(), all)).transpose()?.unwrap_or_default();
    if json {
        output::json(&times)?;
    } else {
        output::say(&table(&times));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(times: &[QuietTime]) -> String {
    let text = |value: &Option<String>, missing: &str| {
        value.as_deref().map_or_else(|| missing.to_owned(), output::printable)
    };
    let cells: Vec<Vec<String>> = times
        .iter()
        .map(|QuietTime { id, time }| {
            vec![
                id.to_string(),
                time.kind.as_str().to_owned(),
                text(&time.hotline, "all"),
                text(&time.route, "all"),
                output::local(time.from),
                time.until.map_or_else(|| "-".to_owned(), output::local),
                text(&time.reason, "-"),
            ]
        })
        .collect();
    output::table(&["ID", "WHAT", "HOTLINE", "ROUTE", "FROM", "UNTIL", "WHY"], &cells)
}
