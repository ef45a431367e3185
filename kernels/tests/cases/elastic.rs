//! Coverage of channels, masks, and linear layers of shared weights.

use parnas_kernels::ops::{
    Activation, Bias, ChannelMask, ChannelMaskGradient, Coverage, CoverageGradient, ElasticLinear,
    ElasticLinearForward, ElasticLinearInputGradient, ElasticLinearWeightGradient, ElasticOutput, Gate, Matmul,
};
use parnas_kernels::{DeviceFacts, Kernel};

use crate::reference::channel_mask::{channel_mask, channel_mask_gradient};
use crate::reference::coverage::{coverage, coverage_gradient};
use crate::reference::elastic_linear::{Layer, forward, input_gradient, weight_gradient};
use crate::support::{Exact, ODD, assert_close, bits, devices, numbers, run};

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Widths around the edges of a workgroup, unsorted, with a 0; the second architecture is one-hot, where there is one.
fn coverages() -> Vec<(Coverage, Vec<f32>)> {
    let gate = Some(Gate { width: 2, choice: 1 });
    let mut all = Vec::new();
    for (index, widths) in
        [vec![1], vec![3, 1], vec![31, 0, 33], vec![41, 65, 127, 300], (1..=32).collect()].into_iter().enumerate()
    {
        for (gate, evaluate_all) in [(None, false), (gate, false), (gate, true)] {
            let architectures = [1, 3, 5][index % 3];
            let mut weights = numbers(5, architectures as usize * widths.len());
            if architectures > 1 {
                let choices = widths.len();
                weights[choices..2 * choices].fill(0.0);
                weights[choices + choices / 2] = 1.0;
            }
            all.push((Coverage { architectures, widths: widths.clone(), gate, evaluate_all }, weights));
        }
    }
    all
}

#[test]
fn coverage_agrees_with_the_reference() {
    for (kernel, weights) in coverages() {
        kernel.validate().unwrap();
        let architectures = kernel.architectures as usize;
        let gate: Vec<f32> = (0..2 * architectures).map(|place| [1.0, 0.5, 1.0, 0.0][place % 4]).collect();
        let (mask, extents) = coverage(&kernel, &wide(&weights), &gate);
        let mut inputs = vec![weights];
        inputs.extend(kernel.gate.map(|_| gate));
        inputs.extend([vec![f32::NAN; mask.len()], vec![f32::NAN; architectures]]);
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &inputs);
            let what = format!("{kernel:?} on {}", facts.selector);
            assert_close(&what, &got[0], &mask, 1e-6, 1e-7);
            assert_eq!(got[1].iter().map(|extent| extent.to_bits()).collect::<Vec<u32>>(), extents, "{what}");
        }
    }
}

#[test]
fn gradients_of_coverages_agree_with_the_reference() {
    for (kernel, weights) in coverages() {
        let dmask = numbers(9, kernel.architectures as usize * kernel.width() as usize);
        let exact = coverage_gradient(&kernel, &wide(&dmask), &wide(&weights));
        let inputs = [dmask, weights.clone(), vec![f32::NAN; weights.len()]];
        for facts in devices() {
            let got = run(&facts, CoverageGradient(kernel.clone()), &inputs);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 1e-6, 1e-7);
        }
    }
}

