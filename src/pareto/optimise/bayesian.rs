//! Bayesian optimisation of scalarised objectives: LSBO, RSBO and ParEGO.
//!
//! Each step a Gaussian process on one-hot encodings is asked about sampled candidates, and the most promising is evaluated.
//! Objectives are scaled to 0..1 by the least and the greatest value so far. Half of the candidates are random, half lie
//! one decision away from a random point of the front.

use std::f64::consts::{PI, SQRT_2};

use rand::RngExt;

use super::draw::Draw;
use super::gaussian_process::{Expectation, GaussianProcess};
use super::{Optimiser, Question};
use crate::pareto::dominance::non_dominated;
use crate::space::{Architecture, SearchSpace};

/// Random architectures at the beginning: the setting of the MODNAS comparison (workers + 2).
pub const INITIAL: usize = 3;

/// Candidates that the process is asked about before each evaluation.
pub const CANDIDATES: usize = 200;

/// Deviations below the mean that a lower confidence bound lies: the default of Syne Tune's random scalarisation.
const CONFIDENCE: f64 = 0.5;

/// Weight of the sum in ParEGO's augmented Tchebycheff value.
const AUGMENTATION: f64 = 0.05;

/// What the process models and what is made least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// LSBO: the sum of all objectives with equal weights; expected improvement.
    EqualSum,
    /// RSBO: each objective by itself; the lower confidence bound of a sum with weights drawn anew for each step
    /// (Paria et al., UAI 2020).
    RandomSum,
    /// ParEGO: an augmented Tchebycheff value with weights drawn anew for each step; expected improvement (Knowles, IEEE TEC
    /// 10(1), 2006).
    ParEgo,
}

/// Bayesian optimisation by scalarisation.
pub struct BayesianOptimiser<'a> {
    draw: Draw<'a>,
    scheme: Scheme,
    asked: usize,
    process: GaussianProcess,
    seen: Vec<Architecture>,
    values: Vec<Vec<f64>>,
}

impl<'a> BayesianOptimiser<'a> {
    /// Bayesian optimisation on `space`.
    pub fn new(space: &'a dyn SearchSpace, scheme: Scheme, seed: u64) -> Self {
        let (draw, process) = (Draw::new(space, seed), GaussianProcess::default());
        Self { draw, scheme, asked: 0, process, seen: Vec::new(), values: Vec::new() }
    }

    /// Random architectures and neighbours of the front that were not asked for.
    fn candidates(&mut self) -> Vec<Architecture> {
        let front = non_dominated(&self.values);
        let (space, rng) = (self.draw.space, &mut self.draw.rng);
        let mut candidates: Vec<Architecture> = (0..CANDIDATES)
            .map(|i| match i % 2 {
                0 => space.random(rng),
                _ => {
                    let parent = front[rng.random_range(0..front.len() as u32) as usize];
                    space.mutate(&self.seen[parent], 0.0, rng)
                }
            })
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|candidate| !self.draw.is_drawn(candidate));
        candidates
    }

    /// Weights uniform on the simplex, or equal ones.
    fn weights(&mut self) -> Vec<f64> {
        let objectives = self.values[0].len();
        let draws: Vec<f64> = match self.scheme {
            Scheme::EqualSum => vec![1.0; objectives],
            _ => (0..objectives).map(|_| -(1.0 - self.draw.rng.random::<f64>()).ln()).collect(),
        };
        let sum: f64 = draws.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        draws.into_iter().map(|draw| draw / sum).collect()
    }

    /// The most promising candidate.
    fn propose(&mut self) -> Option<Architecture> {
        let candidates = self.candidates();
        if candidates.is_empty() {
            return None;
        }
        let weights = self.weights();
        let scaled = scaled(&self.values);
        let sum = |point: &Vec<f64>| -> f64 { point.iter().zip(&weights).map(|(value, weight)| value * weight).sum() };
        let targets: Vec<Vec<f64>> = match self.scheme {
            Scheme::EqualSum => vec![scaled.iter().map(sum).collect()],
            Scheme::RandomSum => (0..weights.len()).map(|m| scaled.iter().map(|point| point[m]).collect()).collect(),
            Scheme::ParEgo => {
                let largest = |point: &Vec<f64>| point.iter().zip(&weights).map(|(v, w)| v * w).fold(0.0, f64::max);
                vec![scaled.iter().map(|point| largest(point) + AUGMENTATION * sum(point)).collect()]
            }
        };
        self.process.fit(&targets);
        let least = targets[0].iter().copied().fold(f64::INFINITY, f64::min);
        let promise = |candidate: &Architecture| {
            let expected = self.process.expect(&self.draw.space.encode(candidate));
            match self.scheme {
                Scheme::RandomSum => {
                    let bounds = expected.iter().map(|e| e.mean - CONFIDENCE * e.deviation);
                    -bounds.zip(&weights).map(|(bound, weight)| bound * weight).sum::<f64>()
                }
                _ => expected_improvement(&expected[0], least),
            }
        };
        let promises: Vec<f64> = candidates.iter().map(promise).collect();
        let best = (0..candidates.len()).fold(0, |best, i| if promises[i] > promises[best] { i } else { best });
        let proposal = candidates[best].clone();
        self.draw.claim(&proposal);
        Some(proposal)
    }
}

impl Optimiser for BayesianOptimiser<'_> {
    fn ask(&mut self) -> Option<Question> {
        self.asked += 1;
        let proposal = match self.asked <= INITIAL || self.values.is_empty() {
            true => None,
            false => self.propose(),
        };
        proposal.or_else(|| self.draw.random()).map(Question::full)
    }

    fn tell(&mut self, question: &Question, values: &[f64]) {
        // The process has nothing to learn from an architecture without values.
        if values.iter().all(|value| value.is_finite()) {
            self.process.push(self.draw.space.encode(&question.architecture));
            self.seen.push(question.architecture.clone());
            self.values.push(values.to_vec());
        }
    }
}

/// Each objective from 0 to 1 by its least and greatest value; 0 where all are equal.
fn scaled(values: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let objectives = values.first().map_or(0, Vec::len);
    let range = |m: usize| {
        let column = values.iter().map(|point| point[m]);
        column.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ranges: Vec<(f64, f64)> = (0..objectives).map(range).collect();
    let scale = |(value, (low, high)): (&f64, &(f64, f64))| if high > low { (value - low) / (high - low) } else { 0.0 };
    values.iter().map(|point| point.iter().zip(&ranges).map(scale).collect()).collect()
}

/// By how much a point is expected to be below `least` (Jones et al., J. Global Optimization 13, 1998).
fn expected_improvement(expected: &Expectation, least: f64) -> f64 {
    let gap = (least - expected.mean) / expected.deviation;
    let density = (-0.5 * gap * gap).exp() / (2.0 * PI).sqrt();
    expected.deviation * (gap * normal_below(gap) + density)
}

/// The probability that a standard normal variable is below `x`, to 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn normal_below(x: f64) -> f64 {
    let z = x.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let tail = 0.5 * series * (-z * z).exp();
    if x > 0.0 { 1.0 - tail } else { tail }
}
