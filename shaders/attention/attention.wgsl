// o[i] = sum_j p[i,j] v[j], p[i,j] = exp(scale q[i] . k[j] - lse[i]), lse[i] = log sum_j exp(scale q[i] . k[j]) over the keys j that
// query i sees, for each head, f32. A query that sees none gets 0, and the largest number as its lse.
//
// A workgroup owns 32 queries of a head and walks the keys in tiles of 32, up to the last that one of its queries sees. It keeps the
// largest score and the sum of exponentials of each query, and scales what it has summed whenever the largest grows (Dao et al.
// 2022, arXiv 2205.14135). See shared/attention_tile.wgsl. Heads of weight 0 are left out.
// Grid: A * N * H * ceil(Tq / 32) workgroups, folded into x and y.
// Rounds: at most 93 for each 32 keys (scores 8 * 5, result 4 * 13), so 23,808 with 8,192 keys.
// Workgroup memory: 15 KiB.
// Bindings: 0 parameters, 1 q [A, N, Tq, H D], 2 k, 3 v [A, N, Tk, H D], with LENGTHS lengths [N], with GATE weights, o as q,
// lse [A, N, H, Tq].
// Consts: DIM = 16 32 48 64 80 96 112 128; LENGTHS = 0 1; GATE = 0 1

#import "shared/grid"
#import "shared/functions"
#import "shared/attention"
#import "shared/attention_tile"

@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
#if LENGTHS
#if GATE
@group(0) @binding(4) var<storage, read> lengths: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;
#else
@group(0) @binding(4) var<storage, read> lengths: array<u32>;
@group(0) @binding(5) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
#endif
#else
#if GATE
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
#else
@group(0) @binding(4) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
#endif
#endif

const LOWEST = -3.4028234e38;
const LARGEST = 3.4028234e38;

// [8 columns of invocations][8 groups of four rows].
var<workgroup> partial: array<vec4<f32>, 64>;

fn load_q(pair: u32, row: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.queries, min(row, parameters.queries - 1u)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), q[at], row < parameters.queries && quad < parameters.quads);
}

fn load_k(pair: u32, row: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.keys, min(row, parameters.keys - 1u)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), k[at], row < parameters.keys && quad < parameters.quads);
}

// Of keys that are not there 0, whatever they hold.
fn load_v(pair: u32, row: u32, there: u32, quad: u32) -> vec4<f32> {
    let at = row_place(pair, parameters.keys, min(row, parameters.keys - 1u)) + min(quad, parameters.quads - 1u);
    return select(vec4<f32>(), v[at], row < there && quad < parameters.quads);
}

fn largest_of(place: u32) -> vec4<f32> {
    let first = max(max(partial[place], partial[place + 8u]), max(partial[place + 16u], partial[place + 24u]));
    let second = max(max(partial[place + 32u], partial[place + 40u]), max(partial[place + 48u], partial[place + 56u]));
    return max(first, second);
}

fn sum_of(place: u32) -> vec4<f32> {
    let first = (partial[place] + partial[place + 8u]) + (partial[place + 16u] + partial[place + 24u]);
    let second = (partial[place + 32u] + partial[place + 40u]) + (partial[place + 48u] + partial[place + 56u]);
    return first + second;
}

fn rescaled(c: mat4x4<f32>, f: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(c[0] * f.x, c[1] * f.y, c[2] * f.z, c[3] * f.w);
}

