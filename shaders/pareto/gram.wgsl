// partials[c, i, j] = sum over the c-th range of columns of g[i, k] g[j, k], f32: one pass of the Gram matrix.
//
// A workgroup owns a range of columns and a 4 x 4 block of (i, j), the blocks at and below the diagonal; an invocation
// adds every 64th column, then the workgroup adds 4 x 16 sums, a fixed tree. The block's mirror is written too.
// Grid: (ceil(len / columns), ceil(rows / 4), ceil(rows / 4)). Workgroup memory: (16 * 64 + 64) * 4 bytes.
// Rounds: columns / 64 + 20; 256 ranges cover a binding of 2 GiB in 32,788.
// Bindings: 0 parameters, 1 g [rows, len], 2 partials [ceil(len / columns), rows, rows].

struct Parameters {
    rows: u32,
    len: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

var<workgroup> sums: array<f32, 1024>;
var<workgroup> quarters: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let rows = parameters.rows;
    let len = parameters.len;
    if workgroup.z > workgroup.y {
        return;
    }
    let last = rows - 1u;
    let first_i = 4u * workgroup.y;
    let first_j = 4u * workgroup.z;
    // Rows past the end read the last row and are not stored.
    let i0 = min(first_i, last) * len;
    let i1 = min(first_i + 1u, last) * len;
    let i2 = min(first_i + 2u, last) * len;
    let i3 = min(first_i + 3u, last) * len;
    let j0 = min(first_j, last) * len;
    let j1 = min(first_j + 1u, last) * len;
    let j2 = min(first_j + 2u, last) * len;
    let j3 = min(first_j + 3u, last) * len;

    let first = workgroup.x * parameters.columns;
    let count = min(len - first, parameters.columns);
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var offset = local; offset < count; offset += 64u) {
        let k = first + offset;
        let b = vec4<f32>(g[j0 + k], g[j1 + k], g[j2 + k], g[j3 + k]);
        s0 += g[i0 + k] * b;
        s1 += g[i1 + k] * b;
        s2 += g[i2 + k] * b;
        s3 += g[i3 + k] * b;
    }
    for (var column = 0u; column < 4u; column++) {
        sums[column * 64u + local] = s0[column];
        sums[(4u + column) * 64u + local] = s1[column];
        sums[(8u + column) * 64u + local] = s2[column];
        sums[(12u + column) * 64u + local] = s3[column];
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var k = 0u; k < 16u; k++) {
        sum += sums[(local >> 2u) * 64u + (local & 3u) * 16u + k];
    }
    quarters[local] = sum;
    workgroupBarrier();
    if local < 16u {
        let i = first_i + (local >> 2u);
        let j = first_j + (local & 3u);
        if i < rows && j < rows {
            let at = 4u * local;
            let value = (quarters[at] + quarters[at + 1u]) + (quarters[at + 2u] + quarters[at + 3u]);
            let matrix = workgroup.x * rows * rows;
            partials[matrix + i * rows + j] = value;
            if workgroup.y != workgroup.z {
                partials[matrix + j * rows + i] = value;
            }
        }
    }
}
