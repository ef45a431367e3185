//! Convolutions.

use parnas_kernels::ops::{Conv2d, Conv2dForward, Conv2dInputGradient, Conv2dWeightGradient, Elastic, Gate};
use parnas_kernels::{DeviceFacts, Kernel};

use crate::reference::conv2d::{forward, input_gradient, weight_gradient};
use crate::support::pushed::run_pushed;
use crate::support::variants::{Extents, run_each};
use crate::support::{Exact, assert_close, devices, numbers, run};

const PLAIN: Conv2d = Conv2d {
    architectures: 1,
    batch: 1,
    in_channels: 1,
    out_channels: 1,
    height: 1,
    width: 1,
    kernel: 1,
    stride: 1,
    padding: 0,
    dilation: 1,
    groups: 1,
    shared_weight: true,
    relu_input: false,
    gate: None,
    centre_of: 0,
    elastic: Elastic::FULL,
};

/// Every tile, odd sizes, strides, dilations, groups, depthwise, paddings below, at and above the kernel's reach.
fn cases() -> Vec<Conv2d> {
    let same = |kernel: u32, dilation: u32| kernel / 2 * dilation;
    let gate = Some(Gate { width: 3, choice: 1 });
    vec![
        PLAIN,
        Conv2d { batch: 3, in_channels: 3, out_channels: 5, height: 8, width: 8, kernel: 3, padding: 1, ..PLAIN },
        Conv2d {
            architectures: 3,
            batch: 2,
            in_channels: 8,
            out_channels: 8,
            height: 8,
            width: 8,
            kernel: 3,
            padding: 1,
            relu_input: true,
            gate,
            ..PLAIN
        },
        Conv2d {
            architectures: 3,
            batch: 2,
            in_channels: 5,
            out_channels: 9,
            height: 7,
            width: 9,
            kernel: 1,
            centre_of: 3,
            relu_input: true,
            gate,
            ..PLAIN
        },
        Conv2d {
            architectures: 2,
            batch: 1,
            in_channels: 8,
            out_channels: 8,
            height: 4,
            width: 4,
            kernel: 1,
            centre_of: 5,
            shared_weight: false,
            ..PLAIN
        },
        Conv2d {
            architectures: 2,
            batch: 2,
            in_channels: 4,
            out_channels: 16,
            height: 9,
            width: 7,
            kernel: 3,
            stride: 2,
            padding: 1,
            relu_input: true,
            shared_weight: false,
            ..PLAIN
        },
        Conv2d {
            batch: 2,
            in_channels: 6,
            out_channels: 4,
            height: 11,
            width: 13,
            kernel: 5,
            stride: 3,
            padding: 2,
            groups: 2,
            ..PLAIN
        },
        Conv2d { batch: 1, in_channels: 33, out_channels: 41, height: 3, width: 1, kernel: 3, padding: 1, ..PLAIN },
        Conv2d {
            batch: 1,
            in_channels: 3,
            out_channels: 65,
            height: 31,
            width: 33,
            kernel: 3,
            padding: same(3, 2),
            dilation: 2,
            ..PLAIN
        },
        Conv2d {
            architectures: 2,
            batch: 1,
            in_channels: 12,
            out_channels: 12,
            height: 14,
            width: 14,
            kernel: 5,
            padding: 2,
            groups: 12,
            shared_weight: false,
            gate,
            ..PLAIN
        },
        Conv2d {
            batch: 2,
            in_channels: 6,
            out_channels: 12,
            height: 15,
            width: 15,
            kernel: 7,
            stride: 2,
            padding: 3,
            groups: 6,
            relu_input: true,
            ..PLAIN
        },
        Conv2d { batch: 2, in_channels: 127, out_channels: 3, height: 5, width: 5, kernel: 1, ..PLAIN },
        // Padding beyond the kernel's reach; a kernel as large as the padded input; strides beyond the kernel.
        Conv2d { batch: 1, in_channels: 2, out_channels: 4, height: 5, width: 6, kernel: 3, padding: 4, ..PLAIN },
        Conv2d {
            batch: 1,
            in_channels: 2,
            out_channels: 4,
            height: 3,
            width: 5,
            kernel: 1,
            padding: 2,
            stride: 2,
            ..PLAIN
        },
        Conv2d { batch: 2, in_channels: 3, out_channels: 4, height: 5, width: 5, kernel: 5, ..PLAIN },
        Conv2d {
            batch: 2,
            in_channels: 2,
            out_channels: 5,
            height: 10,
            width: 8,
            kernel: 3,
            stride: 4,
            padding: 1,
            ..PLAIN
        },
        // Many images: several parts of the weights' gradient, the last one short.
        Conv2d {
            architectures: 2,
            batch: 65,
            in_channels: 3,
            out_channels: 5,
            height: 8,
            width: 8,
            kernel: 3,
            padding: 1,
            gate,
            ..PLAIN
        },
        Conv2d { batch: 41, in_channels: 2, out_channels: 2, height: 31, width: 8, kernel: 3, padding: 1, ..PLAIN },
        // Depthwise: several parts of the weights' gradient, and a kernel beyond what its shader takes.
        Conv2d {
            batch: 65,
            in_channels: 3,
            out_channels: 3,
            height: 9,
            width: 17,
            kernel: 5,
            padding: 2,
            groups: 3,
            gate,
            ..PLAIN
        },
        Conv2d {
            batch: 2,
            in_channels: 3,
            out_channels: 3,
            height: 11,
            width: 9,
            kernel: 9,
            padding: 4,
            groups: 3,
            ..PLAIN
        },
        // One image of much work.
        Conv2d { batch: 1, in_channels: 40, out_channels: 70, height: 33, width: 31, kernel: 3, padding: 1, ..PLAIN },
    ]
}

struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    known: Vec<f32>,
    gate: Vec<f32>,
}

impl Data {
    fn of(c: &Conv2d) -> Self {
        c.validate().unwrap();
        let slots = Conv2dForward(*c).slots();
        let [x, w, y] = [slots[0].len, slots[1].len, slots[slots.len() - 1].len];
        // The second architecture is kept out, where there is one and a gate.
        let mut gate = vec![0.5; c.architectures as usize * 3];
        if c.architectures > 1 {
            gate[3 + 1] = 0.0;
        }
        Self { x: numbers(1, x), w: numbers(2, w), dy: numbers(3, y), known: numbers(4, x), gate }
    }

    /// Sets what belongs to architectures that are kept out.
    fn kept_out(&self, c: &Conv2d, exact: &mut [Exact], value: impl Fn(usize) -> Option<f64>) {
        let each = exact.len() / c.architectures as usize;
        for (at, exact) in exact.iter_mut().enumerate() {
            if c.gate.is_some() && self.gate[at / each * 3 + 1] == 0.0 {
                exact.value = value(at).unwrap_or(f64::NAN);
            }
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn forward_inputs(c: &Conv2d, data: &Data) -> Vec<Vec<f32>> {
    let mut inputs = vec![data.x.clone(), data.w.clone()];
    inputs.extend(c.gate.map(|_| data.gate.clone()));
    inputs.push(vec![7.0; data.dy.len()]);
    inputs
}

fn input_gradient_inputs(c: &Conv2d, data: &Data, accumulate: bool) -> Vec<Vec<f32>> {
    let mut inputs = vec![data.dy.clone(), data.w.clone()];
    inputs.extend(c.relu_input.then(|| data.x.clone()));
    inputs.extend(c.gate.map(|_| data.gate.clone()));
    inputs.extend(accumulate.then(|| data.known.clone()));
    inputs.push(vec![f32::NAN; data.x.len()]);
    inputs
}

fn weight_gradient_inputs(c: &Conv2d, data: &Data) -> Vec<Vec<f32>> {
    let mut inputs = vec![data.x.clone(), data.dy.clone()];
    inputs.extend(c.gate.map(|_| data.gate.clone()));
    inputs
}

fn run_forward(facts: &DeviceFacts, c: &Conv2d, data: &Data) -> Vec<f32> {
    run(facts, Conv2dForward(*c), &forward_inputs(c, data)).remove(0)
}

fn run_input_gradient(facts: &DeviceFacts, c: &Conv2d, data: &Data, accumulate: bool) -> Vec<f32> {
    let kernel = Conv2dInputGradient { convolution: *c, accumulate };
    run(facts, kernel, &input_gradient_inputs(c, data, accumulate)).remove(0)
}

fn run_weight_gradient(facts: &DeviceFacts, c: &Conv2d, data: &Data) -> Vec<f32> {
    let inputs = weight_gradient_inputs(c, data);
    let each = if c.shared_weight { data.w.len() } else { data.w.len() / c.architectures as usize };
    run_pushed(facts, &inputs, each * c.architectures as usize, |plan, operands| {
        let gate = c.gate.map(|_| operands[2]);
        let dw = operands[operands.len() - 1];
        Conv2dWeightGradient { convolution: *c }.push(plan, "dw", operands[0], operands[1], gate, dw)
    })
}

fn check_forward(c: &Conv2d) {
    let data = Data::of(c);
    let mut exact = forward(c, &wide(&data.x), &wide(&data.w), data.dy.len());
    // What is kept out stays as it was.
    data.kept_out(c, &mut exact, |_| Some(7.0));
    for (name, got) in run_each(Conv2dForward(*c), &forward_inputs(c, &data)) {
        assert_close(&name, &got[0], &exact, 2e-6, 1e-6);
    }
}

fn check_input_gradient(c: &Conv2d, accumulate: bool) {
    let data = Data::of(c);
    let mut exact = input_gradient(c, &wide(&data.x), &wide(&data.w), &wide(&data.dy));
    data.kept_out(c, &mut exact, |_| Some(0.0));
    if accumulate {
        exact.iter_mut().zip(&data.known).for_each(|(exact, known)| exact.add(f64::from(*known)));
    }
    let kernel = Conv2dInputGradient { convolution: *c, accumulate };
    for (name, got) in run_each(kernel, &input_gradient_inputs(c, &data, accumulate)) {
        assert_close(&name, &got[0], &exact, 2e-6, 1e-6);
    }
}

fn check_weight_gradient(c: &Conv2d) {
    let data = Data::of(c);
    let each = if c.shared_weight { data.w.len() } else { data.w.len() / c.architectures as usize };
    let mut exact = weight_gradient(c, &wide(&data.x), &wide(&data.dy), each);
    data.kept_out(c, &mut exact, |_| Some(0.0));
    for facts in devices() {
        let got = run_weight_gradient(&facts, c, &data);
        assert_close(&format!("{c:?} on {}", facts.selector), &got, &exact, 3e-6, 1e-6);
    }
    // The parts of each variant, summed here.
    let sums = Conv2dWeightGradient { convolution: *c }.sums();
    let mut inputs = weight_gradient_inputs(c, &data);
    inputs.push(vec![f32::NAN; sums.slots().last().unwrap().len]);
    for (name, got) in run_each(sums, &inputs) {
        let parts = got[0].len() / exact.len();
        let whole: Vec<f32> = (0..exact.len())
            .map(|at| (0..parts).map(|part| got[0][(at / each * parts + part) * each + at % each]).sum())
            .collect();
        assert_close(&name, &whole, &exact, 3e-6, 1e-6);
    }
}

#[test]
pub(super) fn forward_agrees_with_the_reference() {
    cases().iter().for_each(check_forward);
}

#[test]
pub(super) fn input_gradients_agree_with_the_reference() {
    cases().iter().enumerate().for_each(|(index, c)| check_input_gradient(c, index % 2 == 0));
}

#[test]
pub(super) fn weight_gradients_agree_with_the_reference() {
    cases().iter().for_each(check_weight_gradient);
}

#[test]
pub(super) fn convolutions_of_any_extents_agree_with_the_reference() {
    let mut extents = Extents(5);
    for _ in 0..16 {
        let groups = [1, 1, 2][extents.next(3) as usize - 1];
        let kernel = [1, 3, 5][extents.next(3) as usize - 1];
        let c = Conv2d {
            architectures: extents.next(3),
            batch: extents.next(5),
            in_channels: groups * extents.next(20),
            out_channels: groups * extents.next(40),
            height: kernel + extents.next(12),
            width: kernel + extents.next(20),
            kernel,
            stride: extents.next(3),
            padding: extents.next(4) - 1,
            dilation: 1,
            groups,
            shared_weight: extents.flip(),
            relu_input: extents.flip(),
            gate: extents.flip().then_some(Gate { width: 3, choice: 1 }),
            centre_of: 0,
            elastic: Elastic::FULL,
        };
        check_forward(&c);
        check_input_gradient(&c, extents.flip());
        check_weight_gradient(&c);
    }
}

/// The gradients of `sum(dy * y)`, `dy` being any numbers, by central differences of the forward reference.
#[test]
fn gradients_are_the_slopes_of_the_forward_pass() {
    let small = Conv2d {
        architectures: 2,
        batch: 2,
        in_channels: 4,
        out_channels: 4,
        height: 5,
        width: 6,
        kernel: 3,
        stride: 2,
        padding: 1,
        relu_input: true,
        shared_weight: false,
        ..PLAIN
    };
    for c in [small, Conv2d { groups: 4, stride: 1, dilation: 2, padding: 2, ..small }] {
        let data = Data::of(&c);
        let (x, w, dy) = (wide(&data.x), wide(&data.w), wide(&data.dy));
        let loss = |x: &[f64], w: &[f64]| -> f64 {
            forward(&c, x, w, dy.len()).iter().zip(&dy).map(|(y, dy)| y.value * dy).sum()
        };
        const STEP: f64 = 1e-5;
        let slopes = |of: &[f64], loss: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
            (0..of.len())
                .map(|place| {
                    let moved = |by: f64| {
                        let mut moved = of.to_vec();
                        moved[place] += by;
                        loss(&moved)
                    };
                    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
                })
                .collect()
        };
        let (dx, dw) = (slopes(&x, &|x| loss(x, &w)), slopes(&w, &|w| loss(&x, w)));
        for facts in devices() {
            let got = run_input_gradient(&facts, &c, &data, false);
            for (at, (got, slope)) in got.iter().zip(&dx).enumerate() {
                assert!(
                    (f64::from(*got) - slope).abs() < 1e-4,
                    "dx[{at}] of {c:?} on {}: {got}, {slope}",
                    facts.selector
                );
            }
            let got = run_weight_gradient(&facts, &c, &data);
            for (at, (got, slope)) in got.iter().zip(&dw).enumerate() {
                assert!(
                    (f64::from(*got) - slope).abs() < 1e-4,
                    "dw[{at}] of {c:?} on {}: {got}, {slope}",
                    facts.selector
                );
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_architectures_beside() {
    let many = Conv2d {
        architectures: 5,
        batch: 20,
        in_channels: 8,
        out_channels: 8,
        height: 8,
        width: 8,
        kernel: 3,
        padding: 1,
        relu_input: true,
        ..PLAIN
    };
    let one = Conv2d { architectures: 1, ..many };
    let data = Data::of(&many);
    let tail = |values: &[f32]| values[values.len() / 5 * 4..].to_vec();
    let last =
        Data { x: tail(&data.x), w: data.w.clone(), dy: tail(&data.dy), known: tail(&data.known), gate: vec![1.0; 3] };
    for facts in devices() {
        assert!(tail(&run_forward(&facts, &many, &data)) == run_forward(&facts, &one, &last), "{}", facts.selector);
        let gradients = tail(&run_input_gradient(&facts, &many, &data, true));
        assert!(gradients == run_input_gradient(&facts, &one, &last, true), "{}", facts.selector);
        assert!(
            tail(&run_weight_gradient(&facts, &many, &data)) == run_weight_gradient(&facts, &one, &last),
            "{}",
            facts.selector
        );
    }
}

#[test]
fn impossible_convolutions_are_refused() {
    let good = Conv2d { in_channels: 4, out_channels: 4, height: 4, width: 4, kernel: 3, ..PLAIN };
    assert!(good.validate().is_ok());
    for bad in [
        Conv2d { kernel: 2, ..good },
        Conv2d { kernel: 5, ..good },
        Conv2d { dilation: 2, ..good },
        Conv2d { groups: 3, ..good },
        Conv2d { stride: 0, ..good },
        Conv2d { batch: 0, ..good },
        Conv2d { centre_of: 5, ..good },
        Conv2d { kernel: 33, padding: 20, ..good },
        Conv2d { architectures: 70_000, batch: 70_000, ..good },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
