// dv[j] (+)= weight sum_i p[i,j] dy[i], dk[j] (+)= weight scale sum_i p[i,j] (dy[i] . v[j] - delta[i]) q[i], with
// p[i,j] = exp(scale q[i] . k[j] - lse[i]) for the queries i that see key j, for each head, f32. Added to what is there where the
// parameter `flag` says so.
//
// A workgroup owns 32 keys of a head and walks the queries in tiles of 32, from the first that sees one of its keys: both products
// of a tile, then both sums. See shared/attention_tile.wgsl: rows are keys here, columns are queries.
// Grid: A * N * H * ceil(Tk / 32) workgroups, folded into x and y.
// Rounds: at most 189 for each 32 queries (scores 8 * 11, results 4 * 25), so 48,384 with 8,192 queries.
// Workgroup memory: 14 KiB.
// Bindings: 0 parameters, 1 q [A, N, Tq, H D], 2 k, 3 v [A, N, Tk, H D], 4 dy as q, 5 rows [A, N, H, 1 + 2 Tq] (attention_rows), with
// LENGTHS lengths [N], dk, dv as k.
// Consts: DIM = 16 32 48 64 80 96 112 128; LENGTHS = 0 1

#import "shared/grid"
#import "shared/attention"
#import "shared/attention_tile"

const ROWS = 1u;
const PRODUCTS = 2u;

@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> rows: array<f32>;
#if LENGTHS
@group(0) @binding(6) var<storage, read> lengths: array<u32>;
@group(0) @binding(7) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> dv: array<vec4<f32>>;
#else
@group(0) @binding(6) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> dv: array<vec4<f32>>;
#endif

const QUERY_SIDE = 1u;
// Where the factors of dk are kept: behind the rows that are staged to be summed.
const SECOND = PRODUCT;

#import "shared/attention_loads"

fn store(pair: u32, row: u32, my_column: u32, column: u32, weight: f32, of_k: mat4x4<f32>, of_v: mat4x4<f32>) {
    let quad = my_column + 8u * column;
    for (var r = 0u; r < 4u; r += 1u) {
        if row + r < parameters.keys && quad < parameters.quads {
            let at = row_place(pair, parameters.keys, row + r) + quad;
            var known_k = vec4<f32>();
            var known_v = vec4<f32>();
            if parameters.flag != 0u {
                known_k = dk[at];
                known_v = dv[at];
            }
            dk[at] = known_k + (weight * parameters.scale) * of_k[r];
            dv[at] = known_v + weight * of_v[r];
        }
    }
}

