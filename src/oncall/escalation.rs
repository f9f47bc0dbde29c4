//! An escalation: whom to turn to, and after which time to whom next.

use std::time::Duration;

use crate::oncall::name::{EscalationId, Target};

/// Targets in levels, each some time after the first. While the phone is ringing the delays only order
/// the levels: nobody waits for them with a caller on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How others refer to this escalation.
    pub id: EscalationId,
    /// How often it begins again after its last level, 0 to 9.
    pub repeat: u8,
    /// The levels, as they are written.
    pub levels: Vec<EscalationLevel>,
}

/// A level of an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationLevel {
    /// Who is turned to.
    pub targets: Vec<Target>,
    /// How long after the beginning. Levels of equal delay are one level for calls.
    pub after: Duration,
}

impl Escalation {
    /// The targets level by level, as calls go through them: by their delays, those of equal delay side
    /// by side; with the delays.
    pub(super) fn in_order(&self) -> Vec<(Duration, Vec<&Target>)> {
        let mut levels: Vec<&EscalationLevel> = self.levels.iter().collect();
        levels.sort_by_key(|level| level.after);
        let equal = levels.chunk_by(|one, next| one.after == next.after);
        let together =
            |levels: &[&'_ EscalationLevel]| levels.first().map_or(Duration::ZERO, |level| level.after);
        equal
            .map(|levels| (together(levels), levels.iter().flat_map(|level| &level.targets).collect()))
            .collect()
    }
}
