// y[i] = f(x[i]), f32.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// OP is the place of the function in `Unary` of the kernel crate:
// 0 scale * x + shift, 1 relu, 2 exp, 3 log, 4 sqrt, 5 square, 6 reciprocal, 7 sin, 8 tanh, 9 sigmoid, 10 abs, 11 softplus,
// 12 gelu, 13 gelu by tanh, 14 silu, 15 h-swish, 16 h-sigmoid.
// Bindings: 0 parameters, 1 x [len], 2 y [len].
// Halves: x y
// Consts: OP = 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16

#import "shared/grid"
#if OP == 12
#import "shared/functions"
#endif

struct Parameters {
    len: u32,
    scale: f32,
    shift: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn apply(v: f32) -> f32 {
#if OP == 0
    return parameters.scale * v + parameters.shift;
#endif
#if OP == 1
    return max(v, 0.0);
#endif
#if OP == 2
    return exp(v);
#endif
#if OP == 3
    return log(v);
#endif
#if OP == 4
    return sqrt(v);
#endif
#if OP == 5
    return v * v;
#endif
#if OP == 6
    return 1.0 / v;
#endif
#if OP == 7
    return sin(v);
#endif
#if OP == 8
    // The quotient of exponentials overflows to NaN; tanh is 1 to f32 precision long before.
    return tanh(clamp(v, -15.0, 15.0));
#endif
#if OP == 9
    return 1.0 / (1.0 + exp(-v));
#endif
#if OP == 10
    return abs(v);
#endif
#if OP == 11
    return max(v, 0.0) + log(1.0 + exp(-abs(v)));
#endif
#if OP == 12
    return v * normal_distribution(v).x;
#endif
#if OP == 13
    // (1 + tanh(u)) / 2 is the sigmoid of 2 u; held where exp does not overflow.
    return v / (1.0 + exp(min(-1.5957692 * v * (1.0 + 0.044715 * v * v), 80.0)));
#endif
#if OP == 14
    return v / (1.0 + exp(min(-v, 80.0)));
#endif
#if OP == 15
    return v * clamp(v + 3.0, 0.0, 6.0) * (1.0 / 6.0);
#endif
#if OP == 16
    return clamp(v + 3.0, 0.0, 6.0) * (1.0 / 6.0);
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
    if i < parameters.len {
        y[i] = apply(x[i]);
    }
}
