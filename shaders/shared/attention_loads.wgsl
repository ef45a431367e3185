// What both gradients of attention read. The importing kernel imports shared/attention and shared/attention_tile, declares q, k, v,
// dy and rows, and the constant QUERY_SIDE: 0 where queries are the rows of its tiles, 1 where they are the columns.

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

// Stages four quads from `depth` on of 32 queries and 32 keys: sides 0 and 1 for the scores, 2 and 3 for the products with `v`.
fn put_sides(local: u32, pair: u32, query0: u32, key0: u32, there: u32, depth: u32) {
    let group = local % 32u / 4u;
    let quad = local % 4u;
    let at = depth + quad;
    if local < 32u {
        let row = query0 + 4u * group;
        put(QUERY_SIDE, group, quad, mat4x4<f32>(
            load_q(pair, row, at),
            load_q(pair, row + 1u, at),
            load_q(pair, row + 2u, at),
            load_q(pair, row + 3u, at),
        ));
        put(2u + QUERY_SIDE, group, quad, mat4x4<f32>(
            load_dy(pair, row, at),
            load_dy(pair, row + 1u, at),
            load_dy(pair, row + 2u, at),
            load_dy(pair, row + 3u, at),
        ));
    } else {
        let row = key0 + 4u * group;
        put(1u - QUERY_SIDE, group, quad, mat4x4<f32>(
            load_k(pair, row, there, at),
            load_k(pair, row + 1u, there, at),
            load_k(pair, row + 2u, there, at),
            load_k(pair, row + 3u, there, at),
        ));
        put(3u - QUERY_SIDE, group, quad, mat4x4<f32>(
            load_v(pair, row, there, at),
            load_v(pair, row + 1u, there, at),
            load_v(pair, row + 2u, there, at),
            load_v(pair, row + 3u, there, at),
        ));
    }
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
