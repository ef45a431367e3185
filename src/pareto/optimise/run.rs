//! An optimiser at work, within a budget.

use std::collections::HashMap;

use super::{Optimiser, Question};

/// An optimiser that asks what it was told so often in a row has nothing else to ask.
const REPEATS: usize = 10_000;

/// One answered question.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What was asked.
    pub question: Question,
    /// What was told.
    pub values: Vec<f64>,
    /// What all evaluations so far cost, this one with them, in full evaluations.
    pub spent: f64,
}

/// Lets an optimiser ask until the next question would cost more than is left of `budget`, in full evaluations.
///
/// `cost` is the part of a full evaluation that a question takes. A question that was answered before is answered again from
/// memory, costs nothing and is not in the result.
pub fn run(
    optimiser: &mut dyn Optimiser,
    budget: f64,
    cost: impl Fn(&Question) -> f64,
    mut evaluate: impl FnMut(&Question) -> Vec<f64>,
) -> Vec<Evaluation> {
    let mut known: HashMap<Question, Vec<f64>> = HashMap::new();
    let mut evaluations: Vec<Evaluation> = Vec::new();
    let (mut spent, mut repeats) = (0.0, 0);
    while let Some(question) = optimiser.ask() {
        if let Some(values) = known.get(&question) {
            repeats += 1;
            if repeats >= REPEATS {
                break;
            }
            optimiser.tell(&question, values);
            continue;
        }
        repeats = 0;
        spent += cost(&question);
        // Parts of an evaluation do not sum exactly.
        if spent > budget * (1.0 + 1e-12) {
            break;
        }
        let values = evaluate(&question);
        optimiser.tell(&question, &values);
        known.insert(question.clone(), values.clone());
        evaluations.push(Evaluation { question, values, spent });
    }
    evaluations
}
