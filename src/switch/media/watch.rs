//! Watches that a leg is heard at all.

use std::time::{Duration, Instant};

/// How long after the agreement a leg of which no audio came is told of.
const NEVER_ANY: Duration = Duration::from_secs(10);
/// How long after the agreement such a leg is told that nobody hears it.
const UNHEARD: Duration = Duration::from_secs(30);
/// How long a bridged leg may be still while its partner is not.
const ONE_WAY: Duration = Duration::from_secs(8);
/// A partner that was heard so long ago still speaks.
const SPEAKS: Duration = Duration::from_secs(1);
/// While the phone was told not to send, it may be silent so many times longer.
const HOLD_FACTOR: u32 = 5;
/// A leg that was heard is reported once it has been silent for this part of its patience.
const WARN_PART: u32 = 3;

/// What is wrong with what comes from a leg. Each is told once in each silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// No audio has come in the first 10 s.
    NeverAny,
    /// Nor in the first 30.
    Unheard,
    /// The bridged partner is heard and this leg is not.
    OneWay,
    /// It was heard, and nothing comes any more.
    Silent,
    /// Nothing came for as long as a leg is waited for.
    Timeout,
}

/// What else is to be known of a leg when it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// When the bridged partner was last heard; nothing: there is none.
    pub partner_spoke: Option<Instant>,
    /// The phone's own newest report, when it came: by it nothing was sent that has not come.
    pub explained: Option<Instant>,
}

/// The watch over one leg.
#[derive(Debug)]
pub(super) struct Watch {
    media_timeout: Duration,
    patience: Duration,
    /// The phone is to send.
    expects: bool,
    /// Since when.
    begun: Option<Instant>,
    /// When anything of it came last, reports included.
    last: Instant,
    heard_any: bool,
    /// When audio of it came last; from the agreement or the bridge on, where none has come since.
    audio: Instant,
    heard_audio: bool,
    longest_silence: Duration,
    /// When a bridged leg is to be looked at; nothing: it is in no bridge, or what was to be told is told.
    look_at_bridge: Option<Instant>,
    told_never_any: bool,
    told_unheard: bool,
    told_one_way: bool,
    told_silent: bool,
    told_timeout: bool,
}

impl Watch {
    pub fn new(now: Instant, media_timeout: Duration) -> Self {
        Self {
            media_timeout,
            patience: media_timeout,
            expects: false,
            begun: None,
            last: now,
            heard_any: false,
            audio: now,
            heard_audio: false,
            longest_silence: Duration::ZERO,
            look_at_bridge: None,
            told_never_any: false,
            told_unheard: false,
            told_one_way: false,
            told_silent: false,
            told_timeout: false,
        }
    }

    /// Something was agreed, first or anew.
    pub fn begin(&mut self, now: Instant, may_receive: bool) {
        if may_receive && !self.expects {
            self.begun = Some(now);
        }
        self.expects = may_receive;
        (self.last, self.audio) = (now, now);
        (self.told_silent, self.told_timeout) = (false, false);
        self.patience = self.media_timeout * if may_receive { 1 } else { HOLD_FACTOR };
        self.look_at_bridge = self.look_at_bridge.map(|_| now + ONE_WAY);
    }

    /// It is bridged.
    pub fn bridged(&mut self, now: Instant) {
        self.look_at_bridge = Some(now + ONE_WAY);
        self.told_one_way = false;
    }

    /// The bridge is over.
    pub fn parted(&mut self) {
        self.look_at_bridge = None;
    }

    /// RTP or RTCP of the phone came.
    pub fn heard(&mut self, now: Instant) {
        self.last = now;
        self.heard_any = true;
        self.told_silent = false;
    }

    /// What came is audio, or a key.
    pub fn heard_audio(&mut self, now: Instant) {
        self.heard(now);
        self.note_silence(now);
        self.heard_audio = true;
        self.audio = now;
        if self.told_one_way {
            self.told_one_way = false;
            self.look_at_bridge = Some(now + ONE_WAY);
        }
    }

    /// The longest silence so far, the one that lasts included.
    pub fn longest_silence(&mut self, now: Instant) -> Duration {
        self.note_silence(now);
        self.longest_silence
    }

    fn note_silence(&mut self, now: Instant) {
        if self.heard_audio && self.expects {
            self.longest_silence = self.longest_silence.max(now.saturating_duration_since(self.audio));
        }
    }

    /// When there may be something to tell.
    pub fn due(&self) -> Option<Instant> {
        let timeout = (!self.told_timeout).then(|| self.last + self.patience);
        let bridge = self.look_at_bridge.filter(|_| self.expects);
        let all = [self.never_any_due(), self.unheard_due(), self.silent_due(), bridge, timeout];
        all.into_iter().flatten().min()
    }

