// dq[i] (+)= weight scale sum_j p[i,j] (dy[i] . v[j] - delta[i]) k[j], p[i,j] = exp(scale q[i] . k[j] - lse[i]) for the keys that query i
// sees, for each head, f32. Added to what is there where the parameter `flag` says so.
//
// A workgroup owns 32 queries of a head and walks the keys in tiles of 32, up to the last that one of its queries sees: both products
// of a tile, then the sum. See shared/attention_tile.wgsl.
// Grid: A * N * H * ceil(Tq / 32) workgroups, folded into x and y.
// Rounds: at most 141 for each 32 keys (scores 8 * 11, result 4 * 13), so 36,096 with 8,192 keys.
// Workgroup memory: 14 KiB.
// Bindings: 0 parameters, 1 q [A, N, Tq, H D], 2 k, 3 v [A, N, Tk, H D], 4 dy as q, 5 rows [A, N, H, 1 + 2 Tq] (attention_rows), with
// LENGTHS lengths [N], dq as q.
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
@group(0) @binding(7) var<storage, read_write> dq: array<vec4<f32>>;
#else
@group(0) @binding(6) var<storage, read_write> dq: array<vec4<f32>>;
#endif

const QUERY_SIDE = 0u;

#import "shared/attention_loads"

fn store(pair: u32, row: u32, my_column: u32, column: u32, factor: f32, result: mat4x4<f32>) {
    let quad = my_column + 8u * column;
    for (var r = 0u; r < 4u; r += 1u) {
        if row + r < parameters.queries && quad < parameters.quads {
            let at = row_place(pair, parameters.queries, row + r) + quad;
            var known = vec4<f32>();
            if parameters.flag != 0u {
                known = dq[at];
            }
            dq[at] = known + factor * result[r];
        }
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (parameters.queries + TILE - 1u) / TILE;
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
    // The number of keys that each query sees.
    var seen = vec4<u32>(there);
    var end = there;
    if parameters.causal != 0u {
        seen = min(seen, max(four(row + 1u + parameters.keys), vec4<u32>(parameters.queries)) - parameters.queries);
        let last = min(row0 + TILE, parameters.queries);
        end = min(there, max(last + parameters.keys, parameters.queries) - parameters.queries);
    }
    // A skipped head's rows are not there: its gradient is 0.
    if weight == 0.0 {
        end = 0u;
    }
    let lse = rows_lse(pair, row);
    let delta = rows_delta(pair, row);
    var result0 = mat4x4<f32>();
    var result1 = mat4x4<f32>();
    var result2 = mat4x4<f32>();
    var result3 = mat4x4<f32>();
    for (var key0 = 0u; key0 < end; key0 += TILE) {
        var scores = mat4x4<f32>();
        var products = mat4x4<f32>();
        for (var depth = 0u; depth < parameters.quads; depth += 4u) {
            put_sides(local, pair, row0, key0, there, depth);
            workgroupBarrier();
            scores = add_products(scores, 0u, min(4u, parameters.quads - depth), my_row, my_column);
            products = add_products(products, PRODUCT, min(4u, parameters.quads - depth), my_row, my_column);
            workgroupBarrier();
        }
        let key = four(key0 + 4u * my_column);
        let scale = parameters.scale;
        let p0 = select(vec4<f32>(), exp(scale * scores[0] - lse), vec4<u32>(key.x) < seen);
        let p1 = select(vec4<f32>(), exp(scale * scores[1] - lse), vec4<u32>(key.y) < seen);
        let p2 = select(vec4<f32>(), exp(scale * scores[2] - lse), vec4<u32>(key.z) < seen);
        let p3 = select(vec4<f32>(), exp(scale * scores[3] - lse), vec4<u32>(key.w) < seen);
        put_factors(my_row, my_column, mat4x4<f32>(
            p0 * (products[0] - delta),
            p1 * (products[1] - delta),
            p2 * (products[2] - delta),
            p3 * (products[3] - delta),
        ));
        let keys = min(TILE, end - key0);
        for (var chunk = 0u; chunk < keys; chunk += CHUNK) {
            let count = min(CHUNK, keys - chunk);
            for (var i = local; i < count * QUADS; i += INVOCATIONS) {
                stage[i] = load_k(pair, key0 + chunk + i / QUADS, there, i % QUADS);
            }
            workgroupBarrier();
            for (var j = 0u; j < count; j += 1u) {
                let f = factors[(chunk + j) * PITCH + my_row];
                let at = j * QUADS;
                result0 = outer(result0, f, stage[at + own_quad(my_column, 0u)]);
                if COLUMNS > 1u {
                    result1 = outer(result1, f, stage[at + own_quad(my_column, 1u)]);
                }
                if COLUMNS > 2u {
                    result2 = outer(result2, f, stage[at + own_quad(my_column, 2u)]);
                }
                if COLUMNS > 3u {
                    result3 = outer(result3, f, stage[at + own_quad(my_column, 3u)]);
                }
            }
            workgroupBarrier();
        }
    }
    let factor = weight * parameters.scale;
    store(pair, row, my_column, 0u, factor, result0);
    if COLUMNS > 1u {
        store(pair, row, my_column, 1u, factor, result1);
    }
    if COLUMNS > 2u {
        store(pair, row, my_column, 2u, factor, result2);
    }
    if COLUMNS > 3u {
        store(pair, row, my_column, 3u, factor, result3);
    }
}
