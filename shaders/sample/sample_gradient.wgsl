// The gradient of a sample's logits, from the gradient g of its weights, group by group.
//
// REINMAX 0 (GDAS, Gumbel, softmax): dlogits = p (g - <g, p>) / T.
// REINMAX 1 (Liu et al. 2023), with D the one-hot weights and s = softmax(logits / T), which is p at T = 1 and
// p^(1/T), normalised, at any other (TEMPERED 1): q = (s + D) / 2, u = 2 (g q - q <g, q>), v = -(g p - p <g, p>) / 2,
// dlogits = (u + v) - mean(u + v).
// One invocation an (architecture, group), which walks the group's entries. Grid: ceil(A * groups / 64), folded.
// Rounds: 4 times the width of the widest group, at most.
// Bindings: 0 parameters, 1 g [A, total], 2 weights [A, total], 3 probabilities [A, total], 4 offsets [groups + 1]
// (u32), 5 dlogits [A, total].
// Consts: REINMAX = 0 1; TEMPERED = 0 1

#import "shared/grid"

struct Parameters {
    architectures: u32,
    total: u32,
    groups: u32,
    temperature: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<f32>;

fn tempered(p: f32) -> f32 {
#if TEMPERED
    // `pow` of 0 may be NaN on some drivers.
    if p > 0.0 {
        return pow(p, 1.0 / parameters.temperature);
    }
    return 0.0;
#else
    return p;
#endif
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 64u);
    if i >= parameters.architectures * parameters.groups {
        return;
    }
    let architecture = i / parameters.groups;
    let group = i % parameters.groups;
    let group_start = offsets[group];
    let group_end = min(offsets[group + 1u], parameters.total);
    if group_start >= group_end {
        return;
    }
    let start = architecture * parameters.total + group_start;
    let end = architecture * parameters.total + group_end;

#if REINMAX
    var sum = 1.0;
#if TEMPERED
    sum = 0.0;
    for (var k = start; k < end; k++) {
        sum += tempered(probabilities[k]);
    }
#endif
    var along_p = 0.0;
    var along_q = 0.0;
    for (var k = start; k < end; k++) {
        along_p += g[k] * probabilities[k];
        along_q += g[k] * 0.5 * (tempered(probabilities[k]) / sum + weights[k]);
    }
    var mean = 0.0;
    for (var k = start; k < end; k++) {
        let p = probabilities[k];
        let q = 0.5 * (tempered(p) / sum + weights[k]);
        let value = 2.0 * q * (g[k] - along_q) - 0.5 * p * (g[k] - along_p);
        dlogits[k] = value;
        mean += value;
    }
    mean = mean / f32(end - start);
    for (var k = start; k < end; k++) {
        dlogits[k] = dlogits[k] - mean;
    }
#else
    var along = 0.0;
    for (var k = start; k < end; k++) {
        along += g[k] * probabilities[k];
    }
    for (var k = start; k < end; k++) {
        dlogits[k] = probabilities[k] * (g[k] - along) / parameters.temperature;
    }
#endif
}
