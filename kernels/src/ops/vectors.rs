//! Folds over slices by the vectors of this machine.
//!
//! A loop over an array of sums becomes vector code in one kernel and stays scalar in the next, as the compiler likes; these do not
//! depend on it.

use pulp::Simd;

/// Folds `N` slices of one length: `step` takes a fold and a vector of each slice, `join` two folds. What is missing from the last
/// vectors is `neutral`. The order depends on the length alone.
#[inline(always)]
pub(super) fn fold<S: Simd, const N: usize>(
    simd: S,
    slices: [&[f32]; N],
    start: f32,
    neutral: [f32; N],
    step: impl Fn(S::f32s, [S::f32s; N]) -> S::f32s,
    join: impl Fn(S::f32s, S::f32s) -> S::f32s,
) -> S::f32s {
    let lanes = S::F32_LANES;
    let whole = slices.first().map_or(0, |slice| slice.len() / lanes);
    let vectors: [&[S::f32s]; N] = std::array::from_fn(|i| &S::as_simd_f32s(&slices[i][..whole * lanes]).0[..whole]);
    // A chain of additions takes as long as four of them side by side.
    let mut folds = [simd.splat_f32s(start); 4];
    let mut at = 0;
    while at + 4 <= whole {
        for (k, fold) in folds.iter_mut().enumerate() {
            *fold = step(*fold, std::array::from_fn(|i| vectors[i][at + k]));
        }
        at += 4;
    }
    let [mut first, second, third, fourth] = folds;
    while at < whole {
        first = step(first, std::array::from_fn(|i| vectors[i][at]));
        at += 1;
    }
    if slices.iter().any(|slice| slice.len() > whole * lanes) {
        let last = std::array::from_fn(|i| {
            let mut padded = [neutral[i]; WIDEST];
            let rest = &slices[i][whole * lanes..];
            padded[..rest.len()].copy_from_slice(rest);
            S::as_simd_f32s(&padded[..lanes]).0[0]
        });
        first = step(first, last);
    }
    join(join(first, second), join(third, fourth))
}

/// The most lanes of any machine's vectors.
const WIDEST: usize = 16;

/// The largest element.
#[inline(always)]
pub(super) fn largest_of<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let larger = |a, b| simd.max_f32s(a, b);
    simd.reduce_max_f32s(fold(simd, [x], f32::MIN, [f32::MIN], |most, [x]| larger(most, x), larger))
}

/// The sum of the elements.
#[inline(always)]
pub(super) fn sum_of<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let add = |a, b| simd.add_f32s(a, b);
    simd.reduce_sum_f32s(fold(simd, [x], 0.0, [0.0], |sum, [x]| add(sum, x), add))
}

/// The sum of products of two slices of one length.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let add = |a, b| simd.add_f32s(a, b);
    simd.reduce_sum_f32s(fold(simd, [x, y], 0.0, [0.0; 2], |sum, [x, y]| simd.mul_add_f32s(x, y, sum), add))
}
