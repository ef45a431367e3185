// y[i] = x[i], four elements at once: as many bytes a second as the device can move.
//
// One invocation four elements. Grid: ceil(quads / 256), folded into x and y.
// Bindings: 0 parameters, 1 x [4 quads], 2 y [4 quads].

#import "shared/grid"

struct Parameters {
    quads: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    if i < parameters.quads {
        y[i] = x[i];
    }
}
