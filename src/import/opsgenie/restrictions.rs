//! Time restrictions.

use super::Converter;
use super::shapes::{Restriction, TimeRestriction};
use crate::import::stretch::{self, DAY, Stretch};
use crate::oncall::WeekInterval;

impl Converter {
    /// The times of the week of a restriction; empty: always.
    pub(super) fn hours(
        &mut self,
        restriction: Option<&TimeRestriction>,
        place: &str,
        path: &str,
    ) -> Vec<WeekInterval> {
        let Some(restriction) = restriction else { return Vec::new() };
        let all: Vec<&Restriction> =
            restriction.restriction.iter().chain(&restriction.restrictions).collect();
        if restriction.kind.eq_ignore_ascii_case("time-of-day")
            || all.iter().all(|one| one.start_day.is_empty())
        {
            return all.iter().flat_map(|one| stretch::daily(one.from(), one.until())).collect();
        }
        let stretches: Vec<Stretch> = all.iter().filter_map(|one| one.stretch()).collect();
        if stretches.len() < all.len() {
            self.report.dropped(path, format!("{place}: a time restriction that names no day"));
        }
        stretch::week(&stretches)
    }
}

impl Restriction {
    fn from(&self) -> u32 {
        (self.start_hour * 60 + self.start_min).min(DAY)
    }

    fn until(&self) -> u32 {
        (self.end_hour * 60 + self.end_min).min(DAY)
    }

    fn stretch(&self) -> Option<Stretch> {
        let (first, last) = (stretch::day(&self.start_day)?, stretch::day(&self.end_day)?);
        Some(Stretch::between(first, self.from(), last, self.until()))
    }
}
