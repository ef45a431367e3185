// c[b,n] = sum_k a[b,k] B[b,k,n] (+ bias) (then max(0, .)), f32: a matrix product of one row a batch, as in a hypernetwork.
//
// A workgroup owns BN outputs of one batch; each is summed by SLICES = 256 / BN invocations, invocation s taking
// k = s, s + SLICES, ..., and the slices are added by a fixed tree. B [b,k,n]: 64 outputs, neighbours along n; with
// TRANSPOSE_B ([b,n,k]): 16 outputs, neighbours along k, so that either way neighbours read neighbouring addresses.
// A stride of 0 between the batches of a, B or the bias broadcasts it.
// Grid: batch * ceil(N / BN) workgroups, folded into x and y. K <= 4 * 65,527.
// Rounds: K / SLICES + 4, at most.
// Bindings: 0 parameters, 1 a, 2 b, with BIAS 3 bias [n] or [b,n], then c.
// Halves: a b
// Consts: TRANSPOSE_B = 0 1; BIAS = 0 1

#import "shared/grid"

#if TRANSPOSE_B
const BN = 16u;
#else
const BN = 64u;
#endif
const SLICES = 256u / BN;

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

// partial[slice][output]
var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (parameters.n + BN - 1u) / BN;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.batch * tiles {
        return;
    }
    let batch = flat / tiles;
#if TRANSPOSE_B
    let slice = local % SLICES;
    let output = local / SLICES;
#else
    let slice = local / BN;
    let output = local % BN;
#endif
    let column = (flat % tiles) * BN + output;
    let base_a = batch * parameters.a_batch;
    let base_b = batch * parameters.b_batch;
    var sum = 0.0;
    if column < parameters.n {
        for (var depth = slice; depth < parameters.k; depth += SLICES) {
#if TRANSPOSE_B
            sum = fma(a[base_a + depth], b[base_b + column * parameters.k + depth], sum);
#else
            sum = fma(a[base_a + depth], b[base_b + depth * parameters.n + column], sum);
#endif
        }
    }
    partial[slice * BN + output] = sum;
    workgroupBarrier();
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
        if slice < half {
            partial[slice * BN + output] += partial[(slice + half) * BN + output];
        }
        workgroupBarrier();
    }
    if slice == 0u && column < parameters.n {
        var v = partial[output];
#if BIAS
        v += bias[batch * parameters.bias_batch + column];
#endif
        if parameters.relu != 0u {
            v = max(v, 0.0);
        }
        c[batch * parameters.n + column] = v;
    }
}
