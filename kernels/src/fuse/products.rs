//! A bias that is added to a matrix product, and ReLU of it, become part of the product.

use super::expression::strides_along;
use super::program::{Program, Rewrite};
use crate::ops::{Bias, Binary, BinaryOperation, Function, Matmul, Unary, contiguous_strides};
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        let rewrite = with_bias(program, place).or_else(|| with_relu(program, place));
        if let Some(rewrite) = rewrite {
            program.rewrite(rule, rewrite);
        }
    }
}

/// The matrix product whose result the launch at `place` alone reads, as `operand`.
fn product(program: &Program<'_>, place: usize, operand: Operand) -> Option<(usize, Matmul)> {
    let origin = program.private_origin(operand, place)?;
    let matmul = program.kernel::<Matmul>(origin)?;
    program.can_read_later(origin, place, operand).then(|| (origin, matmul.clone()))
}

fn with_bias(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let sum = program.kernel::<Binary>(place)?.clone();
    let &[a, b, y] = program.operands(place) else { return None };
    if sum.operation != BinaryOperation::Add || a == b {
        return None;
    }
    let sides = [(a, sum.a_strides, b, sum.b_strides), (b, sum.b_strides, a, sum.a_strides)];
    sides.into_iter().find_map(|(c, c_strides, added, added_strides)| {
        let (origin, matmul) = product(program, place, c)?;
        if matmul.bias != Bias::None || matmul.relu {
            return None;
        }
        let Matmul { batch, m, n, .. } = matmul;
        let along = |strides| strides_along(sum.shape, strides, [1, batch, m, n]);
        if along(c_strides)? != along(contiguous_strides(sum.shape))? {
            return None;
        }
        let [_, of_batch, of_row, of_column] = along(added_strides)?;
        let fits = |of: u32, extent: u32, wanted: u32| extent == 1 || of == wanted;
        if !fits(of_row, m, 0) || !fits(of_column, n, 1) {
            return None;
        }
        let bias = if fits(of_batch, batch, 0) {
            Bias::Shared
        } else if of_batch == n {
            Bias::PerBatch
        } else {
            return None;
        };
        let operands = vec![program.operands(origin)[0], program.operands(origin)[1], added, y];
        Some(Rewrite::one(place, Matmul { bias, ..matmul }, operands, vec![origin]))
    })
}

fn with_relu(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    program.kernel::<Unary>(place).filter(|unary| unary.function == Function::Relu)?;
    let &[x, y] = program.operands(place) else { return None };
    let (origin, matmul) = product(program, place, x)?;
    let mut operands = program.operands(origin).to_vec();
    *operands.last_mut()? = y;
    Some(Rewrite::one(place, Matmul { relu: true, ..matmul }, operands, vec![origin]))
}
