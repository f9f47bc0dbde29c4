//! On a virtual clock: a sender, a network that does what networks do, and what is made of it.

use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq, Eq, Clone)]
enum Given {
    Audio(u64, u8),
    Lost(u64, u64),
    Pause(u64, u64),
    Noise(u64),
}

struct Scene {
    buffer: JitterBuffer,
    begin: Instant,
    given: Vec<Given>,
}

impl Scene {
    fn new() -> Self {
        let begin = Instant::now();
        Self { buffer: JitterBuffer::new(begin), begin, given: Vec::new() }
    }

    fn after(&self, ms: u64) -> Instant {
        self.begin + Duration::from_millis(ms)
    }

    fn sound(&mut self, at_ms: u64, sequence: u16, timestamp: u32, sound: Sound<'_>) {
        let (now, given) = (self.after(at_ms), &mut self.given);
        self.buffer.receive(now, (sequence, timestamp), sound, |piece| given.push(seen(piece)));
    }

    fn packet(&mut self, at_ms: u64, sequence: u16, timestamp: u32, mark: u8) {
        self.sound(at_ms, sequence, timestamp, Sound::Audio(&[mark; 160]));
    }

    fn wait_until(&mut self, ms: u64) {
        let (now, given) = (self.after(ms), &mut self.given);
        self.buffer.release(now, |piece| given.push(seen(piece)));
    }

    /// A second of packets without anything unusual, the first of them now; the next one is number 50.
    fn steady(&mut self) {
        for n in 0..50 {
            self.packet(u64::from(n) * 20, n, u32::from(n) * 160, 0);
        }
        self.given.clear();
    }
}

fn seen(piece: Piece<'_>) -> Given {
    match piece {
        Piece::Audio { at, payload } => Given::Audio(at, payload[0]),
        Piece::Lost { at, samples } => Given::Lost(at, samples),
        Piece::Pause { at, samples } => Given::Pause(at, samples),
        Piece::Noise { at, .. } => Given::Noise(at),
    }
}

fn extent(piece: Piece<'_>) -> (u64, u64) {
    match piece {
        Piece::Audio { at, payload } => (at, payload.len() as u64),
        Piece::Lost { at, samples } | Piece::Pause { at, samples } => (at, samples),
        Piece::Noise { at, .. } => (at, 0),
    }
}

#[test]
fn what_is_in_order_is_given_at_once_and_nothing_is_ever_due() {
    let mut scene = Scene::new();
    for n in 0..500_u16 {
        scene.packet(u64::from(n) * 20, n, u32::from(n) * 160, n as u8);
        assert_eq!((scene.given.len(), scene.buffer.due()), (usize::from(n) + 1, None));
    }
    assert_eq!(scene.buffer.figures(), Figures::default());
}

#[test]
fn order_is_restored_over_the_wraps() {
    let mut scene = Scene::new();
    for (ms, n) in [(0, 0_u16), (20, 2), (40, 1), (60, 3)] {
        scene.packet(ms, n.wrapping_sub(2), u32::from(n).wrapping_sub(2).wrapping_mul(160), n as u8);
    }
    let expected: Vec<_> = (0..4).map(|n| Given::Audio(n * 160, n as u8)).collect();
    assert_eq!(scene.given, expected);
}

#[test]
fn a_missing_packet_is_waited_for_by_time_and_then_lost() {
    let mut scene = Scene::new();
    scene.steady();
    scene.packet(1020, 51, 51 * 160, 51);
    assert_eq!(scene.given, []);
    let due = scene.buffer.due().expect("it is waited for");
    assert!((20..=100).contains(&(due - scene.after(1020)).as_millis()), "{:?}", due - scene.after(1020));
    let (given, early) = (&mut scene.given, due - Duration::from_millis(1));
    scene.buffer.release(early, |piece| given.push(seen(piece)));
    assert_eq!(scene.given, []);
    let given = &mut scene.given;
    scene.buffer.release(due, |piece| given.push(seen(piece)));
    assert_eq!(scene.given, [Given::Lost(8000, 160), Given::Audio(8160, 51)]);
    assert_eq!(scene.buffer.due(), None);
    assert_eq!(scene.buffer.figures(), Figures { lost: 160, ..Figures::default() });
}

