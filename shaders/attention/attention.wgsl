// o[i] = sum_j p[i,j] v[j], p[i,j] = exp(scale q[i] . k[j] - lse[i]), lse[i] = log sum_j exp(scale q[i] . k[j]) over the keys j that
// query i sees, for each head, f32. A query that sees none gets 0, and the largest number as its lse.
//
// A workgroup owns 32 ROWS queries of a head and walks the keys in tiles of 32, up to the last that one of its queries sees. It keeps
// the largest score and the sum of exponentials of each query, and scales what it has summed whenever the largest grows (Dao
// et al. 2022, arXiv 2205.14135). See shared/attention_tile.wgsl. Heads of weight 0 are left out.
// Grid: A * N * H * ceil(Tq / (32 ROWS)) workgroups, folded into x and y.
// Rounds: at most 237 for each 32 keys (scores 8 * 23, result 4 * 13), so 60,672 with 8,192 keys.
// Workgroup memory: (416 + 544) * 16 bytes with ROWS = 2.
// Bindings: 0 parameters, 1 q [A, N, Tq, H D], 2 k, 3 v [A, N, Tk, H D], with LENGTHS lengths [N], with GATE weights, o as q,
// lse [A, N, H, Tq].
// Consts: DIM = 16 32 48 64 80 96 112 128; ROWS = 1 2; LENGTHS = 0 1; GATE = 0 1

#import "shared/grid"
#import "shared/functions"
#import "shared/attention"
#import "shared/attention_tile"

const PRODUCTS = 1u;

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

// The largest of what the eight columns of invocations have staged at `place`.
fn largest_of(place: u32) -> vec4<f32> {
    let first = max(max(stage[place], stage[place + 8u]), max(stage[place + 16u], stage[place + 24u]));
    let second = max(max(stage[place + 32u], stage[place + 40u]), max(stage[place + 48u], stage[place + 56u]));
    return max(first, second);
}

fn sum_of(place: u32) -> vec4<f32> {
    let first = (stage[place] + stage[place + 8u]) + (stage[place + 16u] + stage[place + 24u]);
    let second = (stage[place + 32u] + stage[place + 40u]) + (stage[place + 48u] + stage[place + 56u]);
    return first + second;
}

// The number of keys that each of four queries sees.
fn seen_by(row: u32, there: u32) -> vec4<u32> {
    if parameters.causal == 0u {
        return vec4<u32>(there);
    }
    // Query i sees i + 1 + keys - queries.
    let seen = max(four(row + 1u + parameters.keys), vec4<u32>(parameters.queries)) - parameters.queries;
    return min(seen, vec4<u32>(there));
}

// Scores of four keys from `key` on, those of hidden keys as low as can be.
fn masked(scores: mat4x4<f32>, key: u32, seen: vec4<u32>) -> mat4x4<f32> {
    let low = vec4<f32>(LOWEST);
    return mat4x4<f32>(
        select(low, parameters.scale * scores[0], vec4<u32>(key) < seen),
        select(low, parameters.scale * scores[1], vec4<u32>(key + 1u) < seen),
        select(low, parameters.scale * scores[2], vec4<u32>(key + 2u) < seen),
        select(low, parameters.scale * scores[3], vec4<u32>(key + 3u) < seen),
    );
}

fn largest_in(scores: mat4x4<f32>) -> vec4<f32> {
    return max(max(scores[0], scores[1]), max(scores[2], scores[3]));
}

// exp(score - largest). Where a query has seen no key yet, a hidden score is as large as the largest.
fn exponential(score: vec4<f32>, largest: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(), exp(score - largest), score > vec4<f32>(LOWEST));
}

fn exponentials(scores: mat4x4<f32>, largest: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        exponential(scores[0], largest),
        exponential(scores[1], largest),
        exponential(scores[2], largest),
        exponential(scores[3], largest),
    );
}

fn sum_in(p: mat4x4<f32>) -> vec4<f32> {
    return (p[0] + p[1]) + (p[2] + p[3]);
}

