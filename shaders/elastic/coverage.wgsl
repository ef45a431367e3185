// mask[a,c] = sum of weights[a,k] over the widths k that cover channel c, c < widths[k], f32; extents[a] = the largest width whose
// weight is not 0, u32: no channel from there on is covered. `evaluate_all`: extents[a] = W, the largest width of all.
//
// One invocation an entry of the mask; that of channel 0 writes the extent.
// GATE: extents[a] = 0 where gate[a, choice] is 0, unless `evaluate_all`; the mask is as without.
// Grid: ceil(A * W / 256), folded into x and y.
// Rounds: 64, twice over the widths.
// Bindings: 0 parameters, 1 weights [A, K], 2 gate [A, width] (GATE), then mask [A, W], extents u32 [A].
// Consts: GATE = 0 1

#import "shared/grid"
#import "shared/widths"

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> weights: array<f32>;
#if GATE
@group(0) @binding(_) var<storage, read> gate: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> mask: array<f32>;
@group(0) @binding(_) var<storage, read_write> extents: array<u32>;

fn extent_of(architecture: u32) -> u32 {
    if parameters.evaluate_all != 0u {
        return parameters.width;
    }
#if GATE
    if gate[architecture * parameters.gate_width + parameters.gate_choice] == 0.0 {
        return 0u;
    }
#endif
    var extent = 0u;
    for (var k = 0u; k < parameters.choices; k += 1u) {
        if weights[architecture * parameters.choices + k] != 0.0 {
            extent = max(extent, width_of(k));
        }
    }
    return extent;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_invocation(workgroup, groups, local, 256u);
    if at >= parameters.architectures * parameters.width {
        return;
    }
    let architecture = at / parameters.width;
    let channel = at % parameters.width;
    var total = 0.0;
    for (var k = 0u; k < parameters.choices; k += 1u) {
        total += select(0.0, weights[architecture * parameters.choices + k], channel < width_of(k));
    }
    mask[at] = total;
    if channel == 0u {
        extents[architecture] = extent_of(architecture);
    }
}
