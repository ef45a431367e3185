// dtable[t,j] = sum of g[r,j] over the rows r with indices[r] = t, in the order of r, f32; or, with APART,
// dtable[r,t,j] = g[r,j] where indices[r] = t, else 0.
//
// APART 0: a workgroup owns 256 columns of one row of the table. It reads 256 indices at once, marks in 8 words which are its
// own, and every invocation adds the marked rows of its column: no order depends on chance.
// APART 1: one invocation an element of dtable.
// Grid: table_rows * ceil(width / 256) (APART 0) or ceil(rows * table_rows * width / 256), folded into x and y.
// Rounds: 73 ceil(rows / 256) (APART 0).
// Bindings: 0 parameters, 1 indices [rows], 2 g [rows, width], 3 dtable [table_rows, width] or [rows, table_rows, width].
// Consts: APART = 0 1

#import "shared/grid"

struct Parameters {
    rows: u32,
    width: u32,
    table_rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;

#if APART
#else
var<workgroup> marks: array<atomic<u32>, 8>;
#endif

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
#if APART
    let index = flat_invocation(workgroup, groups, local, 256u);
    let row = index / (parameters.table_rows * parameters.width);
    if row >= parameters.rows {
        return;
    }
    let entry = index / parameters.width % parameters.table_rows;
    let own = indices[row] == entry;
    dtable[index] = select(0.0, g[row * parameters.width + index % parameters.width], own);
#else
    let blocks = (parameters.width + 255u) / 256u;
    let flat = flat_workgroup(workgroup, groups);
    let entry = flat / blocks;
    if entry >= parameters.table_rows {
        return;
    }
    let column = flat % blocks * 256u + local;
    var sum = 0.0;
    for (var first = 0u; first < parameters.rows; first += 256u) {
        if local < 8u {
            atomicStore(&marks[local], 0u);
        }
        workgroupBarrier();
        let row = first + local;
        if row < parameters.rows {
            if indices[row] == entry {
                atomicOr(&marks[local / 32u], 1u << (local % 32u));
            }
        }
        workgroupBarrier();
        if column < parameters.width {
            for (var word = 0u; word < 8u; word += 1u) {
                let bits = atomicLoad(&marks[word]);
                if bits != 0u {
                    // Four rows a round: a driver may count rounds, and every row may be marked.
                    for (var shift = 0u; shift < 32u; shift += 4u) {
                        let four = bits >> shift;
                        let at = (first + word * 32u + shift) * parameters.width + column;
                        if (four & 1u) != 0u {
                            sum += g[at];
                        }
                        if (four & 2u) != 0u {
                            sum += g[at + parameters.width];
                        }
                        if (four & 4u) != 0u {
                            sum += g[at + 2u * parameters.width];
                        }
                        if (four & 8u) != 0u {
                            sum += g[at + 3u * parameters.width];
                        }
                    }
                }
            }
        }
        workgroupBarrier();
    }
    if column < parameters.width {
        dtable[entry * parameters.width + column] = sum;
    }
#endif
}
