//! One press, told twice: the same key by two ways within a moment counts once.

use std::time::{Duration, Instant};

use crate::call::leg::{KeySource, LegEvents};

/// How long after a press was last known to be held the same key by another way is that press. A phone
/// that tells of its keys in the signalling may do so only when they are let go of.
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

/// Where a press began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Began {
    /// As a timestamp of the phone's stream.
    Stamped(u32),
    /// As nothing better is known: when we heard of it, less what that usually takes.
    Came(Instant),
}

/// The way to the script.
#[derive(Debug)]
pub(super) struct Keys {
    leg: LegEvents,
    last: Option<Press>,
}

#[derive(Debug)]
struct Press {
    key: char,
    /// By which ways it was told, as [`Way::bit`].
    ways: u8,
    /// When it was last known to be held.
    held: Instant,
    began: Began,
}

impl Keys {
    pub fn new(leg: LegEvents) -> Self {
        Self { leg, last: None }
    }

    /// A key was told. Returns whether it is a new press.
    pub fn press(&mut self, now: Instant, key: char, way: Way, began: Began) -> bool {
        if let Some(last) = self.last.as_mut().filter(|last| last.is_told_again(now, key, way)) {
            last.ways |= way.bit();
            last.began = last.began.earlier(began);
            return false;
        }
        self.last = Some(Press { key, ways: way.bit(), held: now, began });
        self.leg.key(key, way.source());
        true
    }

    /// A star and this key were pressed, which is a command to the script.
    pub fn command(&self, key: char) {
        self.leg.command(key);
    }

    /// The newest press is still held, as this way tells.
    pub fn still_held(&mut self, now: Instant, way: Way) {
        if let Some(last) = self.last.as_mut().filter(|last| last.ways & way.bit() != 0) {
            last.held = now;
        }
    }

    /// Where the newest press began.
    pub fn newest_began(&self) -> Option<Began> {
        self.last.as_ref().map(|last| last.began)
    }
}

impl Press {
    /// A way that has told of this press already tells of another one.
    fn is_told_again(&self, now: Instant, key: char, way: Way) -> bool {
        let soon = now.saturating_duration_since(self.held) <= SAME_PRESS;
        self.key == key && self.ways & way.bit() == 0 && soon
    }
}

impl Way {
    fn source(self) -> KeySource {
        match self {
            Self::Event | Self::Signalled => KeySource::Told,
            Self::InBand => KeySource::Tone,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::InBand => 2,
            Self::Signalled => 4,
        }
    }
}

impl Began {
    /// A timestamp is better than none.
    fn earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stamped(one), Self::Stamped(two)) if (two.wrapping_sub(one) as i32) < 0 => other,
            (Self::Came(_), Self::Stamped(_)) => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::call::leg::Leg;

    struct Scene {
        keys: Keys,
        begin: Instant,
        _leg: Leg,
    }

    impl Scene {
        fn new() -> Self {
            let (leg, events) = Leg::new(mpsc::unbounded_channel().0);
            Self { keys: Keys::new(events), begin: Instant::now(), _leg: leg }
        }

        fn at(&self, ms: u64) -> Instant {
            self.begin + Duration::from_millis(ms)
        }

        fn told(&mut self, ms: u64, key: char, way: Way) -> bool {
            self.keys.press(self.at(ms), key, way, Began::Stamped(ms as u32 * 8))
        }
    }

    #[test]
    fn a_key_told_by_several_ways_counts_once_and_two_presses_by_one_way_count_twice() {
        let mut scene = Scene::new();
        assert!(scene.told(0, '5', Way::Event));
        assert!(!scene.told(100, '5', Way::Signalled));
        assert!(!scene.told(250, '5', Way::InBand));
        assert!(scene.told(260, '5', Way::InBand), "the tone has told of the first one");
        assert!(scene.told(300, '5', Way::InBand));
        assert!(scene.told(310, '6', Way::Event));
        assert!(scene.told(561, '6', Way::Signalled), "too late to be the same");
    }

    #[test]
    fn a_key_that_is_still_held_is_the_same_press_however_long_it_lasts() {
        let mut scene = Scene::new();
        assert!(scene.told(0, '#', Way::InBand));
        for ms in (20..3000).step_by(20) {
            let now = scene.at(ms);
            scene.keys.still_held(now, Way::InBand);
            scene.keys.still_held(now + Duration::from_secs(9), Way::Event);
        }
        assert!(!scene.told(3200, '#', Way::Signalled));
        assert!(scene.told(6000, '#', Way::Event));
    }

    #[test]
    fn a_press_told_by_several_ways_began_where_the_first_of_them_says() {
        let mut scene = Scene::new();
        let now = scene.at(0);
        scene.keys.press(now, '1', Way::Signalled, Began::Came(now));
        scene.keys.press(now, '1', Way::Event, Began::Stamped(100));
        assert_eq!(scene.keys.newest_began(), Some(Began::Stamped(100)));
        scene.keys.press(now, '1', Way::InBand, Began::Stamped(u32::MAX));
        assert_eq!(scene.keys.newest_began(), Some(Began::Stamped(u32::MAX)), "over the wrap");
        scene.keys.press(now, '2', Way::Signalled, Began::Came(now));
        assert_eq!(scene.keys.newest_began(), Some(Began::Came(now)));
    }
}
