// C[b,m,n] = sum_k A[b,m,k] B[b,k,n] (+ bias) (then max(0, .)), f32.
//
// A subgroup of 8 owns 16 x 8 of C: each invocation a column, in registers. For 8 steps of K at once, each invocation loads
// one k of the 16 rows of A, and broadcasts it to the others when its turn has come: an element of A is loaded once a
// subgroup, and nothing passes through workgroup memory. A workgroup is 8 subgroups, side by side along N.
// Every element is summed in the order of k, as in `matmul/matmul`. A stride of 0 between batches broadcasts.
// TRANSPOSE_A: A is [b,k,m]. TRANSPOSE_B: B is [b,n,k].
// Grid: batch * ceil(M / 16) * ceil(N / 64) workgroups, folded into x and y; n runs fastest.
// Rounds: K / 8.
// Needs: subgroups of 8.
// Bindings: 0 parameters, 1 a, 2 b, with BIAS 3 bias [n] or [b,n], then c.
// Halves: a b
// Consts: TRANSPOSE_A = 0 1; TRANSPOSE_B = 0 1; BIAS = 0 1

#import "shared/grid"
#import "shared/product"

fn load_rows(base: u32, row: u32, depth: u32) -> vec4<f32> {
    return vec4<f32>(
        load_a(base, row, depth),
        load_a(base, row + 1u, depth),
        load_a(base, row + 2u, depth),
        load_a(base, row + 3u, depth),
    );
}

// Beyond the last k A is 0 and B any number of it.
fn load_column(base: u32, depth: u32, column: u32) -> vec4<f32> {
    let d = min(depth, parameters.k - 1u);
#if TRANSPOSE_B
    return vec4<f32>(b[base + column * parameters.k + d]);
#else
    return vec4<f32>(b[base + d * parameters.n + column]);
#endif
}

fn store_column(batch: u32, row: u32, column: u32, values: vec4<f32>) {
    store(batch, row, column, values.x);
    store(batch, row + 1u, column, values.y);
    store(batch, row + 2u, column, values.z);
    store(batch, row + 3u, column, values.w);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles_m = (parameters.m + 15u) / 16u;
    let tiles_n = (parameters.n + 63u) / 64u;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.batch * tiles_m * tiles_n {
        return;
    }
    let batch = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let row = (tile / tiles_n) * 16u;
    let column = (tile % tiles_n) * 64u + subgroup * 8u + lane;
    let base_a = batch * parameters.a_batch;
    let base_b = batch * parameters.b_batch;
    let inside = min(column, parameters.n - 1u);

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var depth = 0u; depth < parameters.k; depth += 8u) {
        let a0 = load_rows(base_a, row, depth + lane);
        let a1 = load_rows(base_a, row + 4u, depth + lane);
        let a2 = load_rows(base_a, row + 8u, depth + lane);
        let a3 = load_rows(base_a, row + 12u, depth + lane);
#repeat LANE 8
        {
            let v = load_column(base_b, depth + LANE, inside);
            c0 = fma(subgroupBroadcast(a0, LANE), v, c0);
            c1 = fma(subgroupBroadcast(a1, LANE), v, c1);
            c2 = fma(subgroupBroadcast(a2, LANE), v, c2);
            c3 = fma(subgroupBroadcast(a3, LANE), v, c3);
        }
#end
    }
    store_column(batch, row, column, c0);
    store_column(batch, row + 4u, column, c1);
    store_column(batch, row + 8u, column, c2);
    store_column(batch, row + 12u, column, c3);
}
