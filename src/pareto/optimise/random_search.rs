//! Random search: different architectures drawn at random.

use super::draw::Draw;
use super::{Optimiser, Question};
use crate::space::SearchSpace;

/// Random search without repetition.
pub struct RandomSearch<'a> {
    draw: Draw<'a>,
}

impl<'a> RandomSearch<'a> {
    /// A random search of `space`.
    pub fn new(space: &'a dyn SearchSpace, seed: u64) -> Self {
        Self { draw: Draw::new(space, seed) }
    }
}

impl Optimiser for RandomSearch<'_> {
    fn ask(&mut self) -> Option<Question> {
        self.draw.random().map(Question::full)
    }

    fn tell(&mut self, _: &Question, _: &[f64]) {}
}
