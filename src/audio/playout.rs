//! A voice made even: packets come at their own pace, and it is taken from here 20 ms at a time.
//!
//! A little of it is kept in hand ([`START`]), so that it does not break off where a packet is late. Where it
//! does, what is missing is made up (or is the comfort noise the phone asked for), and what was late is heard
//! after that: so the voice falls behind as much as its packets need, and no more. What has been in hand for
//! two seconds and was never needed is left out again. At 8000 samples per second.

use std::collections::VecDeque;

use super::comfort_noise::{ComfortNoise, Description};
use super::plc::{BEHIND, Concealer, FADED};

/// Samples in the 20 ms that are taken at a time.
pub const FRAME: usize = 160;
/// A voice begins once so much of it is in hand: two packets of 20 ms, less what is held back for the seams.
const START: usize = 2 * FRAME - BEHIND;
/// The most that is kept in hand: 200 ms.
const MOST: usize = 10 * FRAME;
/// How much in hand is never too much: 20 ms.
const SPARE: usize = FRAME;
/// For so many frames it is watched how much is in hand: 2 s.
const WATCHED: u32 = 100;
/// A voice comes in over so many samples: 5 ms.
const FADE_IN: usize = 40;

/// One voice on its way to a mixer.
#[derive(Debug, Clone)]
pub struct Playout {
    concealer: Concealer,
    noise: Option<ComfortNoise>,
    /// What is to be heard next. Room for it is made once.
    queue: VecDeque<i16>,
    /// Samples that were made up because nothing was there in time.
    made_up: u64,
    /// Enough was in hand to begin.
    begun: bool,
    /// Samples of the fade at the begin that are still to come.
    fading: usize,
    /// The least that was left in hand since it is watched, and for how many frames it is.
    least: usize,
    watched: u32,
}

impl Default for Playout {
    fn default() -> Self {
        Self {
            concealer: Concealer::default(),
            noise: None,
            queue: VecDeque::with_capacity(3 * MOST),
            made_up: 0,
            begun: false,
            fading: FADE_IN,
            least: usize::MAX,
            watched: 0,
        }
    }
}

impl Playout {
    /// Audio that has come, in its order.
    pub fn hear(&mut self, samples: &[i16]) {
        self.noise = None;
        self.made_up = 0;
        let queue = &mut self.queue;
        self.concealer.hear(samples, |samples| queue.extend(samples));
        self.shorten();
    }

    /// So many samples are lost.
    pub fn lose(&mut self, samples: u64) {
        let missing = self.not_made_up(samples).min(FADED + BEHIND as u64);
        self.make_up(missing);
        self.shorten();
    }

    /// For so many samples nothing was said, and nothing sent.
    pub fn pause(&mut self, samples: u64) {
        let missing = self.not_made_up(samples).min(MOST as u64);
        if self.noise.is_none() && missing > 0 {
            let queue = &mut self.queue;
            self.concealer.end(|samples| queue.extend(samples));
            queue.extend(std::iter::repeat_n(0, missing as usize));
        } else {
            self.make_up(missing);
        }
        self.shorten();
    }

    /// Pauses from here on are filled with this comfort noise (RFC 3389), until audio comes.
    pub fn comfort(&mut self, payload: &[u8]) {
        let Some(description) = Description::read(payload) else { return };
        match &mut self.noise {
            Some(noise) => noise.change(description),
            None => self.noise = Some(ComfortNoise::new(description)),
        }
    }

    /// Whether the next frame would have to be made up: what is held back elsewhere is wanted now.
    pub fn is_short(&self) -> bool {
        self.begun && self.queue.len() < FRAME
    }

    /// The next 20 ms; silence until the voice has begun.
    pub fn frame(&mut self) -> [i16; FRAME] {
        let mut frame = [0; FRAME];
        self.begun |= self.queue.len() >= START;
        if !self.begun {
            return frame;
        }
        let missing = FRAME.saturating_sub(self.queue.len()) as u64;
        if missing > 0 {
            self.make_up(missing);
            self.made_up = self.made_up.saturating_add(missing);
        }
        for (place, sample) in frame.iter_mut().zip(self.queue.drain(..FRAME.min(self.queue.len()))) {
            *place = sample;
        }
        self.fade_in(&mut frame);
        self.watch();
        frame
    }

