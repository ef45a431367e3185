//! Random numbers from random bits, as `shared/draws.wgsl` makes them.

use super::functions::{cosine_and_sine_of_turns, natural_logarithm};

/// In (0, 1), never 0 or 1: the odd multiples of 2^-24, exact in f32.
#[inline(always)]
pub(crate) fn uniform_of(bits: u32) -> f32 {
    // Below 2^24 the signed conversion is the same, and one instruction.
    ((bits >> 8) | 1) as i32 as f32 * (1.0 / 16_777_216.0)
}

/// -log(u) > 0.
#[inline(always)]
pub(crate) fn exponential_of(bits: u32) -> f32 {
    -natural_logarithm(uniform_of(bits))
}

/// -log(-log(u)), within [-2.9, 16.7].
#[inline(always)]
pub(crate) fn gumbel_of(bits: u32) -> f32 {
    -natural_logarithm(exponential_of(bits))
}

/// Two normal numbers (Box and Muller 1958).
#[inline(always)]
pub(crate) fn normals_of(radius: u32, angle: u32) -> [f32; 2] {
    let r = (2.0 * exponential_of(radius)).sqrt();
    let (cosine, sine) = cosine_and_sine_of_turns(uniform_of(angle));
    [r * cosine, r * sine]
}