#[test]
fn a_packet_that_comes_after_its_place_was_given_up_is_late_and_the_next_one_is_waited_for_longer() {
    let mut scene = Scene::new();
    scene.steady();
    scene.packet(1020, 51, 51 * 160, 51);
    scene.wait_until(1120);
    assert_eq!(scene.given, [Given::Lost(8000, 160), Given::Audio(8160, 51)]);
    scene.packet(1125, 50, 50 * 160, 50);
    scene.packet(1126, 50, 50 * 160, 50);
    assert_eq!((scene.given.len(), scene.buffer.figures().late), (2, 1), "once, and it is not given");
    scene.packet(1130, 52, 52 * 160, 52);
    scene.packet(1131, 54, 54 * 160, 54);
    scene.wait_until(1180);
    scene.packet(1181, 53, 53 * 160, 53);
    assert_eq!(scene.given[2..], [52, 53, 54].map(|n| Given::Audio(n * 160, n as u8)));
}

#[test]
fn suppressed_silence_is_a_pause_of_its_true_length_and_no_loss() {
    let mut scene = Scene::new();
    scene.packet(0, 1, 1000, 1);
    scene.packet(2020, 2, 1000 + 160 + 16_000, 2);
    assert_eq!(scene.given, [Given::Audio(0, 1), Given::Pause(160, 16_000), Given::Audio(16_160, 2)]);
    assert_eq!(scene.buffer.figures(), Figures { paused: 16_000, ..Figures::default() });
}

#[test]
fn what_is_missing_before_a_pause_is_lost_and_the_rest_was_never_sent() {
    let mut scene = Scene::new();
    scene.steady();
    scene.packet(1000 + 500, 52, 54 * 160 + 4000 - 640, 52);
    scene.wait_until(1800);
    assert_eq!(
        scene.given,
        [Given::Lost(8000, 320), Given::Pause(8320, 3680), Given::Audio(12_000, 52)],
        "two packets were missing, and the gap is of 25"
    );
}

#[test]
fn keys_bear_numbers_of_the_sequence_and_are_no_loss() {
    let mut scene = Scene::new();
    scene.steady();
    for n in 0..8 {
        scene.sound(1000 + n * 20, 50 + n as u16, 50 * 160, Sound::Other);
        assert_eq!(scene.buffer.due(), None);
    }
    scene.packet(1160, 58, 58 * 160, 58);
    assert_eq!(scene.given, [Given::Pause(8000, 1280), Given::Audio(9280, 58)]);
}

#[test]
fn a_leap_of_the_timestamp_shifts_nothing() {
    for leap in [1_000_000_000_u32, u32::MAX - 100_000, 8000, 1600, 400, u32::MAX - 4000] {
        let mut scene = Scene::new();
        scene.steady();
        for n in 50_u16..60 {
            let timestamp = (u32::from(n) * 160).wrapping_add(leap);
            scene.packet(u64::from(n) * 20, n, timestamp, n as u8);
        }
        let expected: Vec<_> = (50..60).map(|n| Given::Audio(n * 160, n as u8)).collect();
        assert_eq!(scene.given, expected, "a leap of {leap}");
    }
}

#[test]
fn a_leap_and_a_loss_at_once_shift_nothing() {
    let mut scene = Scene::new();
    scene.steady();
    for n in 52_u16..60 {
        scene.packet(u64::from(n) * 20, n, 77_777_777 + u32::from(n) * 160, n as u8);
    }
    scene.wait_until(1400);
    let mut expected = vec![Given::Lost(8000, 320)];
    expected.extend((52..60).map(|n| Given::Audio(n * 160, n as u8)));
    assert_eq!(scene.given, expected);
}

