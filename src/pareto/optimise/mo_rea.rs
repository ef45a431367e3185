//! MO-REA: regularised evolution (Real et al., AAAI 2019) with several objectives, as in Syne Tune.
//!
//! The best of a random sample of the population, by layer and crowding, is mutated in one decision; the child joins the
//! population, and the oldest member leaves it however good it is.

use std::collections::VecDeque;

use rand::RngExt;

use super::draw::Draw;
use super::ranking::ranks;
use super::{Optimiser, Question};
use crate::space::{Architecture, SearchSpace};

/// Size of the population in the MODNAS comparison.
pub const POPULATION: usize = 100;

/// Size of the sample in the MODNAS comparison.
pub const SAMPLE: usize = 10;

/// Multi-objective regularised evolution.
pub struct MoRea<'a> {
    draw: Draw<'a>,
    size: usize,
    sample: usize,
    asked: usize,
    population: VecDeque<(Architecture, Vec<f64>)>,
}

impl<'a> MoRea<'a> {
    /// Regularised evolution on `space` with a population of `size` and samples of `sample`, each at least 1.
    pub fn new(space: &'a dyn SearchSpace, size: usize, sample: usize, seed: u64) -> Self {
        let draw = Draw::new(space, seed);
        Self { draw, size: size.max(1), sample: sample.max(1), asked: 0, population: VecDeque::new() }
    }
}

impl Optimiser for MoRea<'_> {
    fn ask(&mut self) -> Option<Question> {
        self.asked += 1;
        if self.asked <= self.size || self.population.is_empty() {
            return self.draw.random().map(Question::full);
        }
        let values: Vec<&[f64]> = self.population.iter().map(|(_, values)| values.as_slice()).collect();
        let ranks = ranks(&values);
        let (population, sample) = (&self.population, self.sample);
        let child = self.draw.new_of(|space, rng| {
            let mut best = rng.random_range(0..population.len() as u32) as usize;
            for _ in 1..sample {
                let other = rng.random_range(0..population.len() as u32) as usize;
                if ranks[other].compare(&ranks[best]).is_lt() {
                    best = other;
                }
            }
            // With a probability of 0 exactly one decision changes.
            space.mutate(&population[best].0, 0.0, rng)
        });
        child.map(Question::full)
    }

    fn tell(&mut self, question: &Question, values: &[f64]) {
        self.population.push_back((question.architecture.clone(), values.to_vec()));
        if self.population.len() > self.size {
            self.population.pop_front();
        }
    }
}
