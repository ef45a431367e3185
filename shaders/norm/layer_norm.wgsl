// y[c] = sum over k with c < w_k of weight_k (scale[c] (x[c] - mean_k) inverse_k + shift[c]), f32, each row of [A, rows, width] by itself;
// mean_k and inverse_k = 1 / sqrt(variance_k + epsilon) of its first w_k channels, or, not CENTRED, 0 and 1 / sqrt(mean square + epsilon).
// y is 0 from the widest live width on.
//
// LANES invocations own a row; the workgroups of an architecture hold rows of no other. The segment between two live widths has
// y = (x - centre) factor - offset, with suffix sums over the widths: factor = sum of weight_k inverse_k, and so on.
// AFFINE: 0 none, 1 scale, 2 scale and shift. ELASTIC 0: one width, of weight 1.
// Grid: A * ceil(rows / (256 / LANES)) workgroups, folded into x and y.
// Rounds: 3 ceil(width / LANES) + 8 (4 + 16), width at most 2,048 (LANES 1 and 32) or 2^22.
// Bindings: 0 parameters, 1 x [A, rows, width], if ELASTIC width_weights [A, choices], by AFFINE scale, shift, then
// y [A, rows, width], last statistics [A, rows, choices, 2] (mean_k, inverse_k; zeros where not live).
// Consts: LANES = 1 32 256; CENTRED = 0 1; AFFINE = 0 1 2; ELASTIC = 0 1

#import "shared/grid"
#import "shared/lanes"
#import "shared/layer_norm"

@group(0) @binding(_) var<storage, read> x: array<f32>;
#if ELASTIC
@group(0) @binding(_) var<storage, read> width_weights: array<f32>;
#endif
#if AFFINE
@group(0) @binding(_) var<storage, read> scale: array<f32>;
#endif
#if AFFINE == 2
@group(0) @binding(_) var<storage, read> shift: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> y: array<f32>;
@group(0) @binding(_) var<storage, read_write> statistics: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (parameters.rows + GROUP_ROWS - 1u) / GROUP_ROWS;
    let flat = flat_workgroup(workgroup, groups);
    let a = flat / blocks;
    if a >= parameters.architectures {
        return;
    }
    // Beyond the last row it is computed again and not written: barriers want every invocation.
    let own = flat % blocks * GROUP_ROWS + local / LANES;
    let row = a * parameters.rows + min(own, parameters.rows - 1u);
    let inside = own < parameters.rows;
    let lane = lane_of(local);
    let base = row * parameters.width;

    // Each segment is centred at its own mean and then joined to those before it: no mean, be it the row's or a segment's, is
    // too large beside a deviation.
    var means: array<f32, MOST_CHOICES>;
    var inverses: array<f32, MOST_CHOICES>;
    var centre = 0.0;
    var squares = 0.0;
    var first = 0u;
    for (var k = 0u; k < choices(); k += 1u) {
        means[k] = 0.0;
        inverses[k] = 0.0;
        if is_live(a, k) {
            let width = width_of(k);
#if CENTRED
            let count = f32(width - first);
            var sum = 0.0;
            for (var j = first + lane; j < width; j += LANES) {
                sum += x[base + j];
            }
            let own = lane_sum(local, vec2<f32>(sum, 0.0)).x / count;
            var part = vec2<f32>(0.0);
            for (var j = first + lane; j < width; j += LANES) {
                let deviation = x[base + j] - own;
                part += vec2<f32>(deviation, deviation * deviation);
            }
            let sums = lane_sum(local, part);
            let distance = own + sums.x / count - centre;
            centre += distance * (count / f32(width));
            squares += sums.y - sums.x * (sums.x / count) + distance * distance * (f32(first) * count / f32(width));
            means[k] = centre;
#else
            var part = 0.0;
            for (var j = first + lane; j < width; j += LANES) {
                part += x[base + j] * x[base + j];
            }
            squares += lane_sum(local, vec2<f32>(part, 0.0)).x;
#endif
            inverses[k] = 1.0 / sqrt(max(squares / f32(width), 0.0) + parameters.epsilon);
            first = width;
        }
        if lane == 0u && inside {
            let at = 2u * (row * choices() + k);
            statistics[at] = means[k];
            statistics[at + 1u] = inverses[k];
        }
    }

    // From the widest down, a segment at a time.
    var last = parameters.width;
    var factor = 0.0;
    var offset = 0.0;
    var cover = 0.0;
    for (var step = choices(); step > 0u; step -= 1u) {
        let k = step - 1u;
        if is_live(a, k) {
            let width = width_of(k);
            write_segment(base, width, last, lane, inside, vec4<f32>(centre, factor, offset, cover), a);
            last = width;
            let weighted = weight_of(a, k) * inverses[k];
            factor += weighted;
            offset += weighted * (means[k] - centre);
            cover += weight_of(a, k);
        }
    }
    write_segment(base, 0u, last, lane, inside, vec4<f32>(centre, factor, offset, cover), a);
}

// y of the channels first .. last; segment: centre, factor, offset, cover.
fn write_segment(base: u32, first: u32, last: u32, lane: u32, inside: bool, segment: vec4<f32>, a: u32) {
    if !inside {
        return;
    }
    // Beyond the widest nothing is read.
    let beyond = segment.y == 0.0 && segment.w == 0.0;
    for (var j = first + lane; j < last; j += LANES) {
        var value = 0.0;
        if !beyond {
            value = (x[base + j] - segment.x) * segment.y - segment.z;
#if AFFINE
            value *= scale[a * parameters.affine_step + j];
#endif
#if AFFINE == 2
            value += segment.w * shift[a * parameters.affine_step + j];
#endif
        }
        y[base + j] = value;
    }
}
