//! A calendar as a schedule: its events are shifts, told in whatever way the calendar's own program tells them.
//!
//! A feed names people, and a name that means nobody we know is a fault: the feed is not taken, because the shift
//! would be a gap that nobody sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::oncall::ical::{Calendar, Fault, Occurrence, short};
use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::roster::{Person, Roster};
use crate::oncall::turn::Edges;
use crate::oncall::zone::Zone;
use crate::problem::nearest;

/// How far back shifts are kept.
const BACK: SignedDuration = SignedDuration::from_hours(366 * 24);
/// How far ahead shifts are looked for.
const AHEAD: SignedDuration = SignedDuration::from_hours(3 * 366 * 24);
/// The most shifts of a feed.
const MOST_SHIFTS: usize = 100_000;
/// The most shifts at the same time.
const MOST_AT_ONCE: usize = 100;
/// The most unknown names that are told.
const MOST_TOLD: usize = 20;

/// What may be shown of where a calendar comes from. Its address is a secret in most cases: who knows it can read who
/// is on call. So only its host is told.
pub fn calendar_label(source: &str) -> String {
    let Some((scheme, rest)) = source.split_once("://") else { return format!("calendar {source}") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("calendar feed {scheme}://{host}/...")
}

/// Shifts that a calendar tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Feed {
    /// Where it comes from, without what is secret in it: `calendar feed https://cal.example/...`.
    label: String,
    /// When this copy was fetched, or found unchanged.
    fetched: Timestamp,
    shifts: Arc<[FeedShift]>,
    stretches: Arc<[Stretch]>,
    /// All who have shifts, in order.
    people: Arc<[Target]>,
}

impl Roster {
    /// Whether a schedule is fed by a calendar that is not there.
    pub(super) fn lacks_its_calendar(&self, schedule: &ScheduleId) -> bool {
        let calendar = self.schedules.get(schedule).and_then(|schedule| schedule.calendar.as_ref());
        calendar.is_some_and(|calendar| calendar.feed.is_none())
    }
}

/// One shift of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedShift {
    /// Who is on call; nobody: a gap on purpose.
    pub people: Vec<PersonId>,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it; `None`: the calendar does not know yet.
    pub until: Option<Timestamp>,
    /// Covers shifts of lower levels: `[L2]` in the title.
    pub level: u8,
    /// What the event is called.
    pub title: String,
}

/// The time between two changes, and which shifts are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    from: Timestamp,
    shifts: Vec<usize>,
}

/// Why a calendar cannot be the shifts of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It cannot be read.
    #[error(transparent)]
    Calendar(#[from] Fault),
    /// Names that mean nobody, or several people.
    #[error("{}", listed(.0))]
    Names(Vec<UnknownName>),
    /// So many shifts at once that nobody can have meant it.
    #[error("more than {MOST_AT_ONCE} shifts are at the same time ({0})")]
    Crowd(Timestamp),
    /// Too many shifts.
    #[error("the calendar has more than {MOST_SHIFTS} shifts in four years")]
    TooMany,
}

/// A title or an address of an event that does not tell who is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownName {
    /// What the event says.
    pub said: String,
    /// The line of the event.
    pub line: usize,
    /// Who may have been meant: nobody, the nearest name, or all whom it fits.
    pub meant: Vec<String>,
}

fn listed(names: &[UnknownName]) -> String {
    let told = names.iter().take(MOST_TOLD).map(UnknownName::to_string).collect::<Vec<_>>().join("; ");
    match names.len().checked_sub(MOST_TOLD) {
        Some(more) if more > 0 => format!("{told}; and {more} more"),
        _ => told,
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, line, meant } = self;
        write!(f, "line {line}: `{said}` is nobody of the people")?;
        match meant.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; did you mean `{one}`?"),
            several => write!(f, ": is it {}?", several.join(" or ")),
        }
    }
}

impl Feed {
    /// Reads the shifts of a calendar, as they are seen from an instant: a year back, three years ahead.
    ///
    /// `names` are what the calendar calls people; its titles and addresses may also be their ids, names and
    /// e-mail addresses.
    pub fn read(
        calendar: &Calendar,
        people: &BTreeMap<PersonId, Person>,
        names: &BTreeMap<String, PersonId>,
        zone: &Zone,
        label: &str,
        fetched: Timestamp,
    ) -> Result<Self, FeedError> {
        let (feed, unknown) = Self::read_as_kept(calendar, people, names, zone, label, fetched)?;
        if unknown.is_empty() { Ok(feed) } else { Err(FeedError::Names(unknown)) }
    }

