// The gradients of scale and shift of norm/layer_norm, summed over each block of 64 rows, f32: dscale[a,b,c] = sum of g[c] xhat[c],
// xhat[c] = sum over k with c < w_k of weight_k (x[c] - mean_k) inverse_k; dshift[a,b,c] = sum of g[c] cover[c], cover[c] the sum of the
// weights of these k. A second launch sums the blocks.
//
// A workgroup owns 64 channels of a block: invocation t has channel t mod 64 and the rows t / 64, + 4, ...; then a tree of 4.
// AFFINE: 1 scale, 2 scale and shift. ELASTIC 0: one width, of weight 1.
// Grid: A * ceil(rows / 64) * ceil(width / 64) workgroups, folded into x and y.
// Bindings: 0 parameters, 1 g, 2 x [A, rows, width], 3 statistics [A, rows, choices, 2], if ELASTIC width_weights [A, choices], then
// dscale [A, ceil(rows / 64), width], with AFFINE 2 last dshift [A, ceil(rows / 64), width].
// Rounds: 16 (1 + choices) + choices, at most 152.
// Consts: AFFINE = 1 2; ELASTIC = 0 1

#import "shared/grid"
#import "shared/layer_norm"

@group(0) @binding(_) var<storage, read> g: array<f32>;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> statistics: array<f32>;
#if ELASTIC
@group(0) @binding(_) var<storage, read> width_weights: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> dscale: array<f32>;
#if AFFINE == 2
@group(0) @binding(_) var<storage, read_write> dshift: array<f32>;
#endif

var<workgroup> partial: array<vec2<f32>, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (parameters.rows + 63u) / 64u;
    let tiles = (parameters.width + 63u) / 64u;
    let flat = flat_workgroup(workgroup, groups);
    let a = flat / tiles / blocks;
    if a >= parameters.architectures {
        return;
    }
    let block = flat / tiles % blocks;
    let channel = flat % tiles * 64u + local % 64u;
    let last = min(block * 64u + 64u, parameters.rows);

    var cover = 0.0;
    var live = false;
    for (var k = 0u; k < choices(); k += 1u) {
        if is_live(a, k) && channel < width_of(k) {
            cover += weight_of(a, k);
            live = true;
        }
    }
    var sums = vec2<f32>(0.0);
    if live {
        for (var r = block * 64u + local / 64u; r < last; r += 4u) {
            let row = a * parameters.rows + r;
            let at = row * parameters.width + channel;
            let value = x[at];
            var normalised = 0.0;
            for (var k = 0u; k < choices(); k += 1u) {
                if is_live(a, k) && channel < width_of(k) {
                    let own = 2u * (row * choices() + k);
                    normalised += weight_of(a, k) * (value - statistics[own]) * statistics[own + 1u];
                }
            }
            sums += g[at] * vec2<f32>(normalised, cover);
        }
    }
    partial[local] = sums;
    workgroupBarrier();
    if local < 64u && channel < parameters.width {
        let total = (partial[local] + partial[local + 128u]) + (partial[local + 64u] + partial[local + 192u]);
        let at = (a * blocks + block) * parameters.width + channel;
        dscale[at] = total.x;
#if AFFINE == 2
        dshift[at] = total.y;
#endif
    }
}
