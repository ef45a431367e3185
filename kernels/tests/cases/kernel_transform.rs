//! Depthwise kernels by learned transforms.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{
    KernelTransform, KernelTransformChoiceGradient, KernelTransformMatrixGradient, KernelTransformWeightGradient,
};

use crate::reference::kernel_transform::{choice_gradient, kernel_transform};
use crate::support::{Exact, assert_close, devices, numbers, run};

struct Data {
    weights: Vec<f32>,
    w: Vec<f32>,
    m5: Vec<f32>,
    m3: Vec<f32>,
    g: Vec<f32>,
}

impl Data {
    fn of(t: &KernelTransform) -> Self {
        t.validate().unwrap();
        let (a, c) = (t.architectures as usize, t.channels as usize);
        let mut weights = numbers(1, 3 * a);
        // The second architecture takes 5 alone, the third 3, the fourth none.
        for (row, choice) in [(1, [0.0, 1.0, 0.0]), (2, [1.0, 0.0, 0.0]), (3, [0.0; 3])] {
            if row < a {
                weights[3 * row..][..3].copy_from_slice(&choice);
            }
        }
        Self { weights, w: numbers(2, c * 49), m5: numbers(3, 625), m3: numbers(4, 81), g: numbers(5, a * c * 49) }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn empty(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

fn cases() -> Vec<KernelTransform> {
    let sizes = [(1, 1), (3, 3), (2, 31), (4, 33), (1, 127)];
    let both = sizes.into_iter().flat_map(|size| [(size, false), (size, true)]);
    both.map(|((architectures, channels), evaluate_all)| KernelTransform { architectures, channels, evaluate_all })
        .collect()
}

fn run_forward(facts: &DeviceFacts, t: &KernelTransform, data: &Data) -> Vec<Vec<f32>> {
    let (a, c) = (t.architectures as usize, t.channels as usize);
    let outputs = [empty(a * c * 49), empty(c * 34), empty(a)];
    let inputs = [data.weights.clone(), data.w.clone(), data.m5.clone(), data.m3.clone()];
    run(facts, *t, &[inputs.to_vec(), outputs.to_vec()].concat())
}

/// dw, dm5, dm3 of each architecture, dweights.
fn run_gradients(facts: &DeviceFacts, t: &KernelTransform, data: &Data) -> [Vec<f32>; 4] {
    let (a, c) = (t.architectures as usize, t.channels as usize);
    let made = run_forward(facts, t, data).swap_remove(1);
    let inputs = [data.g.clone(), data.weights.clone(), data.m5.clone(), data.m3.clone()];
    let outputs = [empty(a * c * 49), empty(a * c * 34)];
    let kernels = run(facts, KernelTransformWeightGradient(*t), &[inputs.to_vec(), outputs.to_vec()].concat());
    let inputs = [data.w.clone(), made.clone(), kernels[1].clone(), empty(a * 625), empty(a * 81)];
    let [dm5, dm3] = run(facts, KernelTransformMatrixGradient(*t), &inputs).try_into().unwrap();
    let inputs = [data.g.clone(), data.weights.clone(), data.w.clone(), made, empty(3 * a)];
    let dweights = run(facts, KernelTransformChoiceGradient(*t), &inputs).remove(0);
    [kernels[0].clone(), dm5, dm3, dweights]
}

#[test]
fn kernels_agree_with_the_reference() {
    for t in cases() {
        let data = Data::of(&t);
        let [weights, w, m5, m3] = [&data.weights, &data.w, &data.m5, &data.m3].map(|values| wide(values));
        let exact = kernel_transform(&t, &weights, &w, &m5, &m3);
        let reach: Vec<u32> = weights
            .chunks(3)
            .map(|weights| match weights.iter().rposition(|weight| *weight != 0.0) {
                _ if t.evaluate_all => 3,
                Some(largest) => largest as u32 + 1,
                None => 0,
            })
            .collect();
        let dweights = choice_gradient(&t, &wide(&data.g), &weights, &w, &m5, &m3);
        for facts in devices() {
            let got = run_forward(&facts, &t, &data);
            let what = format!("{t:?} on {}", facts.selector);
            assert_close(&what, &got[0], &exact, 1e-6, 1e-6);
            assert_eq!(got[2].iter().map(|reach| reach.to_bits()).collect::<Vec<u32>>(), reach, "{what}");
            let magnified: Vec<Exact> =
                dweights.iter().map(|exact| Exact { magnitude: 10.0 * exact.magnitude, ..*exact }).collect();
            assert_close(&what, &run_gradients(&facts, &t, &data)[3], &magnified, 1e-6, 1e-6);
        }
    }
}

/// The gradients of `sum(g * effective)`, `g` being any numbers, by central differences of the reference.
#[test]
fn gradients_are_the_slopes_of_the_transform() {
    const STEP: f64 = 1e-5;
    let t = KernelTransform { architectures: 4, channels: 3, evaluate_all: true };
    let data = Data::of(&t);
    let inputs = [&data.w, &data.m5, &data.m3, &data.weights].map(|values| wide(values));
    let g = wide(&data.g);
    for facts in devices() {
        for (which, got) in run_gradients(&facts, &t, &data).iter().enumerate() {
            let len = inputs[which].len();
            for at in 0..len {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    inputs[which][at] += by;
                    let [w, m5, m3, weights] = &inputs;
                    kernel_transform(&t, weights, w, m5, m3).iter().zip(&g).map(|(y, g)| y.value * g).sum::<f64>()
                };
                let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                // What architectures share has a gradient of each.
                let got: f64 = got.iter().skip(at).step_by(len).map(|got| f64::from(*got)).sum();
                assert!((got - slope).abs() < 1e-4, "{which}, {at} on {}: {got}, {slope}", facts.selector);
            }
        }
    }
}

#[test]
fn impossible_transforms_are_refused() {
    let good = KernelTransform { architectures: 1, channels: 1, evaluate_all: false };
    assert!(good.validate().is_ok());
    assert!(KernelTransform { channels: 0, ..good }.validate().is_err());
    assert!(KernelTransform { channels: 70_000, ..good }.validate().is_err());
    assert!(KernelTransform { architectures: 65_000, channels: 65_000, ..good }.validate().is_err());
}
