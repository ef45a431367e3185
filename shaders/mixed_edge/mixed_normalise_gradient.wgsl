// dz = w / sqrt(variance + epsilon) * (g - mean(g) - zhat * mean(g zhat)) for z1 (weight 2) and z3 (weight 3), f32: [A, N, C, H, W].
//
// One invocation up to eight elements of a plane of both (`shared/spread`), each workgroup of one architecture; where the weight is 0 dz is
// left as it was.
// Grid: A * ceil(N * C * spread() / 256), folded into x and y.
// Rounds: 16.
// Bindings: 0 parameters, 1 g, 2 z1, 3 z3, 4 statistics [2, A, C, 2], 5 sums [A, C, 5], 6 weights [A, 5], 7 dz1, 8 dz3.
// Halves: g z1 z3 dz1 dz3

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/spread"

@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> z1: array<f32>;
@group(0) @binding(3) var<storage, read> z3: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> dz1: array<f32>;
@group(0) @binding(8) var<storage, read_write> dz3: array<f32>;

// What the gradients of a channel have in common.
struct Channel {
    centre: f32,
    // The mean of g.
    mean: f32,
    along: f32,
    factor: f32,
}

fn channel_of(weight: f32, statistics_row: u32, row: u32, column: u32) -> Channel {
    let share = 1.0 / f32(parameters.batch * spatial());
    let inverse = 1.0 / sqrt(statistics[2u * statistics_row + 1u] + parameters.epsilon);
    let along = share * sums[CHOICES * row + column] * inverse;
    return Channel(statistics[2u * statistics_row], share * sums[CHOICES * row], along, weight * inverse);
}

fn gradient(channel: Channel, upstream: f32, z: f32) -> f32 {
    return channel.factor * (upstream - channel.mean - (z - channel.centre) * channel.along);
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
    let blocks = (planes * spread() + 255u) / 256u;
    let group = flat_workgroup(workgroup, groups);
    let a = group / blocks;
    let t = (group - a * blocks) * 256u + local;
    let plane = t / spread();
    if a >= parameters.architectures || plane >= planes {
        return;
    }
    let row = a * parameters.channels + plane % parameters.channels;
    let end = (a * planes + plane + 1u) * spatial();
    let first = end - spatial() + t - plane * spread();
    let one = weights[a * CHOICES + 2u];
    if one != 0.0 {
        let channel = channel_of(one, row, row, 2u);
        for (var at = first; at < end; at += spread()) {
            dz1[at] = gradient(channel, g[at], z1[at]);
        }
    }
    let three = weights[a * CHOICES + 3u];
    if three != 0.0 {
        let channel = channel_of(three, parameters.architectures * parameters.channels + row, row, 3u);
        for (var at = first; at < end; at += spread()) {
            dz3[at] = gradient(channel, g[at], z3[at]);
        }
    }
}
