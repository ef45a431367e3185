// y[w] = sum of x^2 (SQUARE 1) or of x (SQUARE 0) over the w-th 16,384 elements (+ previous[w], ACCUMULATE 1), f32.
//
// One pass of a fixed tree: an invocation adds 64 elements, 256 apart, then the workgroup adds 16 x 16 sums.
// Grid: ceil(len / 16384), folded into x and y. Workgroup memory: 256 * 4 bytes.
// Bindings: 0 parameters, 1 x [len], then previous [workgroups] where ACCUMULATE, then y [workgroups].
// Consts: SQUARE = 0 1; ACCUMULATE = 0 1

#import "shared/grid"

struct Parameters {
    len: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<f32>;
#if ACCUMULATE
@group(0) @binding(2) var<storage, read> previous: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
#endif

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let w = flat_workgroup(workgroup, groups);
    // The folded grid may pass the end by less than a row; uniform over the workgroup.
    if w > (parameters.len - 1u) / 16384u {
        return;
    }
    let first = w * 16384u;
    let count = min(parameters.len - first, 16384u);
    var sum = 0.0;
    for (var k = local; k < count; k += 256u) {
        let value = x[first + k];
#if SQUARE
        sum += value * value;
#else
        sum += value;
#endif
    }
    partial[local] = sum;
    workgroupBarrier();
    if local < 16u {
        for (var k = local + 16u; k < 256u; k += 16u) {
            sum += partial[k];
        }
        partial[local] = sum;
    }
    workgroupBarrier();
    if local == 0u {
        for (var k = 1u; k < 16u; k++) {
            sum += partial[k];
        }
#if ACCUMULATE
        sum += previous[w];
#endif
        y[w] = sum;
    }
}
