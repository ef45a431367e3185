// y[r,j] = exp(x[r,j] - m) / sum_k exp(x[r,k] - m), m = max_k x[r,k]; or its logarithm x[r,j] - m - log(sum), f32.
//
// WIDE 1: a workgroup a row, sum and maximum by a fixed tree of 256. WIDE 0, up to 64 entries, and
// as a variant up to 2,048: an invocation a row.
// Grid: rows workgroups (WIDE 1) or ceil(rows / 256), folded into x and y.
// Rounds: 3 ceil(width / 256) + 16 (WIDE 1) or 3 width.
// Bindings: 0 parameters, 1 x [rows, width], 2 y [rows, width].
// Consts: WIDE = 0 1; LOGARITHM = 0 1

#import "shared/functions"
#import "shared/rows"

struct Parameters {
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    let base = row * parameters.width;
    var largest = LOWEST;
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
        largest = max(largest, x[base + j]);
    }
    largest = row_maximum(local, largest);
    var sum = 0.0;
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
        sum += exp(x[base + j] - largest);
    }
    sum = row_sum(local, sum);
#if LOGARITHM
    let logarithm = natural_logarithm(sum);
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
        y[base + j] = x[base + j] - largest - logarithm;
    }
#else
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
        y[base + j] = exp(x[base + j] - largest) / sum;
    }
#endif
}
