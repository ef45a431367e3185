// The operands of a batched matrix product, masked at their edges. The importing kernel declares the constants TRANSPOSE_A,
// TRANSPOSE_B and BIAS; its bindings are 0 parameters, 1 a, 2 b, with BIAS 3 bias [n] or [b,n], then c.

struct Parameters {
    batch: u32,
    m: u32,
    n: u32,
    k: u32,
    a_batch: u32,
    b_batch: u32,
    bias_batch: u32,
    relu: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
#else
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
#endif

fn load_a(base: u32, row: u32, depth: u32) -> f32 {
    let r = min(row, parameters.m - 1u);
    let d = min(depth, parameters.k - 1u);
#if TRANSPOSE_A
    let value = a[base + d * parameters.m + r];
#else
    let value = a[base + r * parameters.k + d];
#endif
    return select(0.0, value, depth < parameters.k && row < parameters.m);
}

fn load_b(base: u32, depth: u32, column: u32) -> f32 {
    let d = min(depth, parameters.k - 1u);
    let s = min(column, parameters.n - 1u);
#if TRANSPOSE_B
    let value = b[base + s * parameters.k + d];
#else
    let value = b[base + d * parameters.n + s];
#endif
    return select(0.0, value, depth < parameters.k && column < parameters.n);
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    if row < parameters.m && column < parameters.n {
        var v = value;
#if BIAS
        v += bias[batch * parameters.bias_batch + column];
#endif
        if parameters.relu != 0u {
            v = max(v, 0.0);
        }
        c[(batch * parameters.m + row) * parameters.n + column] = v;
    }
}
