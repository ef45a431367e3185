// y = x with the first R channels of each head rotated by the angles of the row's position p = start + t, f32: of a pair (u, v) of
// channels (j, j + R/2), j < R/2, y has (u cos - v sin, v cos + u sin), cos and sin of table[p, j]; the other channels stay. INVERSE
// rotates back: the gradient.
//
// One invocation an element. A position beyond the table takes its last row.
// Grid: ceil(len / 256), folded into x and y. READ_START: the start is read from a buffer, added to the parameter's.
// Bindings: 0 parameters, 1 x [rows, length, heads, head], 2 table [positions, R/2, 2] (cos, sin), with READ_START start [1], last y.
// Consts: INVERSE = 0 1; READ_START = 0 1

#import "shared/grid"

struct Parameters {
    len: u32,
    // Positions of a row.
    length: u32,
    heads: u32,
    // Channels of a head.
    head: u32,
    // Channels of a head that are rotated, R / 2.
    half: u32,
    positions: u32,
    start: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> table: array<f32>;
#if READ_START
@group(0) @binding(_) var<storage, read> start: array<u32>;
#endif
@group(0) @binding(_) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    if i >= parameters.len {
        return;
    }
    let channel = i % parameters.head;
    if channel >= 2u * parameters.half {
        y[i] = x[i];
        return;
    }
    var position = parameters.start + i / parameters.head / parameters.heads % parameters.length;
#if READ_START
    position += start[0];
#endif
    let second = channel >= parameters.half;
    let j = select(channel, channel - parameters.half, second);
    let at = 2u * (min(position, parameters.positions - 1u) * parameters.half + j);
    let partner = x[select(i + parameters.half, i - parameters.half, second)];
    // The first of a pair subtracts its partner's part, the second adds it; rotated back it is the other way.
#if INVERSE
    let sine = select(table[at + 1u], -table[at + 1u], second);
#else
    let sine = select(-table[at + 1u], table[at + 1u], second);
#endif
    y[i] = x[i] * table[at] + partner * sine;
}
