// y[r,j] = table[indices[r],j], or 0 where indices[r] is no row of the table, f32.
//
// One invocation an element of y. Grid: ceil(rows * width / 256), folded into x and y.
// Bindings: 0 parameters, 1 table [table_rows, width], 2 indices [rows], 3 y [rows, width].

#import "shared/grid"

struct Parameters {
    elements: u32,
    width: u32,
    table_rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_invocation(workgroup, groups, local, 256u);
    if index >= parameters.elements {
        return;
    }
    let entry = indices[index / parameters.width];
    if entry < parameters.table_rows {
        y[index] = table[entry * parameters.width + index % parameters.width];
    } else {
        y[index] = 0.0;
    }
}
