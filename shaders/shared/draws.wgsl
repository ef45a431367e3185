// Random numbers from random bits. The CPU kernels compute the same (`draws.rs`).

#import "shared/philox"
#import "shared/functions"

// In (0, 1), never 0 or 1: the odd multiples of 2^-24, exact in f32.
fn uniform_of(bits: u32) -> f32 {
    return f32((bits >> 8u) | 1u) * 5.9604644775390625e-8;
}

// -log(u) > 0.
fn exponential_of(bits: u32) -> f32 {
    return -natural_logarithm(uniform_of(bits));
}

// -log(-log(u)), within [-2.9, 16.7].
fn gumbel_of(bits: u32) -> f32 {
    return -natural_logarithm(exponential_of(bits));
}

// Two normal numbers (Box and Muller 1958).
fn normals_of(radius: u32, angle: u32) -> vec2<f32> {
    return sqrt(2.0 * exponential_of(radius)) * cosine_and_sine_of_turns(uniform_of(angle));
}
