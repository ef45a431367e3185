// loss[r] = log(sum_k exp(x[k])) - (1 - s) x[l] - s / C sum_k x[k], x the logits of a row, l its label, s the smoothing, and normaliser[r] =
// (m, sum_k exp(x[k] - m)), m the largest, f32: for a chunk of rows of each architecture.
//
// Row i of the chunk of architecture a is the row r = a * rows + first + i of the whole, with label r mod label_rows; a label
// that is no class, or the ignored one, makes a loss of 0.
// WIDE 1, rows of more than 64 classes: a workgroup a row, sums and maximum by a fixed tree of 256. WIDE 0: an invocation a row.
// Grid: A * chunk workgroups (WIDE 1) or ceil(A * chunk / 256), folded into x and y.
// Rounds: 2 ceil(classes / 256) + 24 (WIDE 1) or 2 classes.
// Bindings: 0 parameters, 1 logits [A, chunk, classes], 2 labels [label_rows], 3 loss [A, rows], 4 normaliser [A, rows, 2].
// Consts: WIDE = 0 1

#import "shared/functions"
#import "shared/rows"
#import "shared/logits"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> normaliser: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let own_row = row_of(workgroup, groups, local);
    if own_row >= parameters.architectures * parameters.chunk {
        return;
    }
    let base = own_row * parameters.classes;
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
        let row = whole_row(own_row);
        let label = labels[row % parameters.label_rows];
        var value = 0.0;
        if is_labelled(label) {
            let own = (1.0 - parameters.smoothing) * (logits[base + label] - largest);
            value = natural_logarithm(exponentials) - own - parameters.smoothing / f32(parameters.classes) * shifted;
        }
        loss[row] = value;
        normaliser[2u * row] = largest;
        normaliser[2u * row + 1u] = exponentials;
    }
}