#[test]
fn a_new_source_goes_on_where_the_clock_stands() {
    let mut scene = Scene::new();
    scene.packet(0, 1, 0, 1);
    let given = &mut scene.given;
    scene.buffer.resynchronize(|piece| given.push(seen(piece)));
    scene.packet(100, 40_000, 77, 2);
    assert_eq!(scene.given, [Given::Audio(0, 1), Given::Pause(160, 640), Given::Audio(800, 2)]);
}

#[test]
fn a_sender_whose_timestamps_stand_still_on_hold_goes_on_where_the_clock_stands() {
    let mut scene = Scene::new();
    scene.steady();
    scene.packet(9000, 50, 50 * 160, 50);
    assert_eq!(scene.given, [Given::Pause(8000, 64_000), Given::Audio(72_000, 50)]);
}

#[test]
fn a_network_that_stalls_and_then_gives_all_it_has_lengthens_nothing() {
    let mut scene = Scene::new();
    scene.steady();
    for n in 50_u16..150 {
        scene.packet(2000.max(u64::from(n) * 20), n, u32::from(n) * 160, n as u8);
    }
    let expected: Vec<_> = (50..150).map(|n| Given::Audio(n * 160, n as u8)).collect();
    assert_eq!(scene.given, expected);
}

#[test]
fn what_a_leap_was_placed_too_late_is_taken_in_by_the_next_pause() {
    let mut scene = Scene::new();
    scene.steady();
    let given = &mut scene.given;
    scene.buffer.resynchronize(|piece| given.push(seen(piece)));
    // The first packet of the new source is 60 ms slower than all others.
    let stamp = |ms: u32| 5_000_000 + ms * 8;
    scene.packet(1060, 900, stamp(0), 50);
    for n in 1..10_u16 {
        scene.packet(1060.max(1000 + u64::from(n) * 20), 900 + n, stamp(u32::from(n) * 20), 50 + n as u8);
    }
    scene.packet(1500, 910, stamp(500), 60);
    assert_eq!(scene.given[..2], [Given::Pause(8000, 480), Given::Audio(8480, 50)]);
    assert_eq!(scene.given.last(), Some(&Given::Audio(12_000, 60)), "true again");
}

#[test]
fn a_sender_that_steps_back_in_its_numbers_is_heard_again() {
    let mut scene = Scene::new();
    scene.steady();
    scene.packet(1000, 110, 50 * 160, 1);
    for n in 51_u16..70 {
        scene.packet(u64::from(n) * 20, n, u32::from(n) * 160, n as u8);
    }
    let last = scene.given.last();
    assert!(matches!(last, Some(Given::Audio(at, 69)) if at.abs_diff(69 * 160) <= 160), "{last:?}");
}

#[test]
fn comfort_noise_lasts_until_audio_comes_and_is_given_as_time_passes() {
    let mut scene = Scene::new();
    scene.steady();
    scene.sound(1000, 50, 8000, Sound::Noise(&[60]));
    assert_eq!(scene.given, [Given::Noise(8000)]);
    scene.wait_until(1600);
    assert_eq!(scene.given.len(), 1, "what comes now may still be audio from before");
    scene.wait_until(2300);
    assert_eq!(scene.given[1..], [Given::Pause(8000, 4000), Given::Pause(12_000, 4000)]);
    scene.packet(2500, 51, 20_000, 51);
    assert_eq!(scene.given[3..], [Given::Pause(16_000, 4000), Given::Audio(20_000, 51)]);
    assert_eq!(scene.buffer.figures(), Figures { paused: 12_000, ..Figures::default() });
    assert_eq!(scene.buffer.due(), None);
}

#[test]
fn a_packet_lost_in_comfort_noise_is_noise() {
    let mut scene = Scene::new();
    scene.steady();
    scene.sound(1000, 50, 8000, Sound::Noise(&[60]));
    scene.packet(1200, 52, 9600, 52);
    scene.wait_until(1500);
    assert_eq!(scene.given, [Given::Noise(8000), Given::Pause(8000, 1600), Given::Audio(9600, 52)]);
}

