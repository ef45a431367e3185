//! A device as a search sees it: a name, the measured values of the reference architectures, and samples to learn from.

use serde::{Deserialize, Serialize};

/// The number of reference architectures of every space (Lee et al., "HELP", NeurIPS 2021, section 4).
pub const REFERENCE_COUNT: usize = 10;

/// One measured architecture on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The architecture, in its space's own notation.
    pub architecture: String,
    /// Median, in the block's unit.
    pub p50: f64,
    /// 90th percentile, in the block's unit.
    pub p90: f64,
    /// 99th percentile, in the block's unit.
    pub p99: f64,
    /// How many measurements the percentiles are taken over; 1 where a table gives one number.
    pub repeats: u32,
}

/// All that is known of one objective on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveBlock {
    /// `latency`, `energy`, ...
    pub objective: String,
    /// `ms`, `mJ`, ...
    pub unit: String,
    /// Raw values of the space's reference architectures in their order: [`REFERENCE_COUNT`] values, finite, above 0.
    pub references: Vec<f64>,
    /// Further architectures, for the predictor and for checks.
    pub samples: Vec<Sample>,
}

impl ObjectiveBlock {
    /// The geometric mean of the raw reference values, in the block's unit: the device's scale.
    pub fn geometric_mean(&self) -> f64 {
        self.log_geometric_mean().exp()
    }

    /// What a predictor learns: `ln(value / geometric mean of the references)`, without a unit.
    ///
    /// Devices of any speed have targets of the same size, and every prediction turns back into a value above 0.
    pub fn target(&self, value: f64) -> f64 {
        value.ln() - self.log_geometric_mean()
    }

    /// The inverse of [`ObjectiveBlock::target`]: a value in the block's unit.
    pub fn value(&self, target: f64) -> f64 {
        (target + self.log_geometric_mean()).exp()
    }

    fn log_geometric_mean(&self) -> f64 {
        let sum: f64 = self.references.iter().map(|value| value.ln()).sum();
        sum / self.references.len().max(1) as f64
    }
}

/// One device with one runtime at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// `<hardware>_<runtime>_<batch>` where measured here; a table's own column name otherwise. See [`is_valid_name`].
    pub name: String,
    /// The hardware, as its driver names it.
    pub hardware: String,
    /// `vulkan`, `metal`, `dx12`, `gl`, `cpu`, or `table`.
    pub runtime: String,
    /// The version of the runtime; empty where unknown.
    pub runtime_version: String,
    /// Driver name and version; empty where there is none.
    pub driver: String,
    /// Images of one measured pass.
    pub batch: u32,
    /// The arithmetic: `f32`.
    pub precision: String,
    /// One block an objective, each objective once.
    pub objectives: Vec<ObjectiveBlock>,
}

impl DeviceProfile {
    /// The block of an objective.
    pub fn block(&self, objective: &str) -> Option<&ObjectiveBlock> {
        self.objectives.iter().find(|block| block.objective == objective)
    }

    /// The raw reference values, one objective after another: `[objectives * 10]`, in their units.
    pub fn features(&self) -> Vec<f64> {
        self.objectives.iter().flat_map(|block| block.references.iter().copied()).collect()
    }

    /// The features as a network takes them: `[objectives * 10]`.
    ///
    /// Each block gives `ln(value / geometric mean)` of its 10 references, the shape of the device, free of its unit and
    /// speed. Its scale, the geometric mean, does not enter: predictions are relative to it, preferences know no unit, and
    /// a network that sees it tells a dozen known devices apart by their speeds, and fails on the next.
    pub fn normalised_features(&self) -> Vec<f64> {
        let shape = |block: &ObjectiveBlock| -> Vec<f64> {
            let scale = block.log_geometric_mean();
            block.references.iter().map(|value| value.ln() - scale).collect()
        };
        self.objectives.iter().flat_map(shape).collect()
    }
}

/// `<hardware>_<runtime>_<batch>`, lower case; what is neither letter, digit nor dot becomes one hyphen.
pub fn profile_name(hardware: &str, runtime: &str, batch: u32) -> String {
    format!("{}_{}_{batch}", name_part(hardware), name_part(runtime))
}

fn name_part(text: &str) -> String {
    let mut part = String::new();
    for character in text.chars().map(|character| character.to_ascii_lowercase()) {
        if character.is_ascii_alphanumeric() || character == '.' {
            part.push(character);
        } else if !part.is_empty() && !part.ends_with('-') {
            part.push('-');
        }
    }
    // A leading dot would make a hidden file of `fronts/<device>.csv`.
    let trimmed = part.trim_end_matches('-').trim_start_matches('.');
    if trimmed.is_empty() { "unknown".into() } else { trimmed.into() }
}

/// Whether a name may stand for a device: characters `a-z 0-9 _ . -`, not empty, not starting with a dot.
///
/// Names become file names (`fronts/<device>.csv`).
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe() {
        let name = profile_name("llvmpipe (LLVM 15.0.6, 256 bits)", "Vulkan", 8);
        assert_eq!(name, "llvmpipe-llvm-15.0.6-256-bits_vulkan_8");
        assert_eq!(profile_name("../ä", "", 1), "unknown_unknown_1");
        assert!(is_valid_name(&name) && is_valid_name("titan_rtx_256"));
        assert!(!is_valid_name("") && !is_valid_name("A") && !is_valid_name("a/b") && !is_valid_name(".."));
    }

    #[test]
    fn targets_and_features_ignore_the_scale() {
        let profile = |factor: f64| DeviceProfile {
            name: "a".into(),
            hardware: "a".into(),
            runtime: "cpu".into(),
            runtime_version: String::new(),
            driver: String::new(),
            batch: 1,
            precision: "f32".into(),
            objectives: vec![ObjectiveBlock {
                objective: "latency".into(),
                unit: "ms".into(),
                references: (0..10).map(|power| factor * 2f64.powi(power)).collect(),
                samples: Vec::new(),
            }],
        };
        let (one, three) = (profile(1.0), profile(3.0));
        // The geometric mean of 2^0 ... 2^9 is 2^4.5.
        let block = &one.objectives[0];
        assert!((block.geometric_mean() - 2f64.powf(4.5)).abs() < 1e-12);
        assert!((block.target(64.0) - 1.5 * 2f64.ln()).abs() < 1e-12);
        assert!((block.value(block.target(7.0)) - 7.0).abs() < 1e-12);
        assert!((three.objectives[0].target(192.0) - block.target(64.0)).abs() < 1e-12);
        let (one, three) = (one.normalised_features(), three.normalised_features());
        assert_eq!(one.len(), 10);
        for place in 0..10 {
            assert!((three[place] - one[place]).abs() < 1e-12);
        }
    }
}
