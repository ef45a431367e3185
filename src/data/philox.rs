//! Counter-based random numbers on the host: Philox4x32-10.
//!
//! A draw is a pure function of (seed, counter), so that shuffling and augmentation have no state: batch `t` after a
//! resume is batch `t` of the uninterrupted run, whatever thread makes it.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// What a draw is for. Two uses never share a counter, because the use is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Use {
    /// Which images go to which split.
    Split = 1,
    /// The order of an epoch.
    Shuffle = 2,
    /// Crop and flip of one image.
    Augmentation = 3,
    /// Which measured values a metapredictor sees in a step.
    Predictor = 4,
}

/// Philox4x32-10 with the key taken from a seed.
#[derive(Debug, Clone, Copy)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// The generator of `seed`: the low half of the seed is key word 0, the high half key word 1.
    pub fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// Four random words, a bijection of the four counter words.
    pub fn words(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut key = self.key;
        let mut state = counter;
        for _ in 0..ROUNDS {
            let first = u64::from(MULTIPLIERS[0]) * u64::from(state[0]);
            let second = u64::from(MULTIPLIERS[1]) * u64::from(state[2]);
            state = [
                (second >> 32) as u32 ^ state[1] ^ key[0],
                second as u32,
                (first >> 32) as u32 ^ state[3] ^ key[1],
                first as u32,
            ];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        state
    }
}

/// The last counter word of every draw of this room: the letters `DA`, the use, and the stream (a split) within it.
///
/// The letters keep these counters apart from those of a device that draws with the same seed.
pub fn domain(purpose: Use, stream: u8) -> u32 {
    0x4441_0000 | u32::from(purpose as u8) << 8 | u32::from(stream)
}

/// Maps a random word to `0..bound` by the high half of the product; the bias is below `bound / 2^32`.
pub fn below(word: u32, bound: u32) -> u32 {
    ((u64::from(word) * u64::from(bound)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the Random123 distribution (`kat_vectors`, philox4x32 10).
    #[test]
    fn known_answers() {
        let zero = Philox { key: [0; 2] };
        assert_eq!(zero.words([0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = Philox::new(u64::MAX);
        assert_eq!(ones.words([u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let digits = Philox::new(0x299f_31d0_a409_3822);
        assert_eq!(
            digits.words([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn below_reaches_both_ends_and_no_further() {
        assert_eq!(below(0, 7), 0);
        assert_eq!(below(u32::MAX, 7), 6);
    }
}