fn store(pair: u32, row: u32, my_column: u32, column: u32, result: mat4x4<f32>) {
    let quad = my_column + 8u * column;
    for (var r = 0u; r < 4u; r += 1u) {
        if row + r < parameters.queries && quad < parameters.quads {
            o[row_place(pair, parameters.queries, row + r) + quad] = result[r];
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
#if GATE
    if weights[weight_place(pair)] == 0.0 {
        return;
    }
#endif
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
        // Query i sees i + 1 + keys - queries.
        seen = min(seen, max(four(row + 1u + parameters.keys), vec4<u32>(parameters.queries)) - parameters.queries);
        let last = min(row0 + TILE, parameters.queries);
        end = min(there, max(last + parameters.keys, parameters.queries) - parameters.queries);
    }
    var largest = vec4<f32>(LOWEST);
    var sum = vec4<f32>();
    var result0 = mat4x4<f32>();
    var result1 = mat4x4<f32>();
    var result2 = mat4x4<f32>();
    var result3 = mat4x4<f32>();
    let group = local % 32u / 4u;
    let quad = local % 4u;
    for (var key0 = 0u; key0 < end; key0 += TILE) {
        var scores = mat4x4<f32>();
        for (var depth = 0u; depth < QUADS; depth += 4u) {
            if local < 32u {
                let at = row0 + 4u * group;
                put(0u, group, quad, mat4x4<f32>(
                    load_q(pair, at, depth + quad),
                    load_q(pair, at + 1u, depth + quad),
                    load_q(pair, at + 2u, depth + quad),
                    load_q(pair, at + 3u, depth + quad),
                ));
            } else {
                let at = key0 + 4u * group;
                put(1u, group, quad, mat4x4<f32>(
                    load_k(pair, at, depth + quad),
                    load_k(pair, at + 1u, depth + quad),
                    load_k(pair, at + 2u, depth + quad),
                    load_k(pair, at + 3u, depth + quad),
                ));
            }
            workgroupBarrier();
            scores = add_products(scores, 0u, my_row, my_column);
            workgroupBarrier();
        }
        let key = four(key0 + 4u * my_column);
        let visible0 = vec4<u32>(key.x) < seen;
        let visible1 = vec4<u32>(key.y) < seen;
        let visible2 = vec4<u32>(key.z) < seen;
        let visible3 = vec4<u32>(key.w) < seen;
        let low = vec4<f32>(LOWEST);
        let score0 = select(low, parameters.scale * scores[0], visible0);
        let score1 = select(low, parameters.scale * scores[1], visible1);
        let score2 = select(low, parameters.scale * scores[2], visible2);
        let score3 = select(low, parameters.scale * scores[3], visible3);
        partial[my_column * 8u + my_row] = max(max(score0, score1), max(score2, score3));
        workgroupBarrier();
        let before = largest;
        largest = max(largest, largest_of(my_row));
        let shrunk = exp(before - largest);
        // Where a query has seen no key yet, what is hidden is as large as the largest.
        let p = mat4x4<f32>(
            select(vec4<f32>(), exp(score0 - largest), visible0),
            select(vec4<f32>(), exp(score1 - largest), visible1),
            select(vec4<f32>(), exp(score2 - largest), visible2),
            select(vec4<f32>(), exp(score3 - largest), visible3),
        );
        sum = sum * shrunk + ((p[0] + p[1]) + (p[2] + p[3]));
        put_factors(my_row, my_column, p);
        result0 = rescaled(result0, shrunk);
        if COLUMNS > 1u {
            result1 = rescaled(result1, shrunk);
        }
        if COLUMNS > 2u {
            result2 = rescaled(result2, shrunk);
        }
        if COLUMNS > 3u {
            result3 = rescaled(result3, shrunk);
        }
        for (var chunk = 0u; chunk < TILE; chunk += CHUNK) {
            for (var i = local; i < CHUNK * QUADS; i += INVOCATIONS) {
                stage[i] = load_v(pair, key0 + chunk + i / QUADS, there, i % QUADS);
            }
            workgroupBarrier();
            for (var j = 0u; j < CHUNK; j += 1u) {
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
    partial[my_column * 8u + my_row] = sum;
    workgroupBarrier();
    let total = sum_of(my_row);
    let sees = total > vec4<f32>();
    let share = select(vec4<f32>(), 1.0 / total, sees);
    if my_column == 0u {
        for (var r = 0u; r < 4u; r += 1u) {
            if row + r < parameters.queries {
                // A sum of at least 1: the largest score's exponential is one of its terms.
                let logarithm = largest[r] + natural_logarithm(max(total[r], 1.0));
                lse[pair * parameters.queries + row + r] = select(LARGEST, logarithm, sees[r]);
            }
        }
    }
    store(pair, row, my_column, 0u, rescaled(result0, share));
    if COLUMNS > 1u {
        store(pair, row, my_column, 1u, rescaled(result1, share));
    }
    if COLUMNS > 2u {
        store(pair, row, my_column, 2u, rescaled(result2, share));
    }
    if COLUMNS > 3u {
        store(pair, row, my_column, 3u, rescaled(result3, share));
    }
}
