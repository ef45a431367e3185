// y[i] = value, f32.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// Bindings: 0 parameters, 1 y [len].

#import "shared/grid"

struct Parameters {
    len: u32,
    value: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_invocation(workgroup, groups, local, 256u);
    if index < parameters.len {
        y[index] = parameters.value;
    }
}
