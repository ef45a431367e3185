// The kernel of a depthwise convolution that each architecture uses, from one kernel 7x7 a channel and learned transforms, f32:
// k5[c] = m5 centre5(w[c]), k3[c] = m3 centre3(k5[c]) (taps as vectors),
// effective[a,c] = weights[a,2] w[c] + weights[a,1] k5[c] + weights[a,0] k3[c], smaller kernels in the middle of zeros.
// reach[a] = how far from the centre the largest kernel goes whose weight is not 0, u32; 3 with `evaluate_all`.
//
// A workgroup owns a channel of all architectures. Grid: C workgroups, folded into x and y.
// Rounds: 25 + 9 + A, A <= 65,000.
// Bindings: 0 parameters, 1 weights [A, 3] of the sizes 3, 5, 7, 2 w [C, 49], 3 m5 [25, 25], 4 m3 [9, 9], 5 effective [A, C, 49],
// 6 made [C, 34], k5 and k3, 7 reach u32 [A].

#import "shared/grid"
#import "shared/kernel_sizes"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> m5: array<f32>;
@group(0) @binding(4) var<storage, read> m3: array<f32>;
@group(0) @binding(5) var<storage, read_write> effective: array<f32>;
@group(0) @binding(6) var<storage, read_write> made: array<f32>;
@group(0) @binding(7) var<storage, read_write> reach: array<u32>;

var<workgroup> k7: array<f32, 49>;
// A place more than taps: where a tap of a larger kernel lies outside.
var<workgroup> k5: array<f32, 26>;
var<workgroup> k3: array<f32, 10>;

fn reach_of(architecture: u32) -> u32 {
    if parameters.evaluate_all != 0u || weights[architecture * 3u + 2u] != 0.0 {
        return 3u;
    }
    if weights[architecture * 3u + 1u] != 0.0 {
        return 2u;
    }
    return select(0u, 1u, weights[architecture * 3u] != 0.0);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = flat_workgroup(workgroup, groups);
    if channel >= parameters.channels {
        return;
    }
    if local < 49u {
        k7[local] = w[channel * 49u + local];
    }
    if local == 63u {
        k5[25] = 0.0;
        k3[9] = 0.0;
    }
    workgroupBarrier();
    if local < 25u {
        var total = 0.0;
        for (var i = 0u; i < 25u; i += 1u) {
            total = fma(m5[local * 25u + i], k7[centre_tap(i, 5u, 7u)], total);
        }
        k5[local] = total;
        made[channel * MADE + local] = total;
    }
    workgroupBarrier();
    if local < 9u {
        var total = 0.0;
        for (var i = 0u; i < 9u; i += 1u) {
            total = fma(m3[local * 9u + i], k5[centre_tap(i, 3u, 5u)], total);
        }
        k3[local] = total;
        made[channel * MADE + 25u + local] = total;
    }
    workgroupBarrier();
    if local < 49u {
        let five = k5[tap_within(local, 7u, 5u)];
        let three = k3[tap_within(local, 7u, 3u)];
        for (var a = 0u; a < parameters.architectures; a += 1u) {
            let value = weights[a * 3u + 2u] * k7[local] + weights[a * 3u + 1u] * five + weights[a * 3u] * three;
            effective[(a * parameters.channels + channel) * 49u + local] = value;
        }
    }
    if channel == 0u {
        for (var a = local; a < parameters.architectures; a += 64u) {
            reach[a] = reach_of(a);
        }
    }
}
