// y = known (or 0) + w1 x + w2 zhat1 + w3 zhat3 + w4 pool(x), zhat = (z - mean) / sqrt(variance + epsilon), f32: [A, N, C, H, W].
//
// One invocation an element, each workgroup of one architecture; operations of weight 0 are skipped.
// Grid: A * ceil(N * C * H * W / 256), folded into x and y.
// Bindings: 0 parameters, 1 x, 2 z1, 3 z3, 4 statistics [2, A, C, 2], 5 weights [A, 5], then known (ACCUMULATE 1), y, to which is added (ACCUMULATE 2).
// Halves: x z1 z3 known y
// Consts: ACCUMULATE = 0 1 2

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/window"

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> z1: array<f32>;
@group(0) @binding(3) var<storage, read> z3: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
#if ACCUMULATE == 1
@group(0) @binding(6) var<storage, read> known: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
#else
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
#endif

fn tap(plane: u32, i: u32, j: u32) -> f32 {
    return x[plane + i * parameters.width + j];
}

fn normalised(z: f32, row: u32) -> f32 {
    return (z - statistics[2u * row]) / sqrt(statistics[2u * row + 1u] + parameters.epsilon);
}

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Workgroups do not straddle architectures: all invocations skip the same operations.
    let len = parameters.batch * parameters.channels * spatial();
    let blocks = (len + 255u) / 256u;
    let group = flat_workgroup(workgroup, groups);
    let a = group / blocks;
    let offset = group % blocks * 256u + local;
    if a >= parameters.architectures || offset >= len {
        return;
    }
    let at = a * len + offset;
    let c = offset / spatial() % parameters.channels;
    let row = a * parameters.channels + c;
#if ACCUMULATE == 1
    var sum = known[at];
#endif
#if ACCUMULATE == 2
    var sum = y[at];
#endif
#if !ACCUMULATE
    var sum = 0.0;
#endif
    let skip = weights[a * CHOICES + 1u];
    if skip != 0.0 {
        sum += skip * x[at];
    }
    let one = weights[a * CHOICES + 2u];
    if one != 0.0 {
        sum += one * normalised(z1[at], row);
    }
    let three = weights[a * CHOICES + 3u];
    if three != 0.0 {
        sum += three * normalised(z3[at], parameters.architectures * parameters.channels + row);
    }
    let pool = weights[a * CHOICES + 4u];
    if pool != 0.0 {
        let element = offset % spatial();
        let i = element / parameters.width;
        let j = element % parameters.width;
        sum += pool * (pool_share(i, j) * window(at - element, i, j));
    }
    y[at] = sum;
}
