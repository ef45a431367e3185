// dw[a,k] = sum over c of sums[a,c,k] (0 for k = 0, none), f32: [A, C, 5] -> [A, 5]; where weights[a,k] is 0:
// UNSELECTED 0 published, the sum over c of sums[a,c,0], all of the upstream gradient; 1 zero; 2 exact, as where it is not 0.
//
// One invocation an entry, channels in order. Grid: ceil(5 * A / 64), folded into x and y.
// Rounds: C <= 65,535.
// Bindings: 0 parameters, 1 sums [A, C, 5], 2 weights [A, 5], 3 dw [A, 5].
// Consts: UNSELECTED = 0 1 2

#import "shared/grid"
#import "shared/mixed_edge"

@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let entry = flat_invocation(workgroup, groups, local, 64u);
    if entry >= parameters.architectures * CHOICES {
        return;
    }
    let choice = entry % CHOICES;
    var column = choice;
    var counted = choice != 0u;
#if UNSELECTED == 0
    if weights[entry] == 0.0 {
        column = 0u;
        counted = true;
    }
#endif
#if UNSELECTED == 1
    if weights[entry] == 0.0 {
        counted = false;
    }
#endif
    var total = 0.0;
    if counted {
        let first = entry / CHOICES * parameters.channels;
        for (var c = 0u; c < parameters.channels; c += 1u) {
            total += sums[(first + c) * CHOICES + column];
        }
    }
    dw[entry] = total;
}
