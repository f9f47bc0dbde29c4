//! Keys of a responder that are meant for us: a star and one more, as `*1`.
//!
//! Whether a star is the begin of one is not known before the next key. So it is held back: it goes on to the
//! partner with the next key, if that makes no command of it, or by itself after [`PATIENCE`].

use std::time::{Duration, Instant};

use crate::call::leg::KeyUse;

/// How long a star waits for another key.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the keys of one leg are for.
#[derive(Debug, Default)]
pub(super) struct Star {
    used: KeyUse,
    /// When the star was pressed that is held back.
    held: Option<Instant>,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on to the partner, after a star that was held back, if one was.
    GoesOn { star_first: bool },
    /// It does not; a star that was held back may.
    Stays { star_goes: bool },
    /// It makes a command of the star before it; both are for the script alone.
    Command,
}

impl Star {
    /// From now on keys are for this. A star that is held back is forgotten.
    pub fn agree(&mut self, used: KeyUse) {
        *self = Self { used, held: None };
    }

    /// Whether keys may be for us.
    pub fn listens(&self) -> bool {
        self.used != KeyUse::Partner
    }

    /// A key was pressed.
    pub fn press(&mut self, now: Instant, key: char) -> Fate {
        let star_first = self.held.take().is_some();
        match self.used {
            KeyUse::Partner => Fate::GoesOn { star_first },
            KeyUse::Script => Fate::Stays { star_goes: false },
            KeyUse::Commands(known) if star_first && known.contains(key) => Fate::Command,
            KeyUse::Commands(_) if key == '*' => {
                self.held = Some(now);
                Fate::Stays { star_goes: star_first }
            }
            KeyUse::Commands(_) => Fate::GoesOn { star_first },
        }
    }

    /// When a star that is held back goes on by itself.
    pub fn due(&self) -> Option<Instant> {
        self.held.map(|held| held + PATIENCE)
    }

    /// Whether a star that was held back goes on by itself now.
    pub fn expire(&mut self, now: Instant) -> bool {
        self.held.take_if(|held| *held + PATIENCE <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::leg::KeySet;

    /// What the partner and the script get of keys pressed at these times (ms).
    fn pressed(used: KeyUse, keys: &[(u64, char)]) -> (String, String) {
        let begin = Instant::now();
        let (mut star, mut partner, mut script) = (Star::default(), String::new(), String::new());
        star.agree(used);
        for (ms, key) in keys {
            let now = begin + Duration::from_millis(*ms);
            if star.expire(now) {
                partner.push('*');
            }
            match star.press(now, *key) {
                Fate::GoesOn { star_first } => {
                    partner.extend(star_first.then_some('*'));
                    partner.push(*key);
                }
                Fate::Stays { star_goes } => partner.extend(star_goes.then_some('*')),
                Fate::Command => script.push(*key),
            }
        }
        if star.expire(begin + Duration::from_secs(3600)) {
            partner.push('*');
        }
        (partner, script)
    }

    fn commands() -> KeyUse {
        KeyUse::Commands(KeySet::of(|key| "0123".contains(key)))
    }

    #[test]
    fn a_command_is_for_the_script_alone_and_all_else_goes_on_in_its_order() {
        for (keys, partner, script) in [
            ("*1", "", "1"),
            ("12", "12", ""),
            ("5*6#", "5*6#", ""),
            ("**1", "*", "1"),
            ("*", "*", ""),
            ("***", "***", ""),
            ("*2*2", "", "22"),
            ("*#*3", "*#", "3"),
            ("1*", "1*", ""),
        ] {
            let pressed_at: Vec<_> = (0..).map(|n| n * 300).zip(keys.chars()).collect();
            assert_eq!(pressed(commands(), &pressed_at), (partner.to_owned(), script.to_owned()), "{keys}");
        }
    }

    #[test]
    fn a_star_waits_for_two_seconds() {
        assert_eq!(pressed(commands(), &[(0, '*'), (1_900, '1')]), (String::new(), "1".to_owned()));
        assert_eq!(pressed(commands(), &[(0, '*'), (2_000, '1')]), ("*1".to_owned(), String::new()));
    }

    #[test]
    fn where_there_are_no_commands_every_key_goes_on_at_once_and_none_where_the_script_wants_them_all() {
        let keys = [(0, '*'), (100, '1'), (200, '5')];
        assert_eq!(pressed(KeyUse::Partner, &keys), ("*15".to_owned(), String::new()));
        assert_eq!(pressed(KeyUse::Script, &keys), (String::new(), String::new()));
    }
}
