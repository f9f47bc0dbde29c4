//! Schedules, their layers and their overrides.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Span, Timestamp};

use super::Converter;
use super::shapes::{Entry, Layer, Restriction, Schedule, name};
use crate::import::directory::Known;
use crate::import::moment::Moment;
use crate::import::names::Labels;
use crate::import::stretch::{self, DAY, Stretch};
use crate::import::{OverrideDraft, RotationDraft, ScheduleDraft};
use crate::oncall::{Every, Member, Target, Unit, WeekInterval, Zone};

impl Converter {
    pub(super) fn schedule(&mut self, path: &str, schedule: &Schedule, overrides: Vec<Entry>) {
        let said = name(&schedule.name, &schedule.summary, &schedule.id);
        let place = format!("schedule {said}");
        let known = self.directory.find("schedule", &[&schedule.id, said]);
        let Some(Known::As(Target::Schedule(id))) = known.cloned() else { return };
        let zone = self.report.zone(&schedule.time_zone, &place, path);
        let mut draft = ScheduleDraft::new(id.clone(), zone.name());
        if schedule.schedule_layers.is_empty() {
            let text = format!(
                "{place}: without layers; ask for each schedule by itself, or with include[]=schedule_layers"
            );
            self.report.dropped(path, text);
        }
        let mut labels = Labels::default();
        for (number, layer) in (1..).zip(&schedule.schedule_layers) {
            let label = labels.label(&layer.name, number);
            let rotations = self.layer(path, layer, label, &zone, &place, &mut labels);
            // Answers list what covers first; a file lists what is covered first.
            for rotation in rotations.into_iter().rev() {
                draft.rotations.insert(0, rotation);
            }
        }
        for entry in &overrides {
            self.over(path, entry, &mut draft, &zone);
        }
        let (layers, standing_in) = (draft.rotations.len(), draft.overrides.len());
        let target = Target::Schedule(id);
        let text = format!("{place} is {target}, rotations: {layers}, overrides: {standing_in}");
        self.report.became(target, path, text);
        self.draft.schedules.push(draft);
    }

    /// The rotations of a layer: two, where it begins in the middle of a turn yet to come.
    fn layer(
        &mut self,
        path: &str,
        layer: &Layer,
        name: String,
        zone: &Zone,
        place: &str,
        labels: &mut Labels,
    ) -> Vec<RotationDraft> {
        let place = format!("{place}, {name}");
        let Some(start) = layer.start.or(layer.rotation_virtual_start) else {
            self.report.dropped(path, format!("{place}: it has no start"));
            return Vec::new();
        };
        let end = layer.end.map(|end| end.instant(zone));
        if let Some(end) = end.filter(|end| *end <= self.now || *end <= start.instant(zone)) {
            self.report.dropped(path, format!("{place}: it was over at {end}"));
            return Vec::new();
        }
        let Some(every) = self.every(path, layer.rotation_turn_length_seconds, &place) else {
            return Vec::new();
        };
        let people: Vec<Member> =
            layer.users.iter().map(|entry| self.member(&entry.user, &place, path)).collect();
        if people.is_empty() {
            self.report.dropped(path, format!("{place}: it has no users"));
            return Vec::new();
        }
        let anchor = layer.rotation_virtual_start.unwrap_or(start).wall(zone);
        let whole = RotationDraft {
            name,
            people,
            every,
            start: anchor,
            until: layer.end.map(|end| end.wall(zone)),
            hours: self.restrictions(path, &layer.restrictions, &place),
            comments: Vec::new(),
        };
        begun(whole, start.instant(zone), self.now, zone, labels)
    }

    /// Seconds that are whole weeks, days or hours are turns of those.
    fn every(&mut self, path: &str, seconds: u64, place: &str) -> Option<Every> {
        const HOUR: u64 = 3_600;
        let (count, unit) = match seconds {
            0 => (0, "hours"),
            weeks if weeks.is_multiple_of(168 * HOUR) => (weeks / (168 * HOUR), "weeks"),
            days if days.is_multiple_of(24 * HOUR) => (days / (24 * HOUR), "days"),
            hours => (hours.div_ceil(HOUR), "hours"),
        };
        match format!("{count} {unit}").parse() {
            Ok(every) => {
                if !seconds.is_multiple_of(HOUR) {
                    let text = format!("{place}: turns of {seconds} seconds become turns of {every}");
                    self.report.approximated(path, text);
                }
                Some(every)
            }
            Err(error) => {
                self.report.dropped(path, format!("{place}: {error}"));
                None
            }
        }
    }

