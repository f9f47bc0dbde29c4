//! The parts of a calendar: `BEGIN:...` to `END:...`, one inside the other.

use super::line::{Line, lines};
use super::{Fault, FaultKind, MOST_OCTETS};

/// How deep parts may stand inside each other: an alarm in an event in a calendar is three.
const DEEPEST: usize = 8;

/// A part of a calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Component {
    /// `VEVENT`
    pub name: String,
    /// The line it begins on.
    pub number: usize,
    /// Its own lines.
    pub lines: Vec<Line>,
    /// The parts in it.
    pub inner: Vec<Component>,
}

impl Component {
    /// The first line of a name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// All lines of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> + 'a {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The value of the first line of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.line(name).map(|line| line.value.trim())
    }
}

/// Reads a calendar into its parts. What stands before the first `BEGIN:VCALENDAR` and behind its end is passed over; a
/// calendar without its end is one that was cut off on the way.
pub fn read(octets: &[u8]) -> Result<Component, Fault> {
    if octets.len() > MOST_OCTETS {
        return Err(Fault::at(0, FaultKind::TooLong));
    }
    let mut open: Vec<Component> = Vec::new();
    for line in lines(octets) {
        match line.name.as_str() {
            "BEGIN" => {
                let name = line.value.trim().to_uppercase();
                if open.is_empty() && name != "VCALENDAR" {
                    return Err(Fault::at(line.number, FaultKind::NoCalendar));
                }
                if open.len() == DEEPEST {
                    return Err(Fault::at(line.number, FaultKind::TooDeep));
                }
                open.push(Component { name, number: line.number, ..Component::default() });
            }
            "END" => {
                let Some(whole) = open.pop() else {
                    return Err(Fault::at(line.number, FaultKind::NoCalendar));
                };
                if !whole.name.eq_ignore_ascii_case(line.value.trim()) {
                    return Err(Fault::at(line.number, FaultKind::End(whole.name)));
                }
                match open.last_mut() {
                    Some(outer) => outer.inner.push(whole),
                    None => return Ok(whole),
                }
            }
            _ => {
                if let Some(part) = open.last_mut() {
                    part.lines.push(line);
                }
            }
        }
    }
    Err(match open.first() {
        Some(_) => Fault::at(0, FaultKind::CutOff),
        None => Fault::at(0, FaultKind::NoCalendar),
    })
}
