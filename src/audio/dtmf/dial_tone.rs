//! A dial tone under a key: known from the time before the key, it is not held against it.
//!
//! Only what stood still below 500 Hz, by itself, for 50 ms counts as a dial tone, and only while it lasts.
//! A voice that is merely strong there is left in the account.

use super::bank::{Correlation, Waves};
use super::block::WEAKEST;

/// The places of 350 Hz and 440 Hz. What dial tones have, 350 to 450 Hz (ITU-T E.180), is seen there.
const LANES: [usize; 2] = [9, 10];
/// Blocks in a row that make a dial tone: 57 ms.
const BLOCKS_TO_BEGIN: u32 = 8;
/// Blocks in a row without it that end it. The begin of a key hides it for two.
const BLOCKS_TO_END: u32 = 3;
/// The least share of a block's energy that is seen there, before a dial tone is known. Of 400 Hz it is 0.65.
const ALONE: f32 = 0.6;
/// How far a block's energy may be off the mean; two tones beat.
const STEADY: f32 = 1.6;
/// The part of all other energy that seems to be at the dial tone's frequencies.
const LEAK: f32 = 0.02;

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(super) struct DialTone {
    /// Mean energy of a block.
    level: f32,
    blocks: u32,
    /// Blocks in a row in which it was not seen.
    blocks_without: u32,
}

impl DialTone {
    /// Its energy in a block; 0 while there is none.
    pub fn energy(&self) -> f32 {
        if self.blocks < BLOCKS_TO_BEGIN { 0.0 } else { self.level }
    }

    /// Hears a block.
    pub fn hear(&mut self, waves: &Waves, block: &Correlation) {
        let len = 2.0 * waves.step_len() as f32;
        let measured = LANES.map(|k| block.power(k)).iter().sum::<f32>() * 2.0 / len;
        let alone = measured >= ALONE * block.energy && block.energy >= WEAKEST * len;
        let steady = block.energy < self.level * STEADY && block.energy * STEADY > self.level;
        if alone && (self.blocks == 0 || steady) {
            self.blocks_without = 0;
            self.blocks = self.blocks.saturating_add(1);
            self.level += (block.energy - self.level) / self.blocks.min(16) as f32;
        } else {
            self.blocks_without =
                if self.is_still_there(measured, block.energy) { 0 } else { self.blocks_without + 1 };
            if self.blocks < BLOCKS_TO_BEGIN || self.blocks_without >= BLOCKS_TO_END {
                *self = Self::default();
            }
        }
    }

    /// Whether what was measured is it, while a key sounds too.
    fn is_still_there(&self, measured: f32, all: f32) -> bool {
        let (own, leaked) = (self.level.sqrt(), (LEAK * all).sqrt());
        let (least, most) = ((own - leaked).max(0.0), own + leaked);
        measured * STEADY >= least * least && measured <= most * most * STEADY
    }
}
