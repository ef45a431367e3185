//! A sum is added to its addend in place, where nothing reads the addend afterwards: what an architecture does not compute is then
//! neither read nor written.

use super::program::{Program, Rewrite};
use crate::ops::addend_of;
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        let Some((kernel, addend)) = program.launch(place).and_then(|launch| {
            let kernel = launch.kernel.in_place()?;
            Some((kernel, addend_of(&*launch.kernel)?))
        }) else {
            continue;
        };
        let mut operands = program.operands(place).to_vec();
        let known = operands.remove(addend);
        let Some(result) = operands.pop() else { continue };
        let lives_within = |operand| matches!(operand, Operand::Transient(_));
        let read_here_last = program.readers(known).last() == Some(&place);
        let written_before = program.writers(known).last().is_some_and(|last| *last < place);
        let written_here = program.writers(result) == [place];
        let read_after = program.readers(result).first().is_some_and(|first| *first > place);
        if !(lives_within(known) && lives_within(result) && program.len(known) == program.len(result)) {
            continue;
        }
        if read_here_last && written_before && written_here && read_after {
            operands.push(known);
            let mut replace = program.rebound(&program.readers(result), result, known);
            replace.push((place, kernel, operands));
            program.rewrite(rule, Rewrite { replace, ..Rewrite::default() });
        }
    }
}
