// o[i] = sum_j p[i,j] v[j], p[i,j] = exp(scale q[i] . k[j] - lse[i]), lse[i] = log sum_j exp(scale q[i] . k[j]) over the keys j that
// query i sees, for each head, f32. A query that sees none gets 0, and the largest number as its lse.
//
// A subgroup of 8, which is the workgroup, owns 16 queries of a head: each invocation two, with their results in registers. It walks the
// keys by eights, up to the last that one of its queries sees: each invocation loads one key, then one value, and broadcasts it to the
// others when its turn has come, so that nothing passes through workgroup memory and no query waits for another's sum. What has been
// summed is scaled whenever the largest score grows (Dao et al. 2022, arXiv 2205.14135). Heads of weight 0 are left out.
// Grid: A * N * H * ceil(Tq / 16) workgroups, folded into x and y.
// Rounds: at most 33 for each 8 keys, so 33,792 with 8,192 keys.
// Needs: subgroups of 8.
// Bindings: 0 parameters, 1 q [A, N, Tq, H D], 2 k, 3 v [A, N, Tk, H D], with LENGTHS lengths [N], with GATE weights, o as q,
// lse [A, N, H, Tq].
// Consts: DIM = 16 32 48 64 80 96 112 128; LENGTHS = 0 1; GATE = 0 1

#import "shared/grid"
#import "shared/functions"
#import "shared/attention"

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
const QUADS = DIM / 4u;

// The scores of eight keys, or their factors.
alias Eight = mat2x4<f32>;

// What is known of a query so far.
struct Query {
    largest: f32,
    sum: f32,
    // What is summed already is to be multiplied by it.
    shrunk: f32,
    factors: Eight,
}

// The number of keys that a query sees.
fn seen_by(row: u32, there: u32) -> u32 {
    // Query i sees i + 1 + keys - queries.
    let seen = max(row + 1u + parameters.keys, parameters.queries) - parameters.queries;
    return select(there, min(seen, there), parameters.causal != 0u);
}

// A score of keys that are hidden is as low as can be; so is the largest where a query has seen no key yet.
fn exponential(scores: vec4<f32>, largest: f32) -> vec4<f32> {
    return select(vec4<f32>(), exp(scores - largest), scores > vec4<f32>(LOWEST));
}

// Takes the scores of the keys from `key` on.
fn taken(before: Query, products: Eight, key: u32, seen: u32) -> Query {
    let keys = vec4<u32>(key, key + 1u, key + 2u, key + 3u);
    let first = select(vec4<f32>(LOWEST), parameters.scale * products[0], keys < vec4<u32>(seen));
    let second = select(vec4<f32>(LOWEST), parameters.scale * products[1], keys + 4u < vec4<u32>(seen));
    let both = max(first, second);
    let largest = max(before.largest, max(max(both.x, both.y), max(both.z, both.w)));
    let shrunk = exp(before.largest - largest);
    let factors = Eight(exponential(first, largest), exponential(second, largest));
    let sums = factors[0] + factors[1];
    return Query(largest, before.sum * shrunk + ((sums.x + sums.y) + (sums.z + sums.w)), shrunk, factors);
}

// sum + factors * the values of eight keys, which the invocations hold.
fn mixed(before: vec4<f32>, factors: Eight, value: vec4<f32>) -> vec4<f32> {
    var sum = before;
#repeat LANE 8
    sum = fma(vec4<f32>(factors[LANE / 4u][LANE % 4u]), subgroupBroadcast(value, LANE), sum);
#end
    return sum;
}

// Writes the lse of a query that is there, and returns what its result is to be multiplied by.
fn finished(row: u32, pair: u32, query: Query) -> f32 {
    if row >= parameters.queries {
        return 0.0;
    }
    // A sum of at least 1: the largest score's exponential is one of its terms.
    let logarithm = query.largest + natural_logarithm(max(query.sum, 1.0));
    lse[pair * parameters.queries + row] = select(LARGEST, logarithm, query.sum > 0.0);
    return select(0.0, 1.0 / query.sum, query.sum > 0.0);
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (parameters.queries + 15u) / 16u;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.batch * parameters.heads * tiles {
        return;
    }
    let pair = flat / tiles;
    let row0 = (flat - pair * tiles) * 16u;
#if GATE
    if weights[weight_place(pair)] == 0.0 {
        return;
    }
#endif
    var there = parameters.keys;
#if LENGTHS
    there = min(there, lengths[pair / parameters.heads % parameters.batch]);
#endif
    let row_a = row0 + lane;
    let row_b = row_a + 8u;
    let place_a = row_place(pair, parameters.queries, min(row_a, parameters.queries - 1u));
    let place_b = row_place(pair, parameters.queries, min(row_b, parameters.queries - 1u));
    let seen_a = seen_by(row_a, there);
    let seen_b = seen_by(row_b, there);
    let end = seen_by(min(row0 + 16u, parameters.queries) - 1u, there);
    var a = Query(LOWEST, 0.0, 1.0, Eight());
    var b = a;
    var results_a: array<vec4<f32>, QUADS>;
    var results_b: array<vec4<f32>, QUADS>;
#repeat QUAD 32
    if QUAD < QUADS {
        results_a[min(QUAD, QUADS - 1u)] = vec4<f32>();
        results_b[min(QUAD, QUADS - 1u)] = vec4<f32>();
    }
#end
    for (var key0 = 0u; key0 < end; key0 += 8u) {
        let own = row_place(pair, parameters.keys, min(key0 + lane, parameters.keys - 1u));
        let is_there = key0 + lane < there;
        var products_a = Eight();
        var products_b = Eight();
        for (var quad = 0u; quad < parameters.quads; quad += 1u) {
            let key = k[own + quad];
            let query_a = q[place_a + quad];
            let query_b = q[place_b + quad];
#repeat LANE 8
            {
                let other = subgroupBroadcast(key, LANE);
                products_a[LANE / 4u][LANE % 4u] += dot(query_a, other);
                products_b[LANE / 4u][LANE % 4u] += dot(query_b, other);
            }
#end
        }
        a = taken(a, products_a, key0, seen_a);
        b = taken(b, products_b, key0, seen_b);
#repeat QUAD 32
        if QUAD < QUADS {
            // Of values that are not there 0, whatever they hold.
            let value = select(vec4<f32>(), v[own + min(QUAD, parameters.quads - 1u)], is_there);
            results_a[min(QUAD, QUADS - 1u)] = mixed(results_a[min(QUAD, QUADS - 1u)] * a.shrunk, a.factors, value);
            results_b[min(QUAD, QUADS - 1u)] = mixed(results_b[min(QUAD, QUADS - 1u)] * b.shrunk, b.factors, value);
        }
#end
    }
    let share_a = finished(row_a, pair, a);
    let share_b = finished(row_b, pair, b);
#repeat QUAD 32
    if QUAD < QUADS && QUAD < parameters.quads {
        if row_a < parameters.queries {
            o[place_a + QUAD] = results_a[min(QUAD, QUADS - 1u)] * share_a;
        }
        if row_b < parameters.queries {
            o[place_b + QUAD] = results_b[min(QUAD, QUADS - 1u)] * share_b;
        }
    }
#end
}
