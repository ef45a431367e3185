//! Optimisers, learning rates and clipping.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{Adam, ClipFactor, Schedule, ScheduleKind, Sgd, SumOfSquares};

use crate::reference::optimisers::{adam, rate, sgd};
use crate::support::pushed::run_pushed;
use crate::support::{Exact, ODD, assert_close, bits, devices, numbers, run};

const COSINE: Schedule = Schedule { base: 0.4, minimum: 0.01, warmup: 10, total: 1000, kind: ScheduleKind::Cosine };

fn sgd_of(len: usize, schedule: Schedule, nesterov: bool) -> Sgd {
    Sgd { len, schedule, momentum: 0.9, weight_decay: 0.01, nesterov }
}

fn adam_of(len: usize, schedule: Schedule, decoupled: bool) -> Adam {
    Adam { len, schedule, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1, decoupled }
}

/// The rate at `t` that the device computes: the step of a parameter 0 with gradient -1.
fn device_rate(facts: &DeviceFacts, schedule: Schedule, t: u32) -> f32 {
    let kernel = Sgd { len: 1, schedule, momentum: 0.0, weight_decay: 0.0, nesterov: false };
    run(facts, kernel, &[vec![-1.0], vec![1.0], bits(&[t, 0]), vec![0.0], vec![0.0]])[0][0]
}

#[test]
fn rates_are_the_same_on_host_and_device() {
    let constant = Schedule { kind: ScheduleKind::Constant, ..COSINE };
    let no_span = Schedule { warmup: 3, total: 2, ..COSINE };
    for facts in devices() {
        for schedule in [COSINE, constant, no_span, Schedule::constant(0.3)] {
            for t in [0, 1, 2, 3, 9, 10, 11, 130, 505, 760, 999, 1000, 5000, u32::MAX] {
                let (host, exact) = (schedule.rate(t), rate(&schedule, t));
                let device = device_rate(&facts, schedule, t);
                let what = format!("{schedule:?} at {t} on {}", facts.selector);
                assert!((f64::from(host) - exact).abs() < 1e-7, "{what}: host {host}, expected {exact}");
                assert!((device - host).abs() < 1e-7, "{what}: device {device}, host {host}");
            }
        }
    }
}

#[test]
fn steps_agree_with_the_reference() {
    for facts in devices() {
        for len in ODD.into_iter().chain([5000]) {
            for (flag, t) in [(false, 0), (false, 700), (true, 3), (true, 12_345_678)] {
                let what = format!("{len}, {flag}, step {t} on {}", facts.selector);
                let [g, p, v] = [1, 2, 3].map(|seed| numbers(seed, len));
                let square: Vec<f32> = v.iter().map(|v| v * v).collect();
                let (clip, clock) = (0.37f32, bits(&[t, 0]));
                let wide = |x: &[f32], i: usize| f64::from(x[i]);
                let exact_clip = f64::from(clip);

                let kernel = sgd_of(len, COSINE, flag);
                let got = run(&facts, kernel.clone(), &[g.clone(), vec![clip], clock.clone(), p.clone(), v.clone()]);
                let exact: Vec<_> =
                    (0..len).map(|i| sgd(&kernel, t, exact_clip, wide(&g, i), wide(&p, i), wide(&v, i))).collect();
                check(&format!("SGD of {what}"), &got, &exact);

                let kernel = adam_of(len, COSINE, flag);
                let inputs = [g.clone(), vec![clip], clock, p.clone(), v.clone(), square.clone()];
                let got = run(&facts, kernel.clone(), &inputs);
                let exact: Vec<_> = (0..len)
                    .map(|i| adam(&kernel, t, exact_clip, wide(&g, i), wide(&p, i), wide(&v, i), wide(&square, i)))
                    .collect();
                check(&format!("Adam of {what}"), &got, &exact);
            }
        }
    }
}

fn check<const N: usize>(what: &str, got: &[Vec<f32>], exact: &[[f64; N]]) {
    for (output, got) in got.iter().enumerate() {
        let exact: Vec<Exact> = exact.iter().map(|exact| Exact::of(exact[output])).collect();
        assert_close(&format!("output {output} of {what}"), got, &exact, 3e-6, 2e-6);
    }
}

