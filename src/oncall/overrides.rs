//! The overrides of a schedule, found quickly by time.

use std::ops::Deref;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::oncall::schedule::Override;
use crate::oncall::turn::Edges;
use crate::oncall::zone::Zone;

/// Overrides in the order in which they count, each one after the ones before it.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    list: Vec<Override>,
    /// The same by their beginning.
    by_begin: Vec<Begin>,
    /// All beginnings and ends, sorted, each once.
    edges: Vec<DateTime>,
}

#[derive(Debug, Clone, Copy)]
struct Begin {
    from: DateTime,
    /// The place in the list.
    index: usize,
    /// The latest end of this one and of all that begin earlier.
    latest_end: DateTime,
}

impl Overrides {
    /// Those in force at an instant, in the order in which they count.
    pub(super) fn in_force(&self, zone: &Zone, at: Timestamp) -> Vec<&Override> {
        let has_begun = |wall: DateTime| zone.instant(wall) <= at;
        let begun = self.by_begin.partition_point(|begin| has_begun(begin.from));
        let mut found: Vec<usize> = self
            .by_begin
            .iter()
            .take(begun)
            .rev()
            .take_while(|begin| !has_begun(begin.latest_end))
            .map(|begin| begin.index)
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .filter_map(|index| self.list.get(index))
            .filter(|over| !has_begun(over.until))
            .collect()
    }

    /// Notes the beginnings and ends next to an instant.
    pub(super) fn note_edges(&self, zone: &Zone, edges: &mut Edges, at: Timestamp) {
        let past = self.edges.partition_point(|wall| zone.instant(*wall) <= at);
        let last = past.checked_sub(1).and_then(|index| self.edges.get(index));
        for wall in last.into_iter().chain(self.edges.get(past)) {
            edges.note(zone.instant(*wall));
        }
    }
}

impl FromIterator<Override> for Overrides {
    fn from_iter<T: IntoIterator<Item = Override>>(all: T) -> Self {
        let list: Vec<Override> = all.into_iter().collect();
        let mut edges: Vec<DateTime> = list.iter().flat_map(|over| [over.from, over.until]).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut by_begin: Vec<Begin> = (0..)
            .zip(&list)
            .map(|(index, over)| Begin { from: over.from, index, latest_end: over.until })
            .collect();
        by_begin.sort_by_key(|begin| begin.from);
        let mut latest_end = DateTime::MIN;
        for begin in &mut by_begin {
            latest_end = latest_end.max(begin.latest_end);
            begin.latest_end = latest_end;
        }
        Self { list, by_begin, edges }
    }
}

impl From<Vec<Override>> for Overrides {
    fn from(list: Vec<Override>) -> Self {
        list.into_iter().collect()
    }
}

impl Deref for Overrides {
    type Target = [Override];

    fn deref(&self) -> &[Override] {
        &self.list
    }
}

impl PartialEq for Overrides {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Overrides {}
