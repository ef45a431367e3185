// y = known (or 0) + w1 x + w2 zhat1 + w3 zhat3 + w4 pool(x), zhat = (z - mean) / sqrt(variance + epsilon), f32: [A, N, C, H, W].
//
// One invocation a strip of up to eight rows (`shared/strip`), each workgroup of one architecture; operations of weight 0 are skipped.
// Grid: A * ceil(N * C * ceil(H / 8) * W / 256), folded into x and y.
// Rounds: 8.
// Bindings: 0 parameters, 1 x, 2 z1, 3 z3, 4 statistics [2, A, C, 2], 5 weights [A, 5], then known (ACCUMULATE 1), y, to which is added (ACCUMULATE 2).
// Halves: x z1 z3 known y
// Consts: ACCUMULATE = 0 1 2

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/strip"
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

// The mean of a row of the statistics, and one over its deviation. Those of a skipped operation may be anything.
fn moments_of(row: u32) -> vec2<f32> {
    return vec2<f32>(statistics[2u * row], 1.0 / sqrt(statistics[2u * row + 1u] + parameters.epsilon));
}

fn normalised(z: f32, moments: vec2<f32>) -> f32 {
    return (z - moments.x) * moments.y;
}

// Packed: pairs
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Workgroups do not straddle architectures: all invocations skip the same operations.
    let planes = parameters.batch * parameters.channels;
    let blocks = (planes * strips(plane_extent(), STRIP) + 255u) / 256u;
    let group = flat_workgroup(workgroup, groups);
    let a = group / blocks;
    let strip = strip_of((group - a * blocks) * 256u + local, plane_extent(), STRIP);
    if a >= parameters.architectures || strip.plane >= planes {
        return;
    }
    let plane = (a * planes + strip.plane) * spatial();
    let row = a * parameters.channels + strip.plane % parameters.channels;
    let moments1 = moments_of(row);
    let moments3 = moments_of(parameters.architectures * parameters.channels + row);
    let skip = weights[a * CHOICES + 1u];
    let one = weights[a * CHOICES + 2u];
    let three = weights[a * CHOICES + 3u];
    let pool = weights[a * CHOICES + 4u];
    let j = strip.column;
    var window = Window();
    if pool != 0.0 {
        window = window_at(plane, strip.first, j);
    }
    for (var i = strip.first; i < strip.end; i += 1u) {
        let at = plane + i * parameters.width + j;
#if ACCUMULATE == 1
        var sum = known[at];
#endif
#if ACCUMULATE == 2
        var sum = y[at];
#endif
#if !ACCUMULATE
        var sum = 0.0;
#endif
        if skip != 0.0 {
            sum += skip * x[at];
        }
        if one != 0.0 {
            sum += one * normalised(z1[at], moments1);
        }
        if three != 0.0 {
            sum += three * normalised(z3[at], moments3);
        }
        if pool != 0.0 {
            sum += pool * (pool_share(i, j) * window_sum(window));
            window = window_down(window, plane, i + 1u, j);
        }
        y[at] = sum;
    }
}