    /// As [`Feed::read`], for a copy that was good once. A name that has come to mean nobody since then has the shift all
    /// the same: the call's log then says that this person is not among the people.
    pub fn read_as_kept(
        calendar: &Calendar,
        people: &BTreeMap<PersonId, Person>,
        names: &BTreeMap<String, PersonId>,
        zone: &Zone,
        label: &str,
        fetched: Timestamp,
    ) -> Result<(Self, Vec<UnknownName>), FeedError> {
        let from = fetched.saturating_sub(BACK).unwrap_or(Timestamp::MIN);
        let until = fetched.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let occurrences = calendar.occurrences(from, until, zone)?;
        if occurrences.len() > MOST_SHIFTS {
            return Err(FeedError::TooMany);
        }
        let directory = Directory::new(people, names);
        let mut known = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        let mut shifts = Vec::new();
        for occurrence in &occurrences {
            let event = occurrence.event;
            let who =
                known.entry((event.line, event.summary.as_str())).or_insert_with(|| directory.of(event));
            match who {
                Ok(people) => shifts.push(FeedShift::of(occurrence, people.clone())),
                Err(name) => {
                    shifts.push(FeedShift::of(occurrence, vec![PersonId::new(&name.said)]));
                    unknown.insert(name.clone());
                }
            }
        }
        // The same name over and over is one fault.
        let mut told = BTreeSet::new();
        let unknown: Vec<UnknownName> =
            unknown.into_iter().filter(|name| told.insert(name.said.clone())).collect();
        let stretches = stretches(&shifts)?.into();
        let all: BTreeSet<&PersonId> = shifts.iter().flat_map(|shift| &shift.people).collect();
        let people = all.into_iter().cloned().map(Target::Person).collect();
        Ok((Self { label: label.to_owned(), fetched, shifts: shifts.into(), stretches, people }, unknown))
    }

    /// All who have shifts, in the order of their names.
    pub(super) fn people(&self) -> &[Target] {
        &self.people
    }

    /// All its shifts, in order.
    pub fn shifts(&self) -> &[FeedShift] {
        &self.shifts
    }

    /// When this copy was fetched, or found unchanged.
    pub fn fetched(&self) -> Timestamp {
        self.fetched
    }

    /// Until when there are shifts; `None`: the last one has no end. A feed without shifts ends at once.
    pub fn horizon(&self) -> Option<Timestamp> {
        let mut ends = self.shifts.iter().map(|shift| shift.until);
        ends.try_fold(self.fetched, |last, end| Some(last.max(end?)))
    }

    /// The shifts in force at an instant, of the highest level there is.
    pub(super) fn at(&self, at: Timestamp) -> impl Iterator<Item = &FeedShift> {
        let after = self.stretches.partition_point(|stretch| stretch.from <= at);
        let stretch = after.checked_sub(1).and_then(|place| self.stretches.get(place));
        stretch.into_iter().flat_map(|stretch| &stretch.shifts).filter_map(|shift| self.shifts.get(*shift))
    }

    /// Notes the changes next to an instant.
    pub(super) fn note_edges(&self, edges: &mut Edges, at: Timestamp) {
        let after = self.stretches.partition_point(|stretch| stretch.from <= at);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten();
        for stretch in around.filter_map(|place| self.stretches.get(place)) {
            edges.note(stretch.from);
        }
    }

    /// `calendar feed https://cal.example/..., "Anna on call", fetched 5 min ago`
    pub(super) fn rule(&self, title: &str, zone: &Zone, at: Timestamp) -> String {
        let title = if title.is_empty() { String::new() } else { format!(", \"{}\"", short(title)) };
        format!("{}{title}, fetched {}", self.label, self.age(zone, at))
    }

