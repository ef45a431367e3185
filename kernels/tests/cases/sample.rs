//! Samplers of architecture weights and their gradients.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{GivenChoices, Sample, SampleGradient, SampleKind};

use crate::reference::sample::{sample, sample_gradient, softmax};
use crate::support::{bits, devices, numbers, run};

const KINDS: [SampleKind; 6] = [
    SampleKind::ReinMax,
    SampleKind::Gdas,
    SampleKind::Gumbel,
    SampleKind::Softmax,
    SampleKind::Argmax,
    SampleKind::Uniform,
];

/// Groups of odd widths; an empty one among them.
const OFFSETS: [u32; 9] = [0, 1, 4, 9, 9, 40, 73, 114, 241];
const TOTAL: usize = 241;

fn kernel(kind: SampleKind, architectures: u32, temperature: f32) -> Sample {
    Sample {
        kind,
        architectures,
        total: TOTAL as u32,
        groups: OFFSETS.len() as u32 - 1,
        temperature,
        seed: 99,
        site: 3,
        first_architecture: 0,
    }
}

fn logits(architectures: usize) -> Vec<f32> {
    numbers(5, architectures * TOTAL).into_iter().map(|x| 3.0 * x).collect()
}

fn run_sample(facts: &DeviceFacts, kernel: &Sample, step: u32, logits: &[f32]) -> [Vec<f32>; 2] {
    let empty = vec![f32::NAN; logits.len()];
    let got = run(facts, kernel.clone(), &[logits.to_vec(), bits(&OFFSETS), bits(&[step, 0]), empty.clone(), empty]);
    got.try_into().expect("two outputs")
}

fn ranges() -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    OFFSETS.windows(2).map(|pair| pair[0] as usize..pair[1] as usize).enumerate().filter(|(_, range)| !range.is_empty())
}

#[test]
fn samples_agree_with_the_reference() {
    let architectures = 33;
    let logits = logits(architectures);
    for facts in devices() {
        for (kind, temperature) in KINDS.into_iter().flat_map(|kind| [(kind, 1.0), (kind, 0.3)]) {
            let kernel = kernel(kind, architectures as u32, temperature);
            let [weights, probabilities] = run_sample(&facts, &kernel, 17, &logits);
            let mut decided = 0;
            for (a, (group, range)) in (0..architectures).flat_map(|a| ranges().map(move |r| (a, r))) {
                let what = format!("{kind:?} at {temperature}, architecture {a}, group {group} on {}", facts.selector);
                let range = a * TOTAL + range.start..a * TOTAL + range.end;
                let exact = sample(&kernel, 17, a as u32, group as u32, &logits[range.clone()]);
                for (got, exact) in probabilities[range.clone()].iter().zip(&exact.probabilities) {
                    let error = (f64::from(*got) - exact).abs();
                    assert!(error < 1e-5 * exact + 1e-6, "{what}: probability {got}, expected {exact}");
                }
                let weights = &weights[range.clone()];
                if !kind.one_hot() {
                    assert_eq!(weights, &probabilities[range], "{what}");
                    continue;
                }
                assert_eq!(weights.iter().filter(|w| **w == 1.0).count(), 1, "{what}: {weights:?}");
                assert_eq!(weights.iter().filter(|w| **w == 0.0).count(), weights.len() - 1, "{what}: {weights:?}");
                // Rounding may decide where the reference is undecided.
                if exact.margin > 1e-5 {
                    decided += 1;
                    assert!(
                        weights.iter().zip(&exact.weights).all(|(w, e)| f64::from(*w) == *e),
                        "{what}: {weights:?}"
                    );
                }
            }
            assert!(!kind.one_hot() || decided > 7 * architectures - 5, "{kind:?}: only {decided} groups decided");
        }
    }
}

/// The frequencies of 4,000 draws are those of the probabilities.
#[test]
fn samples_follow_their_distribution() {
    let theta = [0.5f32, -1.0, 0.0, 1.2];
    let p = softmax(&theta.map(f64::from));
    let architectures = 4000;
    for facts in devices() {
        for kind in [SampleKind::ReinMax, SampleKind::Gdas, SampleKind::Uniform] {
            let kernel = Sample { architectures, total: 4, groups: 1, ..kernel(kind, 1, 0.7) };
            let logits = theta.repeat(architectures as usize);
            let empty = vec![f32::NAN; logits.len()];
            let got = run(&facts, kernel, &[logits, bits(&[0, 4]), bits(&[2, 0]), empty.clone(), empty]).remove(0);
            for k in 0..4 {
                let expected = if kind == SampleKind::Uniform { 0.25 } else { p[k] };
                let n = f64::from(architectures);
                let frequency = got.iter().skip(k).step_by(4).map(|w| f64::from(*w)).sum::<f64>() / n;
                let error = (expected * (1.0 - expected) / n).sqrt();
                let what = format!("{kind:?}, entry {k} on {}", facts.selector);
                assert!((frequency - expected).abs() < 4.0 * error, "{what}: {frequency}, expected {expected}");
            }
        }
    }
}

#[test]
fn chunks_over_architectures_draw_the_same() {
    let logits = logits(7);
    for facts in devices() {
        for kind in KINDS {
            let whole = run_sample(&facts, &kernel(kind, 7, 0.9), 4, &logits);
            let tail = Sample { first_architecture: 3, ..kernel(kind, 4, 0.9) };
            let tail = run_sample(&facts, &tail, 4, &logits[3 * TOTAL..]);
            for (whole, tail) in whole.iter().zip(&tail) {
                assert_eq!(&whole[3 * TOTAL..], tail, "{kind:?} on {}", facts.selector);
            }
        }
    }
}

