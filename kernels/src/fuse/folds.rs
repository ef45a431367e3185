//! A slice of a tensor, and the sum of two tensors, that are folded over their rows are read by the fold itself. It runs where they
//! were computed: what is left of the rows takes less memory than they do.

use super::expression::strides_along;
use super::program::{Program, Rewrite};
use crate::ops::{Binary, BinaryOperation, FoldRows, RowLayout, StridedCopy};
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        let rewrite = of_slice(program, place).or_else(|| of_sum(program, place));
        if let Some(rewrite) = rewrite {
            program.rewrite(rule, rewrite);
        }
    }
}

/// The fold at `place` of one tensor as it lies, the place of what alone computes it for the fold.
fn plain_fold(program: &Program<'_>, place: usize) -> Option<(FoldRows, usize)> {
    let fold = program.kernel::<FoldRows>(place)?;
    let x = program.operands(place)[usize::from(fold.initial)];
    let origin = program.private_origin(x, place)?;
    let plain = !fold.second && fold.layout == RowLayout::rows_of(fold.len);
    (plain && program.can_run_earlier(place, origin, x)).then(|| (fold.clone(), origin))
}

fn of_slice(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let (fold, origin) = plain_fold(program, place)?;
    program.kernel::<StridedCopy>(origin)?;
    let (copy, ..) = program.elementwise(origin)?;
    let input = copy.inputs.first()?;
    let [_, _, row, element] =
        strides_along(copy.shape, input.strides, [1, 1, fold.rows, u32::try_from(fold.len).ok()?])?;
    let layout = RowLayout { offset: input.offset, row, element };
    let mut operands = program.operands(place).to_vec();
    operands[usize::from(fold.initial)] = program.operands(origin)[0];
    Some(early(origin, place, FoldRows { layout, ..fold }, operands))
}

fn of_sum(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let (fold, origin) = plain_fold(program, place)?;
    let sum = program.kernel::<Binary>(origin)?;
    if sum.operation != BinaryOperation::Add || !sum.contiguous() {
        return None;
    }
    let (x, mut operands) = (usize::from(fold.initial), program.operands(place).to_vec());
    let &[a, b, _] = program.operands(origin) else { return None };
    operands.splice(x..x + 1, [a, b]);
    Some(early(origin, place, FoldRows { second: true, ..fold }, operands))
}

/// The fold at `place`, made at `origin`.
fn early(origin: usize, place: usize, fold: FoldRows, operands: Vec<Operand>) -> Rewrite {
    Rewrite { named_as: Some(place), ..Rewrite::one(origin, fold, operands, vec![place]) }
}
