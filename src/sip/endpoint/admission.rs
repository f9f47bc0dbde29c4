//! How many calls a second a trunk may begin (RFC 3261 21.5.4): the rest are refused before anything is kept
//! of them, and calls that have begun feel nothing of it.

use std::time::{Duration, Instant};

use super::Endpoint;
use super::event::{Event, Peer};
use crate::sip::message::Request;
use crate::sip::token_bucket::TokenBucket;

/// When a caller who comes too fast may try again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How often it is told that calls come too fast.
const TELL_EVERY: Duration = Duration::from_secs(60);

impl Endpoint {
    /// Whether one more call may begin; if not, it has been refused. Twice what comes in a second may come
    /// at once.
    pub(super) fn admits_call(&mut self, now: Instant, peer: Peer, request: &Request) -> bool {
        let rate = self.config.trunks.get(peer.trunk).and_then(|profile| profile.calls_per_second);
        let Some(rate) = rate else { return true };
        let size = rate.saturating_mul(2);
        let bucket = self.call_rates.entry(peer.trunk).or_insert_with(|| TokenBucket::new(now, size));
        let admitted = bucket.take(now, rate, size);
        if !admitted {
            self.answer_later(peer, request, 503, RETRY_AFTER);
            self.tell_too_fast(now, peer.trunk);
        }
        admitted
    }

    fn tell_too_fast(&mut self, now: Instant, trunk: usize) {
        let (refused, told) = self.too_fast.entry(trunk).or_default();
        *refused = refused.saturating_add(1);
        if told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return;
        }
        let event = Event::TooFast { trunk, refused: *refused };
        (*refused, *told) = (0, Some(now));
        self.events.push_back(event);
    }
}
