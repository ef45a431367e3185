//! The gradient of a tensor that was sliced is a sum of tensors, each zero but for one slice. Where the slices do not overlap they
//! are placed side by side in one tensor instead. (A sum with zero is the other summand, but for the sign of a zero.)

use super::program::{Program, Rewrite};
use crate::ops::{Binary, BinaryOperation, Fill, StridedCopy};
use crate::plan::Operand;

/// The longest tensor whose elements are marked one by one.
const LONGEST: usize = 1 << 20;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        if let Some(rewrite) = side_by_side(program, place) {
            program.rewrite(rule, rewrite);
        }
    }
}

/// Marks the elements that copies write, in their order; `None` where one is written twice.
pub(super) fn covered<'a>(len: usize, copies: impl Iterator<Item = &'a StridedCopy>) -> Option<Vec<bool>> {
    if len > LONGEST {
        return None;
    }
    let mut marked = vec![false; len];
    for copy in copies {
        let mut free = true;
        copy.each_destination(|element| free &= !std::mem::replace(&mut marked[element], true));
        if !free {
            return None;
        }
    }
    Some(marked)
}

/// The places that write a tensor which only the launch at `place` reads: first one that fills it with zeros, then copies.
fn placed(program: &Program<'_>, tensor: Operand, place: usize) -> Option<Vec<usize>> {
    let writers = program.writers(tensor);
    let (fill, copies) = writers.split_first()?;
    let zeros = program.kernel::<Fill>(*fill).is_some_and(|fill| fill.value == 0.0 && fill.len == program.len(tensor));
    let private = matches!(tensor, Operand::Transient(_)) && program.readers(tensor) == [place];
    let of_copies = !copies.is_empty() && copies.iter().all(|copy| program.kernel::<StridedCopy>(*copy).is_some());
    (zeros && private && of_copies && writers.last() < Some(&place)).then_some(writers)
}

fn side_by_side(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let sum = program.kernel::<Binary>(place)?;
    if sum.operation != BinaryOperation::Add || !sum.contiguous() {
        return None;
    }
    let &[a, b, y] = program.operands(place) else { return None };
    program.origin(y, place + 1)?;
    let (of_a, of_b) = (placed(program, a, place)?, placed(program, b, place)?);
    let copies = of_a[1..].iter().chain(&of_b[1..]);
    covered(program.len(y), copies.filter_map(|copy| program.kernel::<StridedCopy>(*copy)))?;
    // One of the fills is enough: the earlier.
    let later = of_a[0].max(of_b[0]);
    let mut replace = program.rebound(&of_a, a, y);
    replace.extend(program.rebound(&of_b, b, y));
    replace.retain(|(at, ..)| *at != later);
    Some(Rewrite { remove: vec![later, place], replace, named_as: Some(place) })
}
