//! A copy of a whole tensor into a whole tensor disappears: either its readers read the source, or, where it stores a result
//! into a persistent tensor, what computes the result writes there.

use super::program::{Program, Rewrite};
use crate::ops::StridedCopy;
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        let Some(copy) = program.kernel::<StridedCopy>(place) else { continue };
        let &[source, destination] = program.operands(place) else { continue };
        if !copy.is_whole() || source == destination || program.len(source) != program.len(destination) {
            continue;
        }
        let rewrite = match destination {
            Operand::Transient(_) => read_source(program, place, source, destination),
            Operand::Persistent(_) => write_destination(program, place, source, destination),
        };
        if let Some(rewrite) = rewrite {
            program.rewrite(rule, rewrite);
        }
    }
}

/// The readers of the destination read the source, where that stays what it is until the last of them.
fn read_source(program: &Program<'_>, place: usize, source: Operand, destination: Operand) -> Option<Rewrite> {
    program.origin(destination, place + 1)?;
    let readers = program.readers(destination);
    let last = *readers.last()?;
    if program.written_within(source, place + 1..last + 1) {
        return None;
    }
    Some(Rewrite { remove: vec![place], replace: program.rebound(&readers, destination, source), ..Rewrite::default() })
}

/// What computes the source writes the destination, where nothing else has to do with that in between, and the source's
/// readers read it there.
fn write_destination(program: &Program<'_>, place: usize, source: Operand, destination: Operand) -> Option<Rewrite> {
    let origin = program.origin(source, place)?;
    let readers: Vec<usize> = program.readers(source).into_iter().filter(|reader| *reader != place).collect();
    let last = readers.last().map_or(place, |last| place.max(*last));
    let free = !program.read_within(destination, origin..place)
        && !program.written_within(destination, origin..place)
        && !program.written_within(destination, place + 1..last + 1);
    let touched: Vec<usize> = std::iter::once(origin).chain(readers).collect();
    free.then(|| Rewrite {
        remove: vec![place],
        replace: program.rebound(&touched, source, destination),
        ..Rewrite::default()
    })
}
