//! Configurations by name.

use std::path::PathBuf;

use super::choices::{GradientUpdate, HypernetworkKind, Precision, Sampler, Scaling, UnselectedGradient};
use super::keys::Configuration;
use crate::pareto::objective::Objective;
use crate::pareto::scalarisation::Scalarisation;

/// A configuration by name.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What `--preset` calls it.
    pub name: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// The configuration.
    pub configuration: fn() -> Configuration,
}

/// Every preset, the default first. None of them sets a key that may be left unset, so that a written file, which cannot
/// say "not set", reads back the same.
pub static PRESETS: [Preset; 4] = [
    Preset {
        name: "digits",
        help: "the bundled 8x8 digits on this machine, in minutes on two CPU cores",
        configuration: digits,
    },
    Preset {
        name: "nb201-small",
        help: "NAS-Bench-201, 13 devices and CIFAR-10 in less than an hour on two CPU cores",
        configuration: nb201_small,
    },
    Preset { name: "smoke", help: "a search of half a minute that shows that all parts work", configuration: smoke },
    Preset {
        name: "modnas-nb201",
        help: "the published hyper-parameters on NAS-Bench-201 and CIFAR-10, for a GPU",
        configuration: modnas_nb201,
    },
];

/// The devices that the paper searches for on NAS-Bench-201; six others are kept unseen (MODNAS, arXiv 2402.18213, public
/// code).
const SEARCH_DEVICES: [&str; 13] = [
    "1080ti_1",
    "1080ti_32",
    "1080ti_256",
    "silver_4114",
    "silver_4210r",
    "samsung_a50",
    "pixel3",
    "essential_ph_1",
    "samsung_s7",
    "titanx_1",
    "titanx_32",
    "titanx_256",
    "gold_6240",
];

fn search_devices() -> Vec<String> {
    SEARCH_DEVICES.map(str::to_owned).to_vec()
}

fn digits() -> Configuration {
    Configuration {
        data: None,
        device: None,
        seed: 1,
        name: "search".to_owned(),
        run_dir: PathBuf::from("runs"),
        threads: None,
        memory: None,
        precision: Precision::F32,
        tune: true,
        tuning: None,
        log_every: 10,
        checkpoint_every: 50,
        objectives: vec![Objective::Loss, Objective::Latency],
        measurements: None,
        profiles: Vec::new(),
        measure_devices: Vec::new(),
        measure_cells: 240,
        measure_batches: vec![1, 8, 32],
        measure_seconds: 60.0,
        channels: 16,
        cells_per_stage: 1,
        entangled: true,
        supernet: None,
        hypernetwork: HypernetworkKind::Smooth,
        hidden: 64,
        image_size: 0,
        batch_size: 64,
        arch_batch_size: 16,
        train_portion: 0.5,
        calibration_images: 128,
        crop_padding: None,
        flip: None,
        steps: 1000,
        warmup_steps: 100,
        preferences_per_device: 8,
        weight_architectures: 4,
        uniform_share: 0.5,
        sampler: Sampler::ReinMax,
        tau_max: 10.0,
        tau_min: 1.0,
        unselected_gradient: UnselectedGradient::Exact,
        hpn_grad_update_method: GradientUpdate::MultipleGradientDescent,
        scalarisation: Scalarisation::Linear,
        scaling: Scaling::Running,
        learning_rate: 0.05,
        learning_rate_min: 0.001,
        momentum: 0.9,
        weight_decay: 3e-4,
        nesterov: false,
        grad_clip: 5.0,
        label_smoothing: 0.0,
        arch_learning_rate: 1e-2,
        arch_learning_rate_min: 1e-2,
        arch_betas: [0.5, 0.999],
        exploration: 0.02,
        arch_weight_decay: 0.0,
        pretraining_steps: 200,
        predictor_steps: 3000,
        predictor_batch: 64,
        predictor_cells: 900,
        predictor_mixtures: true,
        predictor_learning_rate: 1e-3,
        points: 24,
        draws_per_preference: 16,
        published_circle: false,
        random_architectures: 24,
    }
}

fn smoke() -> Configuration {
    Configuration {
        name: "smoke".to_owned(),
        channels: 4,
        batch_size: 16,
        calibration_images: 64,
        steps: 40,
        warmup_steps: 6,
        log_every: 5,
        checkpoint_every: 10,
        preferences_per_device: 1,
        weight_architectures: 2,
        pretraining_steps: 50,
        predictor_steps: 200,
        predictor_batch: 16,
        measure_cells: 10,
        measure_batches: vec![1],
        measure_seconds: 5.0,
        points: 6,
        draws_per_preference: 1,
        random_architectures: 6,
        ..digits()
    }
}

/// NAS-Bench-201 on two CPU cores: narrow networks of one cell a stage on images of half the size. Most steps train the supernet
/// on uniform architectures, which is what its order of them depends on; then the hypernetwork learns from it.
fn nb201_small() -> Configuration {
    Configuration {
        name: "nb201-small".to_owned(),
        profiles: search_devices(),
        channels: 8,
        image_size: 16,
        batch_size: 64,
        arch_batch_size: 32,
        train_portion: 0.8,
        calibration_images: 256,
        steps: 30_500,
        warmup_steps: 30_000,
        log_every: 100,
        checkpoint_every: 500,
        preferences_per_device: 4,
        weight_architectures: 1,
        uniform_share: 1.0,
        learning_rate: 0.1,
        predictor_steps: 8000,
        predictor_batch: 256,
        ..digits()
    }
}

/// The published command for NAS-Bench-201 (MODNAS, arXiv 2402.18213, public code): 13 devices, 100 epochs of 98 batches.
///
/// Learning rates are those before the published code multiplies them by its number of devices. Its pretraining of 100,000
/// draws of one preference and device is counted in steps of 13. The metapredictor learns from 900 cells of the tables rather than
/// from all, which include those that are evaluated afterwards.
fn modnas_nb201() -> Configuration {
    Configuration {
        name: "modnas-nb201".to_owned(),
        seed: 9001,
        profiles: search_devices(),
        channels: 16,
        cells_per_stage: 5,
        hypernetwork: HypernetworkKind::Bank,
        batch_size: 256,
        arch_batch_size: 0,
        unselected_gradient: UnselectedGradient::Published,
        calibration_images: 1024,
        steps: 9800,
        warmup_steps: 0,
        log_every: 10,
        checkpoint_every: 98,
        preferences_per_device: 1,
        weight_architectures: 13,
        uniform_share: 0.0,
        scaling: Scaling::Published,
        learning_rate: 0.025,
        weight_decay: 2.7e-3,
        arch_learning_rate: 3e-4,
        arch_learning_rate_min: 3e-4,
        exploration: 0.0,
        arch_weight_decay: 0.09,
        pretraining_steps: 7700,
        predictor_steps: 10_000,
        predictor_mixtures: false,
        measure_cells: 400,
        measure_batches: vec![1, 32, 256],
        measure_seconds: 900.0,
        published_circle: true,
        draws_per_preference: 0,
        ..digits()
    }
}
