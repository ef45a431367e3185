//! Batch normalisation.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{
    Affine, BatchNormalise, BatchNormaliseGradient, BatchNormaliseSums, BatchStatistics, RunningStatistics,
};

use crate::reference::batch_norm::{Extents, normalise, normalised, statistics};
use crate::support::halves::rounded;
use crate::support::{Exact, assert_close, devices, numbers, run};

const EPSILON: f32 = 1e-3;

const SIZES: [Extents; 7] = [
    Extents(1, 1, 1, 1),
    Extents(2, 3, 5, 33),
    Extents(3, 41, 2, 16),
    Extents(1, 65, 3, 127),
    Extents(2, 1, 1, 5000),
    Extents(2, 31, 33, 1),
    Extents(1, 5, 3, 18),
];

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

fn exact(x: &[f64]) -> Vec<Exact> {
    x.iter().map(|x| Exact::of(*x)).collect()
}

/// A normalisation with its inputs, before it runs anywhere.
struct Case {
    extents: Extents,
    affine: Affine,
    relu: bool,
    g: Vec<f32>,
    x: Vec<f32>,
    statistics: Vec<f32>,
    /// Scale and shift as the kernel sees them.
    given: Vec<Vec<f32>>,
    /// Scale and shift of each row.
    rows: [Vec<f64>; 2],
}

impl Case {
    fn new(extents: Extents, affine: Affine, relu: bool) -> Self {
        let Extents(a, _, c, _) = extents;
        let x = numbers(1, extents.len());
        let given: Vec<Vec<f32>> = match affine {
            Affine::None => Vec::new(),
            Affine::Shared => vec![numbers(2, c), numbers(3, c)],
            Affine::PerArchitecture => vec![numbers(2, a * c), numbers(3, a * c)],
        };
        let row = |place: usize, none: f64| match affine {
            Affine::None => vec![none; a * c],
            Affine::Shared => wide(&given[place].repeat(a)),
            Affine::PerArchitecture => wide(&given[place]),
        };
        let rows = [row(0, 1.0), row(1, 0.0)];
        let statistics = narrow(&statistics(extents, &wide(&x)));
        Self { extents, affine, relu, g: numbers(4, extents.len()), x, statistics, given, rows }
    }

    fn kernel(&self) -> BatchNormalise {
        let Extents(a, n, c, s) = self.extents;
        let [architectures, batch, channels, spatial] = [a, n, c, s].map(|extent| extent as u32);
        let (epsilon, affine, relu) = (EPSILON, self.affine, self.relu);
        BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, summand: false }
    }

    fn normalise(&self, facts: &DeviceFacts) -> Vec<f32> {
        let kernel = self.kernel();
        kernel.validate().unwrap();
        let mut inputs = vec![self.x.clone(), self.statistics.clone()];
        inputs.extend(self.given.clone());
        inputs.push(vec![f32::NAN; self.x.len()]);
        run(facts, kernel, &inputs).remove(0)
    }

    fn sums(&self, facts: &DeviceFacts) -> Vec<f32> {
        let BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, .. } = self.kernel();
        let kernel = BatchNormaliseSums { architectures, batch, channels, spatial, epsilon, affine, relu };
        kernel.validate().unwrap();
        let mut inputs = vec![self.g.clone(), self.x.clone(), self.statistics.clone()];
        inputs.extend(self.given.clone());
        inputs.push(vec![f32::NAN; self.statistics.len()]);
        run(facts, kernel, &inputs).remove(0)
    }

    fn gradient(&self, facts: &DeviceFacts, sums: Vec<f32>, fixed_statistics: bool) -> Vec<f32> {
        let BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, .. } = self.kernel();
        let kernel =
            BatchNormaliseGradient { architectures, batch, channels, spatial, epsilon, affine, relu, fixed_statistics };
        kernel.validate().unwrap();
        let mut inputs = vec![self.g.clone(), self.x.clone(), self.statistics.clone(), sums];
        inputs.extend(self.given.clone());
        inputs.push(vec![f32::NAN; self.x.len()]);
        run(facts, kernel, &inputs).remove(0)
    }

    fn exact_result(&self, x: &[f64], statistics: &[f64]) -> Vec<f64> {
        let affine = [&self.rows[0][..], &self.rows[1]];
        normalise(self.extents, x, statistics, f64::from(EPSILON), affine, self.relu)
    }

    /// `g` where the ReLU lets it pass.
    fn masked(&self) -> Vec<f64> {
        let y = self.exact_result(&wide(&self.x), &wide(&self.statistics));
        self.g.iter().zip(y).map(|(g, y)| if self.relu && y <= 0.0 { 0.0 } else { f64::from(*g) }).collect()
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let kinds = [(Affine::None, false), (Affine::Shared, true), (Affine::PerArchitecture, true), (Affine::None, true)];
    SIZES.into_iter().zip(kinds.into_iter().cycle()).map(|(extents, (affine, relu))| Case::new(extents, affine, relu))
}

