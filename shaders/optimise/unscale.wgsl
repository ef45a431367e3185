// y[i] = x[i] / state[0], f32, where sum_of_squares is finite; 0 everywhere where it is not.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// Bindings: 0 parameters, 1 x [len], 2 sum_of_squares [1], 3 state [2], 4 y [len].

#import "shared/finite"
#import "shared/grid"

struct Parameters {
    len: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

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
    var value = 0.0;
    if is_finite(sum_of_squares[0]) {
        value = x[i] / state[0];
    }
    y[i] = value;
}