#[test]
fn masks_and_their_gradients_agree_with_the_reference() {
    for (index, channels) in ODD.into_iter().enumerate() {
        for (outer, inner) in [(1, 1), (3, 1), (1, 127), (2, 49), (200, 3), (129, 1), (5, 300)] {
            let architectures = [1, 3][index % 2];
            let mask = ChannelMask { architectures, outer, channels: channels as u32, inner };
            mask.validate().unwrap();
            let slots = mask.slots();
            let mut x = numbers(1, slots[0].len);
            let mut m = numbers(2, slots[1].len);
            let dy = numbers(3, x.len());
            let known = numbers(4, m.len());
            // What the mask takes out may be anything.
            m[0] = 0.0;
            let spoilt = std::mem::replace(&mut x[0], f32::INFINITY);
            let exact = channel_mask(&mask, &wide(&x), &wide(&m));
            for facts in devices() {
                let got = run(&facts, mask, &[x.clone(), m.clone(), vec![f32::NAN; x.len()]]);
                assert_close(&format!("{mask:?} on {}", facts.selector), &got[0], &exact, 1e-7, 0.0);
            }
            x[0] = spoilt;
            let shared = index % 3 == 0;
            let (accumulate, quotient) = (index % 2 == 0, index % 4 == 1);
            let gradient = ChannelMaskGradient { mask, shared, accumulate, quotient };
            let x = if shared { x[..x.len() / architectures as usize].to_vec() } else { x };
            let some = |present: bool, values: &[f32]| if present { values.to_vec() } else { Vec::new() };
            let (known, m) = (some(accumulate, &known), some(quotient, &m));
            let exact = channel_mask_gradient(&gradient, &wide(&dy), &wide(&x), &wide(&known), &wide(&m));
            let mut inputs = vec![dy, x];
            inputs.extend(accumulate.then_some(known));
            inputs.extend(quotient.then_some(m));
            inputs.push(vec![f32::NAN; exact.len()]);
            for facts in devices() {
                let got = run(&facts, gradient, &inputs);
                assert_close(&format!("{gradient:?} on {}", facts.selector), &got[0], &exact, 1e-6, 1e-6);
            }
        }
    }
}

const PLAIN: ElasticLinear = ElasticLinear {
    architectures: 1,
    rows: 1,
    inputs: 1,
    outputs: 1,
    bias: false,
    elastic_input: false,
    output: ElasticOutput::Full,
    activation: Activation::None,
};

/// Both tiles and blocks of the CPU kernel, edges in every direction, with every set of options.
fn layers() -> Vec<ElasticLinear> {
    let extents = [
        (1, 1, 1, 1),
        (3, 3, 3, 3),
        (2, 33, 41, 31),
        (3, 127, 65, 129),
        (1, 129, 33, 127),
        (2, 65, 127, 3),
        (4, 1, 65, 130),
        (1, 300, 70, 65),
    ];
    let outputs = [ElasticOutput::Full, ElasticOutput::Extents, ElasticOutput::Mask];
    let mut all = Vec::new();
    for (index, (architectures, rows, inputs, of)) in extents.into_iter().enumerate() {
        for (which, output) in outputs.into_iter().enumerate() {
            for elastic_input in [false, true] {
                let mix = index + which + usize::from(elastic_input);
                let activation = if mix % 3 == 0 { Activation::Relu } else { Activation::None };
                let bias = mix % 2 == 0;
                all.push(ElasticLinear {
                    architectures,
                    rows,
                    inputs,
                    outputs: of,
                    bias,
                    elastic_input,
                    output,
                    activation,
                });
            }
        }
    }
    all
}

struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    bias: Vec<f32>,
    input_extents: Vec<u32>,
    output_extents: Vec<u32>,
    mask: Vec<f32>,
}

impl Data {
    fn of(l: &ElasticLinear) -> Self {
        l.validate().unwrap();
        let [a, rows, inputs, outputs] = [l.architectures, l.rows, l.inputs, l.outputs].map(|extent| extent as usize);
        // All of the channels, about half of them, one, none.
        let extents = |all: u32, turn: usize| -> Vec<u32> {
            (0..a).map(|a| [all.div_ceil(2), all, 1, 0][(a + turn) % 4]).collect()
        };
        let (input_extents, output_extents) = (extents(l.inputs, 0), extents(l.outputs, usize::from(l.bias)));
        let mask = numbers(6, a * outputs)
            .into_iter()
            .enumerate()
            .map(|(at, mask)| if ((at % outputs) as u32) < output_extents[at / outputs] { mask } else { 0.0 })
            .collect();
        let (x, dy) = (numbers(1, a * rows * inputs), numbers(2, a * rows * outputs));
        Self { x, dy, w: numbers(3, inputs * outputs), bias: numbers(4, outputs), input_extents, output_extents, mask }
    }

