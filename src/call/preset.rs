//! Presets: what each service does where it is not told otherwise. A preset fills in what the settings
//! leave out.

use std::fmt;

use serde::Deserialize;

use crate::call::settings::{
    CallerIdSetting, FallbackKind, MaxPeople, NotifyWhenSetting, OpenSetting, Period, RepeatSetting,
};
use crate::incident::{Abandoned, Answered, Assign, Moment, Unanswered};
use crate::oncall::{Order, PhoneChoice, Repeat};

/// Whose behaviour fills in what the settings leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Our own choice.
    #[default]
    Nightbell,
    /// All Quiet.
    AllQuiet,
    /// PagerDuty.
    PagerDuty,
    /// Opsgenie.
    Opsgenie,
    /// ilert.
    Ilert,
    /// incident.io.
    IncidentIo,
}

/// What a preset has to say of a setting.
#[derive(Debug, Clone, Copy)]
enum Cell<T> {
    /// This is what the service does.
    Theirs(T),
    /// The service's documents are silent: our choice of what goes with the rest.
    Ours(T),
    /// As `nightbell`.
    Same,
}

/// A setting, and its value in each preset.
#[derive(Debug, Clone, Copy)]
pub struct Row<T> {
    key: &'static str,
    nightbell: T,
    /// All Quiet, PagerDuty, Opsgenie, ilert, incident.io.
    others: [Cell<T>; 5],
}

use Cell::{Ours, Same, Theirs};

const CLOSING: FallbackKind = FallbackKind::Closing;
const VOICEMAIL: FallbackKind = FallbackKind::Voicemail;
const HOTLINE: CallerIdSetting = CallerIdSetting::Hotline;
const ALL: MaxPeople = MaxPeople(None);
const AT_CALL: OpenSetting = OpenSetting::at(&[Moment::Call]);
const ONCE: RepeatSetting = RepeatSetting(Repeat::Times(0));

/// A row for each setting. Where a service leaves a choice, its own default counts.
#[rustfmt::skip]
mod table {
    use super::{ALL, CLOSING, HOTLINE, ONCE, Ours, Row, Same, Theirs, VOICEMAIL};
    use super::{AT_CALL, Abandoned, Answered, Assign, OpenSetting, Unanswered};
    use super::{CallerIdSetting, FallbackKind, MaxPeople, Order, Period, PhoneChoice, Repeat, RepeatSetting};
    use super::Moment::{Accept, NoAnswer, Voicemail};
    use super::NotifyWhenSetting::{self, AtOnce};