    /// How old the copy is: `5 min ago`, else when it was fetched.
    fn age(&self, zone: &Zone, at: Timestamp) -> String {
        match at.duration_since(self.fetched).as_mins() {
            0 => "just now".to_owned(),
            minutes @ 1..60 => format!("{minutes} min ago"),
            minutes @ 60..1440 => format!("{} h ago", minutes / 60),
            _ => zone.say(self.fetched, at),
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed({}, {} shifts, fetched {})", self.label, self.shifts.len(), self.fetched)
    }
}

impl FeedShift {
    fn of(occurrence: &Occurrence<'_>, people: Vec<PersonId>) -> Self {
        let title = occurrence.event.summary.as_str();
        // GoAlert marks what goes on beyond the end of its calendar.
        let open = title.trim_end().ends_with("Begins*");
        Self {
            people,
            from: occurrence.from,
            until: (!open).then_some(occurrence.until),
            level: level(title),
            title: short(title),
        }
    }
}

/// The level of a title: `[L2]` as Grafana writes it; without one, 0.
fn level(title: &str) -> u8 {
    tag(title)
        .and_then(|(digit, _)| digit.to_digit(10))
        .and_then(|level| u8::try_from(level).ok())
        .unwrap_or(0)
}

/// The first `[L2]` of a title: its digit, and where it stands.
fn tag(title: &str) -> Option<(char, usize)> {
    title.char_indices().filter(|(_, letter)| *letter == '[').find_map(|(at, _)| {
        let mut letters = title.get(at + 1..)?.chars();
        let (kind, digit, end) = (letters.next()?, letters.next()?, letters.next()?);
        (matches!(kind, 'L' | 'l') && digit.is_ascii_digit() && end == ']').then_some((digit, at))
    })
}

/// A title without its level.
fn untagged(title: &str) -> String {
    let Some((_, at)) = tag(title) else { return title.trim().to_owned() };
    let (before, after) = (title.get(..at).unwrap_or_default(), title.get(at + 4..).unwrap_or_default());
    format!("{} {}", before.trim(), after.trim()).trim().to_owned()
}

/// Cuts time where anything begins or ends. Of the shifts of a stretch those of the highest level are in force.
fn stretches(shifts: &[FeedShift]) -> Result<Vec<Stretch>, FeedError> {
    let mut changes: Vec<(Timestamp, bool, usize)> = Vec::new();
    for (place, shift) in
        shifts.iter().enumerate().filter(|(_, shift)| shift.until.is_none_or(|until| until > shift.from))
    {
        changes.push((shift.from, true, place));
        changes.extend(shift.until.map(|until| (until, false, place)));
    }
    changes.sort_unstable();
    let mut here: BTreeSet<usize> = BTreeSet::new();
    let mut stretches: Vec<Stretch> = Vec::new();
    for same_time in changes.chunk_by(|one, next| one.0 == next.0) {
        for (at, begins, place) in same_time {
            if *begins {
                here.insert(*place)
            } else {
                here.remove(place)
            };
            if here.len() > MOST_AT_ONCE {
                return Err(FeedError::Crowd(*at));
            }
        }
        let Some((at, ..)) = same_time.first() else { continue };
        let highest = here.iter().filter_map(|place| shifts.get(*place)).map(|shift| shift.level).max();
        let in_force = |place: &usize| shifts.get(*place).is_some_and(|shift| Some(shift.level) == highest);
        let now: Vec<usize> = here.iter().copied().filter(in_force).collect();
        if stretches.last().is_none_or(|last| last.shifts != now) {
            stretches.push(Stretch { from: *at, shifts: now });
        }
    }
    Ok(stretches)
}

/// Who is meant by what a calendar says.
struct Directory<'a> {
    /// In small letters: the calendar's own names, ids, names, e-mail addresses.
    known: BTreeMap<String, BTreeSet<&'a PersonId>>,
    given: BTreeMap<String, &'a PersonId>,
    people: &'a BTreeMap<PersonId, Person>,
}

impl<'a> Directory<'a> {
    fn new(people: &'a BTreeMap<PersonId, Person>, names: &'a BTreeMap<String, PersonId>) -> Self {
        let mut known: BTreeMap<String, BTreeSet<&PersonId>> = BTreeMap::new();
        for person in people.values() {
            let called = [Some(person.id.as_str()), Some(person.name.as_str()), person.email.as_deref()];
            for name in called.into_iter().flatten() {
                known.entry(name.trim().to_lowercase()).or_default().insert(&person.id);
            }
        }
        let given = names.iter().map(|(name, person)| (name.trim().to_lowercase(), person)).collect();
        Self { known, given, people }
    }

