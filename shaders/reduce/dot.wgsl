// y[o] = sum_j a[o,j] b[o,j], f32: [outer, axis] x [outer, axis] -> [outer].
//
// TREE 1: a workgroup an output; invocation t takes j = t, t + 256, ..., then a fixed tree of 256.
// TREE 0, a short axis: an invocation an output, j in order.
// Grid: outer workgroups (TREE 1) or ceil(outer / 256), folded into x and y. axis <= 256 * 65,527.
// Rounds: ceil(axis / 256) + 8 (TREE 1), or axis (TREE 0, of an axis of at most 65,535).
// Bindings: 0 parameters, 1 a [outer, axis], 2 b [outer, axis], 3 y [outer].
// Halves: a b
// Consts: TREE = 0 1

#import "shared/grid"

struct Parameters {
    outer: u32,
    axis: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

#if TREE
var<workgroup> partial: array<f32, 256>;
#endif

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
#if TREE
    let output = flat_workgroup(workgroup, groups);
    if output >= parameters.outer {
        return;
    }
    let base = output * parameters.axis;
    var total = 0.0;
    for (var j = local; j < parameters.axis; j += 256u) {
        total = fma(a[base + j], b[base + j], total);
    }
    partial[local] = total;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            partial[local] += partial[local + half];
        }
        workgroupBarrier();
    }
    if local == 0u {
        y[output] = partial[0];
    }
#else
    let output = flat_invocation(workgroup, groups, local, 256u);
    if output >= parameters.outer {
        return;
    }
    let base = output * parameters.axis;
    var total = 0.0;
    for (var j = 0u; j < parameters.axis; j += 1u) {
        total = fma(a[base + j], b[base + j], total);
    }
    y[output] = total;
#endif
}
