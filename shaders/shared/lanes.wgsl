// A row to LANES invocations: a workgroup of 256 owns 256 / LANES rows at once, so that short rows share its barriers.
// Invocation `lane_of(local)` of a row visits the entries lane, lane + LANES, ...; what it has gathered is combined over the
// row by `lane_sum`, a fixed tree. It holds barriers: it is called where control flow is uniform over the workgroup, by rows
// beyond the last too. LANES is a power of two. Rounds: 8 a sum at most.

const GROUP_ROWS = 256u / LANES;

fn lane_of(local: u32) -> u32 {
    return local % LANES;
}

#if LANES == 1
fn lane_sum(local: u32, value: vec2<f32>) -> vec2<f32> {
    return value;
}
#else
var<workgroup> lane_partial: array<vec2<f32>, 256>;

fn lane_sum(local: u32, value: vec2<f32>) -> vec2<f32> {
    let lane = local % LANES;
    lane_partial[local] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            lane_partial[local] += lane_partial[local + half];
        }
        workgroupBarrier();
    }
    let total = lane_partial[local - lane];
    // The next sum must not overwrite what an invocation has still to read.
    workgroupBarrier();
    return total;
}
#endif
