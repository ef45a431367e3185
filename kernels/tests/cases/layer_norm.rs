//! Layer norm and RMS norm, of fixed and of elastic width.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{ElasticWidth, LayerNorm, LayerNormForward, LayerNormGradient, LayerNormSums, RowAffine};

use crate::reference::layer_norm::{Inputs, forward, gradients, widths};
use crate::support::variants::run_by;
use crate::support::{Exact, assert_close, devices, numbers, run};

/// Architectures, rows, width, and the widths to choose from.
const SIZES: [(u32, u32, u32, &[u32]); 9] = [
    (1, 1, 1, &[1]),
    (2, 3, 33, &[1, 31, 33]),
    (3, 41, 31, &[3, 31]),
    (1, 65, 127, &[33, 65, 100]),
    (2, 9, 65, &[41, 65]),
    (2, 3, 384, &[128, 256, 384]),
    (1, 2, 2049, &[31, 1000, 2048]),
    (2, 130, 4, &[1, 2, 3, 4]),
    (1, 300, 3, &[3]),
];

/// What the weights of the widths are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weights {
    Relaxed,
    OneHot,
    OneHotExact,
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

/// A normalisation with its tensors.
#[derive(Debug, Clone)]
struct Case {
    norm: LayerNorm,
    g: Vec<f32>,
    x: Vec<f32>,
    weights: Option<Vec<f32>>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Case {
    fn new(size: usize, kind: usize, weights: Option<Weights>) -> Self {
        let (architectures, rows, width, choices) = SIZES[size];
        let (a, channels, len) = (architectures as usize, width as usize, (architectures * rows * width) as usize);
        let affine = [RowAffine::ScaleAndShift, RowAffine::Scale, RowAffine::None][kind % 3];
        let elastic = weights
            .map(|weights| ElasticWidth { widths: choices.to_vec(), evaluate_all: weights == Weights::OneHotExact });
        let weights = weights.map(|weights| match weights {
            Weights::Relaxed => numbers(8, a * choices.len()).iter().map(|x| 0.6 + 0.5 * x).collect(),
            _ => (0..a)
                .flat_map(|a| (0..choices.len()).map(move |k| f32::from(u8::from(k == (a + size) % choices.len()))))
                .collect::<Vec<f32>>(),
        });
        let shared_affine = kind % 2 == 1;
        let own = if shared_affine { channels } else { a * channels };
        let values = |seed: u64| numbers(seed, own).iter().map(|x| x + 0.5).collect::<Vec<f32>>();
        Self {
            norm: LayerNorm {
                architectures,
                rows,
                width,
                epsilon: 1e-3,
                centred: kind % 4 < 2,
                affine,
                shared_affine,
                elastic,
            },
            g: numbers(1, len),
            x: numbers(2, len).iter().map(|x| 2.0 * x + 0.7).collect(),
            weights,
            scale: values(3),
            shift: values(4),
        }
    }

    /// Makes a channel that its architecture does not choose what no loop may read.
    fn poison(&mut self) {
        let (widths, channels) = (widths(&self.norm), self.norm.width as usize);
        let weights = self.weights.clone().unwrap_or_default();
        for at in 0..self.x.len() {
            let a = at / channels / self.norm.rows as usize;
            let bound = widths.iter().enumerate().filter(|(k, _)| weights[a * widths.len() + k] != 0.0);
            if bound.map(|(_, width)| *width).max().unwrap_or(0) <= at % channels {
                self.x[at] = f32::NAN;
            }
        }
    }

    fn given(&self, shift: bool) -> Vec<Vec<f32>> {
        let mut given: Vec<Vec<f32>> = self.weights.iter().cloned().collect();
        given.extend((self.norm.affine != RowAffine::None).then(|| self.scale.clone()));
        given.extend((shift && self.norm.affine == RowAffine::ScaleAndShift).then(|| self.shift.clone()));
        given
    }

    fn rows(&self) -> usize {
        (self.norm.architectures * self.norm.rows) as usize
    }

    fn inputs(&self) -> Inputs {
        let (a, channels) = (self.norm.architectures as usize, self.norm.width as usize);
        let rows = |values: &[f32], none: f64, given: bool| match given {
            false => vec![none; a * channels],
            true => wide(values).into_iter().cycle().take(a * channels).collect(),
        };
        Inputs {
            g: wide(&self.g),
            x: wide(&self.x),
            weights: self.weights.as_ref().map_or(vec![1.0; a], |weights| wide(weights)),
            scale: rows(&self.scale, 1.0, self.norm.affine != RowAffine::None),
            shift: rows(&self.shift, 0.0, self.norm.affine == RowAffine::ScaleAndShift),
        }
    }

    fn forward(&self, variant: usize, facts: &DeviceFacts) -> Vec<Vec<f32>> {
        let kernel = LayerNormForward(self.norm.clone());
        kernel.validate().unwrap();
        let mut inputs = vec![self.x.clone()];
        inputs.extend(self.given(true));
        inputs.push(vec![f32::NAN; self.x.len()]);
        inputs.push(vec![f32::NAN; 2 * self.rows() * widths(&self.norm).len()]);
        run_by(variant, facts, kernel, &inputs)
    }

    fn gradient(&self, variant: usize, facts: &DeviceFacts, statistics: &[f32]) -> Vec<Vec<f32>> {
        let of_weights = self.weights.is_some();
        let kernel = LayerNormGradient { norm: self.norm.clone(), of_weights };
        kernel.validate().unwrap();
        let mut inputs = vec![self.g.clone(), self.x.clone(), statistics.to_vec()];
        inputs.extend(self.given(of_weights));
        inputs.push(vec![f32::NAN; self.x.len()]);
        inputs.extend(of_weights.then(|| vec![f32::NAN; self.rows() * widths(&self.norm).len()]));
        run_by(variant, facts, kernel, &inputs)
    }

    /// The sums over blocks, added up.
    fn sums(&self, facts: &DeviceFacts, statistics: &[f32]) -> Vec<Vec<f32>> {
        let kernel = LayerNormSums(self.norm.clone());
        kernel.validate().unwrap();
        let (blocks, channels) = (kernel.blocks() as usize, self.norm.width as usize);
        let len = self.norm.architectures as usize * blocks * channels;
        let mut inputs = vec![self.g.clone(), self.x.clone(), statistics.to_vec()];
        inputs.extend(self.weights.clone());
        let outputs = if self.norm.affine == RowAffine::ScaleAndShift { 2 } else { 1 };
        inputs.extend(vec![vec![f32::NAN; len]; outputs]);
        let mut sums = run(facts, kernel, &inputs);
        for sum in &mut sums {
            let own = sum.chunks(blocks * channels);
            *sum = own.flat_map(|own| (0..channels).map(|c| own.iter().skip(c).step_by(channels).sum())).collect();
        }
        sums
    }
}

fn assert_agrees(case: &Case, what: &str) {
    let inputs = case.inputs();
    let (y, statistics) = forward(&case.norm, &inputs);
    let exact = gradients(&case.norm, &inputs);
    for (facts, variant) in devices().into_iter().flat_map(|facts| [(facts.clone(), 0), (facts, 1)]) {
        let what = format!("{what}: {:?} by variant {variant} on {}", case.norm, facts.selector);
        let got = case.forward(variant, &facts);
        assert_close(&what, &got[0], &y, 4e-6, 4e-6);
        assert_close(&format!("statistics of {what}"), &got[1], &statistics, 4e-6, 1e-6);
        let gradient = case.gradient(variant, &facts, &got[1]);
        assert_close(&format!("dx of {what}"), &gradient[0], &exact.dx, 6e-6, 2e-6);
        if case.weights.is_some() {
            assert_close(&format!("drows of {what}"), &gradient[1], &exact.drows, 4e-6, 2e-6);
        }
        if case.norm.affine != RowAffine::None {
            let sums = case.sums(&facts, &got[1]);
            assert_close(&format!("dscale of {what}"), &sums[0], &exact.dscale, 4e-6, 4e-6);
            if let Some(dshift) = sums.get(1) {
                assert_close(&format!("dshift of {what}"), dshift, &exact.dshift, 4e-6, 2e-6);
            }
        }
    }
}

#[test]
fn layer_norms_agree_with_the_reference() {
    for size in 0..SIZES.len() {
        for kind in [size, size + 2] {
            assert_agrees(&Case::new(size, kind, None), "fixed");
        }
    }
}

#[test]
fn layer_norms_of_elastic_width_agree_with_the_reference() {
    for size in 0..SIZES.len() {
        for (kind, weights) in [Weights::Relaxed, Weights::OneHot, Weights::OneHotExact].into_iter().enumerate() {
            assert_agrees(&Case::new(size, size + kind, Some(weights)), &format!("{weights:?}"));
        }
    }
}

/// What lies beyond the chosen width is neither computed nor read: it may be no number.
#[test]
fn layer_norms_stop_at_the_chosen_width() {
    for (size, kind) in [(1, 0), (3, 1), (4, 3), (6, 0), (7, 2)] {
        let mut case = Case::new(size, kind, Some(Weights::OneHot));
        case.poison();
        assert!(size == 7 || case.x.iter().any(|x| x.is_nan()) || case.norm.architectures == 1);
        assert_agrees(&case, "poisoned");
    }
}

/// A mean that is large beside the deviation does not cancel.
#[test]
fn layer_norms_keep_small_deviations() {
    for facts in devices() {
        for size in [4, 5, 6] {
            let mut case = Case::new(size, 0, None);
            case.x.iter_mut().for_each(|x| *x += 1000.0);
            let (y, _) = forward(&case.norm, &case.inputs());
            assert_close(&format!("{size} on {}", facts.selector), &case.forward(0, &facts)[0], &y, 1e-5, 1e-4);
        }
    }
}

/// Against central differences of the f64 forward pass, for every input, from upstream gradients that are not 1.
#[test]
fn gradients_of_layer_norms_are_central_differences() {
    let step = 1e-6;
    for (kind, weights) in [(0, None), (3, None), (0, Some(Weights::Relaxed)), (4, Some(Weights::OneHotExact))] {
        let mut case = Case::new(1, kind, weights);
        case.norm.shared_affine = false;
        (case.scale, case.shift) = (numbers(5, 66), numbers(6, 66));
        let inputs = case.inputs();
        let loss = |inputs: &Inputs| -> f64 {
            forward(&case.norm, inputs).0.iter().zip(&inputs.g).map(|(y, g)| y.value * g).sum()
        };
        let slopes = |of: fn(&mut Inputs) -> &mut Vec<f64>| -> Vec<Exact> {
            let mut inputs = inputs.clone();
            (0..of(&mut inputs).len())
                .map(|i| {
                    let own = of(&mut inputs)[i];
                    of(&mut inputs)[i] = own + step;
                    let above = loss(&inputs);
                    of(&mut inputs)[i] = own - step;
                    let below = loss(&inputs);
                    of(&mut inputs)[i] = own;
                    Exact::of((above - below) / (2.0 * step))
                })
                .collect()
        };
        for facts in devices() {
            let what = format!("{weights:?}, kind {kind}, on {}", facts.selector);
            let statistics = case.forward(0, &facts).remove(1);
            let got = case.gradient(0, &facts, &statistics);
            assert_close(&format!("dx of {what}"), &got[0], &slopes(|inputs| &mut inputs.x), 1e-5, 1e-5);
            if weights.is_some() {
                let choices = widths(&case.norm).len();
                let own = (case.norm.rows as usize) * choices;
                let of_weights: Vec<f32> = got[1]
                    .chunks(own)
                    .flat_map(|own| (0..choices).map(|k| own.iter().skip(k).step_by(choices).sum()))
                    .collect();
                let slopes = slopes(|inputs| &mut inputs.weights);
                assert_close(&format!("weights of {what}"), &of_weights, &slopes, 1e-5, 1e-5);
            }
            if case.norm.affine != RowAffine::None {
                let sums = case.sums(&facts, &statistics);
                assert_close(&format!("scale of {what}"), &sums[0], &slopes(|inputs| &mut inputs.scale), 1e-5, 1e-5);
                if let Some(dshift) = sums.get(1) {
                    assert_close(&format!("shift of {what}"), dshift, &slopes(|inputs| &mut inputs.shift), 1e-5, 1e-5);
                }
            }
        }
    }
}

/// At a vertex of the simplex the elastic normalisation is that of a network of the chosen width.
#[test]
fn layer_norms_at_a_vertex_stand_alone() {
    for facts in devices() {
        let case = Case::new(5, 0, Some(Weights::OneHot));
        let together = case.forward(0, &facts).remove(0);
        for a in 0..2 {
            let width = SIZES[5].3[(a + 5) % 3] as usize;
            let cut = |x: &[f32]| -> Vec<f32> { x.chunks(384).flat_map(|row| row[..width].to_vec()).collect() };
            let own = |x: &[f32], rows: usize| cut(&x[a * rows * 384..(a + 1) * rows * 384]);
            let alone = Case {
                norm: LayerNorm { architectures: 1, width: width as u32, elastic: None, ..case.norm.clone() },
                g: own(&case.g, 3),
                x: own(&case.x, 3),
                weights: None,
                scale: own(&case.scale, 1),
                shift: own(&case.shift, 1),
            };
            let exact: Vec<Exact> = own(&together, 3).iter().map(|y| Exact::of(f64::from(*y))).collect();
            let what = format!("architecture {a} on {}", facts.selector);
            assert_close(&what, &alone.forward(0, &facts)[0], &exact, 1e-6, 1e-6);
        }
    }
}

#[test]
fn impossible_layer_norms_are_refused() {
    let good = Case::new(1, 0, Some(Weights::Relaxed)).norm;
    assert!(good.validate().is_ok());
    assert!(LayerNorm { rows: 0, ..good.clone() }.validate().is_err());
    assert!(LayerNorm { epsilon: -1.0, ..good.clone() }.validate().is_err());
    assert!(LayerNorm { width: (1 << 22) + 1, rows: 1, ..good.clone() }.validate().is_err());
    for widths in [vec![], vec![0, 3], vec![3, 3], vec![5, 3], vec![3, 34], (1..10).collect()] {
        let elastic = Some(ElasticWidth { widths, evaluate_all: false });
        assert!(LayerNorm { elastic, ..good.clone() }.validate().is_err());
    }
    let fixed = LayerNorm { elastic: None, ..good.clone() };
    assert!(LayerNormGradient { norm: fixed, of_weights: true }.validate().is_err());
    assert!(LayerNormSums(LayerNorm { affine: RowAffine::None, ..good }).validate().is_err());
}
