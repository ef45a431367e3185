// dweights[a,k] = sum of dmask[a,c] over the channels c < widths[k], f32; 0 where weights[a,k] is 0, unless `evaluate_all`.
//
// A workgroup owns an entry: invocation t takes c = t, t + 256, ..., then a fixed tree of 256.
// Grid: A * K workgroups, folded into x and y.
// Rounds: ceil(W / 256) + 8, with W <= 256 * 65,000.
// Bindings: 0 parameters, 1 dmask [A, W], 2 weights [A, K], 3 dweights [A, K].

#import "shared/grid"
#import "shared/tree"
#import "shared/widths"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> dmask: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweights: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let entry = flat_workgroup(workgroup, groups);
    if entry >= parameters.architectures * parameters.choices {
        return;
    }
    let first = entry / parameters.choices * parameters.width;
    let selected = parameters.evaluate_all != 0u || weights[entry] != 0.0;
    let covered = select(0u, width_of(entry % parameters.choices), selected);
    var total = 0.0;
    for (var c = local; c < covered; c += 256u) {
        total += dmask[first + c];
    }
    total = tree_sum(local, vec2<f32>(total, 0.0)).x;
    if local == 0u {
        dweights[entry] = total;
    }
}
