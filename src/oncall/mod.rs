//! Who is on call at a given time, and who is to be rung: pure, without a clock or a file.
//!
//! A [`Roster`] is what is known; [`Roster::on_call`] reads it at an instant; [`resolve`] makes a
//! [`Chain`] of it for one call; a [`Walk`] goes along the chain, phone by phone.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod chain;
mod changes;
mod circles;
mod compile;
mod doubt;
mod duty;
mod escalation;
mod feed;
mod hours;
pub mod ical;
mod language;
mod name;
mod numbering;
mod on_duty;
mod overrides;
mod phone;
mod policy;
mod preview;
mod recurrence;
mod roster;
mod schedule;
mod settings;
mod shift;
mod stretches;
mod turn;
mod unfold;
mod walk;
mod way;
mod week;
mod zone;

pub use chain::{Candidate, Chain, NotRung, first_level, resolve};
pub use changes::Changes;
pub use doubt::Doubt;
pub use escalation::{Escalation, EscalationLevel};
pub use feed::{Feed, FeedError, FeedShift, UnknownName, calendar_label};
pub use hours::{Holiday, Hours, HoursException, HoursState};
pub use language::Language;
pub use name::{EscalationId, HoursId, PersonId, ScheduleId, Target, TargetError, TeamId};
pub use numbering::NumberFormat;
pub use overrides::Overrides;
pub use phone::{E164, NumberError, Phone, PhoneError, SipAddress};
pub use policy::{DialPolicy, Order, PhoneChoice, Repeat};
pub use preview::Previewed;
pub use recurrence::{RecurrenceRule, RuleError};
pub use roster::{Availability, Person, PersonPhone, Roster, Team, UnknownTarget};
pub use schedule::{
    Every, EveryError, Member, MemberError, Origin, Override, OverrideKind, Recurrence, Rotation, Schedule,
    ShiftCalendar, Stacking, Turns, Unit,
};
pub use settings::{
    DaysEntry, EscalationEntry, EscalationLevelEntry, HoursEntry, Names, OncallFile, OverrideEntry,
    PersonEntry, PhoneEntry, RotationEntry, ScheduleEntry, TeamEntry,
};
pub use shift::Shift;
pub use stretches::{Stretch, Stretches};
pub use walk::{Attempt, Next, Rung, Standing, Stands, Walk};
pub use way::Way;
pub use week::{WeekError, WeekInterval};
pub use zone::{TimeError, Zone, ZoneError};
