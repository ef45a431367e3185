// Logarithm, sine, cosine and the normal distribution to a few units in the last place, from +, *, / alone. WGSL grants its own an absolute
// error of 2^-21 near log(1) and 2^-11 for sin and cos: a logarithm of a uniform number could then be positive.
// The CPU kernels compute the same series (`functions.rs`).

// The natural logarithm of a normal, positive number: x = m 2^e, log m = 2 atanh((m - 1) / (m + 1)).
fn natural_logarithm(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let half = bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u);
    let low = half < 0.70710678;
    let m = select(half, 2.0 * half, low);
    let e = f32(i32(bits >> 23u) - 126 - select(0, 1, low));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    return e * 0.69314718 + 2.0 * s * series;
}

// (cos, sin) of 2 pi t, t in [0, 1].
fn cosine_and_sine_of_turns(t: f32) -> vec2<f32> {
    // Nearest quarter turn, and the angle from there in [-pi/4, pi/4].
    let quarter = floor(4.0 * t + 0.5);
    let x = (4.0 * t - quarter) * 1.57079633;
    let z = x * x;
    let sine = x * (1.0 - z / 6.0 * (1.0 - z / 20.0 * (1.0 - z / 42.0 * (1.0 - z / 72.0))));
    let cosine = 1.0 - z / 2.0 * (1.0 - z / 12.0 * (1.0 - z / 30.0 * (1.0 - z / 56.0 * (1.0 - z / 90.0))));
    let q = u32(quarter) & 3u;
    let swap = (q & 1u) == 1u;
    let c = select(cosine, sine, swap);
    let s = select(sine, cosine, swap);
    return vec2<f32>(select(c, -c, q == 1u || q == 2u), select(s, -s, q >= 2u));
}

// 1 - exp(x) for x <= 0, without cancellation near 0.
fn one_minus_exponential(x: f32) -> f32 {
    let series =
        1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)))));
    return select(1.0 - exp(x), -x * series, x > -0.5);
}

// The normal distribution at x: (P(X <= x), its density). The upper tail is exp(-x^2 / 2) R(1 / (1 + 0.3 x)), R fitted for
// the smallest relative error (6e-8) on 0 <= x <= 14; beyond that the tail is 0 in f32.
fn normal_distribution(x: f32) -> vec2<f32> {
    let u = min(abs(x), 20.0);
    let t = 1.0 / (1.0 + 0.3 * u);
    var series = 0.038378403;
    series = series * t - 0.16916664;
    series = series * t + 0.22866109;
    series = series * t - 0.07650755;
    series = series * t + 0.14253621;
    series = series * t + 0.09468326;
    series = series * t + 0.1219204;
    series = series * t + 0.11948768;
    series = series * t + 7.169252e-6;
    // The exponential's argument has an error that grows with it, where the tail is as good as 0.
    let bell = exp(-0.5 * u * u);
    let tail = bell * series;
    return vec2<f32>(select(1.0 - tail, tail, x < 0.0), 0.3989423 * bell);
}