    fn restrictions(&mut self, path: &str, restrictions: &[Restriction], place: &str) -> Vec<WeekInterval> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for restriction in restrictions {
            let Some(from) = minute(&restriction.start_time_of_day) else {
                let text = format!("{place}: a restriction at `{}`", restriction.start_time_of_day);
                self.report.dropped(path, text);
                continue;
            };
            if !restriction.duration_seconds.is_multiple_of(60) {
                let text = format!(
                    "{place}: a restriction of {} seconds is rounded up to minutes",
                    restriction.duration_seconds
                );
                self.report.approximated(path, text);
            }
            let length = u32::try_from(restriction.duration_seconds.div_ceil(60)).unwrap_or(u32::MAX);
            let monday = jiff::civil::Weekday::Monday;
            match restriction.start_day_of_week.filter(|_| !restriction.kind.starts_with("daily")) {
                Some(day) => {
                    let day = monday.wrapping_add(i64::from(day) - 1);
                    stretches.push(Stretch::lasting(day, from, length));
                }
                None => {
                    let days = monday.cycle_forward().take(7);
                    stretches.extend(days.map(|day| Stretch::lasting(day, from, length.min(DAY))));
                }
            }
        }
        stretch::week(&stretches)
    }

    fn over(&mut self, path: &str, entry: &Entry, draft: &mut ScheduleDraft, zone: &Zone) {
        let place = format!("schedule {}, override for {}", draft.id, entry.user.said());
        let (Some(from), Some(until)) = (entry.start, entry.end) else {
            self.report.dropped(path, format!("{place}: its beginning or its end is missing"));
            return;
        };
        if until.instant(zone) <= self.now {
            return;
        }
        if zone.instant(until.wall(zone)) <= zone.instant(from.wall(zone)) {
            self.report.dropped(path, format!("{place}: it ends before it has begun"));
            return;
        }
        let person = self.member(&entry.user, &place, path);
        if person != Member::Nobody {
            let (from, until) = (from.wall(zone), until.wall(zone));
            draft.overrides.push(OverrideDraft {
                person,
                from,
                until,
                rotations: Vec::new(),
                instead_of: None,
            });
        }
    }
}

/// A rotation whose turns are counted from its `start`, and that is in force from another moment on.
fn begun(
    whole: RotationDraft,
    in_force: Timestamp,
    now: Timestamp,
    zone: &Zone,
    labels: &mut Labels,
) -> Vec<RotationDraft> {
    let anchor = zone.instant(whole.start);
    if anchor == in_force || (anchor < in_force && in_force <= now) {
        return vec![whole];
    }
    let turn = turn_at(&whole, in_force, zone);
    let mut rest = whole.clone();
    let first = if hand_over(&whole, turn, zone) == Some(in_force) { turn } else { turn + 1 };
    rest.start = hand_over(&whole, first, zone).map_or(whole.start, |at| zone.local(at));
    rest.people = rotated(&whole.people, first);
    if first == turn || in_force <= now {
        return vec![rest];
    }
    // The rest of a turn, then all the others.
    let mut part = whole.clone();
    part.name = labels.label(&format!("{} (first turn)", whole.name), 0);
    part.people = rotated(&whole.people, turn).into_iter().take(1).collect();
    part.start = Moment::Instant(in_force).wall(zone);
    part.until = Some(rest.start);
    match whole.until {
        Some(until) if until <= rest.start => {
            part.until = Some(until);
            vec![part]
        }
        _ => vec![part, rest],
    }
}

/// The turn that is running at an instant, counted from 0 at the rotation's start; negative before it.
fn turn_at(rotation: &RotationDraft, at: Timestamp, zone: &Zone) -> i64 {
    let hours = i64::from(rotation.every.count)
        * match rotation.every.unit {
            Unit::Hours => 1,
            Unit::Days => 24,
            Unit::Weeks => 168,
            Unit::Months => 744,
        };
    let elapsed = at.duration_since(zone.instant(rotation.start)).as_hours();
    let mut turn = elapsed.div_euclid(hours.max(1)) + 1;
    while hand_over(rotation, turn, zone).is_some_and(|begin| begin > at) {
        turn -= 1;
    }
    turn
}

/// When a turn begins: on the same clock, where turns are days or divide them, else after as many hours.
fn hand_over(rotation: &RotationDraft, turn: i64, zone: &Zone) -> Option<Timestamp> {
    let count = turn.checked_mul(i64::from(rotation.every.count))?;
    let wall = |span: Span| -> Option<DateTime> { rotation.start.checked_add(span).ok() };
    let at = match rotation.every.unit {
        Unit::Hours if !24_u32.is_multiple_of(rotation.every.count) => {
            let elapsed = SignedDuration::try_from_hours(count)?;
            return zone.instant(rotation.start).checked_add(elapsed).ok();
        }
        Unit::Hours => wall(Span::new().try_hours(count).ok()?)?,
        Unit::Days => wall(Span::new().try_days(count).ok()?)?,
        Unit::Weeks => wall(Span::new().try_weeks(count).ok()?)?,
        Unit::Months => wall(Span::new().try_months(count).ok()?)?,
    };
    Some(zone.instant(at))
}

/// The people in the order in which they follow from a turn on.
fn rotated(people: &[Member], turn: i64) -> Vec<Member> {
    let mut rotated = people.to_vec();
    let places = i64::try_from(people.len()).ok().and_then(|length| turn.checked_rem_euclid(length));
    rotated.rotate_left(places.and_then(|places| usize::try_from(places).ok()).unwrap_or_default());
    rotated
}

/// The minute of the day of `09:00:00`.
fn minute(text: &str) -> Option<u32> {
    let mut parts = text.split(':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes) = (parts.next()??, parts.next()??);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}
