// The three passes of a linear layer whose weights w [O, I] A architectures share, each as far as its own extents reach, f32:
// PASS 0: y[a,n,o] = f(mask[a,o] (sum_i x[a,n,i] w[o,i] (+ bias[o]))), f = max(., 0) or nothing,
// PASS 1: dx[a,n,i] = sum_o mask[a,o] dy[a,n,o] w[o,i],
// PASS 2: dw[a,o,i] = mask[a,o] sum_n dy[a,n,o] x[a,n,i].
//
// All are products C = A B of each architecture, [m, k] x [k, n]. A workgroup owns a BM x BN tile of C and walks k in steps of 16
// through workgroup memory; an invocation keeps 4 x 4 of the tile in registers. A sum over channels ends at the architecture's
// extent; channels of C from the extent on are 0, and a tile of such alone reads nothing.
// TILE chooses BM x BN: 0 64 x 64 (256 invocations), 1 32 x 32 (64).
// INPUT: extents of the input's channels are bound. OUTPUT 1: those of the output's; 2: those and the mask.
// Grid: A * ceil(m / BM) * ceil(n / BN), folded into x and y; n runs fastest. k <= 104,848.
// Rounds: at most 10 for each 16 of k (loads 1 + 4, products 4), so 65,530.
// Workgroup memory: (BM + BN + 8) * 16 * 4 bytes.
// Bindings: 0 parameters, 1 a (x, or dy), 2 b (w, or x), then bias [O] (BIAS), input_extents u32 [A] (INPUT), output_extents
// u32 [A] (OUTPUT), mask [A, O] (OUTPUT 2), c.
// Consts: PASS = 0 1 2; TILE = 0 1; BIAS = 0 1; INPUT = 0 1; OUTPUT = 0 1 2

#import "shared/grid"

#if TILE == 0
const BM = 64u;
const BN = 64u;
#else
const BM = 32u;
const BN = 32u;
#endif
const BK = 16u;
const INVOCATIONS = (BM / 4u) * (BN / 4u);
// One column of padding: invocations that store neighbouring k land in different banks.
const ROW_A = BM / 4u + 1u;
const ROW_B = BN / 4u + 1u;