    // All Quiet, PagerDuty, Opsgenie, ilert, incident.io
    pub const ORDER: Row<Order> = Row { key: "order", nightbell: Order::Shuffled, others:
        [Theirs(Order::Shuffled), Theirs(Order::Shuffled), Theirs(Order::Shuffled), Theirs(Order::OneRandom), Ours(Order::Listed)] };
    pub const RING: Row<Period> = Row { key: "ring", nightbell: Period::seconds(20), others:
        [Theirs(Period::seconds(20)), Same, Same, Same, Theirs(Period::seconds(30))] };
    pub const PHONES: Row<PhoneChoice> = Row { key: "phones", nightbell: PhoneChoice::All, others:
        [Ours(PhoneChoice::First), Theirs(PhoneChoice::First), Ours(PhoneChoice::First), Ours(PhoneChoice::First), Ours(PhoneChoice::First)] };
    pub const MAX_PEOPLE: Row<MaxPeople> = Row { key: "max_people", nightbell: ALL, others:
        [Theirs(MaxPeople(Some(3))), Theirs(ALL), Theirs(ALL), Theirs(ALL), Theirs(ALL)] };
    pub const REPEAT: Row<RepeatSetting> = Row { key: "repeat", nightbell: ONCE, others:
        [Theirs(ONCE), Theirs(ONCE), Theirs(RepeatSetting(Repeat::Own)), Theirs(ONCE), Theirs(ONCE)] };
    pub const SKIP_DIALLED: Row<bool> = Row { key: "skip_dialled", nightbell: true, others:
        [Theirs(false), Theirs(false), Theirs(false), Ours(false), Ours(false)] };
    pub const SKIP_BUSY: Row<bool> = Row { key: "skip_busy", nightbell: true, others:
        [Theirs(true), Same, Same, Same, Same] };
    pub const ACCEPT_KEY: Row<&str> = Row { key: "accept.key", nightbell: "1", others:
        [Theirs("1"), Ours("any"), Theirs("any"), Theirs("any"), Theirs("1")] };
    pub const DECLINE: Row<&str> = Row { key: "accept.decline", nightbell: "2", others:
        [Theirs("none"), Ours("none"), Ours("none"), Ours("2"), Ours("none")] };
    pub const THEN: Row<FallbackKind> = Row { key: "fallback.then", nightbell: VOICEMAIL, others:
        [Theirs(VOICEMAIL), Theirs(VOICEMAIL), Theirs(VOICEMAIL), Theirs(CLOSING), Ours(CLOSING)] };
    pub const MAX_LENGTH: Row<Period> = Row { key: "fallback.max_length", nightbell: Period::seconds(120), others:
        [Theirs(Period::seconds(120)), Same, Same, Same, Same] };
    pub const WRONG_KEYS: Row<u8> = Row { key: "menu.wrong_keys", nightbell: 9, others:
        [Same, Same, Theirs(2), Same, Same] };
    pub const CALLER_ID: Row<CallerIdSetting> = Row { key: "caller_id", nightbell: HOTLINE, others:
        [Theirs(HOTLINE), Ours(HOTLINE), Ours(HOTLINE), Ours(HOTLINE), Theirs(HOTLINE)] };
    pub const OPEN: Row<OpenSetting> = Row { key: "incident.open", nightbell: OpenSetting::at(&[Voicemail, NoAnswer, Accept]), others:
        [Theirs(OpenSetting::at(&[Voicemail, Accept])), Theirs(OpenSetting::at(&[NoAnswer, Voicemail])), Theirs(AT_CALL), Theirs(AT_CALL), Theirs(AT_CALL)] };
    pub const NOTIFY_WHEN: Row<NotifyWhenSetting> = Row { key: "incident.notify_when", nightbell: AtOnce, others:
        [Theirs(AtOnce), Theirs(AtOnce), Theirs(AtOnce), Theirs(AtOnce), Theirs(AtOnce)] };
    pub const ANSWERED: Row<Answered> = Row { key: "incident.answered", nightbell: Answered::ResolveAtEnd, others:
        [Theirs(Answered::ResolveAtEnd), Theirs(Answered::None), Theirs(Answered::Acknowledge), Ours(Answered::Acknowledge), Theirs(Answered::ResolveAtEnd)] };
    pub const UNANSWERED: Row<Unanswered> = Row { key: "incident.unanswered", nightbell: Unanswered::Keep, others:
        [Theirs(Unanswered::Keep), Theirs(Unanswered::Keep), Theirs(Unanswered::Keep), Theirs(Unanswered::EscalateAgain), Theirs(Unanswered::ResolveAtEnd)] };
    pub const ABANDONED: Row<Abandoned> = Row { key: "incident.abandoned", nightbell: Abandoned::Keep, others:
        [Theirs(Abandoned::None), Ours(Abandoned::Keep), Theirs(Abandoned::Resolve), Ours(Abandoned::Keep), Theirs(Abandoned::Resolve)] };
    pub const ASSIGN: Row<Assign> = Row { key: "incident.assign", nightbell: Assign::FirstLevel, others:
        [Theirs(Assign::FirstLevel), Theirs(Assign::FirstLevel), Theirs(Assign::Answerer), Theirs(Assign::FirstLevel), Theirs(Assign::AllRung)] };
}

pub use table::{
    ABANDONED, ACCEPT_KEY, ANSWERED, ASSIGN, CALLER_ID, DECLINE, MAX_LENGTH, MAX_PEOPLE, NOTIFY_WHEN, OPEN,
    ORDER, PHONES, REPEAT, RING, SKIP_BUSY, SKIP_DIALLED, THEN, UNANSWERED, WRONG_KEYS,
};

/// What a preset has filled in, so that a person can be told.
#[derive(Debug, Clone, Default)]
pub struct FilledIn {
    preset: Preset,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
struct Value {
    key: &'static str,
    value: String,
    ours: bool,
}

impl FilledIn {
    /// Nothing yet.
    pub fn by(preset: Preset) -> Self {
        Self { preset, values: Vec::new() }
    }

    /// Whose behaviour it is.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Whether nothing came from a preset but our own.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What counts: what is written, else what the preset says.
    pub fn value<T: Copy + fmt::Display>(&mut self, row: &Row<T>, written: Option<T>) -> T {
        if let Some(written) = written {
            return written;
        }
        let (value, ours) = match row.cell(self.preset) {
            Same => return row.nightbell,
            Theirs(value) => (value, false),
            Ours(value) => (value, true),
        };
        self.values.push(Value { key: row.key, value: value.to_string(), ours });
        value
    }
}

impl<T: Copy> Row<T> {
    fn cell(&self, preset: Preset) -> Cell<T> {
        let [all_quiet, pager_duty, opsgenie, ilert, incident_io] = self.others;
        match preset {
            Preset::Nightbell => Same,
            Preset::AllQuiet => all_quiet,
            Preset::PagerDuty => pager_duty,
            Preset::Opsgenie => opsgenie,
            Preset::Ilert => ilert,
            Preset::IncidentIo => incident_io,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nightbell => "nightbell",
            Self::AllQuiet => "allquiet",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Ilert => "ilert",
            Self::IncidentIo => "incidentio",
        })
    }
}

/// `preset pagerduty: order = shuffled, accept.key = any (ours: its documents are silent)`
impl fmt::Display for FilledIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "preset {}: ", self.preset)?;
        for (index, Value { key, value, ours }) in self.values.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let silent = if *ours { " (ours: its documents are silent)" } else { "" };
            write!(f, "{comma}{key} = {value}{silent}")?;
        }
        Ok(())
    }
}
