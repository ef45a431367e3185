//! NSGA-II: Deb et al., "A fast and elitist multiobjective genetic algorithm", IEEE TEC 6(2), 2002.
//!
//! Parents by binary tournament on layer and crowding, uniform crossover of decisions, mutation of each decision with the
//! probability of one in all decisions; children that were evaluated before are made anew. After a generation, the best of
//! parents and children stay.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draw::Draw;
use super::ranking::{Rank, best_first, ranks};
use super::{Optimiser, Question};
use crate::space::{Architecture, SearchSpace};

/// Size of the population in the MODNAS comparison.
pub const POPULATION: usize = 20;

/// Share of children with two parents.
const CROSSOVER: f64 = 0.9;

/// NSGA-II.
pub struct Nsga2<'a> {
    draw: Draw<'a>,
    size: usize,
    parents: Vec<(Architecture, Vec<f64>)>,
    ranks: Vec<Rank>,
    children: Vec<(Architecture, Vec<f64>)>,
}

impl<'a> Nsga2<'a> {
    /// NSGA-II on `space` with a population of `size`, at least 2.
    pub fn new(space: &'a dyn SearchSpace, size: usize, seed: u64) -> Self {
        let draw = Draw::new(space, seed);
        Self { draw, size: size.max(2), parents: Vec::new(), ranks: Vec::new(), children: Vec::new() }
    }

    /// The best of parents and children become the parents.
    fn select(&mut self) {
        self.parents.append(&mut self.children);
        let values: Vec<&[f64]> = self.parents.iter().map(|(_, values)| values.as_slice()).collect();
        let order = best_first(&values);
        let kept = order.into_iter().take(self.size).map(|i| self.parents[i].clone()).collect();
        self.parents = kept;
        let values: Vec<&[f64]> = self.parents.iter().map(|(_, values)| values.as_slice()).collect();
        self.ranks = ranks(&values);
    }
}

impl Optimiser for Nsga2<'_> {
    fn ask(&mut self) -> Option<Question> {
        if self.parents.is_empty() {
            return self.draw.random().map(Question::full);
        }
        let (parents, ranks) = (&self.parents, &self.ranks);
        let tournament = |rng: &mut ChaCha8Rng| {
            let [first, second] = std::array::from_fn(|_| rng.random_range(0..parents.len() as u32) as usize);
            let winner = if ranks[second].compare(&ranks[first]).is_lt() { second } else { first };
            &parents[winner].0
        };
        let child = self.draw.new_of(|space, rng| {
            let mut child = tournament(rng).clone();
            if rng.random::<f64>() < CROSSOVER {
                child = space.crossover(&child, tournament(rng), rng);
            }
            let decisions = space.decisions().len() as f64;
            // `mutate` changes at least one decision; whether any would have been changed is drawn before.
            let unchanged = (1.0 - 1.0 / decisions).powf(decisions);
            match rng.random::<f64>() < unchanged {
                true => child,
                false => space.mutate(&child, 1.0 / decisions, rng),
            }
        });
        child.map(Question::full)
    }

    fn tell(&mut self, question: &Question, values: &[f64]) {
        self.children.push((question.architecture.clone(), values.to_vec()));
        if self.children.len() >= self.size {
            self.select();
        }
    }
}
