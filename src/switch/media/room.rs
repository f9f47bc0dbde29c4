//! A room: three legs or more that hear each other.
//!
//! Every 20 ms what each of them says is taken from its playout, and each hears the sum of all others, in its
//! own codec and packet time. All legs of a room send in the same millisecond, on the room's grid.

use std::time::{Duration, Instant};

use super::voice::FRAME_TIME;

/// The most legs in a room.
pub(super) const MOST: usize = 8;
/// Frames that are later than this are left out instead of being sent in a burst.
const TOO_LATE: Duration = Duration::from_millis(60);

/// The legs of a room, by their places on the thread.
#[derive(Debug)]
pub(super) struct Room {
    members: [Option<usize>; MOST],
    /// When the next frame is due.
    pub next_frame: Instant,
}

impl Room {
    /// A room with nobody in it.
    pub fn new(first_frame: Instant) -> Self {
        Self { members: [None; MOST], next_frame: first_frame }
    }

    /// Takes a leg in. Returns whether there was room for it.
    pub fn enter(&mut self, leg: usize) -> bool {
        let free = self.members.iter_mut().find(|member| member.is_none());
        free.map(|free| *free = Some(leg)).is_some()
    }

    /// Lets a leg go.
    pub fn leave(&mut self, leg: usize) {
        self.members.iter_mut().filter(|member| **member == Some(leg)).for_each(|member| *member = None);
    }

    /// Who is in it; places that are free have nobody.
    pub fn members(&self) -> [Option<usize>; MOST] {
        self.members
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.members.iter().flatten().count()
    }

    /// Leaves out frames for which it is too late. Returns how many.
    pub fn leave_out_late_frames(&mut self, now: Instant) -> u32 {
        let late = now.saturating_duration_since(self.next_frame);
        if late <= TOO_LATE {
            return 0;
        }
        let frames = u32::try_from(late.as_micros() / FRAME_TIME.as_micros()).unwrap_or(u32::MAX);
        self.next_frame += FRAME_TIME * frames;
        frames
    }
}
