// y[a,n,c,p] = sum_t w[a,c,t] f(x[a,n,c,p+t]), f32, a convolution of each channel by itself for A architectures; and, with
// INPUT_GRADIENT, dx[a,n,c,q] = sum_{t: p+t=q} w[a,c,t] dy[a,n,c,p] (+ known) where x > 0.
//
// An invocation owns eight neighbouring elements of a row, in registers. SLIDE, for stride 1 without dilation: along a row of taps
// it moves a window of eight over the source, so that a tap loads one weight and one element for eight products; otherwise a tap
// loads eight elements.
// RELU: f = max(., 0); in the gradient, x is bound as a mask. GATE: architectures whose weight at the choice is 0 are skipped;
// in the gradient theirs is `known`, or 0. ELASTIC_OUTPUT: channels from the architecture's extent on are not read, and are 0 (or
// `known`). ELASTIC_REACH: taps farther from the centre than the architecture's reach are not taken.
// Grid: ceil(A * N * C * height * ceil(width / 8) / 64), folded into x and y.
// Rounds: kernel * (1 + kernel) + 8.
// Bindings: 0 parameters, 1 source, 2 weights, then x (RELU of the gradient), gate [A, width] (GATE), output_extents u32 [A]
// (ELASTIC_OUTPUT), reach u32 [A] (ELASTIC_REACH), known (ACCUMULATE 1), result, to which is added (ACCUMULATE 2).
// Halves: source x known result
// Consts: INPUT_GRADIENT = 0 1; SLIDE = 0 1; RELU = 0 1; GATE = 0 1; ACCUMULATE = 0 1 2
// Consts: ELASTIC_OUTPUT = 0 1; ELASTIC_REACH = 0 1

#import "shared/grid"
#import "shared/convolution_parameters"

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> source: array<f32>;
@group(0) @binding(_) var<storage, read> weights: array<f32>;
#if INPUT_GRADIENT
#if RELU
@group(0) @binding(_) var<storage, read> x: array<f32>;
#endif
#endif
#if GATE
@group(0) @binding(_) var<storage, read> gate: array<f32>;
#endif
#if ELASTIC_OUTPUT
@group(0) @binding(_) var<storage, read> output_extents: array<u32>;
#endif
#if ELASTIC_REACH
@group(0) @binding(_) var<storage, read> reach: array<u32>;
#endif
#if INPUT_GRADIENT
#if ACCUMULATE == 1
@group(0) @binding(_) var<storage, read> known: array<f32>;
#endif
#endif
@group(0) @binding(_) var<storage, read_write> result: array<f32>;

#import "shared/depthwise"

// The element at `column` of the row of the source that starts at `line`; 0 outside, where below 0 wraps around to large numbers.
fn load(line: u32, column: u32) -> f32 {
    var value = source[line + min(column, parameters.source_width - 1u)];
#if !INPUT_GRADIENT
#if RELU
    value = max(value, 0.0);
#endif
#endif
    return select(0.0, value, column < parameters.source_width);
}

// The element that a tap at distance `tap` brings to position `at` of the result along a row.
fn gather(line: u32, at: u32, tap: u32) -> f32 {
#if INPUT_GRADIENT
    let moved = at + parameters.padding - tap;
    return select(0.0, load(line, moved / parameters.stride), moved % parameters.stride == 0u);
#else
    return load(line, at * parameters.stride + tap - parameters.padding);
#endif
}

fn store(at: u32, column: u32, value: f32) {
    if column >= parameters.width {
        return;
    }
    var v = value;
#if INPUT_GRADIENT
#if RELU
    v = select(0.0, v, x[at + column] > 0.0);
#endif
#if ACCUMULATE == 1
    v += known[at + column];
#endif
#if ACCUMULATE == 2
    v += result[at + column];
#endif
#endif
    result[at + column] = v;
}

// Packed: runs
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let segments = (parameters.width + 7u) / 8u;
    let flat = flat_invocation(workgroup, groups, local, 64u);
    let row = flat / segments;
    if row >= parameters.architectures * parameters.batch * parameters.groups * parameters.height {
        return;
    }
    let plane = row / parameters.height;
    let channel = plane % parameters.groups;
    let architecture = plane / parameters.groups / parameters.batch;
#if !INPUT_GRADIENT
    if !is_open(architecture) {
        return;
    }
#endif
    let y = row % parameters.height;
    let x0 = flat % segments * 8u;
    let first = first_tap(architecture);
    let count = select(0u, parameters.kernel - 2u * first, is_open(architecture) && is_live(architecture, channel));
    let base = plane * parameters.source_height * parameters.source_width;
    let weight = architecture * parameters.weight_stride + channel * parameters.weight_taps;
    var low = vec4<f32>();
    var high = vec4<f32>();
    for (var ky = first; ky < first + count; ky += 1u) {
#if INPUT_GRADIENT
        let moved = y + parameters.padding - ky * parameters.dilation;
        let py = moved / parameters.stride;
        let inside = moved % parameters.stride == 0u && py < parameters.source_height;
#else
        let py = y * parameters.stride + ky * parameters.dilation - parameters.padding;
        let inside = py < parameters.source_height;
#endif
        if inside {
            let line = base + py * parameters.source_width;
            let taps = weight + ky * parameters.kernel + first;
#if SLIDE
#if INPUT_GRADIENT
            var column = x0 + parameters.padding + 1u - first - count;
#else
            var column = x0 + first - parameters.padding;
#endif
            var left = vec4<f32>(load(line, column), load(line, column + 1u), load(line, column + 2u), load(line, column + 3u));
            column += 4u;
            var right = vec4<f32>(load(line, column), load(line, column + 1u), load(line, column + 2u), load(line, column + 3u));
            column += 4u;
            for (var kx = 0u; kx < count; kx += 1u) {
#if INPUT_GRADIENT
                let factor = vec4<f32>(weights[taps + count - 1u - kx]);
#else
                let factor = vec4<f32>(weights[taps + kx]);
#endif
                low = fma(factor, left, low);
                high = fma(factor, right, high);
                left = vec4<f32>(left.yzw, right.x);
                right = vec4<f32>(right.yzw, load(line, column));
                column += 1u;
            }
#else
            for (var kx = 0u; kx < count; kx += 1u) {
                let factor = vec4<f32>(weights[taps + kx]);
                let tap = (first + kx) * parameters.dilation;
                let left = vec4<f32>(
                    gather(line, x0, tap),
                    gather(line, x0 + 1u, tap),
                    gather(line, x0 + 2u, tap),
                    gather(line, x0 + 3u, tap),
                );
                let right = vec4<f32>(
                    gather(line, x0 + 4u, tap),
                    gather(line, x0 + 5u, tap),
                    gather(line, x0 + 6u, tap),
                    gather(line, x0 + 7u, tap),
                );
                low = fma(factor, left, low);
                high = fma(factor, right, high);
            }
#endif
        }
    }
    let at = row * parameters.width;
    for (var i = 0u; i < 4u; i += 1u) {
        store(at, x0 + i, low[i]);
    }
    for (var i = 0u; i < 4u; i += 1u) {
        store(at, x0 + 4u + i, high[i]);
    }
}