/// Five steps on the loss sum(p^3) / 3, its gradient clipped to norm 1.5, as PyTorch takes them
/// (`tests/golden/optimisers.py`).
#[test]
fn five_steps_are_those_of_pytorch() {
    let rate = Schedule::constant(0.05);
    for facts in devices() {
        let walk = |states: usize, step: &dyn Fn(Vec<Vec<f32>>) -> Vec<Vec<f32>>| {
            let mut state = vec![vec![0.5f32, -1.0, 2.0]];
            state.resize(states, vec![0.0; 3]);
            for t in 0..5 {
                let g: Vec<f32> = state[0].iter().map(|p| p * p).collect();
                let squares = run_pushed(&facts, std::slice::from_ref(&g), 1, |plan, operands| {
                    SumOfSquares { len: 3, accumulate: false }.push(plan, "norm", operands[0], None, operands[1])
                });
                let clip = run(&facts, ClipFactor { maximum: 1.5, scaled: false }, &[squares, vec![0.0]]).remove(0);
                let inputs = [vec![g, clip, bits(&[t, 0])], state].concat();
                state = step(inputs);
            }
            state.remove(0)
        };
        let near = |name: &str, got: &[f32], expected: [f64; 3]| {
            let exact = expected.map(Exact::of);
            assert_close(&format!("{name} on {}", facts.selector), got, &exact, 2e-6, 0.0);
        };
        let got = walk(2, &|inputs| run(&facts, sgd_of(3, rate, false), &inputs));
        near("SGD", &got, [0.42972368398446165, -1.3114763790359445, 1.0646169359499191]);
        let got = walk(2, &|inputs| run(&facts, sgd_of(3, rate, true), &inputs));
        near("Nesterov", &got, [0.40495604013601494, -1.494743039292588, 0.8626676035209598]);
        let got = walk(3, &|inputs| run(&facts, adam_of(3, rate, false), &inputs));
        near("Adam", &got, [0.25598705179643705, -1.2505501097233012, 1.7503132292045074]);
        let got = walk(3, &|inputs| run(&facts, adam_of(3, rate, true), &inputs));
        near("AdamW", &got, [0.24772056782100052, -1.2235568265061294, 1.7032677331672017]);
    }
}

#[test]
fn sums_of_squares_agree_with_the_reference() {
    for facts in devices() {
        // One pass, an edge of passes, two passes.
        for len in ODD.into_iter().chain([16_384, 16_385, 1_000_003]) {
            let x = numbers(len as u64, len);
            for accumulate in [false, true] {
                let kernel = SumOfSquares { len, accumulate };
                let got = run_pushed(&facts, &[x.clone(), vec![0.75]], 1, |plan, operands| {
                    kernel.push(plan, "norm", operands[0], accumulate.then_some(operands[1]), operands[2])
                });
                let mut exact = Exact::default();
                x.iter().for_each(|x| exact.add(f64::from(*x) * f64::from(*x)));
                exact.add(if accumulate { 0.75 } else { 0.0 });
                assert_close(&format!("{kernel:?} on {}", facts.selector), &got, &[exact], 2e-6, 0.0);
            }
        }
    }
}

#[test]
fn clipping_only_shortens() {
    for facts in devices() {
        for (maximum, squares, expected) in
            [(2.0, 16.0, 0.5f32), (5.0, 16.0, 1.0), (0.0, 16.0, 1.0), (-1.0, 16.0, 1.0), (2.0, 0.0, 1.0)]
        {
            let got = run(&facts, ClipFactor { maximum, scaled: false }, &[vec![squares], vec![f32::NAN]]);
            assert!((got[0][0] - expected).abs() < 1e-6, "{maximum} on {}: {}", facts.selector, got[0][0]);
        }
    }
}

#[test]
fn nonsense_is_refused() {
    let (sgd, adam) = (sgd_of(3, COSINE, true), adam_of(3, COSINE, true));
    assert!(sgd.validate().is_ok() && adam.validate().is_ok());
    assert!(Sgd { len: 0, ..sgd.clone() }.validate().is_err());
    assert!(Sgd { momentum: 1.0, ..sgd.clone() }.validate().is_err());
    assert!(Sgd { schedule: Schedule::constant(f32::NAN), ..sgd.clone() }.validate().is_err());
    assert!(Sgd { schedule: Schedule { minimum: -0.1, ..COSINE }, ..sgd }.validate().is_err());
    assert!(Adam { beta2: 1.0, ..adam.clone() }.validate().is_err());
    assert!(Adam { epsilon: 0.0, ..adam.clone() }.validate().is_err());
    assert!(Adam { weight_decay: f32::NAN, ..adam }.validate().is_err());
    assert!(SumOfSquares { len: 0, accumulate: false }.validate().is_err());
}
