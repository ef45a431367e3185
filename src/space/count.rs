//! How many networks a space holds, and which one has a given number.
//!
//! Decisions fall into independent blocks: a decision that governs none and is always active stands alone; a governing
//! decision stands with those it governs. The space has the product of its blocks' sizes, and a governing block has, for
//! each of its choices, the product over the decisions active under that choice.

use num_bigint::BigUint;
use rand::{Rng, RngExt};

use super::{Activity, Architecture, DecisionLayout};

impl DecisionLayout {
    /// See [`SearchSpace::count`](super::SearchSpace::count).
    pub fn count(&self) -> BigUint {
        self.blocks().map(|head| self.block_size(head)).product()
    }

    /// See [`SearchSpace::numbered`](super::SearchSpace::numbered).
    pub fn numbered(&self, number: &BigUint) -> Option<Architecture> {
        let mut rest = number.clone();
        let mut choices = vec![0; self.decisions().len()];
        for head in self.blocks() {
            let size = self.block_size(head);
            let mut within = &rest % &size;
            rest /= size;
            let mut head_choice = 0;
            loop {
                let branch = self.branch_size(head, head_choice);
                if within < branch {
                    break;
                }
                within -= branch;
                head_choice += 1;
            }
            choices[head] = head_choice;
            for &decision in self.governed(head) {
                if self.is_active_under(decision, head_choice) {
                    let width = self.decisions()[decision].choices.len() as u32;
                    // A remainder below the number of choices, itself at most 65,535.
                    choices[decision] = (&within % width).iter_u32_digits().next().unwrap_or(0) as u16;
                    within /= width;
                }
            }
        }
        (rest == BigUint::ZERO).then(|| Architecture::new(choices))
    }

    /// See [`SearchSpace::random_network`](super::SearchSpace::random_network).
    pub fn random_network(&self, rng: &mut dyn Rng) -> Architecture {
        let count = self.count();
        let bits = count.bits();
        loop {
            // As many random bits as the count has; less than half of the draws are rejected.
            let mut digits: Vec<u32> = (0..bits.div_ceil(32)).map(|_| rng.random()).collect();
            if let (Some(top), 1..) = (digits.last_mut(), bits % 32) {
                *top &= (1 << (bits % 32)) - 1;
            }
            if let Some(architecture) = self.numbered(&BigUint::new(digits)) {
                return architecture;
            }
        }
    }

    /// The first decision of each block: those that no other decision governs.
    fn blocks(&self) -> impl Iterator<Item = usize> {
        (0..self.decisions().len()).filter(|&index| self.decisions()[index].activity == Activity::Always)
    }

    fn block_size(&self, head: usize) -> BigUint {
        (0..self.decisions()[head].choices.len()).map(|choice| self.branch_size(head, choice as u16)).sum()
    }

    fn branch_size(&self, head: usize, head_choice: u16) -> BigUint {
        let active = self.governed(head).iter().filter(|&&decision| self.is_active_under(decision, head_choice));
        active.map(|&decision| BigUint::from(self.decisions()[decision].choices.len())).product()
    }
}
