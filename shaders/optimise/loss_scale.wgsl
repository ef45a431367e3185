// state = (scale, good steps in a row): where sum_of_squares, that of the scaled gradients, is finite, one more good step, and after
// `growth` of them twice the scale; else half the scale, and none. Scales stay within 2^-24 and 2^24, f32.
//
// One invocation. Grid: 1.
// Bindings: 0 parameters, 1 sum_of_squares [1], 2 state [2].

#import "shared/finite"

struct Parameters {
    growth: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn main() {
    let good = state[1] + 1.0;
    if !is_finite(sum_of_squares[0]) {
        state[0] = max(0.5 * state[0], 5.9604645e-8);
        state[1] = 0.0;
    } else if good >= f32(parameters.growth) {
        state[0] = min(2.0 * state[0], 16777216.0);
        state[1] = 0.0;
    } else {
        state[1] = good;
    }
}