fn rescaled(c: mat4x4<f32>, f: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(c[0] * f.x, c[1] * f.y, c[2] * f.z, c[3] * f.w);
}

fn store(pair: u32, row: u32, quad: u32, result: mat4x4<f32>) {
    for (var r = 0u; r < 4u; r += 1u) {
        if row + r < parameters.queries && quad < parameters.quads {
            o[row_place(pair, parameters.queries, row + r) + quad] = result[r];
        }
    }
}

fn store_lse(pair: u32, row: u32, largest: vec4<f32>, total: vec4<f32>) {
    for (var r = 0u; r < 4u; r += 1u) {
        if row + r < parameters.queries {
            // A sum of at least 1: the largest score's exponential is one of its terms.
            let logarithm = largest[r] + natural_logarithm(max(total[r], 1.0));
            lse[pair * parameters.queries + row + r] = select(LARGEST, logarithm, total[r] > 0.0);
        }
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (parameters.queries + ROW_TILE - 1u) / ROW_TILE;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.batch * parameters.heads * tiles {
        return;
    }
    let pair = flat / tiles;
    let row0 = flat % tiles * ROW_TILE;
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
    var end = there;
    if parameters.causal != 0u {
        let last = min(row0 + ROW_TILE, parameters.queries);
        end = min(there, max(last + parameters.keys, parameters.queries) - parameters.queries);
    }
    let seen = seen_by(row, there);
    var largest = vec4<f32>(LOWEST);
    var sum = vec4<f32>();
    var result0 = mat4x4<f32>();
    var result1 = mat4x4<f32>();
    var result2 = mat4x4<f32>();
    var result3 = mat4x4<f32>();
#if ROWS == 2
    // The same of four more rows.
    let more_seen = seen_by(row + 32u, there);
    var more_largest = vec4<f32>(LOWEST);
    var more_sum = vec4<f32>();
    var more0 = mat4x4<f32>();
    var more1 = mat4x4<f32>();
    var more2 = mat4x4<f32>();
    var more3 = mat4x4<f32>();
#endif
    for (var key0 = 0u; key0 < end; key0 += TILE) {
        var scores = mat4x4<f32>();
#if ROWS == 2
        var more_scores = mat4x4<f32>();
#endif
        for (var depth = 0u; depth < parameters.quads; depth += 4u) {
            for (var i = local; i < 4u * (ROW_TILE + TILE); i += INVOCATIONS) {
                let quad = i % 4u;
                if i < 4u * ROW_TILE {
                    put(0u, ROW_PITCH, i / 4u, quad, load_q(pair, row0 + i / 4u, depth + quad));
                } else {
                    let column = i / 4u - ROW_TILE;
                    put(COLUMN_SIDE, PITCH, column, quad, load_k(pair, key0 + column, depth + quad));
                }
            }
            workgroupBarrier();
            let depths = 4u * min(4u, parameters.quads - depth);
            for (var at = 0u; at < depths; at += 1u) {
                let column = stage[COLUMN_SIDE + at * PITCH + my_column];
                scores = outer(scores, column, stage[at * ROW_PITCH + my_row]);
#if ROWS == 2
                more_scores = outer(more_scores, column, stage[at * ROW_PITCH + my_row + 8u]);
#endif
            }
            workgroupBarrier();
        }
        let key = key0 + 4u * my_column;
        scores = masked(scores, key, seen);
        stage[my_column * 8u + my_row] = largest_in(scores);
#if ROWS == 2
        more_scores = masked(more_scores, key, more_seen);
        stage[64u + my_column * 8u + my_row] = largest_in(more_scores);
#endif
        workgroupBarrier();
        let before = largest;
        largest = max(largest, largest_of(my_row));
        let shrunk = exp(before - largest);
        scores = exponentials(scores, largest);
        sum = sum * shrunk + sum_in(scores);
        put_factors(my_row, my_column, scores);
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
#if ROWS == 2
        let more_before = more_largest;
        more_largest = max(more_largest, largest_of(64u + my_row));
        let more_shrunk = exp(more_before - more_largest);
        more_scores = exponentials(more_scores, more_largest);
        more_sum = more_sum * more_shrunk + sum_in(more_scores);
        put_factors(my_row + 8u, my_column, more_scores);
        more0 = rescaled(more0, more_shrunk);
        if COLUMNS > 1u {
            more1 = rescaled(more1, more_shrunk);
        }
        if COLUMNS > 2u {
            more2 = rescaled(more2, more_shrunk);
        }
        if COLUMNS > 3u {
            more3 = rescaled(more3, more_shrunk);
        }
#endif
        // What is staged next must not overwrite what is still to be compared.
        workgroupBarrier();
        let keys = min(TILE, end - key0);
        for (var chunk = 0u; chunk < keys; chunk += CHUNK) {
            let count = min(CHUNK, keys - chunk);
            for (var i = local; i < count * QUADS; i += INVOCATIONS) {
                stage[i] = load_v(pair, key0 + chunk + i / QUADS, there, i % QUADS);
            }
            workgroupBarrier();
            for (var j = 0u; j < count; j += 1u) {
                let at = j * QUADS;
                let f = factors[(chunk + j) * ROW_PITCH + my_row];
                let x0 = stage[at + own_quad(my_column, 0u)];
                result0 = outer(result0, f, x0);
#if ROWS == 2
                let more_f = factors[(chunk + j) * ROW_PITCH + my_row + 8u];
                more0 = outer(more0, more_f, x0);
#endif
                if COLUMNS > 1u {
                    let x1 = stage[at + own_quad(my_column, 1u)];
                    result1 = outer(result1, f, x1);
#if ROWS == 2
                    more1 = outer(more1, more_f, x1);
#endif
                }
                if COLUMNS > 2u {
                    let x2 = stage[at + own_quad(my_column, 2u)];
                    result2 = outer(result2, f, x2);
#if ROWS == 2
                    more2 = outer(more2, more_f, x2);
#endif
                }
                if COLUMNS > 3u {
                    let x3 = stage[at + own_quad(my_column, 3u)];
                    result3 = outer(result3, f, x3);
#if ROWS == 2
                    more3 = outer(more3, more_f, x3);
#endif
                }
            }
            workgroupBarrier();
        }
    }
    stage[my_column * 8u + my_row] = sum;
#if ROWS == 2
    stage[64u + my_column * 8u + my_row] = more_sum;
#endif
    workgroupBarrier();
    let total = sum_of(my_row);
    let share = select(vec4<f32>(), 1.0 / total, total > vec4<f32>());
    if my_column == 0u {
        store_lse(pair, row, largest, total);
    }
    store(pair, row, my_column, rescaled(result0, share));
    if COLUMNS > 1u {
        store(pair, row, my_column + 8u, rescaled(result1, share));
    }
    if COLUMNS > 2u {
        store(pair, row, my_column + 16u, rescaled(result2, share));
    }
    if COLUMNS > 3u {
        store(pair, row, my_column + 24u, rescaled(result3, share));
    }
#if ROWS == 2
    let more_total = sum_of(64u + my_row);
    let more_share = select(vec4<f32>(), 1.0 / more_total, more_total > vec4<f32>());
    if my_column == 0u {
        store_lse(pair, row + 32u, more_largest, more_total);
    }
    store(pair, row + 32u, my_column, rescaled(more0, more_share));
    if COLUMNS > 1u {
        store(pair, row + 32u, my_column + 8u, rescaled(more1, more_share));
    }
    if COLUMNS > 2u {
        store(pair, row + 32u, my_column + 16u, rescaled(more2, more_share));
    }
    if COLUMNS > 3u {
        store(pair, row + 32u, my_column + 24u, rescaled(more3, more_share));
    }
#endif
}
