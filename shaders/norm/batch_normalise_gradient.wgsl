// dx = scale / sqrt(variance + epsilon) * (g' - share * sums.x - xhat * share * sums.y), f32: [A, N, C, S]; share is 1 / (N * S), or 0 where
// the statistics are constants. With RELU g' is 0 where the result was not positive.
//
// One invocation up to eight elements of a plane (`shared/spread`). AFFINE: 0 no scale and shift, 1 [C], 2 [A, C].
// Grid: ceil(A * N * C * spread() / 256), folded into x and y.
// Rounds: 8.
// Bindings: 0 parameters, 1 g, 2 x [A, N, C, S], 3 statistics, 4 sums [A, C, 2], unless AFFINE 0 then scale, shift; last dx [A, N, C, S].
// Halves: g x dx
// Consts: AFFINE = 0 1 2; RELU = 0 1

#import "shared/grid"
#import "shared/normalise"
#import "shared/spread"

struct Parameters {
    architectures: u32,
    batch: u32,
    channels: u32,
    spatial: u32,
    epsilon: f32,
    share: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
#if AFFINE == 0
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
#else
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read> shift: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
#endif

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
    let mean = parameters.share * sums[2u * row];
    let along = parameters.share * sums[2u * row + 1u] * channel.inverse;
    for (var i = plane * spatial() + t - plane * spread(); i < end; i += spread()) {
#if RELU
        let upstream = select(g[i], 0.0, normalised(channel, x[i]) <= 0.0);
#else
        let upstream = g[i];
#endif
        dx[i] = channel.factor * (upstream - mean - (x[i] - channel.mean) * along);
    }
}
