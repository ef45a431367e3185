// statistics[a,c] = mean and biased variance of x[a,:,c,:], f32: [A, N, C, S] -> [A, C, 2].
//
// A workgroup an (a, c): two passes of its 256 invocations over the N * S values (`shared/moments`), each ending in a fixed tree.
// Grid: A * C workgroups, folded into x and y.
// Rounds: 2 * ceil(N * S / 256) + 24, with N * S <= 256 * 32,000.
// Bindings: 0 parameters, 1 x [A, N, C, S], 2 statistics [A, C, 2].
// Halves: x

#import "shared/grid"
#import "shared/channel"
#import "shared/moments"

struct Parameters {
    architectures: u32,
    batch: u32,
    channels: u32,
    spatial: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;

fn spatial() -> u32 {
    return parameters.spatial;
}

fn value_at(row: u32, at: u32) -> f32 {
    return x[at];
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
    let result = moments(row, row, parameters.batch * parameters.spatial, local);
    if local == 0u {
        statistics[2u * row] = result.x;
        statistics[2u * row + 1u] = result.y;
    }
}
