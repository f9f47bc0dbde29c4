//! Room that a rush of calls has made.

use std::collections::HashMap;
use std::hash::Hash;

/// A table of at most so many places is never worth shrinking.
const KEPT: usize = 64;

/// Gives the memory of a table back once all but a few of its entries are gone. To be called where entries are
/// removed: the work is in proportion to what was removed since the last time.
pub(crate) fn give_back<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() > KEPT && table.len() < table.capacity() / 8 {
        table.shrink_to((table.len() * 2).max(KEPT / 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_rush_is_given_back_and_nothing_is_lost() {
        let mut table: HashMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
        for n in 10..10_000 {
            table.remove(&n);
            give_back(&mut table);
        }
        assert!(table.capacity() <= KEPT, "{}", table.capacity());
        assert!((0..10).all(|n| table.get(&n) == Some(&n)));
    }
}
