// y[c,p] = mean or largest of x[c, stride p + t - padding] over the window's taps t within the plane, f32, and its gradient.
//
// An invocation owns an element of y, or of dx with GRADIENT: it then visits the windows that hold it, and, for the maximum,
// finds the first largest tap of each again.
// MAXIMUM 0: mean, over the taps within the plane, or over all where `include_padding`.
// Grid: ceil(elements / 256) workgroups, folded into x and y. 
// Rounds: window * (1 + window) forward; in the gradient as many windows as hold an element, each with its own for the maximum: at
// most (reach + reach^2 (1 + window + window^2)), reach = ceil(window / stride).
// Bindings: 0 parameters, then x (forward, or the gradient of the maximum), dy (GRADIENT), and y or dx.
// Halves: x dy y dx
// Consts: MAXIMUM = 0 1; GRADIENT = 0 1

#import "shared/grid"

struct Parameters {
    planes: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    include_padding: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
#if GRADIENT
#if MAXIMUM
@group(0) @binding(_) var<storage, read> x: array<f32>;
#endif
@group(0) @binding(_) var<storage, read> dy: array<f32>;
@group(0) @binding(_) var<storage, read_write> dx: array<f32>;
#else
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read_write> y: array<f32>;
#endif

// The first and the end of the window of output `o` along an axis of `extent`.
fn window(o: u32, extent: u32) -> vec2<u32> {
    let start = o * parameters.stride;
    let first = max(start, parameters.padding) - parameters.padding;
    let end = min(start + parameters.kernel - parameters.padding, extent);
    return vec2<u32>(first, end);
}

fn divisor(rows: vec2<u32>, columns: vec2<u32>) -> f32 {
    if parameters.include_padding != 0u {
        return f32(parameters.kernel * parameters.kernel);
    }
    return f32((rows.y - rows.x) * (columns.y - columns.x));
}

#if MAXIMUM
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
#endif

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
    let row = at % plane / parameters.width;
    let column = at % parameters.width;
    // Windows o with o * stride - padding <= position < o * stride - padding + kernel.
    let first_row = (max(row + parameters.padding + 1u, parameters.kernel) - parameters.kernel + parameters.stride - 1u) / parameters.stride;
    let last_row = min((row + parameters.padding) / parameters.stride + 1u, parameters.out_height);
    let first_column = (max(column + parameters.padding + 1u, parameters.kernel) - parameters.kernel + parameters.stride - 1u) / parameters.stride;
    let last_column = min((column + parameters.padding) / parameters.stride + 1u, parameters.out_width);
    var total = 0.0;
    for (var r = first_row; r < last_row; r += 1u) {
        for (var c = first_column; c < last_column; c += 1u) {
            let rows = window(r, parameters.height);
            let columns = window(c, parameters.width);
            let g = dy[at / plane * out_plane + r * parameters.out_width + c];
#if MAXIMUM
            if largest(base, rows, columns) == at {
                total += g;
            }
#else
            total += g / divisor(rows, columns);
#endif
        }
    }
    dx[at] = total;
#else
    if at >= parameters.planes * out_plane {
        return;
    }
    let base = at / out_plane * plane;
    let rows = window(at % out_plane / parameters.out_width, parameters.height);
    let columns = window(at % parameters.out_width, parameters.width);
#if MAXIMUM
    y[at] = x[largest(base, rows, columns)];
#else
    var total = 0.0;
    for (var r = rows.x; r < rows.y; r += 1u) {
        for (var c = columns.x; c < columns.y; c += 1u) {
            total += x[base + r * parameters.width + c];
        }
    }
    y[at] = total / divisor(rows, columns);
#endif
#endif
}
