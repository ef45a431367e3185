//! The mixed edge of NAS-Bench-201.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{
    MixedCombine, MixedEdge, MixedInputGradient, MixedNormaliseGradient, MixedStatistics, MixedSums,
    MixedWeightGradient, Unselected,
};

use crate::reference::batch_norm::{Extents, statistics};
use crate::reference::mixed_edge::Edge;
use crate::support::{Exact, assert_close, devices, numbers, run};

// Stored as a half it is the same.
const UNTOUCHED: f32 = 1234.0;

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

fn exact(x: &[f64]) -> Vec<Exact> {
    x.iter().map(|x| Exact { value: *x, magnitude: x.abs().max(1.0) }).collect()
}

/// An edge with its inputs. Where a convolution is skipped its results are NaN.
#[derive(Clone)]
struct Case {
    edge: MixedEdge,
    g: Vec<f32>,
    x: Vec<f32>,
    z: [Vec<f32>; 2],
    weights: Vec<f32>,
}

/// What the kernels of an edge compute.
struct Results {
    statistics: Vec<f32>,
    y: Vec<f32>,
    sums: Vec<f32>,
    dz: [Vec<f32>; 2],
    dx: Vec<f32>,
}

impl Case {
    fn new([a, n, c, h, w]: [u32; 5], weights: &[[f32; 5]], evaluate_all: bool) -> Self {
        let edge =
            MixedEdge { architectures: a, batch: n, channels: c, height: h, width: w, epsilon: 1e-5, evaluate_all };
        edge.validate().unwrap();
        let weights: Vec<f32> = weights.iter().cycle().take(a as usize).flatten().copied().collect();
        let each = (n * c * h * w) as usize;
        let len = a as usize * each;
        let convolved = |seed: u64, choice: usize| -> Vec<f32> {
            let skipped = |i: usize| !evaluate_all && weights[i / each * 5 + choice] == 0.0;
            numbers(seed, len).into_iter().enumerate().map(|(i, z)| if skipped(i) { f32::NAN } else { z }).collect()
        };
        let z = [convolved(3, 2), convolved(4, 3)];
        Self { edge, g: numbers(1, len), x: numbers(2, len), z, weights }
    }

    fn reference(&self) -> Edge {
        let MixedEdge { architectures, batch, channels, height, width, epsilon, .. } = self.edge;
        let (height, width) = (height as usize, width as usize);
        let extents = Extents(architectures as usize, batch as usize, channels as usize, height * width);
        let z = [wide(&self.z[0]), wide(&self.z[1])];
        let (x, weights) = (wide(&self.x), wide(&self.weights));
        Edge { extents, height, width, epsilon: f64::from(epsilon), x, z, weights }
    }

    fn run(&self, facts: &DeviceFacts) -> Results {
        let edge = self.edge;
        let [z1, z3] = self.z.clone();
        let (g, x, weights) = (self.g.clone(), self.x.clone(), self.weights.clone());
        let empty = vec![UNTOUCHED; x.len()];
        let rows = (edge.architectures * edge.channels) as usize;
        let inputs = [z1.clone(), z3.clone(), weights.clone(), vec![f32::NAN; 4 * rows]];
        let statistics = run(facts, MixedStatistics(edge), &inputs).remove(0);
        let mut inputs = vec![x.clone(), z1.clone(), z3.clone(), statistics.clone(), weights.clone(), empty.clone()];
        let y = run(facts, MixedCombine { edge, accumulate: false }, &inputs).remove(0);
        inputs.insert(5, g.clone());
        let accumulated = run(facts, MixedCombine { edge, accumulate: true }, &inputs).remove(0);
        for (i, (y, accumulated)) in y.iter().zip(&accumulated).enumerate() {
            let sum = Exact { value: f64::from(y + g[i]), magnitude: f64::from(y.abs() + g[i].abs()) };
            assert_close(&format!("accumulated {i} on {}", facts.selector), &[*accumulated], &[sum], 0.0, 1e-5);
        }
        let empty_sums = vec![f32::NAN; 5 * rows];
        let inputs = [g.clone(), x, z1.clone(), z3.clone(), statistics.clone(), weights.clone(), empty_sums];
        let sums = run(facts, MixedSums(edge), &inputs).remove(0);
        let inputs =
            [g.clone(), z1, z3, statistics.clone(), sums.clone(), weights.clone(), empty.clone(), empty.clone()];
        let dz = run(facts, MixedNormaliseGradient(edge), &inputs).try_into().unwrap();
        let mut inputs = vec![g.clone(), weights, empty];
        let dx = run(facts, MixedInputGradient { edge, accumulate: false }, &inputs).remove(0);
        inputs.insert(2, g.clone());
        let accumulated = run(facts, MixedInputGradient { edge, accumulate: true }, &inputs).remove(0);
        for (i, (dx, accumulated)) in dx.iter().zip(&accumulated).enumerate() {
            let sum = Exact { value: f64::from(dx + g[i]), magnitude: f64::from(dx.abs() + g[i].abs()) };
            assert_close(
                &format!("accumulated gradient {i} on {}", facts.selector),
                &[*accumulated],
                &[sum],
                0.0,
                1e-5,
            );
        }
        Results { statistics, y, sums, dz, dx }
    }

