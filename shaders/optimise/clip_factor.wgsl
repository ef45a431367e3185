// factor = min(1, maximum / (sqrt(sum_of_squares) + 1e-6)), f32: PyTorch's clip_grad_norm_. maximum <= 0 means 1.
//
// One invocation. Grid: 1.
// Bindings: 0 parameters, 1 sum_of_squares [1], 2 factor [1].

struct Parameters {
    maximum: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(1)
fn main() {
    let ratio = parameters.maximum / (sqrt(sum_of_squares[0]) + 1e-6);
    factor[0] = select(1.0, min(1.0, ratio), parameters.maximum > 0.0);
}
