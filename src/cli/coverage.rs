//! What `check` finds by looking ahead: nobody on call, somebody on call who cannot be rung, and times that the
//! clocks skip or show twice.

use jiff::{SignedDuration, Timestamp};

use super::output;
use crate::daemon::config::Config;
use crate::daemon::findings::Findings;
use crate::oncall::{Roster, Schedule};
use crate::problem::Problem;

/// How far ahead gaps and people who cannot be rung are looked for.
const DAYS_AHEAD: i64 = 30;
/// How far ahead the clocks are looked at.
const CLOCKS_AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Looks ahead in every schedule that is in use.
pub fn check(config: &Config, roster: &Roster, findings: &mut Findings) {
    let now = Timestamp::now();
    for schedule in roster.schedules.values().filter(|schedule| schedule.enabled) {
        let problems = gaps(roster, schedule, now)
            .into_iter()
            .chain(in_vain(roster, schedule, now))
            .chain(doubts(schedule, now));
        match &config.oncall {
            Some((source, _)) => findings.add(source, problems),
            None => problems.for_each(|problem| findings.add_elsewhere(problem)),
        }
    }
}

fn ahead(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * DAYS_AHEAD)).unwrap_or(Timestamp::MAX)
}

/// Stretches of the next weeks in which nobody is on call.
fn gaps(roster: &Roster, schedule: &Schedule, now: Timestamp) -> Option<Problem> {
    let gaps = roster.gaps(&schedule.id, now, ahead(now));
    let (from, to) = *gaps.first()?;
    if let Some(never) = never(schedule, from, to, now) {
        return Some(never);
    }
    let id = &schedule.id;
    let more = match gaps.len() {
        1 => String::new(),
        count => format!(", and {} times more within {DAYS_AHEAD} days", count - 1),
    };
    let (begin, end) = (output::local(from), output::local(to));
    let message = format!("nobody is on call in the schedule {id} from {begin} to {end}{more}");
    // Where another schedule is the cause, it is named.
    let because = roster.nobody_on_call(id, from).filter(|because| !because.starts_with("schedule "));
    let help = "add a rotation, or a level after this schedule";
    Some(Problem::warning(0..0, message).help(because.unwrap_or_else(|| help.to_owned())))
}

/// A gap over the whole time, where no rotation has begun yet or all are over.
fn never(schedule: &Schedule, from: Timestamp, to: Timestamp, now: Timestamp) -> Option<Problem> {
    if schedule.rotations.is_empty() || schedule.calendar.is_some() || from > now || to < ahead(now) {
        return None;
    }
    let zone = &schedule.timezone;
    let first = schedule.rotations.iter().map(|rotation| zone.instant(rotation.start)).min()?;
    let is_over =
        |until: Option<jiff::civil::DateTime>| until.is_some_and(|until| zone.instant(until) <= now);
    let why = if first > now {
        format!("its first rotation begins on {}", output::local(first))
    } else if schedule.rotations.iter().all(|rotation| is_over(rotation.until)) {
        "all its rotations are over".to_owned()
    } else {
        return None;
    };
    let message =
        format!("nobody is on call in the schedule {} within {DAYS_AHEAD} days: {why}", schedule.id);
    Some(Problem::warning(0..0, message).help("look at `start` and `until` of its rotations"))
}

/// People who will be on call, and cannot be rung then.
fn in_vain(roster: &Roster, schedule: &Schedule, now: Timestamp) -> Vec<Problem> {
    let found = roster.on_call_in_vain(&schedule.id, now, ahead(now));
    let problem = |(person, at, because): (crate::oncall::PersonId, Timestamp, String)| {
        let when = output::local(at);
        let message =
            format!("{person} is on call in the schedule {} from {when}, and {because}", schedule.id);
        Problem::warning(0..0, message).help("add an override, or a level after this schedule")
    };
    found.into_iter().map(problem).collect()
}

/// Times of the next year that the clocks skip or show twice.
fn doubts(schedule: &Schedule, now: Timestamp) -> Vec<Problem> {
    let until = now.saturating_add(CLOCKS_AHEAD).unwrap_or(Timestamp::MAX);
    let problem = |doubt: crate::oncall::Doubt| {
        let message = format!("in the schedule {}, {doubt}", schedule.id);
        Problem::warning(0..0, message).help("choose a time at which the clocks are never changed")
    };
    schedule.doubts(now, until).into_iter().map(problem).collect()
}
