// sums[a,c] = (sum of g', sum of g' * xhat) over n and s, f32: [A, N, C, S] -> [A, C, 2]. With RELU g' is 0 where the result was not positive.
//
// A workgroup an (a, c): invocation t takes the values t, t + 256, ..., then a fixed tree. AFFINE: 0 no scale and shift, 1 [C], 2 [A, C].
// Grid: A * C workgroups, folded into x and y.
// Rounds: ceil(N * S / 256) + 8, with N * S <= 256 * 32,000.
// Bindings: 0 parameters, 1 g [A, N, C, S], 2 x [A, N, C, S], 3 statistics [A, C, 2], unless AFFINE 0 then scale, shift; last sums [A, C, 2].
// Halves: g x
// Consts: AFFINE = 0 1 2; RELU = 0 1

#import "shared/grid"
#import "shared/channel"
#import "shared/normalise"
#import "shared/tree"

struct Parameters {
    architectures: u32,
    batch: u32,
    channels: u32,
    spatial: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
#if AFFINE == 0
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
#else
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read> shift: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
#endif

fn spatial() -> u32 {
    return parameters.spatial;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_workgroup(workgroup, groups);
    if row >= parameters.architectures * parameters.channels {
        return;
    }
    let channel = channel_of(row);
    let count = parameters.batch * parameters.spatial;
    var sum = vec2<f32>(0.0);
    let step = channel_step();
    var element = element_of(row, local);
    for (var j = local; j < count; j += 256u) {
        let at = element.at;
#if RELU
        let upstream = select(g[at], 0.0, normalised(channel, x[at]) <= 0.0);
#else
        let upstream = g[at];
#endif
        sum += vec2<f32>(upstream, upstream * (x[at] - channel.mean));
        element = next(element, step);
    }
    let total = tree_sum(local, sum);
    if local == 0u {
        sums[2u * row] = total.x;
        sums[2u * row + 1u] = total.y * channel.inverse;
    }
}
