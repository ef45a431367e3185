//! Devices that are mixtures of the known ones, for a metapredictor that is to answer for devices that it never saw.
//!
//! A latency is a sum over the parts of a network, and devices weigh the parts differently: a weighted sum of the
//! latencies of known devices is the latency of a device that could exist. Its references are the same sum of the known
//! references. From some dozen devices there come as many as there are steps, so that the predictor learns what a
//! device's features mean, rather than which of the known devices they are of.

use super::train::{PredictorData, PredictorRow};
use crate::data::philox::{Philox, Use, below, domain};

/// The most devices of a mixture.
const MOST: usize = 4;

/// Draws what a predictor sees: rows of known devices or of mixtures, each a function of (seed, step, place).
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws<'a> {
    data: &'a PredictorData,
    philox: Philox,
    mixed: bool,
}

impl<'a> Draws<'a> {
    /// Draws from `data`, which has a row; of mixtures where `mixed`.
    pub(super) fn new(data: &'a PredictorData, seed: u64, mixed: bool) -> Self {
        Self { data, philox: Philox::new(seed), mixed }
    }

    /// The row at `place` of a step: its encoding, with the features of its device written to `features` and the target
    /// given back.
    pub(super) fn row(&self, step: u32, place: u32, features: &mut [f32]) -> (&'a [f32], f32) {
        let words = |group: u32| self.philox.words([place, step, domain(Use::Predictor, 0), group]);
        let [cell, count, ..] = words(0);
        let row = &self.data.rows[below(cell, self.data.rows.len() as u32) as usize];
        let most = if self.mixed { MOST.min(row.targets.len()) } else { 1 };
        let count = 1 + below(count, most as u32) as usize;
        let (picks, weights) = (words(1), words(2));
        // The first `count` of a shuffle, so that no device comes twice.
        let mut order: Vec<usize> = (0..row.targets.len()).collect();
        for (pick, word) in picks.into_iter().take(count).enumerate() {
            let other = pick + below(word, (order.len() - pick) as u32) as usize;
            order.swap(pick, other);
        }
        // Shares that are exponential draws, divided by their sum, are uniform on the simplex.
        let share = |word: u32| -((f64::from(word) + 0.5) / 4_294_967_296.0).ln();
        let parts: Vec<(usize, f64)> = order[..count].iter().copied().zip(weights.map(share)).collect();
        (&row.encoding, mixture(self.data, row, &parts, features))
    }
}

/// The mixture of the devices at `parts` (places in the row's targets, and shares): features and target.
fn mixture(data: &PredictorData, row: &PredictorRow, parts: &[(usize, f64)], features: &mut [f32]) -> f32 {
    let sum: f64 = parts.iter().map(|(_, share)| share).sum();
    // Devices count by their speed relative to their references, or the slowest would be all of a mixture.
    let mix = |logarithm: &dyn Fn(usize) -> f32| -> f64 {
        let parts = parts.iter().map(|&(place, share)| share / sum * f64::from(logarithm(place)).exp());
        parts.sum::<f64>().ln()
    };
    let mut target = mix(&|place| row.targets[place].1);
    for (block, mixed) in features.chunks_mut(data.references).enumerate() {
        let values: Vec<f64> = (0..mixed.len())
            .map(|place| mix(&|part| data.features[row.targets[part].0][block * data.references + place]))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        for (mixed, value) in mixed.iter_mut().zip(values) {
            *mixed = (value - mean) as f32;
        }
        if block == data.block {
            target -= mean;
        }
    }
    target as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two devices with three references and a cell, by their raw values.
    fn data() -> (PredictorData, [[f64; 4]; 2]) {
        let raw = [[1.0, 2.0, 4.0, 3.0], [50.0, 20.0, 10.0, 70.0f64]];
        let scale = |device: &[f64; 4]| device[..3].iter().map(|value| value.ln()).sum::<f64>() / 3.0;
        let relative = |device: &[f64; 4]| -> Vec<f32> {
            device.iter().map(|value| (value.ln() - scale(device)) as f32).collect()
        };
        let (first, second) = (relative(&raw[0]), relative(&raw[1]));
        let row = PredictorRow { encoding: vec![1.0], targets: vec![(0, first[3]), (1, second[3])] };
        let features = vec![first[..3].to_vec(), second[..3].to_vec()];
        let scaled = raw.map(|device| device.map(|value| value / scale(&device).exp()));
        (PredictorData { rows: vec![row], features, references: 3, block: 0 }, scaled)
    }

    #[test]
    fn a_mixture_is_the_device_of_the_summed_latencies() {
        let (data, scaled) = data();
        let mut features = [0.0; 3];
        let target = mixture(&data, &data.rows[0], &[(0, 3.0), (1, 1.0)], &mut features);
        let sum: Vec<f64> = (0..4).map(|place| 0.75 * scaled[0][place] + 0.25 * scaled[1][place]).collect();
        let mean = sum[..3].iter().map(|value| value.ln()).sum::<f64>() / 3.0;
        for place in 0..3 {
            assert!((f64::from(features[place]) - (sum[place].ln() - mean)).abs() < 1e-6);
        }
        assert!((f64::from(target) - (sum[3].ln() - mean)).abs() < 1e-6);
    }

    #[test]
    fn a_device_alone_is_itself_and_draws_repeat() {
        let (data, _) = data();
        let mut features = [0.0; 3];
        let target = mixture(&data, &data.rows[0], &[(1, 0.3)], &mut features);
        assert!((target - data.rows[0].targets[1].1).abs() < 1e-6);
        assert!(features.iter().zip(&data.features[1]).all(|(a, b)| (a - b).abs() < 1e-6));
        let draws = Draws::new(&data, 5, true);
        let all: Vec<f32> = (0..64).map(|place| draws.row(3, place, &mut features).1).collect();
        assert_eq!(all, (0..64).map(|place| draws.row(3, place, &mut features).1).collect::<Vec<_>>());
        // Both devices alone and mixtures of them come up.
        let known = |target: f32| data.rows[0].targets.iter().any(|(_, own)| (own - target).abs() < 1e-6);
        assert!(all.iter().any(|target| known(*target)) && all.iter().any(|target| !known(*target)));
        let plain = Draws::new(&data, 5, false);
        assert!((0..64).all(|place| known(plain.row(3, place, &mut features).1)));
    }
}
