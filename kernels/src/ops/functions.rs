//! The series of `shared/functions.wgsl`, for kernels on the CPU: the same numbers but for the rounding of fused
//! multiply-adds, and loops over them become vector code.

/// The natural logarithm of a normal, positive number: x = m 2^e, log m = 2 atanh((m - 1) / (m + 1)).
#[inline(always)]
pub(crate) fn natural_logarithm(x: f32) -> f32 {
    let bits = x.to_bits();
    let half = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let low = half < std::f32::consts::FRAC_1_SQRT_2;
    let m = if low { 2.0 * half } else { half };
    let e = ((bits >> 23) as i32 - 126 - i32::from(low)) as f32;
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    e * std::f32::consts::LN_2 + 2.0 * s * series
}

/// (cos, sin) of 2 pi t, t in [0, 1].
#[inline(always)]
pub(crate) fn cosine_and_sine_of_turns(t: f32) -> (f32, f32) {
    // Nearest quarter turn, and the angle from there in [-pi/4, pi/4].
    let quarter = (4.0 * t + 0.5).floor();
    let x = (4.0 * t - quarter) * std::f32::consts::FRAC_PI_2;
    let z = x * x;
    let sine = x * (1.0 - z / 6.0 * (1.0 - z / 20.0 * (1.0 - z / 42.0 * (1.0 - z / 72.0))));
    let cosine = 1.0 - z / 2.0 * (1.0 - z / 12.0 * (1.0 - z / 30.0 * (1.0 - z / 56.0 * (1.0 - z / 90.0))));
    let q = quarter as u32 & 3;
    let (c, s) = if q & 1 == 1 { (sine, cosine) } else { (cosine, sine) };
    (if q == 1 || q == 2 { -c } else { c }, if q >= 2 { -s } else { s })
}

/// exp(x), to a few units in the last place, as loops can be made vector code of; 0 where it is below the normal numbers. The
/// library's own is a call an element.
#[inline(always)]
pub(crate) fn exponential(x: f32) -> f32 {
    let y = exponential_up_to_88(if x > 88.0 { 88.0 } else { x });
    if x > 88.0 { f32::INFINITY } else { y }
}

/// exp(x) where x is at most 88: what a softmax needs of its differences.
///
/// x = n log 2 + r; e^r = 1 + r + r^2 q(r) with a polynomial q of degree 4, fitted for the smallest relative error (4e-9) on
/// |r| <= log(2) / 2; 2^n by its bits, which are 0 for the least n.
#[inline(always)]
pub(crate) fn exponential_up_to_88(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Written so that what is not a number stays so.
    let held = if x < -88.0 { -88.0 } else { x };
    let shifted = held.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, held));
    let series = [8.368_745e-3, 4.166_839e-2, 0.166_665_21, 0.499_999_94, 1.0, 1.0];
    let mantissa = series.iter().fold(1.381_454e-3, |sum, term| r.mul_add(sum, *term));
    mantissa * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// log(1 + y) for y in [0, 1]: 2 atanh(y / (2 + y)).
#[inline(always)]
pub(crate) fn logarithm_of_one_plus(y: f32) -> f32 {
    let s = y / (2.0 + y);
    let z = s * s;
    let terms = [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    2.0 * s * terms.iter().fold(1.0 / 15.0, |sum, term| z.mul_add(sum, *term))
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exponential(-x))
}

/// tanh(x): near 0 Lambert's continued fraction, elsewhere by the exponential, which would cancel there.
#[inline(always)]
pub(crate) fn hyperbolic_tangent(x: f32) -> f32 {
    let z = x * x;
    let above = z.mul_add(z.mul_add(21.0, 1260.0), 10_395.0);
    let below = z.mul_add(z.mul_add(z + 210.0, 4725.0), 10_395.0);
    let far = (1.0 - 2.0 / (1.0 + exponential(2.0 * x.abs()))).copysign(x);
    if x.abs() < 0.625 { x * above / below } else { far }
}