    fn layer(&self, l: &ElasticLinear) -> Layer {
        let full = |extents: &[u32], elastic, all| if elastic { extents.to_vec() } else { vec![all; extents.len()] };
        let masked = l.output == ElasticOutput::Mask;
        Layer {
            w: wide(&self.w),
            bias: wide(&self.bias),
            input_extents: full(&self.input_extents, l.elastic_input, l.inputs),
            output_extents: full(&self.output_extents, l.output != ElasticOutput::Full, l.outputs),
            mask: if masked { wide(&self.mask) } else { vec![1.0; self.mask.len()] },
        }
    }

    /// The bindings of a pass between its first two and its result.
    fn rest(&self, l: &ElasticLinear, bias: bool) -> Vec<Vec<f32>> {
        let mut rest = Vec::new();
        rest.extend((bias && l.bias).then(|| self.bias.clone()));
        rest.extend(l.elastic_input.then(|| bits(&self.input_extents)));
        rest.extend((l.output != ElasticOutput::Full).then(|| bits(&self.output_extents)));
        rest.extend((l.output == ElasticOutput::Mask).then(|| self.mask.clone()));
        rest
    }

    /// `values` `[A, rows, channels]` with NaN in the channels from the extents on: nobody may read them.
    fn spoilt(&self, values: &[f32], channels: u32, extents: &[u32], elastic: bool) -> Vec<f32> {
        let each = values.len() / extents.len();
        let beyond = |at: usize| elastic && (at % channels as usize) as u32 >= extents[at / each];
        values.iter().enumerate().map(|(at, value)| if beyond(at) { f32::NAN } else { *value }).collect()
    }
}

fn run_pass(facts: &DeviceFacts, l: &ElasticLinear, data: &Data, pass: usize) -> Vec<f32> {
    let x = data.spoilt(&data.x, l.inputs, &data.input_extents, l.elastic_input);
    let dy = data.spoilt(&data.dy, l.outputs, &data.output_extents, l.output != ElasticOutput::Full);
    let all = |first: Vec<f32>, second: Vec<f32>, bias, len| {
        [vec![first, second], data.rest(l, bias), vec![vec![f32::NAN; len]]].concat()
    };
    let weights = data.w.len() * l.architectures as usize;
    let results = match pass {
        0 => run(facts, ElasticLinearForward(*l), &all(x, data.w.clone(), true, data.dy.len())),
        1 => run(facts, ElasticLinearInputGradient(*l), &all(dy, data.w.clone(), false, data.x.len())),
        _ => run(facts, ElasticLinearWeightGradient(*l), &all(dy, x, false, weights)),
    };
    results.into_iter().next().unwrap()
}

#[test]
fn linear_layers_agree_with_the_reference() {
    for l in layers() {
        let data = Data::of(&l);
        let layer = data.layer(&l);
        let (x, dy) = (wide(&data.x), wide(&data.dy));
        let exact = [forward(&l, &layer, &x), input_gradient(&l, &layer, &dy), weight_gradient(&l, &layer, &x, &dy)];
        for facts in devices() {
            for (pass, exact) in exact.iter().enumerate() {
                let got = run_pass(&facts, &l, &data, pass);
                assert_close(&format!("pass {pass} of {l:?} on {}", facts.selector), &got, exact, 2e-6, 1e-6);
            }
        }
    }
}

