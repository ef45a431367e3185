//! Drawing architectures that were not asked for before.

use std::collections::HashSet;

use num_bigint::BigUint;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::space::{Architecture, SearchSpace};

/// How often a proposal that was asked for before is made anew.
const TRIES: usize = 200;

/// A space, a generator, and what was drawn so far.
pub(super) struct Draw<'a> {
    pub space: &'a dyn SearchSpace,
    pub rng: ChaCha8Rng,
    drawn: HashSet<Architecture>,
    count: BigUint,
}

impl<'a> Draw<'a> {
    pub fn new(space: &'a dyn SearchSpace, seed: u64) -> Self {
        Self { space, rng: ChaCha8Rng::seed_from_u64(seed), drawn: HashSet::new(), count: space.count() }
    }

    pub fn is_drawn(&self, architecture: &Architecture) -> bool {
        self.drawn.contains(architecture)
    }

    /// Notes that an architecture was drawn; false where it was before.
    pub fn claim(&mut self, architecture: &Architecture) -> bool {
        self.drawn.insert(architecture.clone())
    }

    /// The first new proposal of several; a random architecture where none is new.
    pub fn new_of(
        &mut self,
        mut propose: impl FnMut(&dyn SearchSpace, &mut ChaCha8Rng) -> Architecture,
    ) -> Option<Architecture> {
        for _ in 0..TRIES {
            let proposal = propose(self.space, &mut self.rng);
            if self.claim(&proposal) {
                return Some(proposal);
            }
        }
        self.random()
    }

    /// A random architecture that was not drawn before; `None` where all were.
    pub fn random(&mut self) -> Option<Architecture> {
        for _ in 0..TRIES {
            let proposal = self.space.random(&mut self.rng);
            if self.claim(&proposal) {
                return Some(proposal);
            }
        }
        // The space is nearly used up: what is left is found one by one.
        let mut number = BigUint::ZERO;
        while BigUint::from(self.drawn.len()) < self.count && number < self.count {
            if let Some(architecture) = self.space.numbered(&number)
                && self.claim(&architecture)
            {
                return Some(architecture);
            }
            number += 1u32;
        }
        None
    }
}
