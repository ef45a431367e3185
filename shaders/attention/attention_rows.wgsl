// What the gradients of attention need of each head, in one buffer: rows[a,n,h] = its weight, then lse of each query, then
// delta[i] = o[i] . dy[i] of each query, f32. Of heads of weight 0 the weight alone, unless the parameter `flag` says that all are evaluated.
//
// One invocation a query of a head. Grid: ceil(A * N * H * Tq / 64), folded into x and y.
// Rounds: D / 4, at most 32.
// Bindings: 0 parameters, 1 o, 2 dy [A, N, Tq, H D], 3 lse [A, N, H, Tq], with GATE weights, rows [A, N, H, 1 + 2 Tq].
// Consts: GATE = 0 1

#import "shared/grid"
#import "shared/attention"

@group(0) @binding(1) var<storage, read> o: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
#if GATE
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;
#else
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_invocation(workgroup, groups, local, 64u);
    if row >= parameters.architectures * parameters.batch * parameters.heads * parameters.queries {
        return;
    }
    let pair = row / parameters.queries;
    let i = row % parameters.queries;
    let first = rows_place(pair);
    var weight = 1.0;
#if GATE
    weight = weights[weight_place(pair)];
#endif
    if i == 0u {
        rows[first] = weight;
    }
    if weight == 0.0 && parameters.flag == 0u {
        return;
    }
    let at = row_place(pair, parameters.queries, i);
    var sums = vec4<f32>();
    for (var quad = 0u; quad < parameters.quads; quad += 1u) {
        sums = fma(o[at + quad], dy[at + quad], sums);
    }
    rows[first + 1u + i] = lse[row];
    rows[first + 1u + parameters.queries + i] = (sums.x + sums.y) + (sums.z + sums.w);
}
