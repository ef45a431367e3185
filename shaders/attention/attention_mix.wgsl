// y[a,n,t,h] (+)= weight o[a,n,t,h], each head with its weight, f32; a head of weight 0 was skipped, and its o may hold anything. Added to
// what is there where the parameter `flag` says so.
//
// One invocation four elements. Grid: ceil(A * N * Tq * H * D / 4 / 256), folded into x and y.
// Bindings: 0 parameters, 1 o [A, N, Tq, H D], 2 weights, 3 y as o.

#import "shared/grid"
#import "shared/attention"

@group(0) @binding(1) var<storage, read> o: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_invocation(workgroup, groups, local, 256u);
    let row = at / (parameters.heads * parameters.quads);
    let sequence = row / parameters.queries;
    if sequence >= parameters.architectures * parameters.batch {
        return;
    }
    let h = at / parameters.quads % parameters.heads;
    let weight = weights[weight_place(sequence * parameters.heads + h)];
    var sum = vec4<f32>();
    if parameters.flag != 0u {
        sum = y[at];
    }
    if weight != 0.0 {
        sum += weight * o[at];
    }
    y[at] = sum;
}
