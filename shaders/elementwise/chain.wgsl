// y[i] = a program of elementwise operations over up to six inputs, f32; inputs are read through strides, y is contiguous.
//
// One invocation an element: it loads its value of each input, runs the steps in order, each on inputs or earlier steps, and stores
// the last one's value (without steps, that of the first input). Nothing between two operations goes through memory.
// Grid: ceil(len / 256), folded into x and y.
// Bindings: 0 parameters, 1 .. INPUTS the inputs, last y [len].
// STEP_k = operation | a << 8 | b << 12, or 0 beyond the last step. An operand below 6 is an input, 6 + j the value of step j.
// Operations: 1 a + b, 2 a - b, 3 a * b, 4 a / b, 5 max(a, b), 6 min(a, b), 7 1.0 where a > b and else 0.0, 8 a constant, 32 + f
// the function f of a, 96 + f its derivative at a times b; f as in elementwise/unary.
// LAYOUTS: two bits an input: 0 it lies as y does, 1 one value for all elements, 2 by its strides.
// The values of LAYOUTS and STEP_k listed here stand for all others: the text depends on whether there is a step, not on which.
// Halves: x0 x1 x2 x3 x4 x5 y
// Consts: INPUTS = 0 1 2 3 4 5 6; LAYOUTS = 36; STEP_0 = 4097; STEP_1 = 25632; STEP_2 = 26464; STEP_3 = 8; STEP_4 = 25633
// Consts: STEP_5 = 26468; STEP_6 = 3107; STEP_7 = 3424

#import "shared/functions"
#import "shared/grid"

