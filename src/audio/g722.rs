//! ITU-T G.722: 7 kHz audio in 64 kbit/s (mode 1), by two ADPCM coders, one for each half of the band.
//!
//! An octet stands for two samples at 16 000 Hz, or for one at [`LINE_RATE`](super::LINE_RATE) when only the lower
//! half of the band matters: its coder runs at that rate. So a narrow-band line is joined without a
//! resampler, and an octet is 125 us as in G.711. The arithmetic is that of the Recommendation, in
//! integers; the names of its blocks and variables stand in brackets.
//!
//! State goes from octet to octet. Lost octets make a decoder stray from its encoder; both forget, and
//! agree again after some 20 ms.

/// Samples per second of the wide form.
pub const WIDE_RATE: u32 = 16_000;

/// Samples that the quadrature mirror filter looks back on.
const HISTORY: usize = 22;
/// The quadrature mirror filter (G.722 table 11), every other of its 24 values; the rest are the same backwards.
const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Decision levels of the lower quantizer [Q6] (G.722 table 14).
const LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Outputs of the lower inverse quantizer of 4 bits [QQ4] (table 16): it drives the adaptation.
const COARSE: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Outputs of the lower inverse quantizer of 6 bits [QQ6] (table 16): what is heard.
const FINE: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Outputs of the upper inverse quantizer [QQ2] (table 18).
const UPPER: [i32; 4] = [-7408, -1616, 7408, 1616];
/// The upper quantizer's only decision level [Q2] (table 15).
const UPPER_LEVEL: i32 = 564;
/// How a code of the lower band moves the logarithm of its step [W(RL42)] (tables 13 and 19).
const LOWER_MOVES: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// The same for the upper band [W(RH2)].
const UPPER_MOVES: [i32; 4] = [798, -214, 798, -214];
/// Powers of two in steps of 1/32 [ILB] (table 20).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Turns samples into octets.
#[derive(Debug, Clone)]
pub struct Encoder {
    lower: Band,
    upper: Band,
    history: [i16; HISTORY],
}

/// Turns octets into samples.
#[derive(Debug, Clone)]
pub struct Decoder {
    lower: Band,
    upper: Band,
    history: [i16; HISTORY],
}

impl Default for Encoder {
    fn default() -> Self {
        Self { lower: Band::new(32), upper: Band::new(8), history: [0; HISTORY] }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { lower: Band::new(32), upper: Band::new(8), history: [0; HISTORY] }
    }
}

impl Encoder {
    /// Encodes a sample at 8000 Hz: the lower half of the band. The upper half is silent.
    pub fn encode_narrow(&mut self, sample: i16) -> u8 {
        self.encode_bands(i32::from(sample) >> 1, 0)
    }

    /// Encodes two samples at 16 000 Hz.
    pub fn encode_wide(&mut self, pair: [i16; 2]) -> u8 {
        let (even, odd) = mirrored(&mut self.history, pair);
        self.encode_bands((odd + even) >> 14, (odd - even) >> 14)
    }

    /// An octet of another encoder goes to the same decoder: adapts as that decoder does. What the two
    /// disagree about is forgotten within some 60 ms.
    pub fn follow(&mut self, octet: u8) {
        self.lower.adapt_lower(octet);
        self.upper.adapt_upper(octet >> 6);
    }

    fn encode_bands(&mut self, lower: i32, upper: i32) -> u8 {
        let low = self.quantize_lower(lower);
        self.lower.adapt_lower(low);
        let high = self.quantize_upper(upper);
        self.upper.adapt_upper(high);
        (high << 6) | low
    }

    /// [SUBTRA, QUANTL]
    fn quantize_lower(&self, sample: i32) -> u8 {
        let error = saturated(sample - self.lower.estimate);
        let size = if error < 0 { !error } else { error };
        let step = self.lower.step;
        let level = LEVELS.partition_point(|level| (level * step) >> 12 <= size) as u8;
        match (error < 0, level) {
            (true, 0 | 1) => 63 - level,
            (true, _) => 33 - level,
            (false, _) => 61 - level,
        }
    }

    /// [SUBTRA, QUANTH]
    fn quantize_upper(&self, sample: i32) -> u8 {
        let error = saturated(sample - self.upper.estimate);
        let size = if error < 0 { !error } else { error };
        let large = size >= (UPPER_LEVEL * self.upper.step) >> 12;
        match (error < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }
}

impl Decoder {
    /// Decodes an octet to a sample at 8000 Hz, the lower half of the band.
    pub fn decode_narrow(&mut self, octet: u8) -> i16 {
        let lower = self.decode_lower(octet);
        self.upper.adapt_upper(octet >> 6);
        // Within 15 bits by now, so twice of it fits.
        (lower * 2) as i16
    }

    /// Decodes an octet to two samples at 16 000 Hz.
    pub fn decode_wide(&mut self, octet: u8) -> [i16; 2] {
        let lower = self.decode_lower(octet);
        let upper = self.decode_upper(octet >> 6);
        let pair = [(lower + upper) as i16, (lower - upper) as i16];
        let (even, odd) = mirrored(&mut self.history, pair);
        [saturated(odd >> 11) as i16, saturated(even >> 11) as i16]
    }