#[test]
fn certain_logits_are_always_drawn() {
    // Underflowing probabilities, logits without a difference, and a tie.
    let logits = vec![-200.0, 0.0, -200.0, 1e30, 1e30, -1e30, 2.0, 2.0, 1.0];
    for facts in devices() {
        for kind in [SampleKind::ReinMax, SampleKind::Argmax] {
            let kernel = Sample { total: 9, groups: 3, ..kernel(kind, 1, 1.0) };
            let inputs = [logits.clone(), bits(&[0, 3, 6, 9]), bits(&[1, 0]), vec![9.0; 9], vec![9.0; 9]];
            let got = run(&facts, kernel, &inputs);
            assert_eq!(got[0][..3], [0.0, 1.0, 0.0], "{kind:?} on {}", facts.selector);
            assert_eq!(got[0][5], 0.0, "{kind:?} on {}", facts.selector);
            assert_eq!(got[1][3..6], [0.5, 0.5, 0.0], "{kind:?} on {}", facts.selector);
            if kind == SampleKind::Argmax {
                assert_eq!(got[0][3..], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], "on {}", facts.selector);
            }
        }
    }
}

fn run_gradient(
    facts: &DeviceFacts,
    kernel: &SampleGradient,
    offsets: &[u32],
    g: &[f32],
    weights: &[f32],
    probabilities: &[f32],
) -> Vec<f32> {
    let inputs = [g.to_vec(), weights.to_vec(), probabilities.to_vec(), bits(offsets), vec![f32::NAN; g.len()]];
    run(facts, kernel.clone(), &inputs).remove(0)
}

#[test]
fn gradients_agree_with_the_reference() {
    let architectures = 13;
    let logits = logits(architectures);
    let g = numbers(8, architectures * TOTAL);
    for facts in devices() {
        for (kind, temperature) in KINDS.into_iter().flat_map(|kind| [(kind, 1.0), (kind, 0.6), (kind, 1.7)]) {
            let kernel = kernel(kind, architectures as u32, temperature);
            let gradient = SampleGradient {
                kind,
                architectures: kernel.architectures,
                total: kernel.total,
                groups: kernel.groups,
                temperature,
            };
            if !kind.differentiable() {
                assert!(gradient.validate().is_err(), "{kind:?} has no gradient");
                continue;
            }
            gradient.validate().expect("the parameters are valid");
            let [weights, probabilities] = run_sample(&facts, &kernel, 2, &logits);
            let got = run_gradient(&facts, &gradient, &OFFSETS, &g, &weights, &probabilities);
            for (a, (group, range)) in (0..architectures).flat_map(|a| ranges().map(move |r| (a, r))) {
                let range = a * TOTAL + range.start..a * TOTAL + range.end;
                let wide = |x: &[f32]| x[range.clone()].iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
                let exact =
                    sample_gradient(&gradient, &wide(&logits), &wide(&g), &wide(&weights), &wide(&probabilities));
                for (got, exact) in got[range.clone()].iter().zip(exact) {
                    let what =
                        format!("{kind:?} at {temperature}, architecture {a}, group {group} on {}", facts.selector);
                    assert!((f64::from(*got) - exact).abs() < 4e-6, "{what}: got {got}, expected {exact}");
                }
            }
        }
    }
}

/// `modnas.md` 11, from the released ReinMax.
#[test]
fn reinmax_gradient_has_its_golden_value() {
    let theta = [0.3f64, -0.2, 0.1, 0.0, 0.5];
    let p: Vec<f32> = softmax(&theta).into_iter().map(|p| p as f32).collect();
    let kernel = SampleGradient { kind: SampleKind::ReinMax, architectures: 1, total: 5, groups: 1, temperature: 1.0 };
    for facts in devices() {
        let g = [1.0, -2.0, 0.5, 0.0, 3.0];
        let got = run_gradient(&facts, &kernel, &[0, 5], &g, &[0.0, 0.0, 1.0, 0.0, 0.0], &p);
        for (got, expected) in got.iter().zip([0.056_980f32, -0.172_801, -0.189_946, -0.042_212, 0.347_979]) {
            assert!((got - expected).abs() < 1e-6, "got {got}, expected {expected} on {}", facts.selector);
        }
    }
}

#[test]
fn given_choices_become_one_hot() {
    let kernel = GivenChoices { architectures: 2, total: 7, groups: 3 };
    for facts in devices() {
        // The last choice lies beyond its group.
        let inputs = [bits(&[0, 2, 0, 1, 0, 5]), bits(&[0, 2, 5, 7]), vec![f32::NAN; 14]];
        let got = run(&facts, kernel.clone(), &inputs).remove(0);
        let expected = [1., 0., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0., 0., 1.];
        assert_eq!(got, expected, "on {}", facts.selector);
    }
}

#[test]
fn nonsense_is_refused() {
    let good = kernel(SampleKind::Gdas, 3, 1.0);
    assert!(good.validate().is_ok());
    for bad in [
        Sample { architectures: 0, ..good.clone() },
        Sample { groups: 0, ..good.clone() },
        Sample { groups: 242, ..good.clone() },
        Sample { temperature: 0.0, ..good.clone() },
        Sample { temperature: f32::NAN, ..good.clone() },
        Sample { total: 65_536, ..good.clone() },
        Sample { first_architecture: u32::MAX, ..good },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
