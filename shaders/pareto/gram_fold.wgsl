// gram[e] = sum_c partials[c, e] (+ previous[e], ACCUMULATE 1), f32: adds the passes of `pareto/gram` in their order.
//
// One invocation an entry of the matrix. Grid: ceil(entries / 64).
// Rounds: count, at most 256 (`RANGES` of the kernel).
// Bindings: 0 parameters, 1 partials [count, entries], then previous [entries] where ACCUMULATE, then gram [entries].
// Consts: ACCUMULATE = 0 1

struct Parameters {
    entries: u32,
    count: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
#if ACCUMULATE
@group(0) @binding(2) var<storage, read> previous: array<f32>;
@group(0) @binding(3) var<storage, read_write> gram: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> gram: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let e = workgroup.x * 64u + local;
    if e >= parameters.entries {
        return;
    }
    var sum = 0.0;
    for (var c = 0u; c < parameters.count; c++) {
        sum += partials[c * parameters.entries + e];
    }
#if ACCUMULATE
    sum += previous[e];
#endif
    gram[e] = sum;
}