    /// Time passed in which nothing was taken: what would have been heard in it is left out.
    pub fn skip(&mut self, frames: u64) {
        let samples = usize::try_from(frames).unwrap_or(usize::MAX).saturating_mul(FRAME);
        self.queue.drain(..samples.min(self.queue.len()));
    }

    /// What of so many samples was not made up before it was known that they do not come.
    fn not_made_up(&mut self, samples: u64) -> u64 {
        let known = samples.min(self.made_up);
        self.made_up -= known;
        samples - known
    }

    fn make_up(&mut self, samples: u64) {
        let queue = &mut self.queue;
        let Some(noise) = &mut self.noise else {
            return self.concealer.conceal(samples, |samples| queue.extend(samples));
        };
        let mut left = usize::try_from(samples).unwrap_or(0).min(MOST);
        while left > 0 {
            let mut chunk = [0; FRAME];
            let chunk = chunk.get_mut(..left.min(FRAME)).unwrap_or_default();
            noise.fill(chunk);
            self.concealer.hear(chunk, |samples| queue.extend(samples));
            left -= chunk.len();
        }
    }

    /// A network that has stalled gives all it has at once: the oldest of it is left out.
    fn shorten(&mut self) {
        let surplus = self.queue.len().saturating_sub(MOST);
        self.queue.drain(..surplus);
    }

    fn fade_in(&mut self, frame: &mut [i16; FRAME]) {
        for sample in frame.iter_mut().take(self.fading) {
            let heard = (FADE_IN - self.fading) as i32;
            // Not above what it was, so it fits.
            *sample = (i32::from(*sample) * heard / FADE_IN as i32) as i16;
            self.fading -= 1;
        }
    }

    /// Where more was in hand all the time than is ever needed, the voice catches up.
    fn watch(&mut self) {
        self.least = self.least.min(self.queue.len());
        self.watched += 1;
        if self.watched < WATCHED {
            return;
        }
        let surplus = self.least.saturating_sub(SPARE).min(FRAME);
        (self.least, self.watched) = (usize::MAX, 0);
        self.leave_out(surplus);
    }