struct Parameters {
    // The elements of y, then its extents along the last three axes.
    shape: vec4<u32>,
    strides: array<vec4<u32>, 6>,
    offsets: array<vec4<u32>, 2>,
    // Scale and shift of two steps each.
    scalars: array<vec4<f32>, 4>,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
#if INPUTS > 0
@group(0) @binding(_) var<storage, read> x0: array<f32>;
#endif
#if INPUTS > 1
@group(0) @binding(_) var<storage, read> x1: array<f32>;
#endif
#if INPUTS > 2
@group(0) @binding(_) var<storage, read> x2: array<f32>;
#endif
#if INPUTS > 3
@group(0) @binding(_) var<storage, read> x3: array<f32>;
#endif
#if INPUTS > 4
@group(0) @binding(_) var<storage, read> x4: array<f32>;
#endif
#if INPUTS > 5
@group(0) @binding(_) var<storage, read> x5: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> y: array<f32>;

fn unary(f: u32, v: f32, scale: f32, shift: f32) -> f32 {
    switch f {
        case 0u: { return scale * v + shift; }
        case 1u: { return max(v, 0.0); }
        case 2u: { return exp(v); }
        case 3u: { return log(v); }
        case 4u: { return sqrt(v); }
        case 5u: { return v * v; }
        case 6u: { return 1.0 / v; }
        case 7u: { return sin(v); }
        // The quotient of exponentials overflows to NaN; tanh is 1 to f32 precision long before.
        case 8u: { return tanh(clamp(v, -15.0, 15.0)); }
        case 9u: { return 1.0 / (1.0 + exp(-v)); }
        case 10u: { return abs(v); }
        case 11u: { return max(v, 0.0) + log(1.0 + exp(-abs(v))); }
        case 12u: { return v * normal_distribution(v).x; }
        case 13u: { return v / (1.0 + exp(min(-1.5957692 * v * (1.0 + 0.044715 * v * v), 80.0))); }
        case 14u: { return v / (1.0 + exp(min(-v, 80.0))); }
        case 15u: { return v * clamp(v + 3.0, 0.0, 6.0) * (1.0 / 6.0); }
        case 16u: { return clamp(v + 3.0, 0.0, 6.0) * (1.0 / 6.0); }
        default: { return v; }
    }
}

fn derivative(f: u32, v: f32, scale: f32) -> f32 {
    switch f {
        case 0u: { return scale; }
        case 1u: { return select(0.0, 1.0, v > 0.0); }
        case 2u: { return exp(v); }
        case 3u: { return 1.0 / v; }
        case 4u: { return 0.5 / sqrt(v); }
        case 5u: { return 2.0 * v; }
        case 6u: { return -1.0 / (v * v); }
        case 7u: { return cos(v); }
        case 8u: {
            let t = tanh(clamp(v, -15.0, 15.0));
            return 1.0 - t * t;
        }
        case 9u: {
            let s = 1.0 / (1.0 + exp(-v));
            return s * (1.0 - s);
        }
        case 10u: { return sign(v); }
        case 11u: { return 1.0 / (1.0 + exp(-v)); }
        case 12u: {
            let normal = normal_distribution(v);
            return normal.x + clamp(v, -20.0, 20.0) * normal.y;
        }
        case 13u: {
            let u = clamp(v, -20.0, 20.0);
            let s = 1.0 / (1.0 + exp(min(-1.5957692 * u * (1.0 + 0.044715 * u * u), 80.0)));
            return s + u * s * (1.0 - s) * 1.5957692 * (1.0 + 0.134145 * u * u);
        }
        case 14u: {
            let u = clamp(v, -80.0, 80.0);
            let s = 1.0 / (1.0 + exp(-u));
            return s * (1.0 + u * (1.0 - s));
        }
        case 15u: { return select(select(v * (1.0 / 3.0) + 0.5, 1.0, v >= 3.0), 0.0, v <= -3.0); }
        case 16u: { return select(0.0, 1.0 / 6.0, v > -3.0 && v < 3.0); }
        default: { return 1.0; }
    }
}

fn binary(operation: u32, a: f32, b: f32) -> f32 {
    switch operation {
        case 1u: { return a + b; }
        case 2u: { return a - b; }
        case 3u: { return a * b; }
        case 4u: { return a / b; }
        case 5u: { return max(a, b); }
        case 6u: { return min(a, b); }
        default: { return select(0.0, 1.0, a > b); }
    }
}

// Steps are constants, so that of these branches one is compiled.
fn run(step: u32, a: f32, b: f32, scalars: vec2<f32>) -> f32 {
    let operation = step & 255u;
    if operation >= 96u {
        return b * derivative(operation - 96u, a, scalars.x);
    }
    if operation >= 32u {
        return unary(operation - 32u, a, scalars.x, scalars.y);
    }
    if operation == 8u {
        return scalars.x;
    }
    return binary(operation, a, b);
}

fn place(k: u32, i: u32, at: vec4<u32>) -> u32 {
    let offset = parameters.offsets[k / 4u][k % 4u];
    switch (LAYOUTS >> (2u * k)) & 3u {
        case 0u: { return offset + i; }
        case 1u: { return offset; }
        default: { return offset + dot(at, parameters.strides[k]); }
    }
}

fn coordinates(i: u32) -> vec4<u32> {
    let row = i / parameters.shape.w;
    let plane = row / parameters.shape.z;
    return vec4<u32>(plane / parameters.shape.y, plane % parameters.shape.y, row % parameters.shape.z, i % parameters.shape.w);
}

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    if i >= parameters.shape.x {
        return;
    }
    var at = vec4<u32>(0u);
    if (LAYOUTS & 2730u) != 0u {
        at = coordinates(i);
    }
    var v: array<f32, 14>;
#if INPUTS > 0
    v[0] = x0[place(0u, i, at)];
#endif
#if INPUTS > 1
    v[1] = x1[place(1u, i, at)];
#endif
#if INPUTS > 2
    v[2] = x2[place(2u, i, at)];
#endif
#if INPUTS > 3
    v[3] = x3[place(3u, i, at)];
#endif
#if INPUTS > 4
    v[4] = x4[place(4u, i, at)];
#endif
#if INPUTS > 5
    v[5] = x5[place(5u, i, at)];
#endif
    var result = v[0];
#if STEP_0
    result = run(STEP_0, v[(STEP_0 >> 8u) & 15u], v[(STEP_0 >> 12u) & 15u], parameters.scalars[0].xy);
    v[6] = result;
#endif
#if STEP_1
    result = run(STEP_1, v[(STEP_1 >> 8u) & 15u], v[(STEP_1 >> 12u) & 15u], parameters.scalars[0].zw);
    v[7] = result;
#endif
#if STEP_2
    result = run(STEP_2, v[(STEP_2 >> 8u) & 15u], v[(STEP_2 >> 12u) & 15u], parameters.scalars[1].xy);
    v[8] = result;
#endif
#if STEP_3
    result = run(STEP_3, v[(STEP_3 >> 8u) & 15u], v[(STEP_3 >> 12u) & 15u], parameters.scalars[1].zw);
    v[9] = result;
#endif
#if STEP_4
    result = run(STEP_4, v[(STEP_4 >> 8u) & 15u], v[(STEP_4 >> 12u) & 15u], parameters.scalars[2].xy);
    v[10] = result;
#endif
#if STEP_5
    result = run(STEP_5, v[(STEP_5 >> 8u) & 15u], v[(STEP_5 >> 12u) & 15u], parameters.scalars[2].zw);
    v[11] = result;
#endif
#if STEP_6
    result = run(STEP_6, v[(STEP_6 >> 8u) & 15u], v[(STEP_6 >> 12u) & 15u], parameters.scalars[3].xy);
    v[12] = result;
#endif
#if STEP_7
    result = run(STEP_7, v[(STEP_7 >> 8u) & 15u], v[(STEP_7 >> 12u) & 15u], parameters.scalars[3].zw);
    v[13] = result;
#endif
    y[i] = result;
}
