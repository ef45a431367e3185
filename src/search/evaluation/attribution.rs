//! Which part of a gap is the supernet's ranking, which the predictor, which the candidates.

use super::result::Attribution;
use super::truth::{Truth, TruthDevice};
use crate::pareto::objective::Objective;
use crate::pareto::subset::best_subset;
use crate::search::SearchError;
use crate::search::setup::RunSpace;

/// What is known of a device's candidates, and of all architectures.
pub(super) struct Candidates<'a> {
    /// The candidates, as rows of the table.
    pub rows: &'a [usize],
    /// The supernet's loss of each candidate.
    pub losses: &'a [f64],
    /// The predicted costs of every architecture, `[objectives][rows of the table]`.
    pub predicted: &'a [Vec<f64>],
    /// Points to choose.
    pub points: usize,
}

/// Chooses with perfect knowledge of one part, the other, both, and scores each choice.
pub(super) fn attribute(
    truth: &Truth,
    device: &TruthDevice,
    space: &RunSpace,
    known: &Candidates<'_>,
) -> Result<Attribution, SearchError> {
    let volume = |rows: &[usize], error: &dyn Fn(usize) -> f64, costs: &[Vec<f64>]| -> Result<f64, SearchError> {
        // A cost that the table lacks cannot choose.
        let whole = |row: &usize| costs.iter().all(|column| column[*row].is_finite());
        let places: Vec<usize> = (0..rows.len()).filter(|place| whole(&rows[*place])).collect();
        let points: Vec<Vec<f64>> = places
            .iter()
            .map(|&place| std::iter::once(error(place)).chain(costs.iter().map(|c| c[rows[place]])).collect())
            .collect();
        let chosen = best_subset(&points, known.points)?;
        let set: Vec<usize> = chosen.into_iter().map(|chosen| rows[places[chosen]]).collect();
        Ok(device.protocol.score(&set)?.hypervolume)
    };
    let rows = known.rows;
    let loss = |place: usize| known.losses[place];
    let error = |place: usize| truth.error[rows[place]];
    let all: Vec<usize> = device.protocol.kept().to_vec();
    let counts = all
        .iter()
        .map(|&row| space.exact(Objective::Parameters, &truth.architectures[row]))
        .collect::<Result<Vec<f64>, SearchError>>()?;
    Ok(Attribution {
        neither: volume(rows, &loss, known.predicted)?,
        perfect_accuracy: volume(rows, &error, known.predicted)?,
        perfect_cost: volume(rows, &loss, &device.costs)?,
        both: volume(rows, &error, &device.costs)?,
        parameters: volume(&all, &|place| -counts[place], known.predicted)?,
    })
}
