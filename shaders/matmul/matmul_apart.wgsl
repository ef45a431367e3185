// C[b,m,n] = sum_k A[b,m,k] B[b,k,n] (+ bias) (then max(0, .)), f32.
//
// An invocation owns 8 x 4 of C in registers, and shares nothing: no workgroup memory, no barrier. 16 invocations, side by side
// along N, are a workgroup. Every element is summed in the order of k, as in `matmul/matmul`. A stride of 0 between batches
// broadcasts. TRANSPOSE_A: A is [b,k,m]. TRANSPOSE_B: B is [b,n,k].
// Grid: batch * ceil(M / 8) * ceil(N / 64) workgroups, folded into x and y; n runs fastest. K <= 65,535.
// Rounds: K.
// Bindings: 0 parameters, 1 a, 2 b, with BIAS 3 bias [n] or [b,n], then c.
// Halves: a b
// Consts: TRANSPOSE_A = 0 1; TRANSPOSE_B = 0 1; BIAS = 0 1

#import "shared/grid"
#import "shared/product"

fn load_row(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn store_row(batch: u32, row: u32, column: u32, values: vec4<f32>) {
    store(batch, row, column, values.x);
    store(batch, row, column + 1u, values.y);
    store(batch, row, column + 2u, values.z);
    store(batch, row, column + 3u, values.w);
}

@compute @workgroup_size(16)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (parameters.m + 7u) / 8u;
    let tiles_n = (parameters.n + 63u) / 64u;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.batch * tiles_m * tiles_n {
        return;
    }
    let batch = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let row = (tile / tiles_n) * 8u;
    let column = (tile % tiles_n) * 64u + local * 4u;
    // Where the first k of each row and column lies, the last row and column in the place of those outside; and the way to the next.
    let last_row = parameters.m - 1u;
    let low = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last_row));
    let high = min(vec4<u32>(row) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(last_row));
    let inside = min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(parameters.n - 1u));
    let base_a = batch * parameters.a_batch;
    let base_b = batch * parameters.b_batch;
#if TRANSPOSE_A
    var at_low = base_a + low;
    var at_high = base_a + high;
    let next_a = parameters.m;
#else
    var at_low = base_a + low * parameters.k;
    var at_high = base_a + high * parameters.k;
    let next_a = 1u;
#endif
#if TRANSPOSE_B
    var at_b = base_b + inside * parameters.k;
    let next_b = 1u;
#else
    var at_b = base_b + inside;
    let next_b = parameters.n;
#endif

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    var c4 = vec4<f32>();
    var c5 = vec4<f32>();
    var c6 = vec4<f32>();
    var c7 = vec4<f32>();
    for (var depth = 0u; depth < parameters.k; depth += 1u) {
        let v = load_row(at_b);
        c0 = fma(vec4<f32>(a[at_low.x]), v, c0);
        c1 = fma(vec4<f32>(a[at_low.y]), v, c1);
        c2 = fma(vec4<f32>(a[at_low.z]), v, c2);
        c3 = fma(vec4<f32>(a[at_low.w]), v, c3);
        c4 = fma(vec4<f32>(a[at_high.x]), v, c4);
        c5 = fma(vec4<f32>(a[at_high.y]), v, c5);
        c6 = fma(vec4<f32>(a[at_high.z]), v, c6);
        c7 = fma(vec4<f32>(a[at_high.w]), v, c7);
        at_low += next_a;
        at_high += next_a;
        at_b += next_b;
    }
    store_row(batch, row, column, c0);
    store_row(batch, row + 1u, column, c1);
    store_row(batch, row + 2u, column, c2);
    store_row(batch, row + 3u, column, c3);
    store_row(batch, row + 4u, column, c4);
    store_row(batch, row + 5u, column, c5);
    store_row(batch, row + 6u, column, c6);
    store_row(batch, row + 7u, column, c7);
}
