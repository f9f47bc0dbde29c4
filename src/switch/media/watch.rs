//! Watches that a leg is heard at all.

use std::time::{Duration, Instant};

use super::MediaEvent;
use crate::call::leg::LegId;

/// How long after the agreement a leg of which nothing came is reported.
const NEVER_ANY: Duration = Duration::from_secs(10);
/// While the phone was told not to send, it may be silent so many times longer.
const HOLD_FACTOR: u32 = 5;
/// A leg that was heard is reported once it has been silent for this part of its patience.
const WARN_PART: u32 = 3;

/// The watch over one leg.
#[derive(Debug)]
pub(super) struct Watch {
    media_timeout: Duration,
    patience: Duration,
    last: Instant,
    heard_any: bool,
    told_never_any: bool,
    told_silent: bool,
    told_timeout: bool,
    begun: Option<Instant>,
}

impl Watch {
    pub fn new(now: Instant, media_timeout: Duration) -> Self {
        Self {
            media_timeout,
            patience: media_timeout,
            last: now,
            heard_any: false,
            told_never_any: false,
            told_silent: false,
            told_timeout: false,
            begun: None,
        }
    }

    /// Something was agreed, first or anew.
    pub fn begin(&mut self, now: Instant, may_receive: bool) {
        self.begun.get_or_insert(now);
        self.last = now;
        (self.told_silent, self.told_timeout) = (false, false);
        self.patience = self.media_timeout * if may_receive { 1 } else { HOLD_FACTOR };
    }

    /// RTP or RTCP of the phone came.
    pub fn heard(&mut self, now: Instant) {
        self.last = now;
        self.heard_any = true;
        self.told_silent = false;
    }

    /// When there may be something to tell.
    pub fn due(&self) -> Option<Instant> {
        let timeout = (!self.told_timeout).then(|| self.last + self.patience);
        [self.never_any_due(), self.silent_due(), timeout].into_iter().flatten().min()
    }

    /// What is to be told now.
    pub fn check(&mut self, now: Instant, leg: LegId) -> Option<MediaEvent> {
        if self.never_any_due().is_some_and(|due| due <= now) {
            self.told_never_any = true;
            return Some(MediaEvent::NeverAnyMedia { leg });
        }
        if self.silent_due().is_some_and(|due| due <= now) {
            self.told_silent = true;
            return Some(MediaEvent::Silent { leg });
        }
        if !self.told_timeout && self.last + self.patience <= now {
            self.told_timeout = true;
            return Some(MediaEvent::Timeout { leg });
        }
        None
    }

    fn never_any_due(&self) -> Option<Instant> {
        let open = !self.heard_any && !self.told_never_any;
        self.begun.filter(|_| open).map(|begun| begun + NEVER_ANY)
    }

    fn silent_due(&self) -> Option<Instant> {
        let open = self.heard_any && !self.told_silent && !self.told_timeout;
        open.then(|| self.last + self.patience / WARN_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEG: LegId = LegId(1);

    fn told(watch: &mut Watch, now: Instant) -> Option<&'static str> {
        watch.check(now, LEG).map(|event| match event {
            MediaEvent::NeverAnyMedia { .. } => "never any",
            MediaEvent::Silent { .. } => "silent",
            MediaEvent::Timeout { .. } => "timeout",
            MediaEvent::Broken { .. } => "broken",
        })
    }

    #[test]
    fn a_silent_leg_is_told_of_after_ten_seconds_and_given_up_after_sixty() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let mut watch = Watch::new(now, Duration::from_secs(60));
        watch.begin(now, true);
        assert_eq!(watch.due(), Some(at(10)));
        assert_eq!(told(&mut watch, at(9)), None);
        assert_eq!(told(&mut watch, at(10)), Some("never any"));
        assert_eq!(told(&mut watch, at(59)), None);
        assert_eq!(told(&mut watch, at(60)), Some("timeout"));
        assert_eq!((told(&mut watch, at(600)), watch.due()), (None, None), "each is told once");
    }

    #[test]
    fn a_leg_that_is_heard_is_left_alone_and_a_held_one_has_more_time() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let mut watch = Watch::new(now, Duration::from_secs(60));
        watch.begin(now, true);
        watch.heard(at(50));
        assert_eq!(told(&mut watch, at(69)), None);
        watch.begin(at(69), false);
        assert_eq!(told(&mut watch, at(168)), None);
        assert_eq!(told(&mut watch, at(169)), Some("silent"));
        assert_eq!(told(&mut watch, at(368)), None);
        assert_eq!(told(&mut watch, at(369)), Some("timeout"));
    }

    #[test]
    fn a_leg_that_falls_silent_is_told_of_after_twenty_seconds_each_time() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let mut watch = Watch::new(now, Duration::from_secs(60));
        watch.begin(now, true);
        for heard in [5, 100] {
            watch.heard(at(heard));
            assert_eq!(watch.due(), Some(at(heard + 20)));
            assert_eq!(told(&mut watch, at(heard + 19)), None);
            assert_eq!(told(&mut watch, at(heard + 20)), Some("silent"));
            assert_eq!((told(&mut watch, at(heard + 59)), watch.due()), (None, Some(at(heard + 60))));
        }
        assert_eq!(told(&mut watch, at(160)), Some("timeout"));
    }
}
