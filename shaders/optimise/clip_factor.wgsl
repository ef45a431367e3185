// factor = min(1, maximum / (sqrt(sum_of_squares) + 1e-6)), f32: PyTorch's clip_grad_norm_. maximum <= 0 means 1.
// SCALED: sum_of_squares is that of gradients of a scaled loss. The factor takes the scale, state[0], away too; where the sum is not
// finite it is -1, which an optimiser takes for a step to be left out.
//
// One invocation. Grid: 1.
// Bindings: 0 parameters, 1 sum_of_squares [1], with SCALED 2 state [2], last factor [1].
// Consts: SCALED = 0 1

#import "shared/finite"

struct Parameters {
    maximum: f32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> sum_of_squares: array<f32>;
#if SCALED
@group(0) @binding(_) var<storage, read> state: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(1)
fn main() {
#if SCALED
    let scale = state[0];
    if !is_finite(sum_of_squares[0]) {
        factor[0] = -1.0;
        return;
    }
#else
    let scale = 1.0;
#endif
    let ratio = parameters.maximum / (sqrt(sum_of_squares[0]) / scale + 1e-6);
    factor[0] = select(1.0, min(1.0, ratio), parameters.maximum > 0.0) / scale;
}