/// The normal distribution at `x`: (P(X <= x), its density), both to a few units in the last place of 1.
///
/// The upper tail is exp(-x^2 / 2) R(1 / (1 + 0.3 x)) with a polynomial R, fitted for the smallest relative error (6e-8) on
/// 0 <= x <= 14; beyond that the tail is 0 in f32.
#[inline(always)]
pub(crate) fn normal_distribution(x: f32) -> (f32, f32) {
    let u = x.abs();
    let t = 1.0 / (1.0 + 0.3 * u);
    let terms = [
        -0.169_166_64,
        0.228_661_09,
        -0.076_507_55,
        0.142_536_21,
        0.094_683_26,
        0.121_920_4,
        0.119_487_68,
        7.169_252e-6,
    ];
    let series = terms.iter().fold(0.038_378_403, |sum: f32, term| t.mul_add(sum, *term));
    let bell = exponential(-0.5 * u * u);
    let tail = bell * series;
    // 1 / sqrt(2 pi).
    (if x < 0.0 { tail } else { 1.0 - tail }, 0.398_942_3 * bell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_one() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            let error = (f64::from(exponential(x)) - exact).abs();
            assert!(error <= 2e-7 * exact, "exp {x}: error {error:e}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!([-1e9, f32::NEG_INFINITY].map(exponential), [0.0; 2]);
        assert_eq!(exponential(f32::INFINITY), f32::INFINITY);
        assert!(exponential(f32::NAN).is_nan());
    }

    /// P(X <= x) by Simpson's rule from 0.
    fn distribution(x: f64) -> f64 {
        let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let step = x / 1000.0;
        let pairs = (0..1000).map(|i| {
            let first = i as f64 * step;
            (density(first) + 4.0 * density(first + 0.5 * step) + density(first + step)) * step / 6.0
        });
        0.5 + pairs.sum::<f64>()
    }

    #[test]
    fn sigmoids_are_those_functions() {
        for i in -2000..=2000 {
            let x = i as f32 * 0.01;
            let wide = f64::from(x);
            let (below, density) = normal_distribution(x);
            assert!((f64::from(below) - distribution(wide)).abs() < 2e-7, "distribution at {x}: {below}");
            let exact = (-0.5 * wide * wide).exp() / std::f64::consts::TAU.sqrt();
            assert!((f64::from(density) - exact).abs() < 2e-7, "density at {x}: {density}");
            let exact = wide.tanh();
            assert!((f64::from(hyperbolic_tangent(x)) - exact).abs() <= 3e-7 * exact.abs(), "tanh {x}");
            let exact = 1.0 / (1.0 + (-wide).exp());
            assert!((f64::from(sigmoid(x)) - exact).abs() <= 4e-7 * exact, "sigmoid {x}");
            let y = (i + 2000) as f32 / 4000.0;
            let exact = f64::from(y).ln_1p();
            assert!((f64::from(logarithm_of_one_plus(y)) - exact).abs() <= 3e-7 * exact, "log 1 + {y}");
        }
        assert_eq!(
            [f32::NEG_INFINITY, -200.0, 200.0, f32::INFINITY].map(|x| normal_distribution(x).0),
            [0.0, 0.0, 1.0, 1.0]
        );
        assert_eq!([-1e9, 1e9].map(hyperbolic_tangent), [-1.0, 1.0]);
        assert_eq!([f32::NEG_INFINITY, f32::INFINITY].map(sigmoid), [0.0, 1.0]);
        assert!(hyperbolic_tangent(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn series_are_those_functions() {
        for i in 0..100_000u32 {
            let t = i as f32 / 100_000.0;
            let (c, s) = cosine_and_sine_of_turns(t);
            let (sine, cosine) = (f64::from(t) * std::f64::consts::TAU).sin_cos();
            assert!((f64::from(c) - cosine).abs() < 2e-7 && (f64::from(s) - sine).abs() < 2e-7, "{t}: {c} {s}");
            let x = (2 * i + 1) as f32 / (1 << 24) as f32 * 83.0;
            for x in [x, 1.0 - x / 100.0] {
                let exact = f64::from(x).ln();
                let error = (f64::from(natural_logarithm(x)) - exact).abs();
                assert!(error <= 3e-7 * exact.abs(), "log {x}: error {error:e}");
            }
        }
    }
}
