// The gradients of the kernels of a kernel transform, each architecture's apart, f32, from that of its effective kernel, g:
// dk3[a,c] = weights[a,0] centre3(g), dk5[a,c] = weights[a,1] centre5(g) + m3^T dk3 in the middle,
// dw[a,c] = weights[a,2] g + m5^T dk5 in the middle.
//
// A workgroup owns a channel of an architecture. Grid: A * C workgroups, folded into x and y.
// Rounds: 9 + 25.
// Bindings: 0 parameters, 1 g [A, C, 49], 2 weights [A, 3], 3 m5 [25, 25], 4 m3 [9, 9], 5 dw [A, C, 49], 6 dmade [A, C, 34], dk5 and dk3.

#import "shared/grid"
#import "shared/kernel_sizes"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> m5: array<f32>;
@group(0) @binding(4) var<storage, read> m3: array<f32>;
@group(0) @binding(5) var<storage, read_write> dw: array<f32>;
@group(0) @binding(6) var<storage, read_write> dmade: array<f32>;

var<workgroup> dk5: array<f32, 25>;
var<workgroup> dk3: array<f32, 9>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_workgroup(workgroup, groups);
    if row >= parameters.architectures * parameters.channels {
        return;
    }
    let choice = row / parameters.channels * 3u;
    if local < 9u {
        let value = weights[choice] * g[row * 49u + centre_tap(local, 3u, 7u)];
        dk3[local] = value;
        dmade[row * MADE + 25u + local] = value;
    }
    workgroupBarrier();
    if local < 25u {
        var value = weights[choice + 1u] * g[row * 49u + centre_tap(local, 5u, 7u)];
        let tap = tap_within(local, 5u, 3u);
        if tap < 9u {
            for (var i = 0u; i < 9u; i += 1u) {
                value = fma(m3[i * 9u + tap], dk3[i], value);
            }
        }
        dk5[local] = value;
        dmade[row * MADE + local] = value;
    }
    workgroupBarrier();
    if local < 49u {
        var value = weights[choice + 2u] * g[row * 49u + local];
        let tap = tap_within(local, 7u, 5u);
        if tap < 25u {
            for (var i = 0u; i < 25u; i += 1u) {
                value = fma(m5[i * 25u + tap], dk5[i], value);
            }
        }
        dw[row * 49u + local] = value;
    }
}
