// Tiles of attention in workgroup memory: 64 invocations own 32 x 32 scores and 32 rows of a result.
//
// Invocation (my_row, my_column) = (local / 8, local % 8) keeps 4 x 4 scores, those of rows 4 my_row + (0..4) and columns
// 4 my_column + (0..4), as a matrix whose j-th column holds the four rows at column j; and of the result of its four rows every eighth
// quad from my_column on. Scores are products of rows and columns that are staged 16 elements at a time, transposed; they then
// become factors, shared through `factors`, of rows that are staged as they are.
//
// The importing kernel declares the constant DIM, the head size rounded up to a multiple of 16.

const TILE = 32u;
const INVOCATIONS = 64u;
// Quads of a row.
const QUADS = DIM / 4u;
// Quads of a result's row that an invocation keeps.
const COLUMNS = (QUADS + 7u) / 8u;
// Four rows at one depth; one more than 8, so that invocations that store neighbouring depths land in different banks.
const PITCH = 9u;
const SIDE = 16u * PITCH;
// Rows that are staged at once to be summed.
const CHUNK = select(select(8u, 16u, DIM <= 64u), 32u, DIM <= 32u);

// Rows and columns of two products, [4][16 depths][8 groups of four rows]; or [CHUNK][QUADS] rows.
var<workgroup> stage: array<vec4<f32>, 4u * SIDE>;
// [32 columns][8 groups of four rows].
var<workgroup> factors: array<vec4<f32>, TILE * PITCH>;

// Stages the four elements `quad` of four rows: group `group` of side `side`.
fn put(side: u32, group: u32, quad: u32, rows: mat4x4<f32>) {
    let turned = transpose(rows);
    let at = side * SIDE + quad * 4u * PITCH + group;
    stage[at] = turned[0];
    stage[at + PITCH] = turned[1];
    stage[at + 2u * PITCH] = turned[2];
    stage[at + 3u * PITCH] = turned[3];
}

// c[j] + factors[j] v.
fn outer(c: mat4x4<f32>, f: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(f.x), v, c[0]),
        fma(vec4<f32>(f.y), v, c[1]),
        fma(vec4<f32>(f.z), v, c[2]),
        fma(vec4<f32>(f.w), v, c[3]),
    );
}

// Adds the products of the staged sides `side` (rows) and `side + 1` (columns) to scores.
fn add_products(scores: mat4x4<f32>, side: u32, my_row: u32, my_column: u32) -> mat4x4<f32> {
    var sums = scores;
    var at = side * SIDE;
    for (var depth = 0u; depth < 16u; depth += 4u) {
        sums = outer(sums, stage[at + SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + SIDE + my_column], stage[at + my_row]);
        at += PITCH;
    }
    return sums;
}

// Shares the factors of an invocation.
fn put_factors(my_row: u32, my_column: u32, f: mat4x4<f32>) {
    let at = my_column * 4u * PITCH + my_row;
    factors[at] = f[0];
    factors[at + PITCH] = f[1];
    factors[at + 2u * PITCH] = f[2];
    factors[at + 3u * PITCH] = f[3];
}

// The quad of a staged row that an invocation sums as its `column`-th; one that is there, where it has none of its own.
fn own_quad(my_column: u32, column: u32) -> u32 {
    return min(my_column + 8u * column, QUADS - 1u);
}

// The numbers `first` + (0..4).
fn four(first: u32) -> vec4<u32> {
    return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}
