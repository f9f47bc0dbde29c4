//! Schedules and their rotations.

use super::Converter;
use super::shapes::{Override, Rotation, Schedule};
use crate::import::directory::Known;
use crate::import::moment::Moment;
use crate::import::names::Labels;
use crate::import::{RotationDraft, ScheduleDraft};
use crate::oncall::{Every, EveryError, Member, ScheduleId, Target, Unit, Zone};

impl Converter {
    pub(super) fn schedule(&mut self, path: &str, schedule: &Schedule, overrides: &[Override]) {
        let Some(id) = self.schedule_id(schedule) else { return };
        let place = format!("schedule {}", schedule.name);
        let zone = self.report.zone(&schedule.timezone, &place, path);
        let mut draft = ScheduleDraft::new(id.clone(), zone.name());
        draft.parallel = true;
        draft.enabled = schedule.enabled != Some(false);
        if !draft.enabled {
            draft.comments.push("switched off in Opsgenie: nobody is on call".to_owned());
        }
        let mut labels = Labels::default();
        for (number, rotation) in (1..).zip(&schedule.rotations) {
            let label = labels.label(&rotation.name, number);
            let place = format!("{place}, {label}");
            let Some(rotation_draft) = self.rotation(path, rotation, label, &zone, &place) else { continue };
            for key in [&rotation.id, &rotation.name].into_iter().filter(|key| !key.is_empty()) {
                let name = rotation_draft.name.clone();
                self.rotations.entry((id.clone(), key.clone())).or_insert(name);
            }
            draft.rotations.push(rotation_draft);
        }
        self.overrides(path, overrides, &mut draft, &zone);
        let (rotations, standing_in) = (draft.rotations.len(), draft.overrides.len());
        let text = format!("{place} is schedule:{id}, rotations: {rotations}, overrides: {standing_in}");
        self.report.converted(path, text);
        self.draft.schedules.push(draft);
    }

    fn schedule_id(&self, schedule: &Schedule) -> Option<ScheduleId> {
        match self.directory.find("schedule", &[&schedule.id, &schedule.name]) {
            Some(Known::As(Target::Schedule(id))) => Some(id.clone()),
            _ => None,
        }
    }

    fn rotation(
        &mut self,
        path: &str,
        rotation: &Rotation,
        name: String,
        zone: &Zone,
        place: &str,
    ) -> Option<RotationDraft> {
        let Some(start) = rotation.start_date else {
            self.report.dropped(path, format!("{place}: it has no start"));
            return None;
        };
        let end = rotation.end_date.map(|end| (end, end.instant(zone)));
        if let Some((_, at)) = end.filter(|(_, at)| *at <= self.now || *at <= start.instant(zone)) {
            self.report.dropped(path, format!("{place}: it was over at {at}"));
            return None;
        }
        let every = match every(&rotation.kind, rotation.length.unwrap_or(1)) {
            Ok(every) => every,
            Err(why) => {
                self.report.dropped(path, format!("{place}: {why}"));
                return None;
            }
        };
        if rotation.kind.eq_ignore_ascii_case("hourly") && every.unit == Unit::Days {
            let text = format!(
                "{place}: turns of {} hours are turns of {every}, on the same clock all year",
                24 * every.count
            );
            self.report.approximated(path, text);
        }
        if matches!(start, Moment::Wall(_)) {
            let text = format!("{place}: its start names no offset, and is read on the clock of {zone}");
            self.report.guessed(path, text);
        }
        if start.comes_again(zone) {
            let text =
                format!("{place}: its first turn begins in the hour that comes twice; the first is taken");
            self.report.approximated(path, text);
        }
        let (people, comments) = self.participants(path, rotation, place);
        if people.is_empty() {
            self.report.dropped(path, format!("{place}: it has no participants"));
            return None;
        }
        Some(RotationDraft {
            name,
            people,
            every,
            start: start.wall(zone),
            until: rotation.end_date.map(|end| end.wall(zone)),
            hours: self.hours(rotation.time_restriction.as_ref(), place, path),
            comments,
        })
    }

    /// Who takes turns, and whose turns are nobody's now.
    fn participants(&mut self, path: &str, rotation: &Rotation, place: &str) -> (Vec<Member>, Vec<String>) {
        let (mut people, mut comments) = (Vec::new(), Vec::new());
        for reference in &rotation.participants {
            let member = self.member(reference, place, path);
            if member == Member::Nobody && !reference.is_nobody() {
                comments.push(format!("\"nobody\" has the turn of {}", reference.said()));
            }
            people.push(member);
        }
        comments.dedup();
        (people, comments)
    }
}

/// The length of a turn. Whole days in hours are days: they keep the clock.
fn every(kind: &str, length: u32) -> Result<Every, EveryError> {
    let kind = kind.to_lowercase();
    let unit = match kind.as_str() {
        "hourly" if length.is_multiple_of(24) => return format!("{} days", length / 24).parse(),
        "hourly" => "hours",
        "daily" => "days",
        "weekly" | "" => "weeks",
        "monthly" => "months",
        other => other,
    };
    format!("{length} {unit}").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_in_what_keeps_the_clock() {
        let text = |kind, length| every(kind, length).map(|every| every.to_string());
        assert_eq!(text("weekly", 2).as_deref(), Ok("2 weeks"));
        assert_eq!(text("DAILY", 1).as_deref(), Ok("1 day"));
        assert_eq!(text("hourly", 12).as_deref(), Ok("12 hours"));
        assert_eq!(text("hourly", 48).as_deref(), Ok("2 days"));
        assert!(text("hourly", 0).is_err() && text("daily", 400).is_err() && text("lunar", 1).is_err());
    }
}