    fn weight_gradient(&self, facts: &DeviceFacts, sums: &[f32], unselected: Unselected) -> Vec<f32> {
        let kernel = MixedWeightGradient { edge: self.edge, unselected };
        kernel.validate().unwrap();
        run(facts, kernel, &[sums.to_vec(), self.weights.clone(), vec![f32::NAN; self.weights.len()]]).remove(0)
    }
}

fn one_hot() -> [[f32; 5]; 5] {
    std::array::from_fn(|selected| std::array::from_fn(|choice| f32::from(u8::from(choice == selected))))
}

const RELAXED: [[f32; 5]; 2] = [[0.1, 0.3, 0.2, 0.15, 0.25], [0.3, -0.2, 0.0, 0.5, 0.4]];

fn cases() -> Vec<Case> {
    vec![
        Case::new([5, 3, 3, 8, 8], &one_hot(), false),
        Case::new([5, 1, 2, 5, 33], &one_hot(), true),
        Case::new([2, 3, 1, 41, 32], &RELAXED, false),
        Case::new([2, 2, 2, 3, 127], &RELAXED, true),
        Case::new([5, 31, 1, 1, 1], &one_hot(), false),
        Case::new([2, 41, 2, 4, 4], &RELAXED, false),
        Case::new([1, 1, 1, 65, 65], &RELAXED, false),
        Case::new([2, 2, 1, 7, 16], &RELAXED, false),
    ]
}

