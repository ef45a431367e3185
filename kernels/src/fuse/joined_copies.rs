//! Copies of rows into one tensor, or out of one, become one launch.

use super::program::{Program, Rewrite};
use super::slice_gradients::covered;
use crate::ops::{CopyRows, Direction, Fill, PIECES, RowCopy, StridedCopy};
use crate::plan::Operand;

/// Elements up to which copies may wait for others. Larger ones take longer than their launch, and would hold memory meanwhile.
const SMALL: usize = 1 << 16;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        for direction in [Direction::Join, Direction::Split] {
            if let Some(rewrite) = joined(program, place, direction) {
                program.rewrite(rule, rewrite);
            }
        }
    }
}

/// The copy of rows at a place: its source and its destination.
fn copy_at(program: &Program<'_>, place: usize) -> Option<(RowCopy, Operand, Operand)> {
    let copy = program.kernel::<StridedCopy>(place)?;
    let &[source, destination] = program.operands(place) else { return None };
    (copy.elements() <= SMALL && source != destination).then_some(())?;
    Some((RowCopy::of(copy)?, source, destination))
}

/// The copies that go together with the one at `place`, which is the first of them.
fn joined(program: &Program<'_>, place: usize, direction: Direction) -> Option<Rewrite> {
    let (_, source, destination) = copy_at(program, place)?;
    let (shared, candidates) = match direction {
        Direction::Join => (destination, program.writers(destination)),
        Direction::Split => (source, program.readers(source)),
    };
    let mut members: Vec<usize> = Vec::new();
    for candidate in candidates.into_iter().filter(|candidate| *candidate >= place) {
        let fits = match direction {
            Direction::Join => can_wait(program, &members, candidate, shared),
            Direction::Split => can_hurry(program, place, candidate, shared),
        };
        if copy_at(program, candidate).is_some() && fits && members.len() < PIECES {
            members.push(candidate);
        } else if direction == Direction::Join {
            break;
        }
    }
    if members.len() < 2 {
        return None;
    }
    let copies: Vec<(RowCopy, Operand, Operand)> = members.iter().filter_map(|at| copy_at(program, *at)).collect();
    let kernel =
        CopyRows { direction, shared: program.len(shared), pieces: copies.iter().map(|(copy, ..)| *copy).collect() };
    kernel.validate().ok()?;
    let at = match direction {
        Direction::Join => members.pop()?,
        Direction::Split => members.remove(0),
    };
    let operands = match direction {
        Direction::Join => copies.iter().map(|(_, source, _)| *source).chain([shared]).collect(),
        Direction::Split => std::iter::once(shared).chain(copies.iter().map(|(.., to)| *to)).collect(),
    };
    if direction == Direction::Join {
        let all: Vec<usize> = members.iter().copied().chain([at]).collect();
        let marked = covered(program.len(shared), all.iter().filter_map(|at| program.kernel::<StridedCopy>(*at)))?;
        members.extend(useless_fill(program, shared, all[0], &marked));
    }
    Some(Rewrite::one(at, kernel, operands, members))
}

/// The launch that fills a tensor before the copies overwrite all of it.
fn useless_fill(program: &Program<'_>, tensor: Operand, first: usize, marked: &[bool]) -> Option<usize> {
    let fill = program.writers(tensor).into_iter().rfind(|writer| *writer < first)?;
    let useless = program.kernel::<Fill>(fill).is_some()
        && marked.iter().all(|marked| *marked)
        && !program.read_within(tensor, fill..first);
    useless.then_some(fill)
}

/// Whether the copies at `members` into the tensor `shared` can wait for the one at `last`.
fn can_wait(program: &Program<'_>, members: &[usize], last: usize, shared: Operand) -> bool {
    let Some(first) = members.first() else { return true };
    let sources = members.iter().chain([&last]).filter_map(|at| program.operands(*at).first().copied());
    let unchanged = members
        .iter()
        .filter_map(|at| Some((*at, *program.operands(*at).first()?)))
        .all(|(at, source)| !program.written_within(source, at + 1..last + 1));
    // Candidates are all that write the tensor, in order, so that nothing else writes it in between.
    unchanged && !program.read_within(shared, first + 1..last + 1) && sources.into_iter().all(|source| source != shared)
}

/// Whether the copy at `later` out of the tensor `shared` can be made at `first` already.
fn can_hurry(program: &Program<'_>, first: usize, later: usize, shared: Operand) -> bool {
    let Some(destination) = program.operands(later).get(1).copied() else { return false };
    let fresh = program.origin(destination, later + 1) == Some(later);
    (later == first || fresh) && !program.written_within(shared, first..later)
}
