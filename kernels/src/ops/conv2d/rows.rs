//! Rows of a result from the sums of the phases of a stride, and rows of weights side by side.

/// Adds the phases of a row to what it holds, where `mask` is positive.
#[inline(always)]
pub(super) fn add_phases(stride: usize, sums: &[f32], next: usize, mask: Option<&[f32]>, result: &mut [f32]) {
    let passed = |sum: f32, mask: f32| if mask > 0.0 { sum } else { 0.0 };
    for phase in 0..stride.min(result.len()) {
        let sums = &sums[phase * next..];
        match mask {
            Some(mask) if stride == 1 => {
                for ((result, sum), mask) in result.iter_mut().zip(sums).zip(mask) {
                    *result += passed(*sum, *mask);
                }
            }
            Some(mask) => {
                let masks = mask[phase..].iter().step_by(stride);
                for ((result, sum), mask) in result[phase..].iter_mut().step_by(stride).zip(sums).zip(masks) {
                    *result += passed(*sum, *mask);
                }
            }
            None if stride == 1 => {
                for (result, sum) in result.iter_mut().zip(sums) {
                    *result += sum;
                }
            }
            None => {
                for (result, sum) in result[phase..].iter_mut().step_by(stride).zip(sums) {
                    *result += sum;
                }
            }
        }
    }
}

/// Writes the taps at `places` of `M` rows of weights, each `next` elements after the one before, side by side.
#[inline(always)]
pub(super) fn interleave<const M: usize>(
    places: impl Iterator<Item = usize>,
    weights: &[f32],
    next: usize,
    into: &mut [f32],
) {
    let rows: [&[f32]; M] = std::array::from_fn(|m| &weights[m * next..]);
    for (into, place) in into.as_chunks_mut::<M>().0.iter_mut().zip(places) {
        *into = rows.map(|row| row[place]);
    }
}

/// Writes a row of which every `stride`th element is one phase's; the phases are `next` elements apart.
#[inline(always)]
pub(super) fn join_phases(stride: usize, sums: &[f32], next: usize, result: &mut [f32]) {
    if stride == 2 {
        let (pairs, last) = result.as_chunks_mut::<2>();
        let (even, odd) = (&sums[..pairs.len() + last.len()], &sums[next..][..pairs.len()]);
        for ((pair, even), odd) in pairs.iter_mut().zip(even).zip(odd) {
            *pair = [*even, *odd];
        }
        if let [last] = last {
            *last = even[pairs.len()];
        }
        return;
    }
    for phase in 0..stride.min(result.len()) {
        let sums = &sums[phase * next..];
        for (result, sum) in result[phase..].iter_mut().step_by(stride).zip(sums) {
            *result = *sum;
        }
    }
}