#[test]
pub(super) fn batch_statistics_agree_with_the_reference() {
    // The second shift is what cancels in a variance that is a difference of means.
    for (Extents(a, n, c, s), shift) in SIZES.into_iter().flat_map(|size| [(size, 0.0), (size, 3000.0)]) {
        let extents = Extents(a, n, c, s);
        let [architectures, batch, channels, spatial] = [a, n, c, s].map(|extent| extent as u32);
        let kernel = BatchStatistics { architectures, batch, channels, spatial };
        kernel.validate().unwrap();
        let x: Vec<f32> = numbers(n as u64, extents.len()).iter().map(|x| rounded(x + shift)).collect();
        let exact = exact(&statistics(extents, &wide(&x)));
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[x.clone(), vec![f32::NAN; 2 * a * c]]).remove(0);
            assert_close(&format!("{kernel:?} + {shift} on {}", facts.selector), &got, &exact, 1e-6, 1e-7);
        }
    }
}

#[test]
pub(super) fn batch_norm_adds_a_summand_after_the_relu() {
    for case in cases() {
        let kernel = BatchNormalise { summand: true, ..case.kernel() };
        let summand = numbers(5, case.x.len());
        let y = case.exact_result(&wide(&case.x), &wide(&case.statistics));
        let sum = |(y, summand): (&f64, &f32)| {
            let mut sum = Exact::of(*y);
            sum.add(f64::from(*summand));
            sum
        };
        let exact: Vec<Exact> = y.iter().zip(&summand).map(sum).collect();
        for facts in devices() {
            let mut inputs = vec![case.x.clone(), case.statistics.clone()];
            inputs.extend(case.given.clone());
            inputs.extend([summand.clone(), vec![f32::NAN; case.x.len()]]);
            let got = run(&facts, kernel.clone(), &inputs).remove(0);
            let what = format!("{:?} with a summand on {}", case.extents, facts.selector);
            assert_close(&what, &got, &exact, 1e-5, 1e-5);
        }
    }
}

#[test]
fn batch_norm_running_statistics_move_in_place() {
    for (elements, correction) in [(1, 1.0), (2, 2.0), (41, 41.0 / 40.0)] {
        let kernel = RunningStatistics { architectures: 3, channels: 65, batch_elements: elements, momentum: 0.1 };
        kernel.validate().unwrap();
        let (new, old) = (numbers(1, 390), numbers(2, 390));
        let exact: Vec<Exact> = (0..390)
            .map(|i| {
                let mut sum = Exact::of(0.9 * f64::from(old[i]));
                sum.add(0.1 * f64::from(new[i]) * if i % 2 == 1 { correction } else { 1.0 });
                sum
            })
            .collect();
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[new.clone(), old.clone()]).remove(0);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got, &exact, 1e-6, 0.0);
        }
    }
}

#[test]
pub(super) fn batch_norm_agrees_with_the_reference() {
    for case in cases() {
        let y = exact(&case.exact_result(&wide(&case.x), &wide(&case.statistics)));
        let g = case.masked();
        let (x, moments) = (wide(&case.x), wide(&case.statistics));
        let hat = |i| normalised(case.extents, &x, &moments, f64::from(EPSILON), i);
        let hats: Vec<f64> = (0..x.len()).map(hat).collect();
        let sums: Vec<Exact> = case
            .extents
            .sums(|i| g[i])
            .into_iter()
            .zip(case.extents.sums(|i| g[i] * hats[i]))
            .flat_map(|(first, second)| [first, second])
            .collect();
        let n = (case.extents.1 * case.extents.3) as f64;
        let given = narrow(&sums.iter().map(|sum| sum.value).collect::<Vec<_>>());
        for facts in devices() {
            let what = format!("{:?} on {}", case.kernel(), facts.selector);
            assert_close(&what, &case.normalise(&facts), &y, 2e-6, 2e-6);
            assert_close(&format!("sums of {what}"), &case.sums(&facts), &sums, 2e-6, 2e-6);
            for fixed in [false, true] {
                let dx: Vec<Exact> = (0..case.x.len())
                    .map(|i| {
                        let row = case.extents.row(i);
                        let factor =
                            case.rows[0][row] / (f64::from(case.statistics[2 * row + 1]) + f64::from(EPSILON)).sqrt();
                        let mut sum = Exact::of(factor * g[i]);
                        if !fixed {
                            sum.add(-factor * sums[2 * row].value / n);
                            sum.add(-factor * hats[i] * sums[2 * row + 1].value / n);
                        }
                        sum
                    })
                    .collect();
                let got = case.gradient(&facts, given.clone(), fixed);
                assert_close(&format!("gradient (fixed {fixed}) of {what}"), &got, &dx, 2e-6, 2e-6);
            }
        }
    }
}

