// y[i] = a_0 + ... + a_11, where a_c begins as x[i] + c and becomes a_c * factor + summand 4 times a round, f32: as many
// multiply-adds a second as the device can do.
//
// One invocation an element. Its 12 chains stay in registers and do not wait for each other, so that nothing but the arithmetic
// units is busy. Grid: ceil(len / 256), folded into x and y.
// Bindings: 0 parameters, 1 x [len], 2 y [len].
// Rounds: rounds, at most 65,535.

#import "shared/grid"

struct Parameters {
    len: u32,
    rounds: u32,
    factor: f32,
    summand: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    let m = vec4<f32>(parameters.factor);
    let s = vec4<f32>(parameters.summand);
    let start = vec4<f32>(x[i]);
    var a = start + vec4<f32>(0.0, 1.0, 2.0, 3.0);
    var b = start + vec4<f32>(4.0, 5.0, 6.0, 7.0);
    var c = start + vec4<f32>(8.0, 9.0, 10.0, 11.0);
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        a = fma(a, m, s);
        b = fma(b, m, s);
        c = fma(c, m, s);
        a = fma(a, m, s);
        b = fma(b, m, s);
        c = fma(c, m, s);
        a = fma(a, m, s);
        b = fma(b, m, s);
        c = fma(c, m, s);
        a = fma(a, m, s);
        b = fma(b, m, s);
        c = fma(c, m, s);
    }
    let sum = a + b + c;
    y[i] = (sum.x + sum.y) + (sum.z + sum.w);
}
