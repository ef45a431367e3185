//! The configuration that the tests of the step run.

use parnas::search::config::Configuration;

/// A configuration of some seconds, on `device`.
pub fn configuration(device: &str) -> Configuration {
    Configuration {
        device: Some(device.to_owned()),
        batch_size: 8,
        channels: 4,
        calibration_images: 32,
        preferences_per_device: 2,
        weight_architectures: 5,
        warmup_steps: 0,
        steps: 1000,
        pretraining_steps: 0,
        predictor_steps: 30,
        hidden: 16,
        ..Configuration::preset("smoke").expect("the preset exists")
    }
}
