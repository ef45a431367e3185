// y = random numbers as a function of (seed, site, step, index), f32. The step is clock[0].
//
// DISTRIBUTION: 0 uniform in (0, 1), 1 normal, 2 Gumbel, 3 exponential: an invocation makes four elements of one Philox
// block with counter (index / 4, step, site, 0).
// DISTRIBUTION: 4 Dirichlet of concentration 1 (normalised exponentials), 5 Dirichlet of any concentration (normalised
// gammas after Marsaglia and Tsang 2000, in logarithms; at most 16 tries, after which the gamma's mode stands: one in
// 10^20): an invocation makes a row of `width` elements, counter (index, step, site, try).
// Grid: ceil(len / 1024) or ceil(len / width / 256), folded into x and y.
// Rounds: 2 width for DISTRIBUTION 4; 3 width and a round a try, so at most 19 width, for 5.
// Bindings: 0 parameters, 1 clock [2] (u32), 2 y [len].
// Consts: DISTRIBUTION = 0 1 2 3 4 5

#import "shared/grid"
#import "shared/draws"

struct Parameters {
    len: u32,
    seed_low: u32,
    seed_high: u32,
    site: u32,
    width: u32,
    concentration: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn bits_at(index: u32, block: u32) -> vec4<u32> {
    let counter = vec4<u32>(index, clock[0], parameters.site, block);
    return philox4x32_10(counter, vec2<u32>(parameters.seed_low, parameters.seed_high));
}

fn four(bits: vec4<u32>) -> vec4<f32> {
#if DISTRIBUTION == 1
    return vec4<f32>(normals_of(bits.x, bits.y), normals_of(bits.z, bits.w));
#endif
#if DISTRIBUTION == 2
    return vec4<f32>(gumbel_of(bits.x), gumbel_of(bits.y), gumbel_of(bits.z), gumbel_of(bits.w));
#endif
#if DISTRIBUTION == 3
    return vec4<f32>(exponential_of(bits.x), exponential_of(bits.y), exponential_of(bits.z), exponential_of(bits.w));
#endif
    return vec4<f32>(uniform_of(bits.x), uniform_of(bits.y), uniform_of(bits.z), uniform_of(bits.w));
}

// The logarithm of a gamma variate of the row's concentration.
fn log_gamma(index: u32) -> f32 {
    // Below 1, a gamma of concentration + 1 is scaled by uniform^(1 / concentration).
    let boost = parameters.concentration < 1.0;
    let d = parameters.concentration + select(0.0, 1.0, boost) - 1.0 / 3.0;
    let c = 1.0 / sqrt(9.0 * d);
    var result = natural_logarithm(d);
    if boost {
        // The fourth word of block 0 serves no try.
        result -= exponential_of(bits_at(index, 0u).w) / parameters.concentration;
    }
    for (var attempt = 0u; attempt < 16u; attempt++) {
        let bits = bits_at(index, attempt);
        let x = normals_of(bits.x, bits.y).x;
        let root = 1.0 + c * x;
        if root > 0.0 {
            let log_v = 3.0 * natural_logarithm(root);
            let v = root * root * root;
            if -exponential_of(bits.z) < 0.5 * x * x + d * (1.0 - v + log_v) {
                return result + log_v;
            }
        }
    }
    return result;
}

fn row(first: u32) {
    let width = parameters.width;
#if DISTRIBUTION == 4
    var sum = 0.0;
    for (var k = 0u; k < width; k++) {
        let value = exponential_of(bits_at(first + k, 0u).x);
        y[first + k] = value;
        sum += value;
    }
#else
    var largest = -3.0e38;
    for (var k = 0u; k < width; k++) {
        let value = log_gamma(first + k);
        y[first + k] = value;
        largest = max(largest, value);
    }
    var sum = 0.0;
    for (var k = 0u; k < width; k++) {
        let value = exp(y[first + k] - largest);
        y[first + k] = value;
        sum += value;
    }
#endif
    for (var k = 0u; k < width; k++) {
        y[first + k] = y[first + k] / sum;
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_invocation(workgroup, groups, local, 256u);
    let len = parameters.len;
    if parameters.width > 0u {
        if i < len / parameters.width {
            row(i * parameters.width);
        }
        return;
    }
    // `i` may pass the end by less than a row of the grid; the subtraction keeps 4 * i from wrapping.
    if i > (len - 1u) / 4u {
        return;
    }
    let value = four(bits_at(i, 0u));
    let at = 4u * i;
    y[at] = value.x;
    if len - at > 1u {
        y[at + 1u] = value.y;
    }
    if len - at > 2u {
        y[at + 2u] = value.z;
    }
    if len - at > 3u {
        y[at + 3u] = value.w;
    }
}
