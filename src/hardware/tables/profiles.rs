//! Devices of the tables as a search takes them.

use super::{ColumnKind, Tables};
use crate::hardware::{DeviceProfile, ObjectiveBlock, Sample, TABLE_RUNTIME};

impl Tables {
    /// A device's profile with the objectives whose values of all `references` are known; the values of `cells` are its samples,
    /// without missing ones. Both are rows. None where there is no such device, or no such objective.
    ///
    /// A table has one value where a measurement has percentiles: all of them are that value, and `repeats` is 1.
    pub fn profile(&self, name: &str, references: &[usize], cells: &[usize]) -> Option<DeviceProfile> {
        let mut blocks = Vec::new();
        let mut images = 1;
        for column in &self.columns {
            let ColumnKind::Device { device, batch, objective } = &column.kind else { continue };
            let values: Vec<f64> = references.iter().map(|&row| column.values[row]).collect();
            if device != name || values.iter().any(|value| value.is_nan()) {
                continue;
            }
            images = *batch;
            let known = cells.iter().filter(|&&row| !column.values[row].is_nan());
            let samples = known.map(|&row| Sample {
                architecture: self.architectures[row].clone(),
                p50: column.values[row],
                p90: column.values[row],
                p99: column.values[row],
                repeats: 1,
            });
            blocks.push(ObjectiveBlock {
                objective: objective.clone(),
                unit: column.unit.clone(),
                references: values,
                samples: samples.collect(),
            });
        }
        (!blocks.is_empty()).then(|| DeviceProfile {
            name: name.to_owned(),
            hardware: name.to_owned(),
            runtime: TABLE_RUNTIME.to_owned(),
            runtime_version: String::new(),
            driver: String::new(),
            batch: images,
            precision: "f32".to_owned(),
            objectives: blocks,
        })
    }
}
