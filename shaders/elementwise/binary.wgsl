// y[i,j,k,l] = a[i,j,k,l] op b[i,j,k,l], f32, with the strides of a and b; a stride of 0 broadcasts. y is contiguous.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// OP: 0 a + b, 1 a - b, 2 a * b, 3 a / b, 4 max(a, b), 5 min(a, b), 6 1.0 where a > b and else 0.0.
// CONTIGUOUS: a and b have the strides of y, which are not computed.
// Bindings: 0 parameters, 1 a, 2 b, 3 y.
// Halves: a b y
// Consts: OP = 0 1 2 3 4 5 6; CONTIGUOUS = 0 1

#import "shared/grid"

struct Parameters {
    len: u32,
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    a_0: u32,
    a_1: u32,
    a_2: u32,
    a_3: u32,
    b_0: u32,
    b_1: u32,
    b_2: u32,
    b_3: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn apply(u: f32, v: f32) -> f32 {
#if OP == 0
    return u + v;
#endif
#if OP == 1
    return u - v;
#endif
#if OP == 2
    return u * v;
#endif
#if OP == 3
    return u / v;
#endif
#if OP == 4
    return max(u, v);
#endif
#if OP == 5
    return min(u, v);
#endif
#if OP == 6
    return select(0.0, 1.0, u > v);
#endif
}

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    if i >= parameters.len {
        return;
    }
#if CONTIGUOUS
    y[i] = apply(a[i], b[i]);
#else
    let row = i / parameters.shape_3;
    let plane = row / parameters.shape_2;
    let i3 = i - row * parameters.shape_3;
    let i2 = row - plane * parameters.shape_2;
    let i0 = plane / parameters.shape_1;
    let i1 = plane - i0 * parameters.shape_1;
    let at_a = i0 * parameters.a_0 + i1 * parameters.a_1 + i2 * parameters.a_2 + i3 * parameters.a_3;
    let at_b = i0 * parameters.b_0 + i1 * parameters.b_1 + i2 * parameters.b_2 + i3 * parameters.b_3;
    y[i] = apply(a[at_a], b[at_b]);
#endif
}
