// y[c,p] = mean of x[c, stride p + t - padding] over the window's taps t within the plane, or over all where `include_padding`, f32, and
// its gradient.
//
// An invocation owns OWN rows of one column of y, or of dx with GRADIENT. It sums each row of the other side that they touch once, and
// adds it to those whose windows hold it: neighbours in a workgroup have neighbouring columns.
// Grid: ceil(planes ceil(height / OWN) width / 256) workgroups, height and width of the result, folded into x and y.
// Rounds: rows (1 + window) + OWN, rows = (OWN - 1) stride + window forward, in the gradient (OWN - 1 + window) / stride + 1.
// Bindings: 0 parameters, 1 x, or dy with GRADIENT, 2 y or dx.
// Halves: x y
// Consts: OWN = 1 8; GRADIENT = 0 1

#import "shared/grid"
#import "shared/pool"
#import "shared/strip"

@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read_write> y: array<f32>;

// The elements that a window averages along an axis.
fn count_of(window: vec2<u32>) -> u32 {
    return select(window.y - window.x, parameters.kernel, parameters.include_padding != 0u);
}

// Packed: pairs
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
#if GRADIENT
    let extent = vec2<u32>(parameters.height, parameters.width);
#else
    let extent = vec2<u32>(parameters.out_height, parameters.out_width);
#endif
    let strip = strip_of(flat_invocation(workgroup, groups, local, 256u), extent, OWN);
    if strip.plane >= parameters.planes {
        return;
    }
    // Of the first rows and of the others, from the top down.
    var upper = vec4<f32>();
    var lower = vec4<f32>();
    let own = vec4<u32>(0u, 1u, 2u, 3u) + strip.first;
#if GRADIENT
    // dy of row r belongs to row i where i + padding - r stride is a tap.
    let columns = holders(strip.column, parameters.out_width);
    let end = holders(strip.end - 1u, parameters.out_height).y;
    let plane = strip.plane * parameters.out_height * parameters.out_width;
    for (var r = holders(strip.first, parameters.out_height).x; r < end; r += 1u) {
        var sum = 0.0;
        for (var c = columns.x; c < columns.y; c += 1u) {
            sum += x[plane + r * parameters.out_width + c] / f32(count_of(window(c, parameters.width)));
        }
        sum /= f32(count_of(window(r, parameters.height)));
        let tap = own + parameters.padding - r * parameters.stride;
        upper += select(vec4<f32>(), vec4<f32>(sum), tap < vec4<u32>(parameters.kernel));
        lower += select(vec4<f32>(), vec4<f32>(sum), tap + 4u < vec4<u32>(parameters.kernel));
    }
#else
    // x of row r belongs to row i where r + padding - i stride is a tap.
    let columns = window(strip.column, parameters.width);
    let end = window(strip.end - 1u, parameters.height).y;
    let plane = strip.plane * parameters.height * parameters.width;
    for (var r = window(strip.first, parameters.height).x; r < end; r += 1u) {
        var sum = 0.0;
        for (var c = columns.x; c < columns.y; c += 1u) {
            sum += x[plane + r * parameters.width + c];
        }
        let tap = r + parameters.padding - own * parameters.stride;
        upper += select(vec4<f32>(), vec4<f32>(sum), tap < vec4<u32>(parameters.kernel));
        lower += select(vec4<f32>(), vec4<f32>(sum), tap - 4u * parameters.stride < vec4<u32>(parameters.kernel));
    }
#endif
    for (var i = strip.first; i < strip.end; i += 1u) {
        let place = i - strip.first;
        let sum = select(lower[place & 3u], upper[place & 3u], place < 4u);
        let at = (strip.plane * extent.x + i) * extent.y + strip.column;
#if GRADIENT
        y[at] = sum;
#else
        y[at] = sum / f32(count_of(window(i, parameters.height)) * count_of(columns));
#endif
    }
}
