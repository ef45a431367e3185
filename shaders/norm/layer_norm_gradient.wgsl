// The gradient of norm/layer_norm for x, f32, each row of [A, rows, width] by itself; h[c] = g[c] scale[c], xhat_k the row normalised by
// width k: dx[c] = sum over k with c < w_k of weight_k inverse_k (h[c] - mean(h) - xhat_k[c] mean(h xhat_k)), the means over the first
// w_k channels, mean(h) 0 if not CENTRED. With WEIGHTS also the row's part of the gradient of the width weights, drows[k] =
// sum over c < w_k of g[c] (scale[c] xhat_k[c] + shift[c]), 0 where k is not live.
//
// LANES invocations own a row; the workgroups of an architecture hold rows of no other. In the segment between two live widths
// dx = h factor - offset - (x - centre) slope with suffix sums over the widths, centre the mean of the widest.
// AFFINE: 0 none, 1 scale, 2 scale and shift; the shift is read with WEIGHTS alone. ELASTIC 0: one width, of weight 1.
// Grid: A * ceil(rows / (256 / LANES)) workgroups, folded into x and y.
// Rounds: 2 ceil(width / LANES) + 8 (4 + 16), width at most 2,048 (LANES 1 and 32) or 2^22.
// Bindings: 0 parameters, 1 g, 2 x [A, rows, width], 3 statistics [A, rows, choices, 2], if ELASTIC width_weights [A, choices],
// by AFFINE scale, (with WEIGHTS) shift, then dx [A, rows, width], with WEIGHTS last drows [A, rows, choices].
// Consts: LANES = 1 32 256; CENTRED = 0 1; AFFINE = 0 1 2; ELASTIC = 0 1; WEIGHTS = 0 1

#import "shared/grid"
#import "shared/lanes"
#import "shared/layer_norm"

@group(0) @binding(_) var<storage, read> g: array<f32>;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> statistics: array<f32>;
#if ELASTIC
@group(0) @binding(_) var<storage, read> width_weights: array<f32>;
#endif
#if AFFINE
@group(0) @binding(_) var<storage, read> scale: array<f32>;
#endif
#if AFFINE == 2
#if WEIGHTS
@group(0) @binding(_) var<storage, read> shift: array<f32>;
#endif
#endif
@group(0) @binding(_) var<storage, read_write> dx: array<f32>;
#if WEIGHTS
@group(0) @binding(_) var<storage, read_write> drows: array<f32>;
#endif

fn scaled(at: u32, a: u32, j: u32) -> f32 {
#if AFFINE
    return g[at + j] * scale[a * parameters.affine_step + j];
#else
    return g[at + j];
#endif
}

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

    var centre = 0.0;
#if CENTRED
    for (var k = 0u; k < choices(); k += 1u) {
        if is_live(a, k) {
            centre = statistics[2u * (row * choices() + k)];
        }
    }
#endif
    // Of each live width: weight * inverse, and what it adds to the offset and to the slope of its channels.
    var factors: array<f32, MOST_CHOICES>;
    var offsets: array<f32, MOST_CHOICES>;
    var slopes: array<f32, MOST_CHOICES>;
    var sums = vec2<f32>(0.0);
    var shifts = 0.0;
    var first = 0u;
    for (var k = 0u; k < choices(); k += 1u) {
        var along_weight = 0.0;
        if is_live(a, k) {
            let width = width_of(k);
            var part = vec2<f32>(0.0);
            for (var j = first + lane; j < width; j += LANES) {
                let h = scaled(base, a, j);
                part += vec2<f32>(h, h * (x[base + j] - centre));
            }
            sums += lane_sum(local, part);
#if WEIGHTS
#if AFFINE == 2
            var shift_part = 0.0;
            for (var j = first + lane; j < width; j += LANES) {
                shift_part += g[base + j] * shift[a * parameters.affine_step + j];
            }
            shifts += lane_sum(local, vec2<f32>(shift_part, 0.0)).x;
#endif
#endif
            first = width;
            let at = 2u * (row * choices() + k);
            let from_centre = statistics[at] - centre;
            let inverse = statistics[at + 1u];
            let along = inverse * (sums.y - from_centre * sums.x);
            along_weight = along + shifts;
            let weighted = weight_of(a, k) * inverse;
            let share = 1.0 / f32(width);
            factors[k] = weighted;
            slopes[k] = weighted * inverse * along * share;
#if CENTRED
            offsets[k] = weighted * sums.x * share - from_centre * slopes[k];
#else
            offsets[k] = 0.0;
#endif
        }
#if WEIGHTS
        if lane == 0u && inside {
            drows[row * choices() + k] = along_weight;
        }
#endif
    }

    // From the widest down, a segment at a time.
    var last = parameters.width;
    var segment = vec3<f32>(0.0);
    for (var step = choices(); step > 0u; step -= 1u) {
        let k = step - 1u;
        if is_live(a, k) {
            let width = width_of(k);
            write_segment(base, width, last, lane, inside, centre, segment, a);
            last = width;
            segment += vec3<f32>(factors[k], offsets[k], slopes[k]);
        }
    }
    write_segment(base, 0u, last, lane, inside, centre, segment, a);
}

// dx of the channels first .. last; segment: factor, offset, slope.
fn write_segment(base: u32, first: u32, last: u32, lane: u32, inside: bool, centre: f32, segment: vec3<f32>, a: u32) {
    if !inside {
        return;
    }
    // Beyond the widest nothing is read.
    let beyond = segment.x == 0.0;
    for (var j = first + lane; j < last; j += LANES) {
        var value = 0.0;
        if !beyond {
            value = scaled(base, a, j) * segment.x - segment.y - (x[base + j] - centre) * segment.z;
        }
        dx[base + j] = value;
    }
}