// The factors of dk, as `put_factors` of shared/attention_tile.wgsl.
fn put_second(my_row: u32, my_column: u32, f: mat4x4<f32>) {
    let at = SECOND + my_column * 4u * PITCH + my_row;
    stage[at] = f[0];
    stage[at + PITCH] = f[1];
    stage[at + 2u * PITCH] = f[2];
    stage[at + 3u * PITCH] = f[3];
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (parameters.keys + TILE - 1u) / TILE;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.batch * parameters.heads * tiles {
        return;
    }
    let pair = flat / tiles;
    let row0 = flat % tiles * TILE;
    let weight = rows[rows_place(pair)];
    var there = parameters.keys;
#if LENGTHS
    there = min(there, lengths[pair / parameters.heads % parameters.batch]);
#endif
    let my_row = local / 8u;
    let my_column = local % 8u;
    let row = row0 + 4u * my_row;
    var first = 0u;
    if parameters.causal != 0u {
        // Key j is seen by the queries from j + queries - keys on.
        first = max(row0 + parameters.queries, parameters.keys) - parameters.keys;
    }
    // A skipped head's rows are not there, and keys that are not there are seen by none: the gradients are 0.
    if weight == 0.0 || row0 >= there {
        first = parameters.queries;
    }
    var of_k0 = mat4x4<f32>();
    var of_k1 = mat4x4<f32>();
    var of_k2 = mat4x4<f32>();
    var of_k3 = mat4x4<f32>();
    var of_v0 = mat4x4<f32>();
    var of_v1 = mat4x4<f32>();
    var of_v2 = mat4x4<f32>();
    var of_v3 = mat4x4<f32>();
    for (var query0 = first; query0 < parameters.queries; query0 += TILE) {
        var scores = mat4x4<f32>();
        var products = mat4x4<f32>();
        for (var depth = 0u; depth < parameters.quads; depth += 4u) {
            put_sides(local, pair, query0, row0, there, depth);
            workgroupBarrier();
            scores = add_products(scores, 0u, min(4u, parameters.quads - depth), my_row, my_column);
            products = add_products(products, PRODUCT, min(4u, parameters.quads - depth), my_row, my_column);
            workgroupBarrier();
        }
        let query = four(query0 + 4u * my_column);
        // The number of keys that each query sees.
        var seen = vec4<u32>(there);
        if parameters.causal != 0u {
            seen = min(seen, max(query + parameters.keys + 1u, vec4<u32>(parameters.queries)) - parameters.queries);
        }
        seen = select(vec4<u32>(), seen, query < vec4<u32>(parameters.queries));
        let lse = rows_lse(pair, query.x);
        let delta = rows_delta(pair, query.x);
        let key = four(row);
        let scale = parameters.scale;
        let p = mat4x4<f32>(
            select(vec4<f32>(), exp(scale * scores[0] - lse.x), key < vec4<u32>(seen.x)),
            select(vec4<f32>(), exp(scale * scores[1] - lse.y), key < vec4<u32>(seen.y)),
            select(vec4<f32>(), exp(scale * scores[2] - lse.z), key < vec4<u32>(seen.z)),
            select(vec4<f32>(), exp(scale * scores[3] - lse.w), key < vec4<u32>(seen.w)),
        );
        put_factors(my_row, my_column, p);
        put_second(my_row, my_column, mat4x4<f32>(
            p[0] * (products[0] - delta.x),
            p[1] * (products[1] - delta.y),
            p[2] * (products[2] - delta.z),
            p[3] * (products[3] - delta.w),
        ));
        let queries = min(TILE, parameters.queries - query0);
        for (var chunk = 0u; chunk < queries; chunk += CHUNK) {
            let count = min(CHUNK, queries - chunk);
            for (var i = local; i < count * QUADS; i += INVOCATIONS) {
                stage[i] = load_dy(pair, query0 + chunk + i / QUADS, i % QUADS);
            }
            workgroupBarrier();
            for (var i = 0u; i < count; i += 1u) {
                let f = factors[(chunk + i) * PITCH + my_row];
                let at = i * QUADS;
                of_v0 = outer(of_v0, f, stage[at + own_quad(my_column, 0u)]);
                if COLUMNS > 1u {
                    of_v1 = outer(of_v1, f, stage[at + own_quad(my_column, 1u)]);
                }
                if COLUMNS > 2u {
                    of_v2 = outer(of_v2, f, stage[at + own_quad(my_column, 2u)]);
                }
                if COLUMNS > 3u {
                    of_v3 = outer(of_v3, f, stage[at + own_quad(my_column, 3u)]);
                }
            }
            workgroupBarrier();
            for (var i = local; i < count * QUADS; i += INVOCATIONS) {
                stage[i] = load_q(pair, query0 + chunk + i / QUADS, i % QUADS);
            }
            workgroupBarrier();
            for (var i = 0u; i < count; i += 1u) {
                let f = stage[SECOND + (chunk + i) * PITCH + my_row];
                let at = i * QUADS;
                of_k0 = outer(of_k0, f, stage[at + own_quad(my_column, 0u)]);
                if COLUMNS > 1u {
                    of_k1 = outer(of_k1, f, stage[at + own_quad(my_column, 1u)]);
                }
                if COLUMNS > 2u {
                    of_k2 = outer(of_k2, f, stage[at + own_quad(my_column, 2u)]);
                }
                if COLUMNS > 3u {
                    of_k3 = outer(of_k3, f, stage[at + own_quad(my_column, 3u)]);
                }
            }
            workgroupBarrier();
        }
    }
    store(pair, row, my_column, 0u, weight, of_k0, of_v0);
    if COLUMNS > 1u {
        store(pair, row, my_column, 1u, weight, of_k1, of_v1);
    }
    if COLUMNS > 2u {
        store(pair, row, my_column, 2u, weight, of_k2, of_v2);
    }
    if COLUMNS > 3u {
        store(pair, row, my_column, 3u, weight, of_k3, of_v3);
    }
}
