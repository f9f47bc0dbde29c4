//! One press, told twice: the same key by two ways within a moment counts once.

use std::time::{Duration, Instant};

use crate::call::leg::LegEvents;

/// How long after a press the same key by another way is that press.
const SAME_PRESS: Duration = Duration::from_millis(250);

/// How a key was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// RFC 4733.
    Event,
    /// As tones in the audio.
    InBand,
    /// SIP INFO.
    Signalled,
}

/// The way to the script.
#[derive(Debug)]
pub(super) struct Keys {
    leg: LegEvents,
    last: Option<(char, Way, Instant)>,
}

impl Keys {
    pub fn new(leg: LegEvents) -> Self {
        Self { leg, last: None }
    }

    /// A key was told. Returns whether it is a new press.
    pub fn press(&mut self, now: Instant, key: char, way: Way) -> bool {
        let told = self.last.is_some_and(|(last, by, at)| {
            last == key && by != way && now.saturating_duration_since(at) <= SAME_PRESS
        });
        if !told {
            self.last = Some((key, way, now));
            self.leg.key(key);
        }
        !told
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::call::leg::Leg;

    #[test]
    fn a_key_told_by_two_ways_counts_once_and_two_presses_by_one_way_count_twice() {
        let (_leg, events) = Leg::new(mpsc::unbounded_channel().0);
        let mut keys = Keys::new(events);
        let now = Instant::now();
        let after = |ms| now + Duration::from_millis(ms);
        assert!(keys.press(now, '5', Way::Event));
        assert!(!keys.press(after(100), '5', Way::Signalled));
        assert!(!keys.press(after(250), '5', Way::InBand));
        assert!(keys.press(after(251), '5', Way::InBand));
        assert!(keys.press(after(300), '5', Way::InBand));
        assert!(keys.press(after(310), '6', Way::Event));
    }
}
