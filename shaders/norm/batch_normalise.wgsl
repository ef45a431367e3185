// y = (x - mean) / sqrt(variance + epsilon) * scale + shift, then ReLU with RELU, plus a summand with SUMMAND, f32: [A, N, C, S].
//
// One invocation up to eight elements of a plane (`shared/spread`). AFFINE: 0 no scale and shift, 1 [C], 2 [A, C].
// Grid: ceil(A * N * C * spread() / 256), folded into x and y.
// Rounds: 8.
// Bindings: 0 parameters, 1 x [A, N, C, S], 2 statistics [A, C, 2], unless AFFINE 0 then scale, shift;
// with SUMMAND then summand [A, N, C, S]; last y [A, N, C, S].
// Halves: x summand y
// Consts: AFFINE = 0 1 2; RELU = 0 1; SUMMAND = 0 1

#import "shared/grid"
#import "shared/normalise"
#import "shared/spread"

struct Parameters {
    architectures: u32,
    batch: u32,
    channels: u32,
    spatial: u32,
    epsilon: f32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> statistics: array<f32>;
#if AFFINE
@group(0) @binding(_) var<storage, read> scale: array<f32>;
@group(0) @binding(_) var<storage, read> shift: array<f32>;
#endif
#if SUMMAND
@group(0) @binding(_) var<storage, read> summand: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> y: array<f32>;

fn spatial() -> u32 {
    return parameters.spatial;
}

// Packed: pairs
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let t = flat_invocation(workgroup, groups, local, 256u);
    let plane = t / spread();
    let image = plane / parameters.channels;
    let a = image / parameters.batch;
    if a >= parameters.architectures {
        return;
    }
    let row = a * parameters.channels + plane - image * parameters.channels;
    let channel = channel_of(row);
    let end = (plane + 1u) * spatial();
    for (var i = plane * spatial() + t - plane * spread(); i < end; i += spread()) {
        var value = normalised(channel, x[i]);
#if RELU
        value = select(value, 0.0, value <= 0.0);
#endif
#if SUMMAND
        value += summand[i];
#endif
        y[i] = value;
    }
}
