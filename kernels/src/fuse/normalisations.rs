//! ReLU of a batch normalisation, and the sum of it and another tensor, become part of the normalisation.

use super::program::{Program, Rewrite};
use crate::ops::{BatchNormalise, Binary, BinaryOperation, Function, Unary};
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        let rewrite = with_relu(program, place).or_else(|| with_summand(program, place));
        if let Some(rewrite) = rewrite {
            program.rewrite(rule, rewrite);
        }
    }
}

/// The normalisation whose result the launch at `place` alone reads, as `operand`.
fn normalisation(program: &Program<'_>, place: usize, operand: Operand) -> Option<(usize, BatchNormalise)> {
    let origin = program.private_origin(operand, place)?;
    let normalise = program.kernel::<BatchNormalise>(origin)?;
    (!normalise.summand && program.can_read_later(origin, place, operand)).then(|| (origin, normalise.clone()))
}

fn with_relu(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    program.kernel::<Unary>(place).filter(|unary| unary.function == Function::Relu)?;
    let &[x, y] = program.operands(place) else { return None };
    let (origin, normalise) = normalisation(program, place, x)?;
    let mut operands = program.operands(origin).to_vec();
    *operands.last_mut()? = y;
    Some(Rewrite::one(place, BatchNormalise { relu: true, ..normalise }, operands, vec![origin]))
}

fn with_summand(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let sum = program.kernel::<Binary>(place)?;
    if sum.operation != BinaryOperation::Add || !sum.contiguous() {
        return None;
    }
    let &[a, b, y] = program.operands(place) else { return None };
    if a == b {
        return None;
    }
    [(a, b), (b, a)].into_iter().find_map(|(x, summand)| {
        let (origin, normalise) = normalisation(program, place, x)?;
        let mut operands = program.operands(origin).to_vec();
        operands.pop();
        operands.extend([summand, y]);
        Some(Rewrite::one(place, BatchNormalise { summand: true, ..normalise }, operands, vec![origin]))
    })
}