    /// What is to be told now.
    pub fn check(&mut self, now: Instant, around: &Surroundings) -> Option<Alarm> {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.look_at_bridge.filter(|_| self.expects)) && self.is_one_way(now, around) {
            self.told_one_way = true;
            // It is the same trouble.
            (self.told_never_any, self.told_silent) = (true, true);
            return Some(Alarm::OneWay);
        }
        if due(self.never_any_due()) {
            self.told_never_any = true;
            return Some(Alarm::NeverAny);
        }
        if due(self.unheard_due()) {
            self.told_unheard = true;
            return Some(Alarm::Unheard);
        }
        if due(self.silent_due()) {
            self.told_silent = true;
            return Some(Alarm::Silent);
        }
        if !self.told_timeout && self.last + self.patience <= now {
            self.told_timeout = true;
            return Some(Alarm::Timeout);
        }
        None
    }

    /// Looks at a bridged leg, and says when to look again.
    fn is_one_way(&mut self, now: Instant, around: &Surroundings) -> bool {
        let still_until = self.audio + ONE_WAY;
        if now < still_until {
            self.look_at_bridge = Some(still_until);
            return false;
        }
        self.look_at_bridge = Some(now + SPEAKS);
        let partner_speaks = around.partner_spoke.is_some_and(|spoke| spoke + SPEAKS > now);
        // A phone that says so itself is muted, and has silence suppression.
        let explained = around.explained.is_some_and(|told| told > self.audio + SPEAKS);
        let one_way = partner_speaks && !explained;
        if one_way {
            self.look_at_bridge = None;
        }
        one_way
    }

    fn never_any_due(&self) -> Option<Instant> {
        self.unless_heard(!self.told_never_any).map(|begun| begun + NEVER_ANY)
    }

    fn unheard_due(&self) -> Option<Instant> {
        self.unless_heard(!self.told_unheard).map(|begun| begun + UNHEARD)
    }

    fn unless_heard(&self, open: bool) -> Option<Instant> {
        self.begun.filter(|_| open && self.expects && !self.heard_audio)
    }

    fn silent_due(&self) -> Option<Instant> {
        let open = self.heard_any && !self.told_silent && !self.told_timeout;
        open.then(|| self.last + self.patience / WARN_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Surroundings = Surroundings { partner_spoke: None, explained: None };

    /// A watch on virtual time, in seconds.
    struct Scene {
        watch: Watch,
        begin: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let begin = Instant::now();
            let mut watch = Watch::new(begin, Duration::from_secs(60));
            watch.begin(begin, true);
            Self { watch, begin }
        }

        fn at(&self, s: u64) -> Instant {
            self.begin + Duration::from_secs(s)
        }

        fn told(&mut self, s: u64) -> Option<Alarm> {
            self.watch.check(self.at(s), &ALONE)
        }

        /// The same while the partner speaks.
        fn told_bridged(&mut self, s: u64) -> Option<Alarm> {
            let around = Surroundings { partner_spoke: Some(self.at(s)), explained: None };
            self.watch.check(self.at(s), &around)
        }

        /// All that is told from one second to another, with a look wherever the watch wants one.
        fn all_told(
            &mut self,
            from: u64,
            to: u64,
            around: impl Fn(&Self, u64) -> Surroundings,
        ) -> Vec<(u64, Alarm)> {
            let mut told = Vec::new();
            for s in from..=to {
                let around = around(self, s);
                while let Some(alarm) = self.watch.check(self.at(s), &around) {
                    told.push((s, alarm));
                }
            }
            told
        }
    }

    #[test]
    fn a_leg_without_audio_is_told_of_after_ten_and_thirty_seconds_and_given_up_after_sixty() {
        let mut scene = Scene::new();
        assert_eq!(scene.watch.due(), Some(scene.at(10)));
        assert_eq!(
            scene.all_told(0, 600, |_, _| ALONE),
            [(10, Alarm::NeverAny), (30, Alarm::Unheard), (60, Alarm::Timeout)]
        );
        assert_eq!(scene.watch.due(), None, "each is told once");
    }

    #[test]
    fn reports_alone_keep_a_leg_up_and_are_no_audio() {
        let mut scene = Scene::new();
        for s in (5..=120).step_by(5) {
            scene.watch.heard(scene.at(s));
        }
        let told = scene.all_told(120, 130, |_, _| ALONE);
        assert_eq!(told, [(120, Alarm::NeverAny), (120, Alarm::Unheard)]);
    }

    #[test]
    fn a_leg_that_is_heard_is_left_alone_and_a_held_one_has_more_time() {
        let mut scene = Scene::new();
        scene.watch.heard_audio(scene.at(50));
        assert_eq!(scene.told(69), None);
        scene.watch.begin(scene.at(69), false);
        assert_eq!(scene.told(168), None);
        assert_eq!(scene.told(169), Some(Alarm::Silent));
        assert_eq!(scene.told(368), None);
        assert_eq!(scene.told(369), Some(Alarm::Timeout));
    }

    #[test]
    fn a_leg_that_begins_on_hold_is_not_expected_to_be_heard() {
        let mut scene = Scene::new();
        scene.watch.begin(scene.at(1), false);
        assert_eq!(scene.told(40), None);
        scene.watch.begin(scene.at(40), true);
        assert_eq!(scene.told(49), None);
        assert_eq!(scene.told(50), Some(Alarm::NeverAny));
    }

    #[test]
    fn a_leg_that_falls_silent_is_told_of_after_twenty_seconds_each_time() {
        let mut scene = Scene::new();
        for heard in [5, 100] {
            scene.watch.heard_audio(scene.at(heard));
            assert_eq!(scene.watch.due(), Some(scene.at(heard + 20)));
            assert_eq!(scene.told(heard + 19), None);
            assert_eq!(scene.told(heard + 20), Some(Alarm::Silent));
            assert_eq!((scene.told(heard + 59), scene.watch.due()), (None, Some(scene.at(heard + 60))));
        }
        assert_eq!(scene.told(160), Some(Alarm::Timeout));
    }

    #[test]
    fn one_way_audio_in_a_bridge_is_told_within_ten_seconds_once_in_each_silence() {
        let mut scene = Scene::new();
        scene.watch.heard_audio(scene.at(20));
        scene.watch.bridged(scene.at(21));
        let spoken = |scene: &Scene, s| Surroundings { partner_spoke: Some(scene.at(s)), explained: None };
        assert_eq!(scene.all_told(21, 50, spoken), [(29, Alarm::OneWay)], "and no other word of the same");
        scene.watch.heard_audio(scene.at(51));
        assert_eq!(scene.all_told(51, 70, spoken), [(59, Alarm::OneWay)]);
    }

    #[test]
    fn one_way_audio_that_was_there_from_the_beginning_is_told_once() {
        let mut scene = Scene::new();
        scene.watch.bridged(scene.at(0));
        let spoken = |scene: &Scene, s| Surroundings { partner_spoke: Some(scene.at(s)), explained: None };
        assert_eq!(scene.all_told(0, 29, spoken), [(8, Alarm::OneWay)]);
    }

    #[test]
    fn a_bridge_that_is_still_on_both_sides_is_not_one_way() {
        let mut scene = Scene::new();
        scene.watch.heard_audio(scene.at(1));
        scene.watch.bridged(scene.at(1));
        let still = |scene: &Scene, _| Surroundings { partner_spoke: Some(scene.at(2)), explained: None };
        assert_eq!(scene.all_told(1, 40, still), [(21, Alarm::Silent)]);
        assert_eq!(scene.told_bridged(41), Some(Alarm::OneWay), "as soon as the partner speaks");
    }

    #[test]
    fn a_phone_that_reports_to_be_silent_is_not_one_way() {
        let mut scene = Scene::new();
        scene.watch.heard_audio(scene.at(1));
        scene.watch.bridged(scene.at(1));
        for s in 2..120 {
            scene.watch.heard(scene.at(s));
            let around = Surroundings {
                partner_spoke: Some(scene.at(s)),
                explained: (s > 4).then(|| scene.at(s / 5 * 5)),
            };
            assert_eq!(scene.watch.check(scene.at(s), &around), None, "{s}");
        }
    }

    #[test]
    fn on_hold_and_after_the_bridge_nothing_is_one_way() {
        let mut scene = Scene::new();
        scene.watch.heard_audio(scene.at(1));
        scene.watch.bridged(scene.at(1));
        scene.watch.begin(scene.at(2), false);
        assert_eq!(scene.told_bridged(40), None);
        scene.watch.begin(scene.at(40), true);
        scene.watch.parted();
        assert_eq!(scene.told_bridged(59), None);
    }

    #[test]
    fn the_longest_silence_is_measured_between_packets_and_to_the_end_but_not_on_hold() {
        let mut scene = Scene::new();
        assert_eq!(scene.watch.longest_silence(scene.at(9)), Duration::ZERO, "it has not begun to speak");
        for s in [10, 11, 14, 15] {
            scene.watch.heard_audio(scene.at(s));
        }
        assert_eq!(scene.watch.longest_silence(scene.at(16)), Duration::from_secs(3));
        scene.watch.begin(scene.at(16), false);
        scene.watch.begin(scene.at(90), true);
        assert_eq!(scene.watch.longest_silence(scene.at(91)), Duration::from_secs(3));
        assert_eq!(scene.watch.longest_silence(scene.at(95)), Duration::from_secs(5));
    }
}