/// Against central differences of the f64 forward pass, the statistics of the batch moving with the input.
#[test]
pub(super) fn batch_norm_gradients_are_central_differences() {
    for fixed in [false, true] {
        let case = Case::new(Extents(2, 3, 3, 7), Affine::PerArchitecture, true);
        let (g, x) = (wide(&case.g), wide(&case.x));
        let loss = |x: &[f64]| -> f64 {
            let moments = if fixed { wide(&case.statistics) } else { statistics(case.extents, x) };
            case.exact_result(x, &moments).iter().zip(&g).map(|(y, g)| y * g).sum()
        };
        let step = 1e-6;
        let exact: Vec<Exact> = (0..x.len())
            .map(|i| {
                let at = |delta: f64| {
                    let mut x = x.clone();
                    x[i] += delta;
                    loss(&x)
                };
                Exact::of((at(step) - at(-step)) / (2.0 * step))
            })
            .collect();
        for facts in devices() {
            let got = case.gradient(&facts, case.sums(&facts), fixed);
            assert_close(&format!("fixed {fixed} on {}", facts.selector), &got, &exact, 1e-5, 1e-5);
        }
    }
}

/// The bits of an architecture do not depend on those beside it.
#[test]
fn batch_norm_of_an_architecture_stands_alone() {
    let whole = Case::new(Extents(3, 5, 3, 65), Affine::PerArchitecture, true);
    let (len, rows) = (5 * 3 * 65, 3);
    for facts in devices() {
        let sums = whole.sums(&facts);
        let together = [whole.normalise(&facts), whole.gradient(&facts, sums.clone(), false)];
        for a in 0..3 {
            let range = a * len..(a + 1) * len;
            let of_rows = |x: &[f32], width: usize| x[a * rows * width..(a + 1) * rows * width].to_vec();
            let alone = Case {
                extents: Extents(1, 5, 3, 65),
                g: whole.g[range.clone()].to_vec(),
                x: whole.x[range.clone()].to_vec(),
                statistics: of_rows(&whole.statistics, 2),
                given: whole.given.iter().map(|values| of_rows(values, 1)).collect(),
                rows: Default::default(),
                ..whole
            };
            let own = alone.sums(&facts);
            assert_eq!(own, of_rows(&sums, 2), "sums on {}", facts.selector);
            let each = [alone.normalise(&facts), alone.gradient(&facts, own, false)];
            for (each, together) in each.iter().zip(&together) {
                assert_eq!(each, &together[range.clone()], "on {}", facts.selector);
            }
            let statistics = |architectures: u32, x: &[f32]| {
                let kernel = BatchStatistics { architectures, batch: 5, channels: 3, spatial: 65 };
                run(&facts, kernel, &[x.to_vec(), vec![f32::NAN; 6 * architectures as usize]]).remove(0)
            };
            assert_eq!(statistics(1, &alone.x), of_rows(&statistics(3, &whole.x), 2), "on {}", facts.selector);
        }
    }
}

#[test]
fn impossible_batch_norms_are_refused() {
    let good = Case::new(Extents(1, 3, 2, 5), Affine::None, false).kernel();
    assert!(good.validate().is_ok());
    assert!(BatchNormalise { spatial: 0, ..good.clone() }.validate().is_err());
    assert!(BatchNormalise { epsilon: f32::NAN, ..good.clone() }.validate().is_err());
    assert!(BatchNormalise { batch: 1 << 16, channels: 1 << 16, ..good }.validate().is_err());
    let statistics = BatchStatistics { architectures: 1, batch: 1 << 12, channels: 1, spatial: 1 << 12 };
    assert!(statistics.validate().is_err(), "a loop of the shader would be too long");
    let running = RunningStatistics { architectures: 1, channels: 1, batch_elements: 0, momentum: 0.1 };
    assert!(running.validate().is_err());
    assert!(RunningStatistics { batch_elements: 2, momentum: 1.5, ..running }.validate().is_err());
}
