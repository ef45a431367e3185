// weights = one-hot of given choices: weights[a, offsets[group] + k] = (k == choices[a, group]), f32.
//
// A choice beyond its group counts as the group's last.
// One invocation an (architecture, group), which walks the group's entries. Grid: ceil(A * groups / 64), folded.
// Rounds: the width of the widest group.
// Bindings: 0 parameters, 1 choices [A, groups] (u32), 2 offsets [groups + 1] (u32), 3 weights [A, total].

#import "shared/grid"

struct Parameters {
    architectures: u32,
    total: u32,
    groups: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> choices: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 64u);
    if i >= parameters.architectures * parameters.groups {
        return;
    }
    let architecture = i / parameters.groups;
    let group = i % parameters.groups;
    let group_start = offsets[group];
    let group_end = min(offsets[group + 1u], parameters.total);
    if group_start >= group_end {
        return;
    }
    let start = architecture * parameters.total + group_start;
    let choice = min(choices[i], group_end - group_start - 1u);
    for (var k = 0u; k < group_end - group_start; k++) {
        weights[start + k] = select(0.0, 1.0, k == choice);
    }
}
