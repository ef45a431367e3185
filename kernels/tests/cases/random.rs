//! Random numbers, and the clock that they are a function of.

use parnas_kernels::ops::{Distribution, Random, Tick};

use crate::reference::random::random;
use crate::support::{ODD, bits, devices, run};

fn draw(facts: &parnas_kernels::DeviceFacts, kernel: &Random, step: u32) -> Vec<f32> {
    run(facts, kernel.clone(), &[bits(&[step, 0]), vec![f32::NAN; kernel.len]]).remove(0)
}

fn random_of(distribution: Distribution, len: usize) -> Random {
    Random { distribution, len, seed: 0x0123_4567_89ab_cdef, site: 7 }
}

#[test]
fn uniforms_are_the_same_bits_everywhere() {
    for facts in devices() {
        for len in ODD.into_iter().chain([2, 4, 5000]) {
            for step in [0, 0xffff_fffe] {
                let kernel = random_of(Distribution::Uniform, len);
                let expected: Vec<f32> = random(&kernel, step).into_iter().map(|y| y as f32).collect();
                assert_eq!(draw(&facts, &kernel, step), expected, "{len} at step {step} on {}", facts.selector);
            }
        }
    }
}

#[test]
fn distributions_agree_with_the_reference() {
    let dirichlet = |width, concentration| Distribution::Dirichlet { width, concentration };
    for facts in devices() {
        for distribution in [
            Distribution::Normal,
            Distribution::Gumbel,
            Distribution::Exponential,
            dirichlet(1, 2.0),
            dirichlet(3, 1.0),
            dirichlet(5, 0.3),
            dirichlet(31, 2.5),
        ] {
            let len =
                if let Distribution::Dirichlet { width, .. } = distribution { 401 * width as usize } else { 4099 };
            let kernel = random_of(distribution, len);
            let got = draw(&facts, &kernel, 3);
            for (index, (got, exact)) in got.iter().zip(random(&kernel, 3)).enumerate() {
                let error = (f64::from(*got) - exact).abs();
                let what = format!("{distribution:?}[{index}] on {}", facts.selector);
                assert!(error <= 4e-6 * exact.abs().max(0.5), "{what}: got {got}, expected {exact}");
            }
        }
    }
}

/// A million numbers have the moments of their distribution, within five standard errors, and all are finite.
#[test]
fn moments_are_right() {
    let euler = 0.577_215_664_9;
    let pi = std::f64::consts::PI;
    for facts in devices() {
        for (distribution, mean, variance) in [
            (Distribution::Uniform, 0.5, 1.0 / 12.0),
            (Distribution::Normal, 0.0, 1.0),
            (Distribution::Gumbel, euler, pi * pi / 6.0),
            (Distribution::Exponential, 1.0, 1.0),
        ] {
            let len = 1_000_000;
            let y = draw(&facts, &random_of(distribution, len), 11);
            let what = format!("{distribution:?} on {}", facts.selector);
            assert!(y.iter().all(|y| y.is_finite()), "{what}: not finite");
            let positive = matches!(distribution, Distribution::Uniform | Distribution::Exponential);
            assert!(!positive || y.iter().all(|y| *y > 0.0), "{what}: not positive");
            assert!(distribution != Distribution::Uniform || y.iter().all(|y| *y < 1.0), "{what}: reaches 1");
            check_moments(&what, &y, mean, variance);
        }
    }
}

/// The mean of `y`, and its variance, within five standard errors (of the variance: as for a kurtosis of 9).
fn check_moments(what: &str, y: &[f32], mean: f64, variance: f64) {
    let n = y.len() as f64;
    let got = y.iter().map(|y| f64::from(*y)).sum::<f64>() / n;
    let spread = y.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / n;
    assert!((got - mean).abs() < 5.0 * (variance / n).sqrt(), "{what}: mean {got}, expected {mean}");
    assert!((spread - variance).abs() < 5.0 * variance * (8.0 / n).sqrt(), "{what}: variance {spread}, not {variance}");
}

#[test]
fn dirichlet_rows_lie_on_the_simplex() {
    for facts in devices() {
        for (width, concentration) in [(2, 1.0), (3, 0.3), (4, 5.0)] {
            let rows = 100_000;
            let kernel = random_of(Distribution::Dirichlet { width, concentration }, rows * width as usize);
            let y = draw(&facts, &kernel, 0);
            let what = format!("Dirichlet {concentration} of {width} on {}", facts.selector);
            for row in y.chunks(width as usize) {
                assert!(
                    row.iter().all(|y| *y >= 0.0) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-6,
                    "{what}: {row:?}"
                );
            }
            let w = f64::from(width);
            let mean = 1.0 / w;
            let variance = mean * (1.0 - mean) / (w * f64::from(concentration) + 1.0);
            for k in 0..width as usize {
                let marginal: Vec<f32> = y.iter().skip(k).step_by(width as usize).copied().collect();
                check_moments(&format!("{what}, entry {k}"), &marginal, mean, variance);
            }
        }
    }
}

#[test]
fn draws_depend_on_seed_site_and_step() {
    for facts in devices() {
        let kernel = random_of(Distribution::Normal, 64);
        let other_seed = Random { seed: kernel.seed ^ (1 << 40), ..kernel.clone() };
        let other_site = Random { site: 8, ..kernel.clone() };
        let base = draw(&facts, &kernel, 5);
        assert_eq!(base, draw(&facts, &kernel, 5));
        for other in [draw(&facts, &kernel, 6), draw(&facts, &other_seed, 5), draw(&facts, &other_site, 5)] {
            let same = base.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same == 0, "{same} of 64 numbers are the same on {}", facts.selector);
        }
    }
}

#[test]
fn the_clock_ticks() {
    for facts in devices() {
        let clock = run(&facts, Tick { step: 3 }, &[bits(&[u32::MAX - 1, 9])]).remove(0);
        assert_eq!(clock.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [1, 9], "on {}", facts.selector);
    }
}

#[test]
fn nonsense_is_refused() {
    let dirichlet = |width, concentration| Distribution::Dirichlet { width, concentration };
    for (distribution, len) in [
        (Distribution::Uniform, 0),
        (dirichlet(0, 1.0), 4),
        (dirichlet(3, 1.0), 4),
        (dirichlet(2, 0.0), 4),
        (dirichlet(2, f32::NAN), 4),
    ] {
        assert!(random_of(distribution, len).validate().is_err(), "{distribution:?} of {len}");
    }
    assert!(random_of(dirichlet(2, 0.5), 4).validate().is_ok());
}
