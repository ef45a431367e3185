// loss[r] = log(sum_k exp(x[r,k])) - (1 - s) x[r,l] - s / C sum_k x[r,k], l the label of row r, s the smoothing, f32.
//
// Entries are shifted by the largest of their row, which changes nothing but the range. Row r has label r mod label_rows; a
// label that is no class makes a loss of 0.
// WIDE 1, rows of more than 64 classes: a workgroup a row, sums and maximum by a fixed tree of 256. WIDE 0: an invocation a row.
// Grid: rows workgroups (WIDE 1) or ceil(rows / 256), folded into x and y.
// Rounds: 2 ceil(classes / 256) + 24 (WIDE 1) or 2 classes.
// Bindings: 0 parameters, 1 logits x [rows, classes], 2 labels [label_rows], 3 loss [rows].
// Consts: WIDE = 0 1

#import "shared/functions"
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
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

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
    var exponentials = 0.0;
    var shifted = 0.0;
    for (var j = row_first(local); j < parameters.classes; j += ROW_STEP) {
        let v = logits[base + j] - largest;
        exponentials += exp(v);
        shifted += v;
    }
    exponentials = row_sum(local, exponentials);
    shifted = row_sum(local, shifted);
    if row_writer(local) {
        if label < parameters.classes {
            let own = (1.0 - parameters.smoothing) * (logits[base + label] - largest);
            loss[row] = natural_logarithm(exponentials) - own - parameters.smoothing / f32(parameters.classes) * shifted;
        } else {
            loss[row] = 0.0;
        }
    }
}
