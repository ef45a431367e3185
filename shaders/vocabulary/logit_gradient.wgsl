// x[j] <- g[r] (exp(x[j] - m) / sum - (1 - s) [j = l] - s / C), x the logits of a row, in place, (m, sum) its normaliser, l its label, s the
// smoothing, f32: for a chunk of rows of each architecture.
//
// Row i of the chunk of architecture a is the row r = a * rows + first + i of the whole, with label r mod label_rows; a label
// that is no class, or the ignored one, makes a gradient of 0.
// One invocation an element. Grid: ceil(A * chunk * classes / 256), folded into x and y.
// Bindings: 0 parameters, 1 labels [label_rows], 2 normaliser [A, rows, 2], 3 g [A, rows], 4 logits [A, chunk, classes].

#import "shared/grid"
#import "shared/logits"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> normaliser: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_invocation(workgroup, groups, local, 256u);
    let own_row = index / parameters.classes;
    if own_row >= parameters.architectures * parameters.chunk {
        return;
    }
    let row = whole_row(own_row);
    let label = labels[row % parameters.label_rows];
    var value = 0.0;
    if is_labelled(label) {
        let own = select(0.0, 1.0 - parameters.smoothing, index % parameters.classes == label);
        let wanted = own + parameters.smoothing / f32(parameters.classes);
        value = g[row] * (exp(logits[index] - normaliser[2u * row]) / normaliser[2u * row + 1u] - wanted);
    }
    logits[index] = value;
}
