//! Convolutions of which each architecture takes some channels or taps: as with the other weights set to 0.

use parnas_kernels::ops::{Conv2d, Conv2dForward, Conv2dInputGradient, Conv2dWeightGradient, Elastic, Gate};
use parnas_kernels::{DeviceFacts, Kernel};

use crate::reference::conv2d::{forward, input_gradient, weight_gradient};
use crate::support::pushed::run_pushed;
use crate::support::{Exact, assert_close, bits, devices, numbers, run};

const PLAIN: Conv2d = Conv2d {
    architectures: 4,
    batch: 2,
    in_channels: 1,
    out_channels: 1,
    height: 7,
    width: 9,
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

/// Every tile, with every bound that it takes.
fn cases() -> Vec<Conv2d> {
    let mut all = Vec::new();
    let gate = Some(Gate { width: 3, choice: 1 });
    for (index, (in_channels, out_channels)) in [(1, 3), (3, 3), (33, 41), (65, 49), (5, 127)].into_iter().enumerate() {
        for (input, output) in [(true, false), (false, true), (true, true)] {
            let elastic = Elastic { input, output, reach: false };
            let dense = Conv2d { in_channels, out_channels, elastic, gate: gate.filter(|_| index % 2 == 1), ..PLAIN };
            all.push(match index % 3 {
                0 => dense,
                1 => Conv2d { kernel: 3, padding: 1, stride: 2, relu_input: true, ..dense },
                _ => Conv2d { kernel: 3, padding: 2, dilation: 2, shared_weight: false, ..dense },
            });
        }
    }
    // One image of much work, whose channels are shared by tasks.
    all.push(Conv2d {
        architectures: 2,
        batch: 1,
        in_channels: 40,
        out_channels: 70,
        height: 33,
        width: 31,
        kernel: 3,
        padding: 1,
        elastic: Elastic { input: true, output: true, reach: false },
        ..PLAIN
    });
    for (channels, stride, dilation) in [(1, 1, 1), (3, 2, 1), (33, 1, 1), (5, 1, 2)] {
        for (output, reach) in [(true, false), (false, true), (true, true)] {
            all.push(Conv2d {
                in_channels: channels,
                out_channels: channels,
                groups: channels,
                kernel: 7,
                padding: 3 * dilation,
                stride,
                dilation,
                shared_weight: reach && stride == 2,
                relu_input: output,
                gate: gate.filter(|_| channels == 3),
                elastic: Elastic { input: false, output, reach },
                ..PLAIN
            });
        }
    }
    all
}

struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    known: Vec<f32>,
    gate: Vec<f32>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    reach: Vec<u32>,
}

impl Data {
    fn of(c: &Conv2d) -> Self {
        c.validate().unwrap();
        let slots = Conv2dForward(*c).slots();
        let [x, w, y] = [slots[0].len, slots[1].len, slots[slots.len() - 1].len];
        let a = c.architectures as usize;
        // About half of the channels, all of them, one, none.
        let extents = |all: u32, turn: usize| -> Vec<u32> {
            (0..a).map(|a| [all.div_ceil(2), all, 1, 0][(a + turn) % 4]).collect()
        };
        let mut gate = vec![0.5; a * 3];
        gate[(a - 1) * 3 + 1] = 0.0;
        Self {
            x: numbers(1, x),
            w: numbers(2, w),
            dy: numbers(3, y),
            known: numbers(4, x),
            gate,
            inputs: extents(c.in_channels, 0),
            outputs: extents(c.out_channels, (c.kernel / 2) as usize),
            reach: (0..a as u32).map(|a| [1, 3, 2, 0][a as usize % 4]).collect(),
        }
    }

    /// Whether an architecture takes weight `at` of its own.
    fn takes(&self, c: &Conv2d, a: usize, at: usize) -> bool {
        let (taps, depth) = ((c.kernel * c.kernel) as usize, (c.in_channels / c.groups) as usize);
        let (o, i, tap) = (at / (taps * depth), at / taps % depth, at % taps);
        let far = |place: usize| (place as u32).abs_diff(c.kernel / 2);
        let distance = far(tap / c.kernel as usize).max(far(tap % c.kernel as usize));
        (!c.elastic.input || (i as u32) < self.inputs[a])
            && (!c.elastic.output || (o as u32) < self.outputs[a])
            && (!c.elastic.reach || distance <= self.reach[a])
    }

    /// The weights of each architecture, 0 where it does not take them.
    fn apart(&self, c: &Conv2d) -> Vec<f64> {
        let each = self.each(c);
        let weight = |at: usize| if c.shared_weight { self.w[at % each] } else { self.w[at] };
        let all = 0..each * c.architectures as usize;
        all.map(|at| if self.takes(c, at / each, at % each) { f64::from(weight(at)) } else { 0.0 }).collect()
    }

    /// Weights of one architecture.
    fn each(&self, c: &Conv2d) -> usize {
        if c.shared_weight { self.w.len() } else { self.w.len() / c.architectures as usize }
    }

    fn is_open(&self, c: &Conv2d, a: usize) -> bool {
        c.gate.is_none() || self.gate[a * 3 + 1] != 0.0
    }

    fn bounds(&self, c: &Conv2d) -> Vec<Vec<f32>> {
        let gate = c.gate.map(|_| self.gate.clone());
        let all = [(c.elastic.input, &self.inputs), (c.elastic.output, &self.outputs), (c.elastic.reach, &self.reach)];
        gate.into_iter().chain(all.into_iter().filter(|(bound, _)| *bound).map(|(_, bound)| bits(bound))).collect()
    }

