// y[o,i] = scale * sum_j f(x[o,j,i]) (or the largest, or the smallest, x[o,j,i], unscaled), f32: [outer, axis, inner] -> [outer, inner].
//
// TREE 1, few outputs of a long axis: a workgroup an output; invocation t takes j = t, t + 256, ..., then a fixed tree of 256.
// TREE 0, many outputs of a short axis: an invocation an output, j in order.
// KIND: 0 sum, 1 sum of squares, 2 maximum, 3 minimum.
// Grid: outer * inner workgroups (TREE 1) or ceil(outer * inner / 256), folded into x and y. axis <= 256 * 65,527.
// Rounds: ceil(axis / 256) + 8 (TREE 1), or axis (TREE 0, of an axis of at most 65,535).
// Bindings: 0 parameters, 1 x [outer, axis, inner], 2 y [outer, inner].
// Halves: x
// Consts: KIND = 0 1 2 3; TREE = 0 1

#import "shared/grid"

struct Parameters {
    outputs: u32,
    axis: u32,
    inner: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn element(v: f32) -> f32 {
#if KIND == 1
    return v * v;
#else
    return v;
#endif
}

fn combine(u: f32, v: f32) -> f32 {
#if KIND == 2
    return max(u, v);
#else
#if KIND == 3
    return min(u, v);
#else
    return u + v;
#endif
#endif
}

fn finish(v: f32) -> f32 {
#if KIND == 2
    return v;
#else
#if KIND == 3
    return v;
#else
    return v * parameters.scale;
#endif
#endif
}

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
    if output >= parameters.outputs {
        return;
    }
    let base = (output / parameters.inner) * parameters.axis * parameters.inner + output % parameters.inner;
    // Invocations beyond the axis hold no element; the tree reads only the first `live`.
    let live = min(parameters.axis, 256u);
    if local < live {
        var total = element(x[base + local * parameters.inner]);
        for (var j = local + 256u; j < parameters.axis; j += 256u) {
            total = combine(total, element(x[base + j * parameters.inner]));
        }
        partial[local] = total;
    }
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half && local + half < live {
            partial[local] = combine(partial[local], partial[local + half]);
        }
        workgroupBarrier();
    }
    if local == 0u {
        y[output] = finish(partial[0]);
    }
#else
    let output = flat_invocation(workgroup, groups, local, 256u);
    if output >= parameters.outputs {
        return;
    }
    let base = (output / parameters.inner) * parameters.axis * parameters.inner + output % parameters.inner;
    var total = element(x[base]);
    for (var j = 1u; j < parameters.axis; j += 1u) {
        total = combine(total, element(x[base + j * parameters.inner]));
    }
    y[output] = finish(total);
#endif
}
