//! ITU-T G.711: pulse code modulation of voice frequencies, A-law and u-law.
//!
//! Values are scaled so that the 13 bits of A-law and the 14 bits of u-law both fill an `i16`.
//! Bit 1 of an octet as the Recommendation numbers it, the polarity, is the mask `0x80` here.

/// A-law's silence: the smallest positive value.
pub const ALAW_SILENCE: u8 = 0xd5;
/// u-law's silence: positive zero.
pub const ULAW_SILENCE: u8 = 0xff;

/// The u-law octet nearest to each A-law octet, of the same polarity.
pub const ALAW_TO_ULAW: [u8; 256] = law_to_law(&ALAW_LINEAR, Law::U);
/// The A-law octet nearest to each u-law octet, of the same polarity.
pub const ULAW_TO_ALAW: [u8; 256] = law_to_law(&ULAW_LINEAR, Law::A);

const ALAW_LINEAR: [i16; 256] = linear(Law::A);
const ULAW_LINEAR: [i16; 256] = linear(Law::U);

/// Decodes an A-law octet (G.711 tables 1a and 1b).
pub const fn alaw_to_linear(octet: u8) -> i16 {
    ALAW_LINEAR[octet as usize]
}

/// Decodes a u-law octet (G.711 tables 2a and 2b).
pub const fn ulaw_to_linear(octet: u8) -> i16 {
    ULAW_LINEAR[octet as usize]
}

/// Encodes a sample in A-law (G.711 tables 1a and 1b).
pub const fn linear_to_alaw(sample: i16) -> u8 {
    // The decision values lie between the steps of 16, so a negative sample counts from -1.
    let magnitude = if sample < 0 { !sample } else { sample } as u32 >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 27 - magnitude.leading_zeros();
        ((segment + 1) << 4) | ((magnitude >> segment) & 0x0f)
    };
    // Even bits are inverted on the line (G.711 table 1, note 2).
    (code as u8 | polarity(sample)) ^ 0x55
}

/// Encodes a sample in u-law (G.711 tables 2a and 2b).
pub const fn linear_to_ulaw(sample: i16) -> u8 {
    let step = (if sample < 0 { !sample } else { sample } as u32 >> 2) + 33;
    let magnitude = if step > 0x1fff { 0x1fff } else { step };
    let segment = 26 - magnitude.leading_zeros();
    let code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0f);
    // All bits of the magnitude are inverted on the line (G.711 table 2, note 2).
    (code as u8 ^ 0x7f) | polarity(sample)
}

#[derive(Clone, Copy)]
enum Law {
    A,
    U,
}

const fn polarity(sample: i16) -> u8 {
    if sample < 0 { 0 } else { 0x80 }
}

const fn linear(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = match law {
            Law::A => expand_alaw(octet as u8),
            Law::U => expand_ulaw(octet as u8),
        };
        octet += 1;
    }
    table
}

const fn expand_alaw(octet: u8) -> i16 {
    let code = octet ^ 0x55;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0f) as i16;
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if octet & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn expand_ulaw(octet: u8) -> i16 {
    let code = !octet;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0f) as i16;
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if octet & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn law_to_law(from: &[i16; 256], to: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let encoded = match to {
            Law::A => linear_to_alaw(from[octet]),
            Law::U => linear_to_ulaw(from[octet]),
        };
        // Both laws have two zeros; the negative one must not turn positive.
        table[octet] = (encoded & 0x7f) | (octet as u8 & 0x80);
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Character signal values of G.711 tables 1a and 2a, in units of the standard.
    #[test]
    fn the_ends_of_the_segments_are_those_of_the_standard() {
        let alaw = [(0xd5, 1), (0xda, 31), (0xc5, 33), (0xf5, 66), (0xe5, 132), (0x95, 264), (0xaa, 4032)];
        for (octet, value) in alaw {
            assert_eq!(alaw_to_linear(octet), value * 8, "A-law {octet:#04x}");
            assert_eq!(alaw_to_linear(octet & 0x7f), value * -8, "A-law {octet:#04x}, negative");
        }
        let ulaw = [
            (0xff, 0),
            (0xfe, 2),
            (0xf0, 30),
            (0xef, 33),
            (0xdf, 99),
            (0xcf, 231),
            (0x8f, 4191),
            (0x80, 8031),
        ];
        for (octet, value) in ulaw {
            assert_eq!(ulaw_to_linear(octet), value * 4, "u-law {octet:#04x}");
            assert_eq!(ulaw_to_linear(octet & 0x7f), value * -4, "u-law {octet:#04x}, negative");
        }
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255u8 {
            assert_eq!(linear_to_alaw(alaw_to_linear(octet)), octet);
            let negative_zero = octet == 0x7f;
            let back = linear_to_ulaw(ulaw_to_linear(octet));
            assert_eq!(back, if negative_zero { ULAW_SILENCE } else { octet });
        }
    }

    #[test]
    fn every_sample_is_at_most_half_a_step_from_what_it_is_encoded_as() {
        for sample in i16::MIN..=i16::MAX {
            let alaw = linear_to_alaw(sample);
            let half_a_step = 8 << ((alaw ^ 0x55) >> 4 & 7).saturating_sub(1);
            assert!(distance(sample, alaw_to_linear(alaw)) <= half_a_step, "{sample}, A-law");
            let ulaw = linear_to_ulaw(sample);
            let half_a_step = 4 << (!ulaw >> 4 & 7);
            // Beyond the last decision value u-law limits.
            let sample = sample.clamp(-32_636, 32_635);
            assert!(distance(sample, ulaw_to_linear(ulaw)) <= half_a_step, "{sample}, u-law");
        }
    }

    fn distance(a: i16, b: i16) -> i32 {
        (i32::from(a) - i32::from(b)).abs()
    }

    #[test]
    fn changing_the_law_keeps_polarity_and_stays_within_half_a_step() {
        for octet in 0..=255u8 {
            for (from, to) in [
                (alaw_to_linear(octet), ulaw_to_linear(ALAW_TO_ULAW[octet as usize])),
                (ulaw_to_linear(octet), alaw_to_linear(ULAW_TO_ALAW[octet as usize])),
            ] {
                let (from, to) = (i32::from(from), i32::from(to));
                assert!(from * to >= 0, "{from} became {to}");
                assert!((from - to).abs() <= 16 + from.abs() / 32, "{from} became {to}");
            }
            assert_eq!(ALAW_TO_ULAW[octet as usize] & 0x80, octet & 0x80);
            assert_eq!(ULAW_TO_ALAW[octet as usize] & 0x80, octet & 0x80);
        }
    }

    #[test]
    fn silence_stays_silence() {
        assert_eq!(linear_to_alaw(0), ALAW_SILENCE);
        assert_eq!(linear_to_ulaw(0), ULAW_SILENCE);
        assert_eq!(ULAW_TO_ALAW[usize::from(ULAW_SILENCE)], ALAW_SILENCE);
        assert!(ulaw_to_linear(ALAW_TO_ULAW[usize::from(ALAW_SILENCE)]).abs() <= 8);
    }
}
