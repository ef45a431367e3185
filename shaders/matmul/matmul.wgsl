// C[b,m,n] = sum_k A[b,m,k] B[b,k,n] (+ bias) (then max(0, .)), f32.
//
// A workgroup owns a BM x BN tile of C and walks K in steps of BK through workgroup memory; an invocation keeps TM x TN = 4 x 4
// of the tile in registers. Edges are masked on load and on store. Every element is summed in the order of k, so the
// tile does not change the result. A stride of 0 between the batches of A, B or the bias broadcasts it.
// TILE chooses BM x BN: 0 64 x 64 (256 invocations), 1 32 x 32 (64), 2 16 x 64 (64), 3 64 x 16 (64); BK is 16.
// TRANSPOSE_A: A is [b,k,m]. TRANSPOSE_B: B is [b,n,k].
// Grid: batch * ceil(M / BM) * ceil(N / BN) workgroups, folded into x and y; n runs fastest. K <= 104,848.
// Rounds: at most 10 for each 16 of K (loads 1 + 4, products 4), so 65,530.
// Workgroup memory: (BM + BN + 8) * BK * 4 bytes.
// Bindings: 0 parameters, 1 a, 2 b, with BIAS 3 bias [n] or [b,n], then c.
// Halves: a b
// Consts: TILE = 0 1 2 3; TRANSPOSE_A = 0 1; TRANSPOSE_B = 0 1; BIAS = 0 1

#import "shared/grid"
#import "shared/product"

#if TILE == 0
const BM = 64u;
const BN = 64u;
#endif
#if TILE == 1
const BM = 32u;
const BN = 32u;
#endif
#if TILE == 2
const BM = 16u;
const BN = 64u;
#endif
#if TILE == 3
const BM = 64u;
const BN = 16u;
#endif
const BK = 16u;
const TM = 4u;
const TN = 4u;
const INVOCATIONS = (BM / TM) * (BN / TN);
// One column of padding: invocations that store neighbouring k land in different banks.
const ROW_A = BM / 4u + 1u;
const ROW_B = BN / 4u + 1u;

// tile_a[kk][row / 4] holds four rows of A at one k; tile_b[kk][column / 4] four columns of B.
var<workgroup> tile_a: array<vec4<f32>, ROW_A * BK>;
var<workgroup> tile_b: array<vec4<f32>, ROW_B * BK>;

fn store_row(batch: u32, row: u32, column: u32, values: vec4<f32>) {
    store(batch, row, column, values.x);
    store(batch, row, column + 1u, values.y);
    store(batch, row, column + 2u, values.z);
    store(batch, row, column + 3u, values.w);
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
    if flat >= parameters.batch * tiles_m * tiles_n {
        return;
    }
    let batch = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let row0 = (tile / tiles_n) * BM;
    let column0 = (tile % tiles_n) * BN;
    let base_a = batch * parameters.a_batch;
    let base_b = batch * parameters.b_batch;
    let my_row = local / (BN / TN);
    let my_column = local % (BN / TN);

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var depth0 = 0u; depth0 < parameters.k; depth0 += BK) {
        for (var i = local; i < BK * (BM / 4u); i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring addresses.
#if TRANSPOSE_A
            let kk = i / (BM / 4u);
            let quad = i % (BM / 4u);
#else
            let kk = i % BK;
            let quad = i / BK;
#endif
            let row = row0 + quad * 4u;
            let depth = depth0 + kk;
            tile_a[kk * ROW_A + quad] = vec4<f32>(
                load_a(base_a, row, depth),
                load_a(base_a, row + 1u, depth),
                load_a(base_a, row + 2u, depth),
                load_a(base_a, row + 3u, depth),
            );
        }
        for (var i = local; i < BK * (BN / 4u); i += INVOCATIONS) {
#if TRANSPOSE_B
            let kk = i % BK;
            let quad = i / BK;
#else
            let kk = i / (BN / 4u);
            let quad = i % (BN / 4u);
#endif
            let column = column0 + quad * 4u;
            let depth = depth0 + kk;
            tile_b[kk * ROW_B + quad] = vec4<f32>(
                load_b(base_b, depth, column),
                load_b(base_b, depth, column + 1u),
                load_b(base_b, depth, column + 2u),
                load_b(base_b, depth, column + 3u),
            );
        }
        workgroupBarrier();
        for (var kk = 0u; kk < BK; kk += 4u) {
            var at = kk * ROW_A + my_row;
            var bt = kk * ROW_B + my_column;
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
    let row = row0 + my_row * TM;
    let column = column0 + my_column * TN;
    store_row(batch, row, column, c0);
    store_row(batch, row + 1u, column, c1);
    store_row(batch, row + 2u, column, c2);
    store_row(batch, row + 3u, column, c3);
}
