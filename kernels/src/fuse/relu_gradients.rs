//! The gradient of ReLU reads its result in the place of its argument: both are positive at the same places. The argument then
//! has one reader, and what computes it can apply the ReLU itself.

use super::program::{Program, Rewrite};
use crate::ops::{Function, Unary, UnaryGradient};

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        if program.kernel::<Unary>(place).is_none_or(|unary| unary.function != Function::Relu) {
            continue;
        }
        let &[x, y] = program.operands(place) else { continue };
        if program.origin(x, place).is_none() {
            continue;
        }
        let gradients: Vec<usize> = program.readers(x).into_iter().filter(|reader| *reader != place).collect();
        let takes_argument = |gradient: &usize| {
            let relu = program.kernel::<UnaryGradient>(*gradient).is_some_and(|k| k.function == Function::Relu);
            // As the argument only, not as the gradient that is passed on.
            relu && *gradient > place && program.operands(*gradient)[0] == x && program.operands(*gradient)[1] != x
        };
        let stays = |last: &usize| !program.written_within(y, place + 1..last + 1);
        if gradients.last().is_some_and(stays) && gradients.iter().all(takes_argument) {
            let replace = program.rebound(&gradients, x, y);
            program.rewrite(rule, Rewrite { replace, ..Rewrite::default() });
        }
    }
}
