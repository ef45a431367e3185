// dlogits[r,j] = g[r] (softmax(x[r])[j] - (1 - s) [j = l] - s / C), l the label of row r, s the smoothing, f32.
//
// Row r has label r mod label_rows; a label that is no class makes a gradient of 0.
// WIDE 1, rows of more than 64 classes: a workgroup a row, sum and maximum by a fixed tree of 256. WIDE 0: an invocation a row.
// Grid: rows workgroups (WIDE 1) or ceil(rows / 256), folded into x and y.
// Rounds: 3 ceil(classes / 256) + 16 (WIDE 1) or 3 classes.
// Bindings: 0 parameters, 1 logits x [rows, classes], 2 labels [label_rows], 3 g [rows], 4 dlogits [rows, classes].
// Consts: WIDE = 0 1

#import "shared/rows"

struct Parameters {
    rows: u32,
    classes: u32,
    label_rows: u32,
    smoothing: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;

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
    var largest = LOWEST;
    for (var j = row_first(local); j < parameters.classes; j += ROW_STEP) {
        largest = max(largest, logits[base + j]);
    }
    largest = row_maximum(local, largest);
    var sum = 0.0;
    for (var j = row_first(local); j < parameters.classes; j += ROW_STEP) {
        sum += exp(logits[base + j] - largest);
    }
    sum = row_sum(local, sum);
    let upstream = select(0.0, g[row], label < parameters.classes);
    let everywhere = parameters.smoothing / f32(parameters.classes);
    for (var j = row_first(local); j < parameters.classes; j += ROW_STEP) {
        let wanted = everywhere + select(0.0, 1.0 - parameters.smoothing, j == label);
        dlogits[base + j] = upstream * (exp(logits[base + j] - largest) / sum - wanted);
    }
}
