// y[r] = 1.0 where the first largest entry of logits[r] is the label of row r, else 0.0.
//
// Nothing is searched: the label is right unless an entry before it is as large or an entry after it is larger. Row r has
// label r mod label_rows; a label that is no class is never right, nor is one whose entry is not a number.
// WIDE 1, rows of more than 64 classes: a workgroup a row, the rivals counted by a fixed tree of 256. WIDE 0: an invocation a row.
// Grid: rows workgroups (WIDE 1) or ceil(rows / 256), folded into x and y.
// Rounds: ceil(classes / 256) + 8 (WIDE 1) or classes.
// Bindings: 0 parameters, 1 logits [rows, classes], 2 labels [label_rows], 3 y [rows].
// Consts: WIDE = 0 1

#import "shared/rows"

struct Parameters {
    rows: u32,
    classes: u32,
    label_rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = row_of(workgroup, groups, local);
    if row >= parameters.rows {
        return;
    }
    let base = row * parameters.classes;
    let label = labels[row % parameters.label_rows];
    let own = logits[base + min(label, parameters.classes - 1u)];
    var rivals = 0.0;
    for (var j = row_first(local); j < parameters.classes; j += ROW_STEP) {
        let entry = logits[base + j];
        // What is not a number compares false with everything, itself included, and counts as a rival.
        let below = (entry < own) || (entry == own && j >= label);
        rivals += select(1.0, 0.0, below);
    }
    rivals = row_sum(local, rivals);
    if row_writer(local) {
        y[row] = select(0.0, 1.0, rivals == 0.0 && label < parameters.classes);
    }
}
