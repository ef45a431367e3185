// y[p] = ((initial[p] + scale * x[0,p]) + scale * x[1,p]) + ..., f32: rows added strictly in order, from 0 without INITIAL.
//
// One invocation an element. Folding some rows, and then the rest on top of the result, gives the same bits as folding all at once.
// Grid: ceil(len / 256), folded into x and y. 
// Rounds: rows, at most 65,535.
// Bindings: 0 parameters, with INITIAL 1 initial [len], then x [rows, len], y [len].
// Consts: INITIAL = 0 1

#import "shared/grid"

struct Parameters {
    rows: u32,
    len: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
#if INITIAL
@group(0) @binding(1) var<storage, read> initial: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#else
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
#endif

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
    // One loop body for both permutations: whether a compiler fuses the product and the sum, it does so in every step alike.
    for (var row = 0u; row < parameters.rows; row += 1u) {
        let summand = parameters.scale * x[row * parameters.len + p];
        total = total + summand;
    }
    y[p] = total;
}