/// Pseudo-random numbers that are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a network does, and a sender.
#[derive(Debug, Clone, Copy)]
struct Weather {
    seed: u64,
    packets: u64,
    /// Samples in a packet.
    packet: u64,
    loss_percent: u64,
    jitter_ms: u64,
    /// Of 1000 packets so many come twice.
    doubled: u64,
    /// How much faster the sender's clock is than ours.
    skew_ppm: i64,
    /// A leap of the timestamps before every so many packets.
    leap_every: u64,
    /// A pause of 700 ms before every so many packets.
    pause_every: u64,
}

/// A datagram on its way: when it comes (us), its number, its timestamp, and its place on the sender's clock.
type Sent = (u64, u16, u32, u64);

impl Weather {
    fn sent(&self) -> Vec<Sent> {
        let mut chance = Chance(self.seed);
        // Both wrap soon.
        let (mut timestamp, mut sequence) = (u32::MAX - 40_000, u16::MAX - 300);
        let mut place = 0_u64;
        let mut sent = Vec::new();
        for n in 0..self.packets {
            let pauses = n > 0 && self.pause_every > 0 && n % self.pause_every == 0;
            if n > 0 && self.leap_every > 0 && n % self.leap_every == 0 {
                timestamp = timestamp.wrapping_add(1_000_000_007);
            }
            if pauses {
                place += 5600;
                timestamp = timestamp.wrapping_add(5600);
            }
            let left_us =
                (place * 125).saturating_add_signed(-((place * 125) as i64 * self.skew_ppm / 1_000_000));
            let delay_us = 30_000 + chance.below(self.jitter_ms * 1000 + 1);
            // The first and the last come, so that it is known how long it must be.
            let comes = n == 0 || n + 1 == self.packets || chance.below(100) >= self.loss_percent;
            if comes {
                sent.push((left_us + delay_us, sequence, timestamp, place));
                if chance.below(1000) < self.doubled {
                    sent.push((left_us + delay_us + chance.below(90_000), sequence, timestamp, place));
                }
            }
            sequence = sequence.wrapping_add(1);
            timestamp = timestamp.wrapping_add(self.packet as u32);
            place += self.packet;
        }
        sent.sort_unstable();
        sent
    }

    /// The places of all audio given, on our side and on the sender's, and what was counted.
    fn heard(&self) -> (Vec<(u64, u64)>, Figures) {
        let begin = Instant::now();
        let mut buffer = JitterBuffer::new(begin);
        let (mut heard, mut end) = (Vec::new(), 0);
        let mut give = |piece: Piece<'_>| {
            let (at, samples) = extent(piece);
            assert_eq!(at, end, "pieces follow each other");
            end = at + samples;
            if let Piece::Audio { at, payload } = piece {
                let place = payload[..8].try_into().map(u64::from_be_bytes).expect("eight octets");
                heard.push((at, place));
            }
        };
        let mut payload = vec![0; self.packet as usize];
        for (us, sequence, timestamp, place) in self.sent() {
            let now = begin + Duration::from_micros(us);
            while let Some(due) = buffer.due().filter(|due| *due <= now) {
                buffer.release(due, &mut give);
            }
            payload[..8].copy_from_slice(&place.to_be_bytes());
            buffer.receive(now, (sequence, timestamp), Sound::Audio(&payload), &mut give);
        }
        buffer.flush(&mut give);
        (heard, buffer.figures())
    }
}

/// How far the places on our side are from those of the sender, at most, in samples.
fn worst_shift(heard: &[(u64, u64)]) -> u64 {
    let (first_at, first_place) = heard[0];
    heard.iter().map(|(at, place)| (at - first_at).abs_diff(place - first_place)).max().unwrap_or(0)
}

