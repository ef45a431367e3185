// Architecture weights of every decision group, drawn or computed from logits [A, total].
//
// KIND, with p = softmax(logits), T the temperature and G Gumbel noise of its own for every entry:
// 0 ReinMax: probabilities = p, weights = one-hot of i ~ Cat(p), by inverse distribution function on one uniform;
// 1 GDAS: probabilities = softmax(z), z = (logits + G) / T, weights = one-hot of argmax z;
// 2 Gumbel: probabilities = weights = softmax(z);
// 3 softmax (DARTS): probabilities = weights = softmax(logits / T);
// 4 argmax: probabilities = p, weights = one-hot of the first largest logit;
// 5 uniform: probabilities = 1 / width, weights = one-hot of an entry drawn uniformly; logits are not read.
// (The published z takes log_softmax(logits): a constant a group, which neither softmax nor argmax sees.)
// Counter of a draw: ((first_architecture + a) * groups + group, step, site, entry / 4).
// One invocation an (architecture, group), which walks the group's entries. Grid: ceil(A * groups / 64), folded.
// Rounds: 5 times the width of the widest group, at most.
// Bindings: 0 parameters, 1 logits [A, total], 2 offsets [groups + 1] (u32: start of each group), 3 clock [2] (u32),
// 4 weights [A, total], 5 probabilities [A, total].
// Consts: KIND = 0 1 2 3 4 5

#import "shared/grid"
#import "shared/draws"

struct Parameters {
    architectures: u32,
    total: u32,
    groups: u32,
    first_architecture: u32,
    temperature: f32,
    seed_low: u32,
    seed_high: u32,
    site: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> clock: array<u32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> probabilities: array<f32>;

fn bits_at(index: u32, block: u32) -> vec4<u32> {
    let counter = vec4<u32>(index, clock[0], parameters.site, block);
    return philox4x32_10(counter, vec2<u32>(parameters.seed_low, parameters.seed_high));
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
    let index = (parameters.first_architecture + architecture) * parameters.groups + group;
    var choice = start;

#if KIND == 5
    let width = group_end - group_start;
    choice = start + min(u32(uniform_of(bits_at(index, 0u).x) * f32(width)), width - 1u);
    for (var k = start; k < end; k++) {
        probabilities[k] = 1.0 / f32(width);
    }
#else
    // The scores whose softmax are the probabilities, and their first largest.
    var largest = -3.4e38;
    var bits = vec4<u32>(0u);
    for (var k = start; k < end; k++) {
        var score = logits[k];
#if KIND == 3
        score = score / parameters.temperature;
#endif
#if KIND == 1
        let entry = k - start;
        if (entry & 3u) == 0u {
            bits = bits_at(index, entry >> 2u);
        }
        score = (score + gumbel_of(bits[entry & 3u])) / parameters.temperature;
#endif
#if KIND == 2
        let entry = k - start;
        if (entry & 3u) == 0u {
            bits = bits_at(index, entry >> 2u);
        }
        score = (score + gumbel_of(bits[entry & 3u])) / parameters.temperature;
#endif
        probabilities[k] = score;
        if score > largest {
            largest = score;
            choice = k;
        }
    }
    var sum = 0.0;
    for (var k = start; k < end; k++) {
        let value = exp(probabilities[k] - largest);
        probabilities[k] = value;
        sum += value;
    }
#if KIND == 0
    // The first entry at which the running sum passes u * sum; rounding may leave none, then the last possible one.
    let threshold = uniform_of(bits_at(index, 0u).x) * sum;
    var running = 0.0;
    var found = false;
    for (var k = start; k < end; k++) {
        let value = probabilities[k];
        running += value;
        if !found && value > 0.0 {
            choice = k;
            found = threshold < running;
        }
    }
#endif
    for (var k = start; k < end; k++) {
        probabilities[k] = probabilities[k] / sum;
    }
#endif

    for (var k = start; k < end; k++) {
#if KIND == 2
        weights[k] = probabilities[k];
#else
#if KIND == 3
        weights[k] = probabilities[k];
#else
        weights[k] = select(0.0, 1.0, k == choice);
#endif
#endif
    }
}
