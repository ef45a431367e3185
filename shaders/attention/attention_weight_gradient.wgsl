// dw = sum of delta over the queries of the heads that have the weight, f32: of one head (a weight a head) or of all heads (a weight a
// choice; its column alone is written). Heads of weight 0 count nothing, unless the parameter `flag` says that all are evaluated.
//
// A workgroup a weight, by a fixed tree of 256. Grid: A * H or A workgroups, folded into x and y.
// Rounds: ceil(rows / 256) + 8 for N * Tq rows, or N * H * Tq.
// Bindings: 0 parameters, 1 rows [A, N, H, 1 + 2 Tq] (attention_rows), 2 dw.

#import "shared/grid"
#import "shared/attention"
#import "shared/tree"

@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Heads that share the weight.
    let shared_heads = select(1u, parameters.heads, parameters.gate_step == 0u);
    let entry = flat_workgroup(workgroup, groups);
    if entry >= parameters.architectures * parameters.heads / shared_heads {
        return;
    }
    let a = entry * shared_heads / parameters.heads;
    let first_head = entry * shared_heads % parameters.heads;
    let count = parameters.batch * shared_heads * parameters.queries;
    var sum = 0.0;
    for (var j = local; j < count; j += 256u) {
        let head = j / parameters.queries;
        let n = head / shared_heads;
        let first = rows_place((a * parameters.batch + n) * parameters.heads + first_head + head % shared_heads);
        if rows[first] != 0.0 || parameters.flag != 0u {
            sum += rows[first + 1u + parameters.queries + j % parameters.queries];
        }
    }
    let total = tree_sum(local, vec2<f32>(sum, 0.0)).x;
    if local == 0u {
        dw[weight_place(a * parameters.batch * parameters.heads + first_head)] = total;
    }
}
