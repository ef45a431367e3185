// Square kernels 3, 5 and 7 about one centre, taps row by row: where the taps of a smaller one lie in a larger one, and back.

struct Parameters {
    architectures: u32,
    channels: u32,
    evaluate_all: u32,
}

// Taps of the kernels 5 and 3 that are made of a kernel 7: first those of 5, then those of 3.
const MADE: u32 = 34u;

// The place in a kernel `large` of tap `tap` of its centre `small`.
fn centre_tap(tap: u32, small: u32, large: u32) -> u32 {
    let margin = (large - small) / 2u;
    return (tap / small + margin) * large + tap % small + margin;
}

// The tap of the centre `small` at place `place` of a kernel `large`; small * small where it lies outside.
fn tap_within(place: u32, large: u32, small: u32) -> u32 {
    let margin = (large - small) / 2u;
    // Below 0 wraps around to large numbers, which lie outside too.
    let row = place / large - margin;
    let column = place % large - margin;
    return select(small * small, row * small + column, row < small && column < small);
}