    /// The people of an event: of its title where the settings say so, of its addresses, of its title.
    fn of(&self, event: &crate::oncall::ical::Event) -> Result<Vec<PersonId>, UnknownName> {
        let title = untagged(&event.summary);
        if let Some(person) = self.given.get(&title.to_lowercase()) {
            return Ok(vec![(*person).clone()]);
        }
        if title.eq_ignore_ascii_case("nobody") {
            return Ok(Vec::new());
        }
        let addressed: Vec<PersonId> =
            event.attendees.iter().filter_map(|address| self.exactly(address)).cloned().collect();
        if !addressed.is_empty() && addressed.len() == event.attendees.len() {
            return Ok(unique(addressed));
        }
        self.titled(&title).map_err(|meant| {
            let said = if title.is_empty() { event.attendees.join(", ") } else { title.clone() };
            UnknownName { said: short(&said), line: event.line, meant }
        })
    }

    /// The people of a title: a name alone, several with commas between, or one inside it. Else who may have been
    /// meant.
    fn titled(&self, title: &str) -> Result<Vec<PersonId>, Vec<String>> {
        // GoAlert's: `[Anna Schmidt] On-Call (GoAlert: production)`
        let bracketed = title.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
        let whole = bracketed.unwrap_or(title);
        let parts: Vec<&str> = whole.split([',', ';', '&', '+', '/', '\n']).map(str::trim).collect();
        let all: Option<Vec<PersonId>> = parts.iter().map(|part| self.exactly(part).cloned()).collect();
        if let Some(person) = self.exactly(whole) {
            return Ok(vec![person.clone()]);
        }
        if let Some(all) = all {
            return Ok(unique(all));
        }
        let inside = self.inside(whole);
        match inside.len() {
            1 => Ok(inside.into_iter().cloned().collect()),
            0 => Err(self.nearest(whole)),
            _ => Err(inside.into_iter().map(PersonId::to_string).collect()),
        }
    }

    /// The one person that is called exactly so.
    fn exactly(&self, name: &str) -> Option<&'a PersonId> {
        let name = name.trim().to_lowercase();
        if let Some(person) = self.given.get(&name) {
            return Some(person);
        }
        let called = self.known.get(&name)?;
        called.first().copied().filter(|_| called.len() == 1)
    }

    /// Those whose name stands in a title as whole words: `On call: Anna Schmidt (primary)`. The words of a longer
    /// name do not count for a shorter one.
    fn inside(&self, title: &str) -> BTreeSet<&'a PersonId> {
        let mut left = title.to_lowercase();
        let given = self.given.iter().map(|(name, person)| (name, BTreeSet::from([*person])));
        let mut names: Vec<_> =
            given.chain(self.known.iter().map(|(name, people)| (name, people.clone()))).collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut found = BTreeSet::new();
        for (name, people) in names {
            if let Some(at) = whole_words(&left, name) {
                found.extend(people);
                left.replace_range(at..at + name.len(), "\u{0}");
            }
        }
        found
    }

    fn nearest(&self, said: &str) -> Vec<String> {
        let said = said.to_lowercase();
        let near = nearest(&said, self.known.keys().chain(self.given.keys()).map(String::as_str));
        let person = near.and_then(|name| self.exactly(name)).and_then(|id| self.people.get(id));
        person.map(|person| person.name.clone()).into_iter().collect()
    }
}

/// Where a name stands in a text with no letter or digit right before or behind it.
fn whole_words(text: &str, name: &str) -> Option<usize> {
    let free = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let (before, behind) = (text.get(..*at), text.get(at + name.len()..));
        free(before.and_then(|text| text.chars().next_back()))
            && free(behind.and_then(|text| text.chars().next()))
    })
}

fn unique(people: Vec<PersonId>) -> Vec<PersonId> {
    let mut seen = BTreeSet::new();
    people.into_iter().filter(|person| seen.insert(person.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::calendar_label;

    #[test]
    fn nothing_of_an_address_is_told_but_its_host() {
        for source in [
            "https://u:secret@cal.example/secret.ics",
            "https://cal.example?secret",
            "https://cal.example#secret",
        ] {
            assert_eq!(calendar_label(source), "calendar feed https://cal.example/...", "{source}");
        }
        assert_eq!(calendar_label("holidays.ics"), "calendar holidays.ics");
    }
}
