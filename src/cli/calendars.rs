//! What `check`, `doctor` and `oncall` tell of calendars from elsewhere.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Common, Failure};
use crate::daemon::config::Config;
use crate::daemon::feeds::{self, Fetcher, Health, Looked, Place};
use crate::daemon::findings::{Findings, Source};
use crate::oncall::Roster;
use crate::problem::Problem;

/// Reads all calendars as they are now, and finds what is wrong with them and with opening hours. Answers the roster
/// with the calendars in it, and a line on each of them.
pub(super) fn check(
    config: &Config,
    roster: Roster,
    findings: &mut Findings,
) -> Result<(Roster, String), Failure> {
    let now = Timestamp::now();
    let (mut roster, mut copies) = super::with_calendars(config, roster)?;
    let folder = config.wanted_calendars().folder;
    let fetcher = std::cell::LazyCell::new(Fetcher::new);
    for source in feeds::sources(&roster) {
        let looked = match Place::of(&source, &folder) {
            Place::File(_) => feeds::look_at(&Fetcher::for_files(), &roster, &source, &folder, &mut copies),
            Place::Web(_) => feeds::look_at(&fetcher, &roster, &source, &folder, &mut copies),
        };
        let kept = copies.get(&source).is_some_and(|copy| copy.copy.is_some());
        if let Some(problem) = problem(&source, &folder, looked, kept) {
            add(config, findings, &source, problem);
        }
        if source.starts_with("http://") {
            let message = format!("the {} is read without encryption", Place::label(&source));
            let help = "anybody on the way can read and change who is on call: write https://";
            add(config, findings, &source, Problem::warning(0..0, message).help(help));
        }
    }
    feeds::attach(&mut roster, &copies);
    let standing = feeds::health(&roster, &copies, &config.calendars, now);
    for health in standing.iter().filter(|health| health.failure.is_none()) {
        for alarm in &health.alarms {
            add(config, findings, "", Problem::warning(0..0, format!("{}: {alarm}", health.whose)));
        }
    }
    hours(config, &roster, now, findings);
    Ok((roster, standing.iter().map(|health| format!("{health}\n")).collect()))
}

fn problem(source: &str, folder: &std::path::Path, looked: Looked, kept: bool) -> Option<Problem> {
    let label = Place::label(source);
    let is_file = matches!(Place::of(source, folder), Place::File(_));
    match looked {
        Looked::Good => None,
        Looked::Refused(why) => Some(
            Problem::error(0..0, format!("the {label} cannot be used: {why}"))
                .help("put it right where it is made, or say whom its names mean: names = { \"Anna S.\" = \"anna\" }"),
        ),
        Looked::Missing(why) if is_file => Some(
            Problem::error(0..0, format!("the {label} cannot be used: {why}"))
                .help("a file is looked for beside the on-call file"),
        ),
        Looked::Missing(why) => {
            let use_of = if kept { "the last good copy is in use" } else { "nobody is on call by it yet" };
            Some(Problem::warning(0..0, format!("the {label} could not be read: {why}")).help(use_of))
        }
    }
}

/// Opening hours that never open.
fn hours(config: &Config, roster: &Roster, now: Timestamp, findings: &mut Findings) {
    for hours in roster.hours.values().filter(|hours| !hours.opens_within_a_year(now)) {
        let message = format!("the hours {} do not open within a year", hours.id);
        let help = format!("they are {}", hours.state(now).because);
        add(config, findings, hours.id.as_str(), Problem::warning(0..0, message).help(help));
    }
}

/// Adds a problem at the place in the on-call file where a text stands in quotes.
fn add(config: &Config, findings: &mut Findings, written: &str, problem: Problem) {
    match &config.oncall {
        Some((source, _)) => {
            findings.add(source, [Problem { span: Some(place(source, written)), ..problem }])
        }
        None => findings.add_elsewhere(problem),
    }
}

fn place(source: &Arc<Source>, written: &str) -> Range<usize> {
    let quoted = format!("\"{written}\"");
    let start = source.text.find(&quoted).filter(|_| !written.is_empty());
    start.map_or(0..0, |start| start..start + quoted.len())
}

/// How the calendars stand that calls use.
pub(super) fn standing(common: &Common) -> Result<Vec<Health>, Failure> {
    let (config, _) = common.load()?;
    let (roster, copies) = super::with_calendars(&config, super::roster_as_written(&config)?)?;
    Ok(feeds::health(&roster, &copies, &config.calendars, Timestamp::now()))
}
