// The sum of a pair of numbers over a workgroup of 256 by a fixed tree. Every invocation must call it, and gets the sum.

var<workgroup> tree_partial: array<vec2<f32>, 256>;

fn tree_sum(local: u32, value: vec2<f32>) -> vec2<f32> {
    tree_partial[local] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            tree_partial[local] += tree_partial[local + half];
        }
        workgroupBarrier();
    }
    let total = tree_partial[0];
    // The next sum must not overwrite what an invocation has still to read.
    workgroupBarrier();
    return total;
}
