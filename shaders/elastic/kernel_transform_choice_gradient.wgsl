// dweights[a,k] = sum_c <g[a,c], the kernel of size k of channel c in the middle of zeros>, f32; 0 where weights[a,k] is 0, unless
// `evaluate_all`.
//
// A workgroup owns an entry: invocation t takes the (channel, tap) t, t + 256, ..., then a fixed tree of 256.
// Grid: 3 * A workgroups, folded into x and y.
// Rounds: ceil(49 * C / 256) + 8, C <= 65,000.
// Bindings: 0 parameters, 1 g [A, C, 49], 2 weights [A, 3], 3 w [C, 49], 4 made [C, 34], 5 dweights [A, 3].

#import "shared/grid"
#import "shared/kernel_sizes"
#import "shared/tree"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> made: array<f32>;
@group(0) @binding(5) var<storage, read_write> dweights: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let entry = flat_workgroup(workgroup, groups);
    if entry >= 3u * parameters.architectures {
        return;
    }
    let first = entry / 3u * parameters.channels;
    let size = 3u + entry % 3u * 2u;
    let taps = size * size;
    let selected = parameters.evaluate_all != 0u || weights[entry] != 0.0;
    let places = select(0u, parameters.channels * taps, selected);
    let before = select(0u, 25u, size == 3u);
    var total = 0.0;
    for (var place = local; place < places; place += 256u) {
        let channel = place / taps;
        let tap = place % taps;
        var factor = 0.0;
        if size == 7u {
            factor = w[channel * 49u + tap];
        } else {
            factor = made[channel * MADE + before + tap];
        }
        total = fma(g[(first + channel) * 49u + centre_tap(tap, size, 7u)], factor, total);
    }
    total = tree_sum(local, vec2<f32>(total, 0.0)).x;
    if local == 0u {
        dweights[entry] = total;
    }
}
