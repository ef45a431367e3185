//! Several sums over slices at once, as vector code.

use crate::ops::reduce::fold;

/// Accumulators of a sum.
const LANES: usize = 32;

/// The sums of `of` over the elements of slices of one length, side by side, in a fixed order.
#[inline(always)]
pub(super) fn sums_of<const N: usize, const S: usize>(
    inputs: [&[f32]; N],
    of: impl Fn([f32; N]) -> [f32; S],
) -> [f32; S] {
    let len = inputs[0].len();
    let mut lanes = [[0.0f32; LANES]; S];
    let whole = len / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let blocks: [&[f32]; N] = std::array::from_fn(|input| &inputs[input][at..at + LANES]);
        for lane in 0..LANES {
            let value = of(std::array::from_fn(|input| blocks[input][lane]));
            for sum in 0..S {
                lanes[sum][lane] += value[sum];
            }
        }
    }
    for at in whole..len {
        let value = of(std::array::from_fn(|input| inputs[input][at]));
        for sum in 0..S {
            lanes[sum][at - whole] += value[sum];
        }
    }
    std::array::from_fn(|sum| fold(&mut lanes[sum], |a, b| a + b))
}
