// What both gradients of attention read. The importing kernel imports shared/attention and shared/attention_tile, declares q, k, v,
// dy and rows, and the constant QUERY_SIDE: 0 where queries are the rows of its tiles, 1 where they are the columns.
// ROWS is 1 and PRODUCTS 2: rows and columns have one pitch.

fn held_row(row: u32, rows: u32) -> u32 {
    return min(row, rows - 1u);
}

fn load_q(pair: u32, row: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.queries, held_row(row, parameters.queries)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), q[at], row < parameters.queries && quad < parameters.quads);
}

fn load_dy(pair: u32, row: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.queries, held_row(row, parameters.queries)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), dy[at], row < parameters.queries && quad < parameters.quads);
}

// Of keys that are not there 0, whatever they hold.
fn load_k(pair: u32, row: u32, there: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.keys, held_row(row, parameters.keys)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), k[at], row < there && quad < parameters.quads);
}

fn load_v(pair: u32, row: u32, there: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.keys, held_row(row, parameters.keys)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), v[at], row < there && quad < parameters.quads);
}

// Stages four quads from `depth` on of 32 queries and 32 keys, for the scores and for the products of `dy` and `v`.
fn put_sides(local: u32, pair: u32, query0: u32, key0: u32, there: u32, depth: u32) {
    for (var i = local; i < 4u * TILE; i += INVOCATIONS) {
        let row = i / 4u;
        let quad = i % 4u;
        put(QUERY_SIDE * COLUMN_SIDE, PITCH, row, quad, load_q(pair, query0 + row, depth + quad));
        put(PRODUCT + QUERY_SIDE * COLUMN_SIDE, PITCH, row, quad, load_dy(pair, query0 + row, depth + quad));
        put((1u - QUERY_SIDE) * COLUMN_SIDE, PITCH, row, quad, load_k(pair, key0 + row, there, depth + quad));
        put(PRODUCT + (1u - QUERY_SIDE) * COLUMN_SIDE, PITCH, row, quad, load_v(pair, key0 + row, there, depth + quad));
    }
}

// Adds a product of `quads` staged quads to scores.
fn add_products(scores: mat4x4<f32>, product: u32, quads: u32, my_row: u32, my_column: u32) -> mat4x4<f32> {
    var sums = scores;
    var at = product;
    for (var quad = 0u; quad < quads; quad += 1u) {
        sums = outer(sums, stage[at + COLUMN_SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + COLUMN_SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + COLUMN_SIDE + my_column], stage[at + my_row]);
        at += PITCH;
        sums = outer(sums, stage[at + COLUMN_SIDE + my_column], stage[at + my_row]);
        at += PITCH;
    }
    return sums;
}

fn four_of_rows(first: u32, row: u32) -> vec4<f32> {
    let last = parameters.queries - 1u;
    let at = min(four(row), vec4<u32>(last)) + first;
    return vec4<f32>(rows[at.x], rows[at.y], rows[at.z], rows[at.w]);
}

// lse of queries `row` + (0..4).
fn rows_lse(pair: u32, row: u32) -> vec4<f32> {
    return four_of_rows(rows_place(pair) + 1u, row);
}

// delta of queries `row` + (0..4).
fn rows_delta(pair: u32, row: u32) -> vec4<f32> {
    return four_of_rows(rows_place(pair) + 1u + parameters.queries, row);
}