/// The gradients of `sum(dy * y)`, `dy` being any numbers, by central differences of the forward reference; of the mask too, by
/// the product of the gradient of the effective weights with the weights.
#[test]
fn gradients_of_layers_are_the_slopes_of_the_forward_pass() {
    const STEP: f64 = 1e-5;
    let l = ElasticLinear {
        architectures: 3,
        rows: 5,
        inputs: 6,
        outputs: 7,
        elastic_input: true,
        output: ElasticOutput::Mask,
        ..PLAIN
    };
    let mut data = Data::of(&l);
    // All outputs are evaluated, and some masks are 0 all the same.
    data.output_extents.fill(l.outputs);
    let dy = wide(&data.dy);
    type Move = fn(&mut Layer, &mut Vec<f64>, usize, f64);
    let slope = |place: usize, shift: Move| {
        let moved = |by: f64| {
            let (mut layer, mut x) = (data.layer(&l), wide(&data.x));
            shift(&mut layer, &mut x, place, by);
            forward(&l, &layer, &x).iter().zip(&dy).map(|(y, dy)| y.value * dy).sum::<f64>()
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    };
    let close = |what: &str, at: usize, got: f32, slope: f64| {
        assert!((f64::from(got) - slope).abs() < 1e-4, "{what}[{at}]: {got}, {slope}");
    };
    for facts in devices() {
        let dx = run_pass(&facts, &l, &data, 1);
        for (at, got) in dx.iter().enumerate() {
            close("dx", at, *got, slope(at, |_, x, at, by| x[at] += by));
        }
        let dw = run_pass(&facts, &l, &data, 2);
        let weights = data.w.len();
        for at in 0..weights {
            close("dw", at, dw.iter().skip(at).step_by(weights).sum(), slope(at, |layer, _, at, by| layer.w[at] += by));
        }
        let effective = run_pass(&facts, &ElasticLinear { output: ElasticOutput::Extents, ..l }, &data, 2);
        let mask = ChannelMask { architectures: 3, outer: 1, channels: l.outputs, inner: l.inputs };
        let gradient = ChannelMaskGradient { mask, shared: true, accumulate: false, quotient: false };
        let dmask = run(&facts, gradient, &[effective, data.w.clone(), vec![f32::NAN; data.mask.len()]]);
        for (at, got) in dmask[0].iter().enumerate() {
            close("dmask", at, *got, slope(at, |layer, _, at, by| layer.mask[at] += by));
        }
    }
}

/// The channels below `taken` of rows of `all` channels.
fn sliced(values: &[f32], all: usize, taken: usize) -> Vec<f32> {
    values.chunks_exact(all).flat_map(|row| &row[..taken]).copied().collect()
}

/// 50 architectures of random widths: each is the layer of the sliced weight, in outputs and in gradients of the weights.
#[test]
fn every_vertex_is_the_layer_of_the_sliced_weight() {
    let (widths_in, widths_out) = (vec![16, 33, 64, 41], vec![65, 8, 31, 50]);
    let (rows, inputs, outputs) = (37, 64, 65);
    let l = ElasticLinear {
        architectures: 5,
        rows,
        inputs,
        outputs,
        bias: true,
        elastic_input: true,
        output: ElasticOutput::Mask,
        activation: Activation::Relu,
    };
    let choices: Vec<usize> = numbers(11, 100).into_iter().map(|number| ((number + 1.0) * 2.0) as usize).collect();
    let one_hot = |choices: &[usize]| -> Vec<f32> {
        choices.iter().flat_map(|choice| (0..4).map(move |k| if k == *choice { 1.0 } else { 0.0 })).collect()
    };
    let decision = |facts: &DeviceFacts, widths: &[u32], choices: &[usize]| {
        let kernel = Coverage { architectures: 5, widths: widths.to_vec(), gate: None, evaluate_all: false };
        let len = 5 * kernel.width() as usize;
        let results = run(facts, kernel, &[one_hot(choices), vec![f32::NAN; len], vec![f32::NAN; 5]]);
        (results[0].clone(), results[1].iter().map(|extent| extent.to_bits()).collect::<Vec<u32>>())
    };
    let near = |what: &str, got: &[f32], standalone: &[f32]| {
        let exact: Vec<Exact> = standalone.iter().map(|value| Exact::of(f64::from(*value))).collect();
        assert_close(what, got, &exact, 1e-5, 1e-5);
    };
    for facts in devices() {
        for (turn, choices) in choices.chunks_exact(10).enumerate() {
            let (_, input_extents) = decision(&facts, &widths_in, &choices[..5]);
            let (mask, output_extents) = decision(&facts, &widths_out, &choices[5..]);
            let data = Data { input_extents, output_extents, mask, ..Data::of(&l) };
            let [y, dw] = [0, 2].map(|pass| run_pass(&facts, &l, &data, pass));
            for a in 0..5 {
                let (wi, wo) = (data.input_extents[a], data.output_extents[a]);
                assert_eq!((wi, wo), (widths_in[choices[a]], widths_out[choices[5 + a]]));
                let of = |values: &[f32], all: u32, taken: u32| {
                    let each = (rows * all) as usize;
                    sliced(&values[a * each..][..each], all as usize, taken as usize)
                };
                let (x, dy) = (of(&data.x, inputs, wi), of(&data.dy, outputs, wo));
                let w = sliced(&data.w, inputs as usize, wi as usize)[..(wi * wo) as usize].to_vec();
                let layer = Matmul {
                    batch: 1,
                    m: rows,
                    n: wo,
                    k: wi,
                    transpose_a: false,
                    transpose_b: true,
                    broadcast_a: false,
                    broadcast_b: false,
                    bias: Bias::Shared,
                    relu: true,
                };
                let empty = |len: u32| vec![f32::NAN; len as usize];
                let bias = data.bias[..wo as usize].to_vec();
                let standalone = run(&facts, layer.clone(), &[x.clone(), w, bias, empty(rows * wo)]).remove(0);
                let what = format!("architecture {a} of turn {turn} on {}", facts.selector);
                near(&what, &of(&y, outputs, wo), &standalone);
                let gradient = Matmul {
                    m: wo,
                    n: wi,
                    k: rows,
                    transpose_a: true,
                    transpose_b: false,
                    bias: Bias::None,
                    relu: false,
                    ..layer
                };
                let standalone = run(&facts, gradient, &[dy, x, empty(wo * wi)]).remove(0);
                let each = (inputs * outputs) as usize;
                let own = sliced(&dw[a * each..][..each], inputs as usize, wi as usize);
                near(&what, &own[..standalone.len()], &standalone);
            }
        }
    }
}

#[test]
fn bits_of_a_layer_do_not_depend_on_the_architectures_beside() {
    let many = ElasticLinear {
        architectures: 5,
        rows: 70,
        inputs: 90,
        outputs: 80,
        elastic_input: true,
        output: ElasticOutput::Mask,
        ..PLAIN
    };
    let one = ElasticLinear { architectures: 1, ..many };
    let data = Data::of(&many);
    let tail = |values: &[f32]| values[values.len() / 5 * 4..].to_vec();
    let last = Data {
        x: tail(&data.x),
        w: data.w.clone(),
        dy: tail(&data.dy),
        bias: data.bias.clone(),
        input_extents: data.input_extents[4..].to_vec(),
        output_extents: data.output_extents[4..].to_vec(),
        mask: tail(&data.mask),
    };
    for facts in devices() {
        for pass in 0..3 {
            let all = run_pass(&facts, &many, &data, pass);
            assert!(tail(&all) == run_pass(&facts, &one, &last, pass), "pass {pass} on {}", facts.selector);
        }
    }
}

#[test]
fn impossible_layers_and_widths_are_refused() {
    let coverage = Coverage { architectures: 2, widths: vec![1, 2], gate: None, evaluate_all: false };
    assert!(coverage.validate().is_ok());
    assert!(Coverage { architectures: 0, ..coverage.clone() }.validate().is_err());
    assert!(Coverage { widths: vec![0], ..coverage.clone() }.validate().is_err());
    assert!(Coverage { widths: Vec::new(), ..coverage.clone() }.validate().is_err());
    assert!(Coverage { widths: vec![1; 33], ..coverage }.validate().is_err());
    assert!(PLAIN.validate().is_ok());
    assert!(ElasticLinear { rows: 0, ..PLAIN }.validate().is_err());
    assert!(ElasticLinear { inputs: 1 << 17, ..PLAIN }.validate().is_err());
    assert!(ElasticLinear { rows: 100_000, outputs: 100_000, ..PLAIN }.validate().is_err());
    let mask = ChannelMask { architectures: 1, outer: 1, channels: 1, inner: 1 };
    assert!(ChannelMask { channels: 0, ..mask }.validate().is_err());
    assert!(ChannelMask { outer: 1 << 16, inner: 1 << 16, ..mask }.validate().is_err());
}
