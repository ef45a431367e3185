// sums[a,c] = sums over n, h and w of g, g x, g zhat1, g zhat3, g pool(x), f32: [A, N, C, H, W] -> [A, C, 5]; 0 for skipped operations.
//
// A workgroup an (a, c): invocation t takes the strips t, t + 256, ... of its planes (`shared/strip`), then fixed trees.
// Grid: A * C workgroups, folded into x and y.
// Rounds: at most N * H * W / 128 + 33, with N * H * W <= 256 * 32,000.
// Bindings: 0 parameters, 1 g, 2 x, 3 z1, 4 z3, 5 statistics [2, A, C, 2], 6 weights [A, 5], 7 sums [A, C, 5].
// Halves: g x z1 z3

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/tree"
#import "shared/strip"
#import "shared/window"

@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> z1: array<f32>;
@group(0) @binding(4) var<storage, read> z3: array<f32>;
@group(0) @binding(5) var<storage, read> statistics: array<f32>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

fn tap(plane: u32, i: u32, j: u32) -> f32 {
    return x[plane + i * parameters.width + j];
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = parameters.architectures * parameters.channels;
    let row = flat_workgroup(workgroup, groups);
    if row >= rows {
        return;
    }
    let choices = row / parameters.channels * CHOICES;
    let skip = evaluates(weights[choices + 1u]);
    let one = evaluates(weights[choices + 2u]);
    let three = evaluates(weights[choices + 3u]);
    let pool = evaluates(weights[choices + 4u]);
    let mean1 = statistics[2u * row];
    let mean3 = statistics[2u * (rows + row)];
    let a = row / parameters.channels;
    let channel = row - a * parameters.channels;
    let count = parameters.batch * strips(plane_extent(), STRIP);
    var sum = 0.0;
    var sum_skip = 0.0;
    var sum1 = 0.0;
    var sum3 = 0.0;
    var sum_pool = 0.0;
    for (var t = local; t < count; t += 256u) {
        // Counted in images, since a channel has one plane of each.
        let strip = strip_of(t, plane_extent(), STRIP);
        let plane = ((a * parameters.batch + strip.plane) * parameters.channels + channel) * spatial();
        let j = strip.column;
        var window = Window();
        if pool {
            window = window_at(plane, strip.first, j);
        }
        for (var i = strip.first; i < strip.end; i += 1u) {
            let at = plane + i * parameters.width + j;
            let upstream = g[at];
            sum += upstream;
            if skip {
                sum_skip += upstream * x[at];
            }
            if one {
                sum1 += upstream * (z1[at] - mean1);
            }
            if three {
                sum3 += upstream * (z3[at] - mean3);
            }
            if pool {
                sum_pool += upstream * (pool_share(i, j) * window_sum(window));
                window = window_down(window, plane, i + 1u, j);
            }
        }
    }
    let first = tree_sum(local, vec2<f32>(sum, sum_skip));
    let second = tree_sum(local, vec2<f32>(sum1, sum3));
    let third = tree_sum(local, vec2<f32>(sum_pool, 0.0));
    if local == 0u {
        sums[CHOICES * row] = first.x;
        sums[CHOICES * row + 1u] = first.y;
        // The statistics of a skipped operation may be anything: its sum must not be multiplied by what comes of them.
        sums[CHOICES * row + 2u] = 0.0;
        if one {
            sums[CHOICES * row + 2u] = second.x / sqrt(statistics[2u * row + 1u] + parameters.epsilon);
        }
        sums[CHOICES * row + 3u] = 0.0;
        if three {
            sums[CHOICES * row + 3u] = second.y / sqrt(statistics[2u * (rows + row) + 1u] + parameters.epsilon);
        }
        sums[CHOICES * row + 4u] = third.x;
    }
}
