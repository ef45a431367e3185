// The last axis of a matrix, a row to a workgroup of 256 (WIDE 1) or to an invocation (WIDE 0), under one name each, so that
// a kernel along rows is written once. An invocation visits the entries row_first(local), + ROW_STEP, ...; what it has
// gathered is combined over the row by row_sum and row_maximum: a fixed tree, or nothing to do.
//
// row_sum and row_maximum hold barriers: WIDE 1 calls them where control flow is uniform over the workgroup.

#import "shared/grid"

#if WIDE
const ROW_STEP = 256u;

var<workgroup> row_partial: array<f32, 256>;

fn row_of(workgroup: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return flat_workgroup(workgroup, groups);
}

fn row_first(local: u32) -> u32 {
    return local;
}

// Whether this invocation writes what belongs to the whole row.
fn row_writer(local: u32) -> bool {
    return local == 0u;
}

fn row_sum(local: u32, v: f32) -> f32 {
    row_partial[local] = v;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            row_partial[local] += row_partial[local + half];
        }
        workgroupBarrier();
    }
    let sum = row_partial[0];
    // The next reduction of the same memory must not overtake this read.
    workgroupBarrier();
    return sum;
}

fn row_maximum(local: u32, v: f32) -> f32 {
    row_partial[local] = v;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            row_partial[local] = max(row_partial[local], row_partial[local + half]);
        }
        workgroupBarrier();
    }
    let largest = row_partial[0];
    workgroupBarrier();
    return largest;
}
#else
const ROW_STEP = 1u;

fn row_of(workgroup: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return flat_invocation(workgroup, groups, local, 256u);
}

fn row_first(local: u32) -> u32 {
    return 0u;
}

fn row_writer(local: u32) -> bool {
    return true;
}

fn row_sum(local: u32, v: f32) -> f32 {
    return v;
}

fn row_maximum(local: u32, v: f32) -> f32 {
    return v;
}
#endif

// Below every entry of a row: the start of a maximum.
const LOWEST = -3.4028234e38;
