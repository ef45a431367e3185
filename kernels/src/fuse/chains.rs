//! Elementwise launches that follow each other become one [`Chain`], which keeps what is between them in registers.
//!
//! What is read under strides counts as elementwise too: slices, repetitions, transpositions, constants.

use std::sync::Arc;

use super::expression::{absorb, cheap_within};
use super::program::{Program, Rewrite};
use crate::launch::Kernel;
use crate::ops::Chain;
use crate::plan::Operand;

pub(super) fn apply(program: &mut Program<'_>, rule: &'static str) {
    for place in program.places() {
        if let Some(rewrite) = into_all_readers(program, place) {
            program.rewrite(rule, rewrite);
        }
    }
    for place in program.places() {
        while let Some(rewrite) = with_an_input(program, place) {
            if !program.rewrite(rule, rewrite) {
                break;
            }
        }
    }
}

fn bytes(chain: &Chain) -> u64 {
    chain.cost().bytes
}

/// The launch at `place`, joined with what alone computes one of its inputs for it.
fn with_an_input(program: &Program<'_>, place: usize) -> Option<Rewrite> {
    let (consumer, inputs, y) = program.elementwise(place)?;
    inputs.iter().find_map(|between| {
        let origin = program.private_origin(*between, place)?;
        let (chain, operands) = joined(program, (origin, place), *between, (&consumer, inputs))?;
        let (producer, ..) = program.elementwise(origin)?;
        let less = bytes(&chain) <= bytes(&consumer) + bytes(&producer);
        less.then(|| Rewrite::one(place, chain, with_result(operands, y), vec![origin]))
    })
}

/// The launch at `origin`, of at most one input and one step, as part of every launch that reads its result.
fn into_all_readers(program: &Program<'_>, origin: usize) -> Option<Rewrite> {
    let (producer, _, between) = program.elementwise(origin)?;
    let readers = program.readers(between);
    if producer.inputs.len() > 1 || producer.steps.len() > 1 || readers.len() < 2 {
        return None;
    }
    let mut rewrite = Rewrite { remove: vec![origin], ..Rewrite::default() };
    let (mut before, mut after) = (bytes(&producer), 0);
    for place in readers {
        program.origin(between, place).filter(|writer| *writer == origin)?;
        let (consumer, inputs, y) = program.elementwise(place)?;
        let (chain, operands) = joined(program, (origin, place), between, (&consumer, inputs))?;
        before += bytes(&consumer);
        after += bytes(&chain);
        let kernel: Arc<dyn Kernel> = Arc::new(chain);
        rewrite.replace.push((place, kernel, with_result(operands, y)));
    }
    (after <= before).then_some(rewrite)
}

/// A reader of `between` as a chain that computes it.
fn joined(
    program: &Program<'_>,
    (origin, place): (usize, usize),
    between: Operand,
    (consumer, inputs): (&Chain, &[Operand]),
) -> Option<(Chain, Vec<Operand>)> {
    let (producer, producer_inputs, _) = program.elementwise(origin)?;
    let possible = cheap_within(consumer, &producer) && program.can_read_later(origin, place, between);
    possible.then(|| absorb((consumer, inputs), between, (&producer, producer_inputs))).flatten()
}

fn with_result(mut operands: Vec<Operand>, y: Operand) -> Vec<Operand> {
    operands.push(y);
    operands
}
