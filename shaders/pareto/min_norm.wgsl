// weights = argmin |sum_i weights_i v_i|^2 over the simplex, from the Gram matrix of the rows g_i, f32, by Frank and
// Wolfe's method (Sener and Koltun 2018): v_i = g_i, or g_i / |g_i| with NORMALISE (0 for g_i = 0).
// coefficients: sum_i coefficients_i g_i is the combination; norm: its squared length in terms of v.
//
// Starts from the best pair of rows, then moves towards the row with the smallest inner product, at most 250 times and
// until the weights change by less than 1e-5 in sum. Two rows end at the pair, one row weighs 1.
// One workgroup; an invocation computes the inner product of one row, the first decides. Grid: 1.
// Rounds: 250 (1 + 3 rows) + 5 rows, at most 24,410 with 32 rows.
// Bindings: 0 parameters, 1 gram [rows, rows], 2 coefficients [rows], 3 weights [rows], 4 norm [1].
// Consts: NORMALISE = 0 1

struct Parameters {
    rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gram: array<f32>;
@group(0) @binding(2) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>;

var<workgroup> matrix: array<f32, 1024>;
var<workgroup> scale: array<f32, 32>;
var<workgroup> gamma: array<f32, 32>;
var<workgroup> products: array<f32, 32>;
var<workgroup> pair_cost: array<f32, 32>;
var<workgroup> pair_gamma: array<f32, 32>;
var<workgroup> pair_other: array<u32, 32>;
var<workgroup> done: u32;

// (weight of the first, squared length) of the shortest combination of two vectors with these inner products.
fn line(v11: f32, v12: f32, v22: f32) -> vec2<f32> {
    if v12 >= v11 {
        return vec2<f32>(0.999, v11);
    }
    if v12 >= v22 {
        return vec2<f32>(0.001, v22);
    }
    let first = (v22 - v12) / ((v11 - v12) + (v22 - v12));
    return vec2<f32>(first, v22 + first * (v12 - v22));
}

@compute @workgroup_size(32)
fn main(@builtin(local_invocation_index) local: u32) {
    let rows = parameters.rows;
    if local < rows {
        let square = gram[local * rows + local];
        scale[local] = 1.0;
#if NORMALISE
        if square > 0.0 {
            scale[local] = 1.0 / sqrt(square);
        } else {
            scale[local] = 0.0;
        }
#endif
        gamma[local] = 0.0;
    }
    workgroupBarrier();
    if local < rows {
        for (var j = 0u; j < rows; j++) {
            // One factor after the other: the product of two scales may overflow.
            matrix[local * 32u + j] = gram[local * rows + j] * scale[local] * scale[j];
        }
    }
    workgroupBarrier();
    if local + 1u < rows {
        var best = line(matrix[local * 33u], matrix[local * 33u + 1u], matrix[(local + 1u) * 33u]);
        var other = local + 1u;
        for (var j = local + 2u; j < rows; j++) {
            let pair = line(matrix[local * 33u], matrix[local * 32u + j], matrix[j * 33u]);
            if pair.y < best.y {
                best = pair;
                other = j;
            }
        }
        pair_cost[local] = best.y;
        pair_gamma[local] = best.x;
        pair_other[local] = other;
    }
    workgroupBarrier();
    if local == 0u {
        if rows == 1u {
            gamma[0] = 1.0;
        } else {
            var best = 0u;
            for (var i = 1u; i + 1u < rows; i++) {
                if pair_cost[i] < pair_cost[best] {
                    best = i;
                }
            }
            gamma[best] = pair_gamma[best];
            gamma[pair_other[best]] = 1.0 - pair_gamma[best];
        }
    }
    workgroupBarrier();
    if rows > 2u {
        for (var iteration = 0u; iteration < 250u; iteration++) {
            if local < rows {
                var sum = 0.0;
                for (var j = 0u; j < rows; j++) {
                    sum += matrix[local * 32u + j] * gamma[j];
                }
                products[local] = sum;
            }
            workgroupBarrier();
            if local == 0u {
                var t = 0u;
                var v11 = 0.0;
                for (var i = 0u; i < rows; i++) {
                    if products[i] < products[t] {
                        t = i;
                    }
                    v11 += gamma[i] * products[i];
                }
                let keep = line(v11, products[t], matrix[t * 33u]).x;
                var change = 0.0;
                for (var i = 0u; i < rows; i++) {
                    let next = keep * gamma[i] + select(0.0, 1.0 - keep, i == t);
                    change += abs(next - gamma[i]);
                    gamma[i] = next;
                }
                done = select(0u, 1u, change < 1e-5);
            }
            if workgroupUniformLoad(&done) != 0u {
                break;
            }
        }
    }
    if local < rows {
        var sum = 0.0;
        for (var j = 0u; j < rows; j++) {
            sum += matrix[local * 32u + j] * gamma[j];
        }
        products[local] = sum;
        weights[local] = gamma[local];
        coefficients[local] = gamma[local] * scale[local];
    }
    workgroupBarrier();
    if local == 0u {
        var square = 0.0;
        for (var i = 0u; i < rows; i++) {
            square += gamma[i] * products[i];
        }
        norm[0] = max(square, 0.0);
    }
}
