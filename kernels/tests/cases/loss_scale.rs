//! Loss scaling.

use parnas_kernels::ops::{Adam, ClipFactor, LossScale, Schedule, Sgd, Unscale};

use crate::support::{ODD, bits, devices, numbers, run};

const NOT_FINITE: [f32; 3] = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

#[test]
fn scales_halve_at_once_and_double_after_good_steps() {
    let kernel = LossScale { growth: 3 };
    kernel.validate().unwrap();
    for facts in devices() {
        let after = |state: [f32; 2], squares: f32| -> Vec<f32> {
            run(&facts, kernel.clone(), &[vec![squares], state.to_vec()]).remove(0)
        };
        assert_eq!(after([1024.0, 0.0], 5.0), [1024.0, 1.0], "{}", facts.selector);
        assert_eq!(after([1024.0, 1.0], 0.0), [1024.0, 2.0], "{}", facts.selector);
        assert_eq!(after([1024.0, 2.0], 5.0), [2048.0, 0.0], "{}", facts.selector);
        for squares in NOT_FINITE {
            assert_eq!(after([1024.0, 2.0], squares), [512.0, 0.0], "{squares} on {}", facts.selector);
        }
        let (least, most) = (2f32.powi(-24), 2f32.powi(24));
        assert_eq!(after([least, 0.0], f32::NAN), [least, 0.0], "{}", facts.selector);
        assert_eq!(after([most, 2.0], 1.0), [most, 0.0], "{}", facts.selector);
    }
    for growth in [0, (1 << 24) + 1] {
        assert!(LossScale { growth }.validate().is_err());
    }
}

#[test]
fn factors_of_scaled_gradients_clip_and_unscale() {
    for facts in devices() {
        let factor = |maximum: f32, squares: f32, scale: f32| -> f32 {
            let kernel = ClipFactor { maximum, scaled: true };
            run(&facts, kernel, &[vec![squares], vec![scale, 0.0], vec![f32::NAN]])[0][0]
        };
        let near = |got: f32, expected: f32| {
            assert!(
                (got - expected).abs() <= 2e-6 * expected.abs(),
                "{got}, expected {expected} on {}",
                facts.selector
            );
        };
        // A norm of 6 that 1024 scales; clipped to 1.5, and left.
        let squares = (6.0f32 * 1024.0).powi(2);
        near(factor(1.5, squares, 1024.0), 0.25 / 1024.0);
        near(factor(10.0, squares, 1024.0), 1.0 / 1024.0);
        near(factor(0.0, squares, 1024.0), 1.0 / 1024.0);
        for squares in NOT_FINITE {
            assert_eq!(factor(1.5, squares, 1024.0), -1.0, "{squares} on {}", facts.selector);
        }
    }
}

#[test]
fn gradients_lose_their_scale_or_are_zero() {
    for len in ODD.into_iter().chain([5000]) {
        let kernel = Unscale { len };
        kernel.validate().unwrap();
        let x: Vec<f32> = numbers(1, len);
        for facts in devices() {
            let of = |squares: f32, x: &[f32]| -> Vec<f32> {
                run(&facts, kernel.clone(), &[x.to_vec(), vec![squares], vec![64.0, 3.0], vec![f32::NAN; len]])
                    .remove(0)
            };
            let exact: Vec<f32> = x.iter().map(|x| x / 64.0).collect();
            assert_eq!(of(1.0, &x), exact, "{len} on {}", facts.selector);
            for squares in NOT_FINITE {
                assert_eq!(of(squares, &vec![f32::NAN; len]), vec![0.0; len], "{len} on {}", facts.selector);
            }
        }
    }
    assert!(Unscale { len: 0 }.validate().is_err());
}

/// A factor below 0 leaves parameters and moments as they are, to the bit, whatever the gradient is.
#[test]
fn steps_are_left_out() {
    let len = 1041;
    let sgd = Sgd { len, schedule: Schedule::constant(0.1), momentum: 0.9, weight_decay: 0.1, nesterov: true };
    let adam = Adam {
        len,
        schedule: Schedule::constant(0.1),
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
    };
    let given = [vec![f32::INFINITY; len], vec![-1.0], bits(&[7, 0])];
    let state = [numbers(1, len), numbers(2, len), numbers(3, len).iter().map(|x| x * x).collect()];
    for facts in devices() {
        let inputs = |count: usize| -> Vec<Vec<f32>> { given.iter().chain(&state[..count]).cloned().collect() };
        assert_eq!(run(&facts, sgd.clone(), &inputs(2)), state[..2], "on {}", facts.selector);
        assert_eq!(run(&facts, adam.clone(), &inputs(3)), state, "on {}", facts.selector);
    }
}
