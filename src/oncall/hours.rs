//! Opening hours: when somebody is there, week by week, with the days on which it is otherwise.

use jiff::civil::Date;

use crate::oncall::name::HoursId;
use crate::oncall::week::WeekInterval;
use crate::oncall::zone::Zone;

/// When somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// How others refer to them.
    pub id: HoursId,
    /// Whose wall clock all times are told in.
    pub timezone: Zone,
    /// The open times of an ordinary week; empty: always open.
    pub week: Vec<WeekInterval>,
    /// Days on which it is otherwise; where two meet, the later one counts.
    pub exceptions: Vec<HoursException>,
    /// A calendar of days on which it is closed: an address (`https://...`) or a file, as it is written.
    pub calendar: Option<String>,
}

/// Days on which opening hours are other than in an ordinary week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursException {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// Open all day, or closed all day.
    pub open: bool,
    /// What it is, as people say it: `Christmas Day`.
    pub name: Option<String>,
}
