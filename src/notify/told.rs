//! Who of several recipients has a letter already, while others still have to wait for theirs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many letters are remembered. After more, or after a restart, somebody may get one twice: with the same
/// `Message-ID`, by which most programs show it once.
const MOST: usize = 256;

/// Letters and who has them.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Letters>>);

type Letters = VecDeque<(String, BTreeSet<String>)>;

impl Told {
    /// Whether somebody has a letter.
    pub fn has(&self, letter: &str, who: &str) -> bool {
        self.with(|letters| letters.iter().any(|(id, had)| id == letter && had.contains(who)))
    }

    /// Somebody has it now.
    pub fn note(&self, letter: &str, who: &str) {
        self.with(|letters| match letters.iter_mut().find(|(id, _)| id == letter) {
            Some((_, had)) => {
                had.insert(who.to_owned());
            }
            None => {
                letters.push_back((letter.to_owned(), BTreeSet::from([who.to_owned()])));
                if letters.len() > MOST {
                    letters.pop_front();
                }
            }
        });
    }

    /// The letter is done with.
    pub fn forget(&self, letter: &str) {
        self.with(|letters| letters.retain(|(id, _)| id != letter));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Letters) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_letter_is_known_until_the_letter_is_done_with() {
        let told = Told::default();
        told.note("a", "anna");
        told.note("a", "bob");
        told.note("b", "anna");
        assert!(told.has("a", "anna") && told.has("a", "bob") && !told.has("b", "bob"));
        told.forget("a");
        assert!(!told.has("a", "anna") && told.has("b", "anna"));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let told = Told::default();
        for letter in 0..=MOST {
            told.note(&letter.to_string(), "anna");
        }
        assert!(!told.has("0", "anna") && told.has("1", "anna"));
    }
}
