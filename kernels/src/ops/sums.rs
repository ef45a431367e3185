//! Sums over slices, as vector code and in a fixed order.
//!
//! One sum a loop: a row stays in the first cache, and a loop of several sums is not always made vector code.

use std::hint::black_box;

use crate::ops::reduce::fold;

/// Accumulators of a sum.
const LANES: usize = 32;

/// Adds up the lanes by a tree. The compiler must not see through: it would arrange the lanes for the tree's last steps, and
/// shuffle them in every round of the loop before it.
#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
    fold(&mut black_box(lanes), |a, b| a + b)
}

/// The sum of `of` over the elements.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for x in blocks {
        for lane in 0..LANES {
            lanes[lane] += of(x[lane]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += of(*x);
    }
    total(lanes)
}

/// The sum of `of` over the pairs of two slices of one length.
#[inline(always)]
pub(super) fn sum_of_pairs(x: &[f32], y: &[f32], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let ((x_blocks, x_rest), (y_blocks, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x_blocks.iter().zip(y_blocks) {
        for lane in 0..LANES {
            lanes[lane] += of(x[lane], y[lane]);
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *lane += of(*x, *y);
    }
    total(lanes)
}

/// The sum of `of` over the triples of three slices of one length.
#[inline(always)]
pub(super) fn sum_of_triples(x: &[f32], y: &[f32], z: &[f32], of: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let ((x_blocks, x_rest), (y_blocks, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let (z_blocks, z_rest) = z.as_chunks::<LANES>();
    for ((x, y), z) in x_blocks.iter().zip(y_blocks).zip(z_blocks) {
        for lane in 0..LANES {
            lanes[lane] += of(x[lane], y[lane], z[lane]);
        }
    }
    for (((lane, x), y), z) in lanes.iter_mut().zip(x_rest).zip(y_rest).zip(z_rest) {
        *lane += of(*x, *y, *z);
    }
    total(lanes)
}
