// running = (1 - momentum) running + momentum new, f32, in place; the new variance (every second element) is made unbiased.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// Bindings: 0 parameters, 1 statistics [A, C, 2], 2 running [A, C, 2].

#import "shared/grid"

struct Parameters {
    len: u32,
    momentum: f32,
    correction: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read_write> running: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    if i >= parameters.len {
        return;
    }
    let latest = statistics[i] * select(1.0, parameters.correction, (i & 1u) == 1u);
    running[i] = (1.0 - parameters.momentum) * running[i] + parameters.momentum * latest;
}
