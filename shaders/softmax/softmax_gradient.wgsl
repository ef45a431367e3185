// dx[r,j] = y[r,j] (g[r,j] - sum_k g[r,k] y[r,k]), y a softmax; or g[r,j] - exp(y[r,j]) sum_k g[r,k], y its logarithm, f32.
//
// WIDE 1: a workgroup a row, the sum by a fixed tree of 256. WIDE 0, up to 64 entries, and
// as a variant up to 2,048: an invocation a row.
// Grid: rows workgroups (WIDE 1) or ceil(rows / 256), folded into x and y.
// Rounds: 2 ceil(width / 256) + 8 (WIDE 1) or 2 width.
// Bindings: 0 parameters, 1 y [rows, width], 2 g [rows, width], 3 dx [rows, width].
// Consts: WIDE = 0 1; LOGARITHM = 0 1

#import "shared/rows"

struct Parameters {
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

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
    var sum = 0.0;
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
#if LOGARITHM
        sum += g[base + j];
#else
        sum += g[base + j] * y[base + j];
#endif
    }
    sum = row_sum(local, sum);
    for (var j = row_first(local); j < parameters.width; j += ROW_STEP) {
#if LOGARITHM
        dx[base + j] = g[base + j] - exp(y[base + j]) * sum;
#else
        dx[base + j] = y[base + j] * (g[base + j] - sum);
#endif
    }
}
