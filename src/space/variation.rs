//! Random architectures and changes of architectures, for sampling, evolution and local search.

use rand::{Rng, RngExt};

use super::{Architecture, DecisionLayout};

impl DecisionLayout {
    /// See [`SearchSpace::random`](super::SearchSpace::random).
    pub fn random(&self, rng: &mut dyn Rng) -> Architecture {
        let choices = (0..self.decisions().len()).map(|decision| self.random_choice(decision, rng)).collect();
        self.canonical(&Architecture::new(choices))
    }

    /// See [`SearchSpace::mutate`](super::SearchSpace::mutate).
    pub fn mutate(&self, parent: &Architecture, probability: f64, rng: &mut dyn Rng) -> Architecture {
        let candidates: Vec<usize> = (0..self.decisions().len())
            .filter(|&decision| self.is_active(parent, decision) && self.decisions()[decision].choices.len() > 1)
            .collect();
        if candidates.is_empty() {
            return self.canonical(parent);
        }
        let mut changed: Vec<usize> =
            candidates.iter().copied().filter(|_| rng.random::<f64>() < probability).collect();
        if changed.is_empty() {
            changed.push(candidates[rng.random_range(0..candidates.len() as u32) as usize]);
        }
        // Decisions that were inactive start from a random choice, so that a layer which the mutation brings into being
        // is any layer; inactive ones are set back at the end.
        let start = |decision, rng: &mut dyn Rng| match self.is_active(parent, decision) {
            true => self.choice(parent, decision),
            false => self.random_choice(decision, rng),
        };
        let mut choices: Vec<u16> = (0..self.decisions().len()).map(|decision| start(decision, rng)).collect();
        for decision in changed {
            // One of the others: skip the present choice.
            let other = rng.random_range(0..self.decisions()[decision].choices.len() as u16 - 1);
            choices[decision] = other + u16::from(other >= choices[decision]);
        }
        self.canonical(&Architecture::new(choices))
    }

    /// See [`SearchSpace::crossover`](super::SearchSpace::crossover).
    pub fn crossover(&self, first: &Architecture, second: &Architecture, rng: &mut dyn Rng) -> Architecture {
        let pick = |decision, rng: &mut dyn Rng| {
            let from_first = rng.random::<bool>();
            // A decision that one parent lacks comes from the other. If the child needs it, one parent has it, because
            // the child's governing choice is that parent's.
            let parent = match (self.is_active(first, decision), self.is_active(second, decision)) {
                (true, false) => first,
                (false, true) => second,
                _ if from_first => first,
                _ => second,
            };
            self.choice(parent, decision)
        };
        let choices = (0..self.decisions().len()).map(|decision| pick(decision, rng)).collect();
        self.canonical(&Architecture::new(choices))
    }

    /// See [`SearchSpace::neighbours`](super::SearchSpace::neighbours).
    pub fn neighbours(&self, architecture: &Architecture) -> Vec<Architecture> {
        let origin = self.canonical(architecture);
        let mut neighbours = Vec::new();
        for decision in (0..self.decisions().len()).filter(|&decision| self.is_active(&origin, decision)) {
            let present = self.choice(&origin, decision);
            for other in (0..self.decisions()[decision].choices.len() as u16).filter(|&other| other != present) {
                let mut choices = origin.choices().to_vec();
                choices[decision] = other;
                neighbours.push(self.canonical(&Architecture::new(choices)));
            }
        }
        neighbours
    }

    fn random_choice(&self, decision: usize, rng: &mut dyn Rng) -> u16 {
        rng.random_range(0..self.decisions()[decision].choices.len() as u16)
    }
}