#[test]
pub(super) fn mixed_edges_agree_with_the_reference() {
    for case in cases() {
        let reference = case.reference();
        let operations = reference.operations();
        let moments = reference.z.clone().map(|z| statistics(reference.extents, &z)).concat();
        let y = exact(&reference.forward());
        let evaluated = |index: usize, choice: usize| {
            choice == 0 || case.edge.evaluate_all || reference.weight(index, choice) != 0.0
        };
        let columns: Vec<Vec<Exact>> = (0..5)
            .map(|choice| {
                reference.extents.sums(|i| match choice {
                    0 => f64::from(case.g[i]),
                    _ if evaluated(i, choice) => f64::from(case.g[i]) * operations[choice][i],
                    _ => 0.0,
                })
            })
            .collect();
        let sums: Vec<Exact> =
            (0..columns[0].len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        for facts in devices() {
            let what = format!("{:?} on {}", case.edge, facts.selector);
            let got = case.run(&facts);
            for (i, (got, exact)) in got.statistics.iter().zip(&moments).enumerate() {
                assert!(
                    got.is_nan() && exact.is_nan() || (f64::from(*got) - exact).abs() < 1e-6,
                    "statistics[{i}] of {what}: got {got}, expected {exact}"
                );
            }
            assert_close(&format!("sum of {what}"), &got.y, &y, 4e-6, 0.0);
            assert_close(&format!("sums of {what}"), &got.sums, &sums, 4e-6, 4e-6);
        }
    }
}

/// Against central differences of the f64 forward pass.
#[test]
pub(super) fn mixed_edge_gradients_are_central_differences() {
    let weights = [RELAXED[0], RELAXED[1], one_hot()[2], one_hot()[4]];
    for case in [Case::new([4, 2, 2, 3, 4], &weights, false), Case::new([4, 3, 1, 4, 1], &weights, true)] {
        let reference = case.reference();
        let loss = |edge: &Edge| -> f64 { edge.forward().iter().zip(&case.g).map(|(y, g)| y * f64::from(*g)).sum() };
        let step = 1e-5;
        let difference = |member: &dyn Fn(&mut Edge) -> &mut f64| {
            let [up, down] = [step, -step].map(|delta| {
                let mut edge = reference.clone();
                *member(&mut edge) += delta;
                loss(&edge)
            });
            (up - down) / (2.0 * step)
        };
        let dx: Vec<f64> = (0..case.x.len()).map(|i| difference(&|edge| &mut edge.x[i])).collect();
        for facts in devices() {
            let what = format!("{:?} on {}", case.edge, facts.selector);
            let got = case.run(&facts);
            assert_close(&format!("dx of {what}"), &got.dx, &exact(&dx), 1e-5, 0.0);
            for (operation, dz) in got.dz.iter().enumerate() {
                for (i, got) in dz.iter().enumerate() {
                    if reference.weight(i, 2 + operation) == 0.0 {
                        assert_eq!(*got, UNTOUCHED, "dz[{i}] of {what} was written");
                        continue;
                    }
                    let exact = difference(&|edge| &mut edge.z[operation][i]);
                    let exact = Exact { value: exact, magnitude: exact.abs().max(1.0) };
                    assert_close(&format!("dz {i} of {what}"), &[*got], &[exact], 2e-5, 0.0);
                }
            }
            let dw = case.weight_gradient(&facts, &got.sums, Unselected::Exact);
            for (i, got) in dw.iter().enumerate().filter(|(i, _)| case.edge.evaluate_all || case.weights[*i] != 0.0) {
                // At a weight of 0 the reference's forward pass would skip the operation.
                let at = |weight: f64| {
                    let mut edge = reference.clone();
                    edge.weights[i] = weight;
                    loss(&edge)
                };
                let exact = (at(reference.weights[i] + 0.5) - at(reference.weights[i] - 0.5)) / 1.0;
                assert!((f64::from(*got) - exact).abs() < 1e-4, "dw[{i}] of {what}: got {got}, expected {exact}");
            }
        }
    }
}

/// PyTorch's transcription of the published edge: `golden/mixed_edge.py`.
#[test]
fn mixed_edge_gradients_are_those_of_the_published_code() {
    let values = |shift: u32| -> Vec<f32> {
        (0..5).flat_map(|_| (0..24).map(move |i| (((7 * i + shift) % 11) as f32 - 5.0) / 4.0)).collect()
    };
    let mut case = Case::new([5, 2, 1, 3, 4], &one_hot(), false);
    (case.x, case.z, case.g) = (values(0), [values(2), values(3)], values(6));
    let dw = [
        [0.0, -0.5, -0.5, -0.5, -0.5],
        [-0.5, -7.5625, -0.5, -0.5, -0.5],
        [-0.5, -0.5, -8.053_447, -0.5, -0.5],
        [-0.5, -0.5, -0.5, -4.718_633, -0.5],
        [-0.5, -0.5, -0.5, -0.5, 0.328_125],
    ];
    let y = [
        [0.0, 0.0, 0.0, 0.0],
        [-1.25, 0.5, -0.5, 1.25],
        [-0.952_067_5, 1.238_991_9, -0.013_042, -1.265_076],
        [-0.660_220_2, 1.514_622_8, 0.271_855_4, -0.970_912],
        [-0.3125, -0.125, 0.25, 0.4375],
    ];
    // Of x, but of z1 and z3 where they are selected.
    let inner = [
        [0.0, 0.0, 0.0, 0.0],
        [0.25, -0.75, 1.0, 0.0],
        [-0.060_902_3, -0.392_400_2, 1.272_638_6, -0.505_416],
        [0.175_264_6, -0.536_101_5, 1.335_083_6, -0.211_341_8],
        [-0.145_833_3, -0.006_944_4, -0.111_111_1, -0.069_444_4],
    ];
    for facts in devices() {
        let got = case.run(&facts);
        let published = case.weight_gradient(&facts, &got.sums, Unselected::Published);
        let zero = case.weight_gradient(&facts, &got.sums, Unselected::Zero);
        for selected in 0..5 {
            let what = format!("selected {selected} on {}", facts.selector);
            let golden = |values: &[f32]| values.iter().map(|v| Exact::of(f64::from(*v))).collect::<Vec<_>>();
            let row = selected * 5..(selected + 1) * 5;
            assert_close(&format!("dw, {what}"), &published[row.clone()], &golden(&dw[selected]), 2e-6, 2e-6);
            for (choice, (zero, published)) in zero[row.clone()].iter().zip(&published[row]).enumerate() {
                assert_eq!(*zero, if choice == selected { *published } else { 0.0 }, "{what}");
            }
            let first = selected * 24..selected * 24 + 4;
            assert_close(&format!("y, {what}"), &got.y[first.clone()], &golden(&y[selected]), 2e-6, 2e-6);
            let gradient = match selected {
                2 => &got.dz[0],
                3 => &got.dz[1],
                _ => &got.dx,
            };
            assert_close(&format!("gradient, {what}"), &gradient[first], &golden(&inner[selected]), 2e-6, 2e-6);
        }
    }
}

/// The bits of an architecture do not depend on those beside it.
#[test]
fn mixed_edge_of_an_architecture_stands_alone() {
    let whole = Case::new([5, 3, 3, 8, 8], &one_hot(), true);
    let (len, rows) = (3 * 3 * 64, 3);
    for facts in devices() {
        let together = whole.run(&facts);
        for a in 0..5 {
            let range = a * len..(a + 1) * len;
            let alone = Case {
                edge: MixedEdge { architectures: 1, ..whole.edge },
                g: whole.g[range.clone()].to_vec(),
                x: whole.x[range.clone()].to_vec(),
                z: whole.z.clone().map(|z| z[range.clone()].to_vec()),
                weights: whole.weights[a * 5..(a + 1) * 5].to_vec(),
            };
            let got = alone.run(&facts);
            let what = format!("architecture {a} on {}", facts.selector);
            let first = &together.statistics[a * rows * 2..(a + 1) * rows * 2];
            assert_eq!(&got.statistics[..2 * rows], first, "{what}");
            assert_eq!(got.sums, together.sums[a * rows * 5..(a + 1) * rows * 5], "{what}");
            assert_eq!(got.y, together.y[range.clone()], "{what}");
            assert_eq!(got.dx, together.dx[range.clone()], "{what}");
            assert_eq!(got.dz[0], together.dz[0][range.clone()], "{what}");
            assert_eq!(got.dz[1], together.dz[1][range], "{what}");
        }
    }
}

#[test]
fn impossible_mixed_edges_are_refused() {
    let edge = Case::new([1, 1, 1, 3, 3], &RELAXED, false).edge;
    assert!(MixedEdge { width: 0, ..edge }.validate().is_err());
    assert!(MixedEdge { height: 1 << 16, width: 1 << 16, ..edge }.validate().is_err());
    assert!(MixedEdge { batch: 1 << 13, height: 1 << 5, width: 1 << 5, ..edge }.validate().is_err());
    assert!(MixedSums(MixedEdge { epsilon: -1.0, ..edge }).validate().is_err());
    let kernel = MixedWeightGradient { edge: MixedEdge { channels: 65_536, ..edge }, unselected: Unselected::Zero };
    assert!(kernel.validate().is_err());
}
