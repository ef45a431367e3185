//! Multi-objective local search: neighbours of points of the front, one after another.
//!
//! After the local search of Syne Tune (Salinas et al., AutoML 2022): from a few random architectures on, a random point of
//! the front is taken and one of its neighbours evaluated. Where no point of the front has a neighbour left, the search goes on from a
//! random architecture.

use rand::RngExt;

use super::draw::Draw;
use super::{Optimiser, Question};
use crate::pareto::dominance::dominates;
use crate::space::{Architecture, SearchSpace};

/// Random architectures at the beginning: the setting of the MODNAS comparison (workers + 2).
pub const INITIAL: usize = 3;

/// Local search around the front.
pub struct LocalSearch<'a> {
    draw: Draw<'a>,
    initial: usize,
    front: Vec<Member>,
}

struct Member {
    values: Vec<f64>,
    /// Neighbours that were not looked at yet.
    neighbours: Vec<Architecture>,
}

impl<'a> LocalSearch<'a> {
    /// A local search of `space`.
    pub fn new(space: &'a dyn SearchSpace, seed: u64) -> Self {
        Self { draw: Draw::new(space, seed), initial: INITIAL, front: Vec::new() }
    }

    /// A new neighbour of a random point of the front; `None` where there is none left.
    fn neighbour(&mut self) -> Option<Architecture> {
        loop {
            let open: Vec<usize> = (0..self.front.len()).filter(|&i| !self.front[i].neighbours.is_empty()).collect();
            if open.is_empty() {
                return None;
            }
            let member = open[self.draw.rng.random_range(0..open.len() as u32) as usize];
            let neighbours = &mut self.front[member].neighbours;
            let position = self.draw.rng.random_range(0..neighbours.len() as u32) as usize;
            let neighbour = neighbours.swap_remove(position);
            if self.draw.claim(&neighbour) {
                return Some(neighbour);
            }
        }
    }
}

impl Optimiser for LocalSearch<'_> {
    fn ask(&mut self) -> Option<Question> {
        if self.initial > 0 {
            self.initial -= 1;
            return self.draw.random().map(Question::full);
        }
        let next = self.neighbour().or_else(|| self.draw.random());
        next.map(Question::full)
    }

    fn tell(&mut self, question: &Question, values: &[f64]) {
        let beaten = |member: &Member| member.values == values || dominates(&member.values, values);
        if values.iter().any(|value| value.is_nan()) || self.front.iter().any(beaten) {
            return;
        }
        self.front.retain(|member| !dominates(values, &member.values));
        let mut neighbours = self.draw.space.neighbours(&question.architecture);
        neighbours.retain(|neighbour| !self.draw.is_drawn(neighbour));
        self.front.push(Member { values: values.to_vec(), neighbours });
    }
}
