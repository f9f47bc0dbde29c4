//! Which packets have come before (RFC 3711 3.3.2).

/// How far behind the newest a packet may be; the RFC wants 64 at least.
const WINDOW: u64 = 128;

/// The newest index of a stream and which of those before it have come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    newest: u64,
    /// The lowest bit stands for the newest.
    seen: u128,
}

impl Window {
    /// A stream of which one packet has come.
    pub fn new(index: u64) -> Self {
        Self { newest: index, seen: 1 }
    }

    /// The highest index so far.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether the packet is new, and not older than can be told.
    pub fn is_new(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(age) => age < WINDOW && self.seen >> age & 1 == 0,
        }
    }

    /// An authentic packet has come.
    pub fn note(&mut self, index: u64) {
        if let Some(age) = self.newest.checked_sub(index) {
            self.seen |= u32::try_from(age).ok().and_then(|age| 1_u128.checked_shl(age)).unwrap_or(0);
        } else {
            let step = u32::try_from(index - self.newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.newest = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_passes_twice_and_nothing_new_within_the_window_is_held_back(
            steps in proptest::collection::vec(-200_i64..200, 1..400)
        ) {
            let mut at = 1_000_000_u64;
            let mut window = Window::new(at);
            let mut seen = HashSet::from([at]);
            for step in steps {
                at = at.saturating_add_signed(step);
                let expected = !seen.contains(&at) && at + WINDOW > window.newest();
                prop_assert_eq!(window.is_new(at), expected);
                if expected {
                    window.note(at);
                    seen.insert(at);
                }
            }
        }
    }
}
