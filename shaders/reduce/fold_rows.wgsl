// y[p] = ((initial[p] + scale * x[0,p]) + scale * x[1,p]) + ..., f32: rows added strictly in order, from 0 without INITIAL;
// with SECOND x is the sum of two tensors. x[r,p] is the element offset + r row + p element.
//
// One invocation an element. Folding some rows, and then the rest on top of the result, gives the same bits as folding all at once.
// Grid: ceil(len / 256), folded into x and y.
// Rounds: rows, at most 65,535.
// Bindings: 0 parameters, with INITIAL 1 initial [len], then x [rows, len], with SECOND second, last y [len].
// Halves: x second
// Consts: INITIAL = 0 1; SECOND = 0 1

#import "shared/grid"

struct Parameters {
    rows: u32,
    len: u32,
    scale: f32,
    offset: u32,
    row: u32,
    element: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
#if INITIAL
@group(0) @binding(_) var<storage, read> initial: array<f32>;
#endif
@group(0) @binding(_) var<storage, read> x: array<f32>;
#if SECOND
@group(0) @binding(_) var<storage, read> second: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let p = flat_invocation(workgroup, groups, local, 256u);
    if p >= parameters.len {
        return;
    }
#if INITIAL
    var total = initial[p];
#else
    var total = 0.0;
#endif
    // One loop body for all permutations: whether a compiler fuses the product and the sum, it does so in every step alike.
    for (var row = 0u; row < parameters.rows; row += 1u) {
        let at = parameters.offset + row * parameters.row + p * parameters.element;
#if SECOND
        let summand = parameters.scale * (x[at] + second[at]);
#else
        let summand = parameters.scale * x[at];
#endif
        total = total + summand;
    }
    y[p] = total;
}
