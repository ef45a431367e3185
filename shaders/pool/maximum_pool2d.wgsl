// y[c,p] = the largest x[c, stride p + t - padding] over the window's taps t within the plane, f32, and its gradient.
//
// An invocation owns an element of y, or of dx with GRADIENT: it then visits the windows that hold it, and finds the first largest tap
// of each again.
// Grid: ceil(elements / 256) workgroups, folded into x and y.
// Rounds: window * (1 + window) forward; in the gradient reach + reach^2 (1 + window + window^2), reach = ceil(window / stride).
// Bindings: 0 parameters, 1 x, with GRADIENT then dy, last y or dx.
// Halves: x dy y dx
// Consts: GRADIENT = 0 1

#import "shared/grid"
#import "shared/pool"

@group(0) @binding(_) var<storage, read> x: array<f32>;
#if GRADIENT
@group(0) @binding(_) var<storage, read> dy: array<f32>;
@group(0) @binding(_) var<storage, read_write> dx: array<f32>;
#else
@group(0) @binding(_) var<storage, read_write> y: array<f32>;
#endif

// The place of the first largest tap.
fn largest(base: u32, rows: vec2<u32>, columns: vec2<u32>) -> u32 {
    var place = base + rows.x * parameters.width + columns.x;
    var value = x[place];
    for (var r = rows.x; r < rows.y; r += 1u) {
        for (var c = columns.x; c < columns.y; c += 1u) {
            let at = base + r * parameters.width + c;
            if x[at] > value {
                value = x[at];
                place = at;
            }
        }
    }
    return place;
}

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_invocation(workgroup, groups, local, 256u);
    let plane = parameters.height * parameters.width;
    let out_plane = parameters.out_height * parameters.out_width;
#if GRADIENT
    if at >= parameters.planes * plane {
        return;
    }
    let base = at / plane * plane;
    let of_row = holders(at % plane / parameters.width, parameters.out_height);
    let of_column = holders(at % parameters.width, parameters.out_width);
    var total = 0.0;
    for (var r = of_row.x; r < of_row.y; r += 1u) {
        for (var c = of_column.x; c < of_column.y; c += 1u) {
            if largest(base, window(r, parameters.height), window(c, parameters.width)) == at {
                total += dy[at / plane * out_plane + r * parameters.out_width + c];
            }
        }
    }
    dx[at] = total;
#else
    if at >= parameters.planes * out_plane {
        return;
    }
    let rows = window(at % out_plane / parameters.out_width, parameters.height);
    let columns = window(at % parameters.out_width, parameters.width);
    y[at] = x[largest(at / out_plane * plane, rows, columns)];
#endif
}
