//! Fusion: launches of a plan become fewer launches that move less memory and compute the same bits.
//!
//! A rule is a file here. It looks at launches in the order in which they run, matches them by the types of their kernels, and
//! replaces several by one ([`program::Program::rewrite`]). A rule may remove a tensor between two launches only where nothing
//! else reads or writes it, and may move a launch to a later place only where nothing in between writes what it reads; both are
//! asked of the [`program::Program`]. Kernels that no rule knows are left as they are.
//!
//! Rules run in the order of [`RULES`], each until it finds nothing more. [`PlanBuilder::finish_with`] runs them;
//! [`Plan::fused`] tells what they did.
//!
//! [`PlanBuilder::finish_with`]: crate::PlanBuilder::finish_with
//! [`Plan::fused`]: crate::Plan::fused

mod chains;
mod copies;
mod expression;
mod folds;
mod in_place;
mod joined_copies;
mod normalisations;
mod products;
mod program;
mod relu_gradients;
mod report;
mod slice_gradients;

pub use report::{Fused, Report, Totals};

use crate::plan::{Buffers, Launch, Transient};
use program::Program;

/// Whether the launches of a plan are fused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fusion {
    /// They are.
    #[default]
    On,
    /// Every launch stays as it was appended: for tests, and to look at a plan.
    Off,
}

/// One rule: its name, what it does in a line, and its search through a program.
struct Rule {
    name: &'static str,
    apply: fn(&mut Program<'_>, &'static str),
}

/// The rules, in their order: those that remove tensors come before those that only join launches.
const RULES: [Rule; 9] = [
    Rule { name: "copy of a whole tensor", apply: copies::apply },
    Rule { name: "gradients of slices side by side", apply: slice_gradients::apply },
    Rule { name: "gradient of ReLU from its result", apply: relu_gradients::apply },
    Rule { name: "bias and ReLU into matrix product", apply: products::apply },
    Rule { name: "ReLU and summand into normalisation", apply: normalisations::apply },
    Rule { name: "sum and slice into fold", apply: folds::apply },
    Rule { name: "elementwise chain", apply: chains::apply },
    Rule { name: "copies joined", apply: joined_copies::apply },
    // Last: the other rules look for tensors that one launch writes.
    Rule { name: "sum in place", apply: in_place::apply },
];

/// Applies all rules. Returns the launches and what was done.
pub(crate) fn fuse(launches: Vec<Launch>, transients: &[Transient], buffers: &Buffers) -> (Vec<Launch>, Vec<Fused>) {
    let mut program = Program::new(launches, transients, buffers);
    for rule in &RULES {
        (rule.apply)(&mut program, rule.name);
    }
    program.finish()
}
