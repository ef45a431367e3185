// y[i] = g[i] * f'(x[i]), f32.
//
// One invocation an element. Grid: ceil(len / 256), folded into x and y.
// OP is the place of f in `Unary` of the kernel crate, as in elementwise/unary:
// 0 scale * x + shift, 1 relu, 2 exp, 3 log, 4 sqrt, 5 square, 6 reciprocal, 7 sin, 8 tanh, 9 sigmoid, 10 abs, 11 softplus,
// 12 gelu, 13 gelu by tanh, 14 silu, 15 h-swish, 16 h-sigmoid.
// The derivatives of relu and abs at 0 are 0; of h-swish at -3 and 3: 0 and 1, of h-sigmoid 0.
// Bindings: 0 parameters, 1 x [len], 2 g [len], 3 y [len].
// Halves: x g y
// Consts: OP = 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16

#import "shared/grid"
#if OP == 12
#import "shared/functions"
#endif

struct Parameters {
    len: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn derivative(v: f32) -> f32 {
#if OP == 0
    return parameters.scale;
#endif
#if OP == 1
    return select(0.0, 1.0, v > 0.0);
#endif
#if OP == 2
    return exp(v);
#endif
#if OP == 3
    return 1.0 / v;
#endif
#if OP == 4
    return 0.5 / sqrt(v);
#endif
#if OP == 5
    return 2.0 * v;
#endif
#if OP == 6
    return -1.0 / (v * v);
#endif
#if OP == 7
    return cos(v);
#endif
#if OP == 8
    let t = tanh(clamp(v, -15.0, 15.0));
    return 1.0 - t * t;
#endif
#if OP == 9
    let s = 1.0 / (1.0 + exp(-v));
    return s * (1.0 - s);
#endif
#if OP == 10
    return sign(v);
#endif
#if OP == 11
    return 1.0 / (1.0 + exp(-v));
#endif
#if OP == 12
    let normal = normal_distribution(v);
    return normal.x + clamp(v, -20.0, 20.0) * normal.y;
#endif
#if OP == 13
    let u = clamp(v, -20.0, 20.0);
    let s = 1.0 / (1.0 + exp(min(-1.5957692 * u * (1.0 + 0.044715 * u * u), 80.0)));
    return s + u * s * (1.0 - s) * 1.5957692 * (1.0 + 0.134145 * u * u);
#endif
#if OP == 14
    let u = clamp(v, -80.0, 80.0);
    let s = 1.0 / (1.0 + exp(-u));
    return s * (1.0 + u * (1.0 - s));
#endif
#if OP == 15
    return select(select(v * (1.0 / 3.0) + 0.5, 1.0, v >= 3.0), 0.0, v <= -3.0);
#endif
#if OP == 16
    return select(0.0, 1.0 / 6.0, v > -3.0 && v < 3.0);
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
        y[i] = g[i] * derivative(x[i]);
    }
}
