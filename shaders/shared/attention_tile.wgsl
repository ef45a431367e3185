// Tiles of attention in workgroup memory: 64 invocations own 32 ROWS x 32 scores and 32 ROWS rows of a result.
//
// Invocation (my_row, my_column) = (local / 8, local % 8) keeps 4 x 4 scores, those of rows 4 my_row + (0..4) and columns
// 4 my_column + (0..4), as a matrix whose j-th column holds the four rows at column j; and of the result of its four rows every eighth
// quad from my_column on. With ROWS = 2 it keeps the same of four more rows, 32 further on. Scores are products of rows and columns that
// are staged 16 elements at a time, transposed; they then become factors, shared through `factors`, of rows that are staged as they are.
//
// The importing kernel declares the constants DIM, the head size rounded up to a multiple of 16, ROWS, and PRODUCTS, the number of
// products. Loops run to numbers that are known only when the kernel runs: bounds that are constants make drivers unroll
// them, and then compile for many seconds.

const TILE = 32u;
const ROW_TILE = 32u * ROWS;
const INVOCATIONS = 64u;
// Quads of a row.
const QUADS = DIM / 4u;
// Quads of a result's row that an invocation keeps.
const COLUMNS = (QUADS + 7u) / 8u;
// Groups of four rows, or columns, at one depth; one more than there are, so that neighbouring depths lie in different banks.
const ROW_PITCH = 8u * ROWS + 1u;
const PITCH = 9u;
// Where the columns of a product are staged behind its rows, and the rows of the next product.
const COLUMN_SIDE = 16u * ROW_PITCH;
const PRODUCT = COLUMN_SIDE + 16u * PITCH;
// Rows that are staged at once to be summed.
const CHUNK = select(select(8u, 16u, DIM <= 64u), 32u, DIM <= 32u);

// Rows and columns of the products, [16 depths][groups of four]; or [CHUNK][QUADS] rows.
var<workgroup> stage: array<vec4<f32>, PRODUCTS * PRODUCT>;
// [32 columns][groups of four rows].
var<workgroup> factors: array<vec4<f32>, TILE * ROW_PITCH>;

// Stages the four elements `quad` of row `row`, of rows that begin at `side` and have this pitch.
fn put(side: u32, pitch: u32, row: u32, quad: u32, x: vec4<f32>) {
    let at = side + quad * 4u * pitch + row / 4u;
    stage[at][row % 4u] = x.x;
    stage[at + pitch][row % 4u] = x.y;
    stage[at + 2u * pitch][row % 4u] = x.z;
    stage[at + 3u * pitch][row % 4u] = x.w;
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

// Shares the factors of four rows, group `group`.
fn put_factors(group: u32, my_column: u32, f: mat4x4<f32>) {
    let at = my_column * 4u * ROW_PITCH + group;
    factors[at] = f[0];
    factors[at + ROW_PITCH] = f[1];
    factors[at + 2u * ROW_PITCH] = f[2];
    factors[at + 3u * ROW_PITCH] = f[3];
}

// The quad of a staged row that an invocation sums as its `column`-th; one that is there, where it has none of its own.
fn own_quad(my_column: u32, column: u32) -> u32 {
    return min(my_column + 8u * column, QUADS - 1u);
}

// The numbers `first` + (0..4).
fn four(first: u32) -> vec4<u32> {
    return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}
