//! How much one address may send.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

use crate::sip::TokenBucket;

/// Messages a second from one address: some 200 calls a second with all that belongs to them.
pub(super) const RATE: u32 = 2_000;
/// Messages at once.
pub(super) const BURST: u32 = 4_000;
/// Buckets. Addresses that fall into the same one share it; which do nobody outside can tell.
const BUCKETS: usize = 1_024;

/// Counts messages by their source, in constant time and memory, whatever addresses they name.
pub(super) struct Limits {
    places: RandomState,
    buckets: Box<[TokenBucket]>,
}

impl Limits {
    pub(super) fn new(now: Instant) -> Self {
        Self { places: RandomState::new(), buckets: vec![TokenBucket::new(now, BURST); BUCKETS].into() }
    }

    /// Whether an address may send one more message.
    pub(super) fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        let place = self.places.hash_one(source) % BUCKETS as u64;
        let bucket = usize::try_from(place).ok().and_then(|place| self.buckets.get_mut(place));
        bucket.is_some_and(|bucket| bucket.take(now, RATE, BURST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_too_much_is_held_back_and_the_others_are_not() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        let flooder = IpAddr::from([192, 0, 2, 1]);
        let passed = (0..BURST * 3).filter(|_| limits.admit(now, flooder)).count();
        assert_eq!(passed, BURST as usize);
        let others = (0..100_u8).map(|last| IpAddr::from([198, 51, 100, last]));
        let passed = others.filter(|other| limits.admit(now, *other)).count();
        assert!(passed > 90, "a shared bucket is rare: {passed} of 100");
    }
}
