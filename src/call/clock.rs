//! The time of a call: a wall clock that follows the runtime's clock, so that a paused clock in a
//! scenario moves both, and a step of the system's clock never bends a call's durations. The daemon
//! anchors one anew for each call.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A wall clock anchored at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Timestamp,
    anchor: Instant,
}

impl Clock {
    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { wall, anchor: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.anchor.elapsed()).unwrap_or(SignedDuration::MAX);
        self.wall.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}