    /// Leaves so many samples out: what is before them goes over into what is behind them.
    fn leave_out(&mut self, samples: usize) {
        if samples == 0 || self.queue.len() < 2 * samples {
            return;
        }
        for n in 0..samples {
            let [before, behind] = [n, n + samples].map(|n| self.queue.get(n).copied().unwrap_or(0));
            let step = i32::from(behind) - i32::from(before);
            if let Some(sample) = self.queue.get_mut(n) {
                // Between the two, so it fits.
                *sample = (i32::from(before) + step * n as i32 / samples as i32) as i16;
            }
        }
        self.queue.drain(samples..2 * samples);
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    /// Samples of a hum of 100 Hz.
    fn hum(from: usize, len: usize) -> Vec<i16> {
        (from..from + len).map(|n| (9000.0 * (TAU * n as f64 / 80.0).sin()).round() as i16).collect()
    }

    fn loudness(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (power / samples.len() as f64).sqrt()
    }

    fn largest_step(heard: &[i16]) -> u16 {
        heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
    }

    /// What is heard of a hum whose packets of 20 ms come as `came` says: how many before each frame.
    fn heard(came: impl IntoIterator<Item = usize>) -> (Playout, Vec<i16>) {
        let (mut playout, mut at, mut heard) = (Playout::default(), 0, Vec::new());
        for packets in came {
            for _ in 0..packets {
                playout.hear(&hum(at, FRAME));
                at += FRAME;
            }
            heard.extend(playout.frame());
        }
        (playout, heard)
    }

    #[test]
    fn a_steady_voice_is_heard_whole_and_at_most_40_ms_late() {
        let (_, heard) = heard([1; 200]);
        let begin = heard.iter().position(|sample| *sample != 0).expect("heard");
        assert!((FRAME..=2 * FRAME).contains(&begin), "{begin}");
        assert!(largest_step(&heard) < 800, "no click: {}", largest_step(&heard));
        assert!(heard[3 * FRAME..].chunks(80).all(|period| (loudness(period) - 6364.0).abs() < 10.0));
    }

    #[test]
    fn a_packet_that_is_late_is_bridged_and_the_voice_is_as_much_later_from_then_on() {
        // One packet comes 60 ms late, with those after it.
        let came = (0..300).map(|n| match n {
            50..53 => 0,
            53 => 4,
            _ => 1,
        });
        let (playout, heard) = heard(came);
        assert!(
            heard[4 * FRAME..].chunks(FRAME).all(|frame| loudness(frame) > 3000.0),
            "it never breaks off"
        );
        assert!(playout.queue.len() <= 3 * FRAME, "it has caught up: {} in hand", playout.queue.len());
    }

    #[test]
    fn packets_that_come_in_twos_are_no_trouble() {
        let (_, heard) = heard((0..400).map(|n| if n % 2 == 0 { 2 } else { 0 }));
        assert!(largest_step(&heard) < 1_000, "{}", largest_step(&heard));
        assert!(heard[4 * FRAME..].chunks(FRAME).all(|frame| loudness(frame) > 5000.0));
    }

    #[test]
    fn what_is_lost_is_made_up_once_also_where_that_is_known_late() {
        let mut playout = Playout::default();
        let mut told = Vec::new();
        for n in 0..50 {
            // Packet 20 is lost, which is known with the one after it, a frame later.
            if n == 21 {
                playout.lose(FRAME as u64);
            }
            if n != 20 {
                playout.hear(&hum(n * FRAME, FRAME));
            }
            told.push(playout.queue.len());
            let frame = playout.frame();
            assert!(n < 3 || loudness(&frame) > 5000.0, "frame {n}: {}", loudness(&frame));
        }
        assert_eq!(told[15], told[40], "as late as before");
    }

    #[test]
    fn silence_that_is_not_sent_keeps_its_length_and_is_silent() {
        let (mut playout, _) = heard([1; 50]);
        let before = playout.queue.len();
        let silent: Vec<i16> = (0..100).flat_map(|_| playout.frame()).collect();
        assert!(silent[8 * FRAME..].iter().all(|sample| *sample == 0));
        playout.pause(100 * FRAME as u64);
        playout.hear(&hum(0, FRAME));
        assert!(playout.queue.len().abs_diff(before + FRAME) <= BEHIND, "{}", playout.queue.len());
    }

    #[test]
    fn comfort_noise_is_heard_for_as_long_as_it_lasts() {
        let (mut playout, _) = heard([1; 50]);
        playout.comfort(&[40]);
        let noise: Vec<i16> = (0..150).flat_map(|_| playout.frame()).collect();
        let level = 20.0 * (loudness(&noise[10 * FRAME..]) / 32_768.0).log10();
        assert!((level + 40.0).abs() < 1.0, "{level:.1} dBov");
    }

    #[test]
    fn a_sender_whose_clock_is_fast_is_kept_up_with_without_a_click() {
        // 200 ppm fast: a packet more in every 5000; here sooner, so that it is seen.
        let (playout, heard) = heard((0..2000).map(|n| if n % 200 == 199 { 2 } else { 1 }));
        assert!(playout.queue.len() <= 4 * FRAME, "{} in hand", playout.queue.len());
        assert!(largest_step(&heard) < 1_500, "{}", largest_step(&heard));
    }

    proptest! {
        #[test]
        fn whatever_comes_no_more_than_200_ms_are_in_hand_and_no_memory_is_taken(
            acts in prop::collection::vec((0_u8..6, 0_usize..700), 1..200)
        ) {
            let mut playout = Playout::default();
            let room = playout.queue.capacity();
            for (act, samples) in acts {
                match act {
                    0 | 1 => playout.hear(&hum(0, samples)),
                    2 => playout.lose(samples as u64 * 7),
                    3 => playout.pause(samples as u64 * 50),
                    4 => playout.comfort(&[samples as u8]),
                    _ => _ = playout.frame(),
                }
                prop_assert!(playout.queue.len() <= MOST + BEHIND);
            }
            prop_assert_eq!(playout.queue.capacity(), room);
        }
    }
}