struct Parameters {
    architectures: u32,
    m: u32,
    n: u32,
    k: u32,
    relu: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> a: array<f32>;
@group(0) @binding(_) var<storage, read> b: array<f32>;
#if BIAS
@group(0) @binding(_) var<storage, read> bias: array<f32>;
#endif
#if INPUT
@group(0) @binding(_) var<storage, read> input_extents: array<u32>;
#endif
#if OUTPUT
@group(0) @binding(_) var<storage, read> output_extents: array<u32>;
#endif
#if OUTPUT == 2
@group(0) @binding(_) var<storage, read> mask: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> c: array<f32>;

// tile_a[kk][row / 4] holds four rows of A at one k; tile_b[kk][column / 4] four columns of B.
var<workgroup> tile_a: array<vec4<f32>, ROW_A * BK>;
var<workgroup> tile_b: array<vec4<f32>, ROW_B * BK>;

// How far rows, columns and the sum reach for an architecture.
struct Limits {
    m: u32,
    n: u32,
    k: u32,
}

fn limits_of(architecture: u32) -> Limits {
    var limits = Limits(parameters.m, parameters.n, parameters.k);
#if INPUT
    let inputs = input_extents[architecture];
#if PASS == 0
    limits.k = min(limits.k, inputs);
#else
    limits.n = min(limits.n, inputs);
#endif
#endif
#if OUTPUT
    let outputs = output_extents[architecture];
#if PASS == 0
    limits.n = min(limits.n, outputs);
#endif
#if PASS == 1
    limits.k = min(limits.k, outputs);
#endif
#if PASS == 2
    limits.m = min(limits.m, outputs);
#endif
#endif
    return limits;
}

fn mask_at(architecture: u32, outputs: u32, channel: u32) -> f32 {
#if OUTPUT == 2
    return mask[architecture * outputs + channel];
#else
    return 1.0;
#endif
}

fn load_a(architecture: u32, limits: Limits, row: u32, depth: u32) -> f32 {
    let r = min(row, parameters.m - 1u);
    let d = min(depth, parameters.k - 1u);
    let base = architecture * parameters.m * parameters.k;
#if PASS == 2
    let value = a[base + d * parameters.m + r];
#else
    var value = a[base + r * parameters.k + d];
#endif
#if PASS == 1
    value *= mask_at(architecture, parameters.k, d);
#endif
    return select(0.0, value, depth < limits.k && row < limits.m);
}

fn load_b(architecture: u32, limits: Limits, depth: u32, column: u32) -> f32 {
    let d = min(depth, parameters.k - 1u);
    let s = min(column, parameters.n - 1u);
#if PASS == 0
    let value = b[s * parameters.k + d];
#endif
#if PASS == 1
    let value = b[d * parameters.n + s];
#endif
#if PASS == 2
    let value = b[(architecture * parameters.k + d) * parameters.n + s];
#endif
    return select(0.0, value, depth < limits.k && column < limits.n);
}

fn store(architecture: u32, limits: Limits, row: u32, column: u32, value: f32) {
    if row >= parameters.m || column >= parameters.n {
        return;
    }
    var v = value;
#if PASS == 0
#if BIAS
    v += bias[column];
#endif
    v *= mask_at(architecture, parameters.n, column);
    if parameters.relu != 0u {
        v = max(v, 0.0);
    }
#endif
#if PASS == 2
    v *= mask_at(architecture, parameters.m, row);
#endif
    let inside = row < limits.m && column < limits.n;
    c[(architecture * parameters.m + row) * parameters.n + column] = select(0.0, v, inside);
}

fn store_row(architecture: u32, limits: Limits, row: u32, column: u32, values: vec4<f32>) {
    store(architecture, limits, row, column, values.x);
    store(architecture, limits, row, column + 1u, values.y);
    store(architecture, limits, row, column + 2u, values.z);
    store(architecture, limits, row, column + 3u, values.w);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (parameters.m + BM - 1u) / BM;
    let tiles_n = (parameters.n + BN - 1u) / BN;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * tiles_m * tiles_n {
        return;
    }
    let architecture = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let row0 = (tile / tiles_n) * BM;
    let column0 = (tile % tiles_n) * BN;
    let limits = limits_of(architecture);
    let steps = select(0u, limits.k, row0 < limits.m && column0 < limits.n);
    let my_row = local / (BN / 4u);
    let my_column = local % (BN / 4u);

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var depth0 = 0u; depth0 < steps; depth0 += BK) {
        for (var i = local; i < BK * (BM / 4u); i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring addresses.
#if PASS == 2
            let kk = i / (BM / 4u);
            let quad = i % (BM / 4u);
#else
            let kk = i % BK;
            let quad = i / BK;
#endif
            let row = row0 + quad * 4u;
            let depth = depth0 + kk;
            tile_a[kk * ROW_A + quad] = vec4<f32>(
                load_a(architecture, limits, row, depth),
                load_a(architecture, limits, row + 1u, depth),
                load_a(architecture, limits, row + 2u, depth),
                load_a(architecture, limits, row + 3u, depth),
            );
        }
        for (var i = local; i < BK * (BN / 4u); i += INVOCATIONS) {
#if PASS == 0
            let kk = i % BK;
            let quad = i / BK;
#else
            let kk = i / (BN / 4u);
            let quad = i % (BN / 4u);
#endif
            let column = column0 + quad * 4u;
            let depth = depth0 + kk;
            tile_b[kk * ROW_B + quad] = vec4<f32>(
                load_b(architecture, limits, depth, column),
                load_b(architecture, limits, depth, column + 1u),
                load_b(architecture, limits, depth, column + 2u),
                load_b(architecture, limits, depth, column + 3u),
            );
        }
        workgroupBarrier();
        for (var kk = 0u; kk < BK; kk += 4u) {
            let at = kk * ROW_A + my_row;
            let bt = kk * ROW_B + my_column;
            var av = tile_a[at];
            var bv = tile_b[bt];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
            av = tile_a[at + ROW_A];
            bv = tile_b[bt + ROW_B];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
            av = tile_a[at + 2u * ROW_A];
            bv = tile_b[bt + 2u * ROW_B];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
            av = tile_a[at + 3u * ROW_A];
            bv = tile_b[bt + 3u * ROW_B];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
        }
        workgroupBarrier();
    }
    let row = row0 + my_row * 4u;
    let column = column0 + my_column * 4u;
    store_row(architecture, limits, row, column, c0);
    store_row(architecture, limits, row + 1u, column, c1);
    store_row(architecture, limits, row + 2u, column, c2);
    store_row(architecture, limits, row + 3u, column, c3);
}