const CALM: Weather = Weather {
    seed: 1,
    packets: 15_000,
    packet: 160,
    loss_percent: 0,
    jitter_ms: 5,
    doubled: 0,
    skew_ppm: 0,
    leap_every: 0,
    pause_every: 0,
};

#[test]
fn five_minutes_stay_true_whatever_the_weather() {
    let storm = Weather { loss_percent: 30, jitter_ms: 100, doubled: 20, ..CALM };
    for weather in [
        CALM,
        storm,
        Weather { skew_ppm: 200, ..storm },
        Weather { skew_ppm: -200, ..storm },
        Weather { pause_every: 40, ..storm },
        Weather { leap_every: 1000, ..storm },
        Weather { packet: 80, ..storm },
        Weather { packet: 480, packets: 5000, pause_every: 100, ..storm },
    ] {
        let (heard, figures) = weather.heard();
        assert!(worst_shift(&heard) <= 160, "{} samples: {weather:?}", worst_shift(&heard));
        let sent = weather.packets * (100 - weather.loss_percent) / 100;
        let share = heard.len() as f64 / sent as f64;
        assert!(share > 0.98, "{share:.3} of what came: {weather:?}, {figures:?}");
    }
}

#[test]
fn nothing_that_jitter_has_put_out_of_order_is_lost_once_the_jitter_is_known() {
    for jitter_ms in [10, 30, 60, 100, 150] {
        let weather = Weather { jitter_ms, packets: 5000, ..CALM };
        let (heard, figures) = weather.heard();
        assert!(heard.len() as u64 > weather.packets - 10, "{jitter_ms} ms: {figures:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_length_is_the_senders_whatever_is_lost_doubled_and_delayed(
        seed: u64, loss_percent in 0u64..40, jitter_ms in 0u64..120, doubled in 0u64..100,
        skew_ppm in -300i64..300, packet in 10u64..=60, pause_every in prop::option::of(8u64..200),
    ) {
        let weather = Weather {
            seed, packets: 600, packet: packet / 10 * 80, loss_percent, jitter_ms, doubled, skew_ppm,
            leap_every: 0, pause_every: pause_every.unwrap_or(0),
        };
        let (heard, _) = weather.heard();
        prop_assert!(worst_shift(&heard) <= 160, "{} samples: {weather:?}", worst_shift(&heard));
    }

    #[test]
    fn pieces_follow_each_other_whatever_comes(
        packets in proptest::collection::vec(
            (0u64..60, 0u16..80, any::<u32>(), any::<bool>(), 0usize..400, 0u8..8, any::<bool>()), 0..80)
    ) {
        let begin = Instant::now();
        let mut buffer = JitterBuffer::new(begin);
        let (mut ms, mut end, mut taken, mut base) = (0, 0_u64, 0, 0_u16);
        for (after, ahead, timestamp, sane, len, kind, anew) in packets {
            ms += after;
            base = base.wrapping_add(1);
            let sequence = base.wrapping_add(ahead);
            let timestamp = if sane { u32::from(sequence) * 160 } else { timestamp };
            let now = begin + Duration::from_millis(ms);
            let mut give = |piece: Piece<'_>| {
                let (at, samples) = extent(piece);
                assert_eq!(at, end);
                end += samples;
            };
            if anew && kind == 7 {
                buffer.resynchronize(&mut give);
            }
            let octets = vec![0; len];
            let sound = match kind {
                0 => Sound::Noise(&octets),
                1 => Sound::Other,
                _ => Sound::Audio(&octets),
            };
            buffer.receive(now, (sequence, timestamp), sound, &mut give);
            taken += len as u64;
            // Never further ahead than the clock, half a second and what was taken in.
            prop_assert!(end <= ms * 8 + 4000 + taken);
            prop_assert!(buffer.held.len() < usize::from(FARTHEST));
            prop_assert!(buffer.due().is_none_or(|due| due > now));
        }
    }
}
