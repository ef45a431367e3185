// statistics[o,a,c] = mean and biased variance of z1[a,:,c] (o = 0) and z3[a,:,c] (o = 1), f32: [A, N, C, H, W] -> [2, A, C, 2].
//
// A workgroup an (o, a, c), which leaves at once where its operation is skipped; else as `norm/batch_statistics`.
// Grid: 2 * A * C workgroups, folded into x and y.
// Rounds: 2 * ceil(N * H * W / 256) + 24, with N * H * W <= 256 * 32,000.
// Bindings: 0 parameters, 1 z1, 2 z3 [A, N, C, H, W], 3 weights [A, 5], 4 statistics [2, A, C, 2].
// Halves: z1 z3

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/channel"
#import "shared/moments"

@group(0) @binding(1) var<storage, read> z1: array<f32>;
@group(0) @binding(2) var<storage, read> z3: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;

// Here a row is (o * A + a) * C + c.
fn value_at(row: u32, at: u32) -> f32 {
    if row < parameters.architectures * parameters.channels {
        return z1[at];
    }
    return z3[at];
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = parameters.architectures * parameters.channels;
    let row = flat_workgroup(workgroup, groups);
    if row >= 2u * rows {
        return;
    }
    let weight = weights[row % rows / parameters.channels * CHOICES + 2u + row / rows];
    if !evaluates(weight) {
        return;
    }
    let result = moments(row, row % rows, parameters.batch * spatial(), local);
    if local == 0u {
        statistics[2u * row] = result.x;
        statistics[2u * row + 1u] = result.y;
    }
}