    /// `values` `[A, N, channels, plane]` with NaN in the channels from the extents on: nobody may read them.
    fn spoilt(values: &[f32], channels: u32, extents: Option<&[u32]>, c: &Conv2d) -> Vec<f32> {
        let Some(extents) = extents else { return values.to_vec() };
        let image = values.len() / (c.architectures * c.batch) as usize;
        let plane = image / channels as usize;
        let beyond = |at: usize| (at / plane % channels as usize) as u32 >= extents[at / image / c.batch as usize];
        values.iter().enumerate().map(|(at, value)| if beyond(at) { f32::NAN } else { *value }).collect()
    }

    fn x(&self, c: &Conv2d) -> Vec<f32> {
        Self::spoilt(&self.x, c.in_channels, c.elastic.input.then_some(&self.inputs), c)
    }

    fn dy(&self, c: &Conv2d) -> Vec<f32> {
        Self::spoilt(&self.dy, c.out_channels, c.elastic.output.then_some(&self.outputs), c)
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn run_input_gradient(facts: &DeviceFacts, c: &Conv2d, data: &Data, accumulate: bool) -> Vec<f32> {
    let mut inputs = vec![data.dy(c), data.w.clone()];
    // The mask of ReLU is read for all channels.
    inputs.extend(c.relu_input.then(|| data.x.clone()));
    inputs.extend(data.bounds(c));
    inputs.extend(accumulate.then(|| data.known.clone()));
    inputs.push(vec![f32::NAN; data.x.len()]);
    run(facts, Conv2dInputGradient { convolution: *c, accumulate }, &inputs).remove(0)
}

fn run_weight_gradient(facts: &DeviceFacts, c: &Conv2d, data: &Data) -> Vec<f32> {
    let inputs = [vec![data.x(c), data.dy(c)], data.bounds(c)].concat();
    run_pushed(facts, &inputs, data.each(c) * c.architectures as usize, |plan, operands| {
        let (inputs, dw) = operands.split_at(operands.len() - 1);
        let gate = c.gate.map(|_| inputs[2]);
        let bounds = &inputs[if c.gate.is_some() { 3 } else { 2 }..];
        Conv2dWeightGradient { convolution: *c }.push_elastic(plan, "dw", inputs[0], inputs[1], gate, bounds, dw[0])
    })
}

#[test]
pub(super) fn forward_agrees_with_the_reference() {
    for c in cases() {
        let data = Data::of(&c);
        let apart = Conv2d { shared_weight: false, ..c };
        let mut exact = forward(&apart, &wide(&data.x), &data.apart(&c), data.dy.len());
        let each = exact.len() / c.architectures as usize;
        // Behind a closed gate the result stays as it was.
        let closed = exact.iter_mut().enumerate().filter(|(at, _)| !data.is_open(&c, at / each));
        closed.for_each(|(_, exact)| *exact = Exact::of(7.0));
        let inputs = [vec![data.x(&c), data.w.clone()], data.bounds(&c), vec![vec![7.0; data.dy.len()]]].concat();
        for facts in devices() {
            let got = run(&facts, Conv2dForward(c), &inputs);
            assert_close(&format!("{c:?} on {}", facts.selector), &got[0], &exact, 2e-6, 1e-6);
        }
    }
}

#[test]
pub(super) fn input_gradients_agree_with_the_reference() {
    for (index, c) in cases().into_iter().enumerate() {
        let data = Data::of(&c);
        let apart = Conv2d { shared_weight: false, ..c };
        let mut exact = input_gradient(&apart, &wide(&data.x), &data.apart(&c), &wide(&data.dy));
        let each = exact.len() / c.architectures as usize;
        let closed = exact.iter_mut().enumerate().filter(|(at, _)| !data.is_open(&c, at / each));
        closed.for_each(|(_, exact)| *exact = Exact::default());
        let accumulate = index % 2 == 0;
        if accumulate {
            exact.iter_mut().zip(&data.known).for_each(|(exact, known)| exact.add(f64::from(*known)));
        }
        for facts in devices() {
            let got = run_input_gradient(&facts, &c, &data, accumulate);
            assert_close(&format!("{c:?} on {}", facts.selector), &got, &exact, 2e-6, 1e-6);
        }
    }
}

#[test]
pub(super) fn weight_gradients_agree_with_the_reference() {
    for c in cases() {
        let data = Data::of(&c);
        let each = data.each(&c);
        let mut exact = weight_gradient(&c, &wide(&data.x), &wide(&data.dy), each);
        let left_out = exact
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| !data.is_open(&c, at / each) || !data.takes(&c, at / each, at % each));
        left_out.for_each(|(_, exact)| *exact = Exact::default());
        for facts in devices() {
            let got = run_weight_gradient(&facts, &c, &data);
            assert_close(&format!("{c:?} on {}", facts.selector), &got, &exact, 3e-6, 1e-6);
        }
    }
}

#[test]
fn impossible_bounds_are_refused() {
    let bounds = |input, output, reach| Elastic { input, output, reach };
    let depthwise = Conv2d { in_channels: 4, out_channels: 4, groups: 4, kernel: 5, padding: 2, ..PLAIN };
    assert!(Conv2d { elastic: bounds(false, true, true), ..depthwise }.validate().is_ok());
    for bad in [
        Conv2d { elastic: bounds(true, false, false), ..depthwise },
        Conv2d { elastic: bounds(false, false, true), padding: 1, ..depthwise },
        Conv2d { elastic: bounds(false, true, false), groups: 2, ..depthwise },
        Conv2d { elastic: bounds(false, false, true), groups: 1, ..depthwise },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
