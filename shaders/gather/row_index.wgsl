// index[i] = round(preferences[i * stride] * (entries - 1)), halves to even.
//
// One invocation a row. Grid: ceil(rows / 64).
// Bindings: 0 parameters, 1 preferences [rows, stride], 2 index [rows].

#import "shared/grid"

struct Parameters {
    rows: u32,
    stride: u32,
    entries: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> preferences: array<f32>;
@group(0) @binding(2) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_invocation(workgroup, groups, local, 64u);
    if row < parameters.rows {
        let last = f32(parameters.entries - 1u);
        index[row] = u32(clamp(round(preferences[row * parameters.stride] * last), 0.0, last));
    }
}
