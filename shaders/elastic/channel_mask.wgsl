// y[a,j,c,p] = mask[a,c] x[a,j,c,p] where the mask is not 0, else 0 whatever x is, f32.
//
// One invocation an element. Grid: ceil(elements / 256), folded into x and y.
// Bindings: 0 parameters, 1 x [A, outer, C, inner], 2 mask [A, C], 3 y [A, outer, C, inner].

#import "shared/grid"

struct Parameters {
    architectures: u32,
    outer: u32,
    channels: u32,
    inner: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_invocation(workgroup, groups, local, 256u);
    let image = parameters.channels * parameters.inner;
    if at >= parameters.architectures * parameters.outer * image {
        return;
    }
    let channel = at / parameters.inner % parameters.channels;
    let m = mask[at / (parameters.outer * image) * parameters.channels + channel];
    y[at] = select(0.0, m * x[at], m != 0.0);
}
