//! Opening hours and calendars.

use jiff::civil::Date;
use toml::Spanned;

use super::Compiler;
use crate::oncall::hours::{Hours, HoursException};
use crate::oncall::name::HoursId;
use crate::oncall::settings::{DaysEntry, HoursEntry};

impl Compiler {
    pub(super) fn hours(&mut self, entry: &HoursEntry) {
        let id = HoursId::new(entry.id.get_ref());
        self.check_name("opening hours", &entry.id, self.roster.hours.contains_key(&id));
        let timezone = self.zone(&entry.timezone);
        let week = entry.week.iter().filter_map(|text| self.read(text)).collect();
        let closed = entry.closed.iter().map(|days| (days, false));
        let open = entry.open.iter().map(|days| (days, true));
        let exceptions = closed.chain(open).filter_map(|(days, open)| self.days(days, open)).collect();
        let calendar = entry.calendar.as_ref().and_then(|source| self.source_of_calendar(source));
        let hours = Hours { id: id.clone(), timezone, week, exceptions, holidays: Vec::new(), calendar };
        self.roster.hours.entry(id).or_insert(hours);
    }

    fn days(&mut self, entry: &Spanned<DaysEntry>, open: bool) -> Option<HoursException> {
        let DaysEntry { days, name } = entry.get_ref();
        let (first, last) = days.split_once("..").unwrap_or((days, days));
        let day = |text: &str| Date::strptime("%Y-%m-%d", text.trim()).ok();
        let (Some(first), Some(last)) = (day(first), day(last)) else {
            let help = "write \"2026-12-24\", or the first and the last: \"2026-12-24..2026-12-26\"";
            return self.refuse(entry.span(), format!("`{days}` is neither a day nor several"), help);
        };
        if last < first {
            let help = "write the earlier day first";
            return self.refuse(entry.span(), "these days end before they have begun", help);
        }
        Some(HoursException { first, last, open, name: name.clone() })
    }

    /// Where a calendar is to be had.
    pub(super) fn source_of_calendar(&mut self, source: &Spanned<String>) -> Option<String> {
        let text = source.get_ref();
        let is_address = text.contains("://");
        let known = text.starts_with("https://") || text.starts_with("http://");
        if text.trim().is_empty() || text.chars().any(char::is_control) || (is_address && !known) {
            let help = "write an address (https://...) or a file, as in \"holidays.ics\"";
            return self.refuse(source.span(), format!("`{text}` is no place of a calendar"), help);
        }
        Some(text.clone())
    }
}