    /// [INVQBL, RECONS, LIMIT]
    fn decode_lower(&mut self, octet: u8) -> i32 {
        let code = octet & 0x3f;
        let difference = (self.lower.step * FINE[usize::from(code)]) >> 15;
        let sample = limited(self.lower.estimate + difference);
        self.lower.adapt_lower(code);
        sample
    }

    /// [INVQAH, RECONS, LIMIT]
    fn decode_upper(&mut self, code: u8) -> i32 {
        let estimate = self.upper.estimate;
        limited(estimate + self.upper.adapt_upper(code))
    }
}

/// The two sums of the quadrature mirror filter [TX QMF, RX QMF] over the newest 24 samples.
fn mirrored(history: &mut [i16; HISTORY], pair: [i16; 2]) -> (i32, i32) {
    let (mut even, mut odd) = (0, 0);
    let (pairs, _) = history.as_chunks::<2>();
    let weights = MIRROR.iter().zip(MIRROR.iter().rev());
    for ([first, second], (forward, backward)) in pairs.iter().chain([&pair]).zip(weights) {
        even += i32::from(*first) * forward;
        odd += i32::from(*second) * backward;
    }
    history.copy_within(2.., 0);
    if let Some(last) = history.last_chunk_mut() {
        *last = pair;
    }
    (even, odd)
}

/// What both sides of one half of the band know of it: the step of the quantizer, and the predictor.
#[derive(Debug, Clone)]
struct Band {
    /// [DET]
    step: i32,
    /// Its logarithm [NB].
    log_step: i32,
    /// The prediction of the next sample [S], and the part of it that the zeros make [SZ].
    estimate: i32,
    zeros_part: i32,
    /// Reconstructed signal [RLT], newest first.
    signal: [i32; 2],
    /// Partially reconstructed signal [PLT].
    partial: [i32; 2],
    /// Quantized differences [DLT].
    differences: [i32; 6],
    /// [AL]
    poles: [i32; 2],
    /// [BL]
    zeros: [i32; 6],
}

impl Band {
    fn new(step: i32) -> Self {
        Self {
            step,
            log_step: 0,
            estimate: 0,
            zeros_part: 0,
            signal: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
            poles: [0; 2],
            zeros: [0; 6],
        }
    }

    fn adapt_lower(&mut self, code: u8) {
        // The four upper bits, so that a decoder that is given fewer adapts alike.
        let code = usize::from((code >> 2) & 0x0f);
        let difference = (self.step * COARSE[code]) >> 15;
        self.scale(LOWER_MOVES[code], 18_432, 8);
        self.predict(difference);
    }

    fn adapt_upper(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 0x03);
        let difference = (self.step * UPPER[code]) >> 15;
        self.scale(UPPER_MOVES[code], 22_528, 10);
        self.predict(difference);
        difference
    }

    /// [LOGSCL, SCALEL; LOGSCH, SCALEH]
    fn scale(&mut self, by: i32, most: i32, shift: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + by).clamp(0, most);
        let power = POWERS[((self.log_step >> 6) & 31) as usize];
        // At the largest steps it is a shift the other way.
        let shift = shift - (self.log_step >> 11);
        self.step = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    /// Adapts the predictor to a difference and predicts the next sample [RECONS, PARREC, UPPOL2,
    /// UPPOL1, UPZERO, FILTEP, FILTEZ, PREDIC].
    fn predict(&mut self, difference: i32) {
        let signal = saturated(self.estimate + difference);
        let partial = saturated(self.zeros_part + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.signal = [signal, self.signal[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        let weighed = |(value, weight): (&i32, &i32)| (weight * saturated(value + value)) >> 15;
        let poles_part = saturated(self.signal.iter().zip(&self.poles).map(weighed).sum());
        self.zeros_part = saturated(self.differences.iter().zip(&self.zeros).map(weighed).sum());
        self.estimate = saturated(poles_part + self.zeros_part);
    }

    fn adapt_poles(&mut self, partial: i32) {
        let as_before = |n: usize| (partial < 0) == (self.partial[n] < 0);
        let [first, second] = self.poles;
        let four = saturated(first << 2);
        let by_first = if as_before(0) { -four } else { four }.min(32_767) >> 7;
        let by_sign = if as_before(1) { 128 } else { -128 };
        let second = (by_sign + by_first + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let by_sign = if as_before(0) { 192 } else { -192 };
        // The pair stays stable.
        let most = 15_360 - second;
        let first = (by_sign + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    fn adapt_zeros(&mut self, difference: i32) {
        let by = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let by = if (difference < 0) == (*before < 0) { by } else { -by };
            *zero = saturated(by + ((*zero * 32_640) >> 15));
        }
    }
}

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// [LIMIT]: 15 bits.
fn limited(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}
