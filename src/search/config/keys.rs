//! Every key of a configuration, once: field, documentation, flag and the check of its value come from this list.

use std::path::PathBuf;

use serde::Deserialize;

use super::choices::{Bytes, GradientUpdate, HypernetworkKind, Precision, Sampler, Scaling, UnselectedGradient};
use crate::pareto::objective::Objective;
use crate::pareto::scalarisation::Scalarisation;

/// A key of a configuration.
#[derive(Debug)]
pub struct Key {
    /// In a file; as a flag with hyphens.
    pub name: &'static str,
    /// The group that it is explained under.
    pub heading: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What a value is called in the help of a flag.
    pub placeholder: &'static str,
    /// The values that are allowed, in words.
    pub allowed: &'static str,
    /// The value in a configuration; none where it is not set.
    pub get: fn(&Configuration) -> Option<toml::Value>,
    /// Sets the value where it is allowed, and tells whether it is.
    pub set: fn(&mut Configuration, toml::Value) -> bool,
    /// Whether the value in a configuration is allowed.
    pub check: fn(&Configuration) -> bool,
}

macro_rules! keys {
    ($($heading:literal { $(
        $(#[doc = $doc:literal])+
        $key:ident: $type:ty, $placeholder:literal, $allowed:literal, $test:expr;
    )+ })+) => {
        /// What a run is asked to do. Paths count from the folder that parnas is started in.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Configuration {
            $($(
                $(#[doc = $doc])+
                #[doc = ""]
                #[doc = concat!("Allowed: ", $allowed, ".")]
                pub $key: $type,
            )+)+
        }

        /// Every key, in the order of the help and of written files.
        pub static KEYS: &[Key] = &[$($(
            Key {
                name: stringify!($key),
                heading: $heading,
                help: concat!($($doc),+),
                placeholder: $placeholder,
                allowed: $allowed,
                get: |configuration| toml::Value::try_from(&configuration.$key).ok(),
                set: |configuration, value| {
                    let test: fn(&$type) -> bool = $test;
                    match <$type>::deserialize(value) {
                        Ok(value) if test(&value) => {
                            configuration.$key = value;
                            true
                        }
                        _ => false,
                    }
                },
                check: |configuration| {
                    let test: fn(&$type) -> bool = $test;
                    test(&configuration.$key)
                },
            },
        )+)+];
    };
}

/// Above zero; not NaN, not infinite.
fn positive(value: &f64) -> bool {
    value.is_finite() && *value > 0.0
}

/// Zero or more; not NaN, not infinite.
fn not_negative(value: &f64) -> bool {
    value.is_finite() && *value >= 0.0
}

fn count(value: &usize) -> bool {
    (1..=1 << 24).contains(value)
}

fn steps(value: &usize) -> bool {
    (1..=1 << 30).contains(value)
}

fn file_name(name: &str) -> bool {
    let safe = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(safe)
}

fn objectives(objectives: &[Objective]) -> bool {
    let distinct = objectives.iter().enumerate().all(|(place, objective)| !objectives[..place].contains(objective));
    objectives.len() >= 2 && objectives[0] == Objective::Loss && distinct
}

keys! {
    "Data and run" {
        /// Folder of the images: CIFAR-10 binary, MNIST or Fashion-MNIST. The bundled 8x8 digits where it is not set.
        data: Option<PathBuf>, "PATH", "a path", |path| path.as_ref().is_none_or(|path| !path.as_os_str().is_empty());
        /// The device that computes: a selector, a kind, or a part of a name, as `parnas devices` lists them.
        device: Option<String>, "D", "a device that `parnas devices` lists", |name| name.as_ref().is_none_or(|name| !name.trim().is_empty());
        /// Seed of every random number: the same seed on the same device gives the same bits.
        seed: u64, "N", "a whole number from 0 to 2^63 - 1", |seed| i64::try_from(*seed).is_ok();
        /// Name of the run, the first part of its folder's name.
        name: String, "NAME", "a name of letters, digits, `-`, `_` and `.` that does not begin with a point", |name| file_name(name);
        /// Folder that run folders are made in.
        run_dir: PathBuf, "DIR", "a path", |path| !path.as_os_str().is_empty();
        /// CPU threads; all cores where it is not set.
        threads: Option<usize>, "N", "a whole number from 1 to 1024", |threads| threads.is_none_or(|threads| (1..=1024).contains(&threads));
        /// Memory that a step may take; half of the machine's where it is not set. A larger step is cut into chunks of
        /// the same result.
        memory: Option<Bytes>, "SIZE", "a size above 0, such as 512MiB, 4GiB, 2GB or a number of bytes", |bytes| bytes.is_none_or(|bytes| bytes.0 > 0);
        /// How a step stores the supernet's activations and their gradients: `f32`, or `f16` in half the memory. All else, and every sum,
        /// is f32. Gradients are then those of a scaled loss; a step whose gradients overflow is left out.
        precision: Precision, "FORMAT", "f32 or f16", |_| true;
        /// Whether variants of the kernels are measured on a GPU before the first step, for some seconds at most.
        tune: bool, "BOOL", "true or false", |_| true;
        /// Record of the variants, read where it is there and written where it is not; the user's cache folder, which also takes
        /// what is measured in addition, where it is not set.
        tuning: Option<PathBuf>, "FILE", "a path", |path| path.as_ref().is_none_or(|path| !path.as_os_str().is_empty());
        /// Steps between two rows of metrics.csv.
        log_every: usize, "STEPS", "a whole number, 1 or more", steps;
        /// Steps between two checkpoints.
        checkpoint_every: usize, "STEPS", "a whole number, 1 or more", steps;
    }
    "Objectives and devices" {
        /// What is minimised.
        objectives: Vec<Objective>, "LIST", "`loss` first, then one or more of latency, energy, parameters, flops and memory, each once", |list| objectives(list);
        /// Measurement file of the devices to search for; this machine is measured where it is not set.
        measurements: Option<PathBuf>, "FILE", "a path", |path| path.as_ref().is_none_or(|path| !path.as_os_str().is_empty());
        /// Profiles of the measurements to search for; all where the list is empty.
        profiles: Vec<String>, "LIST", "a list of names", |names| names.iter().all(|name| !name.is_empty());
        /// Devices to measure; where the list is empty, all but software adapters.
        measure_devices: Vec<String>, "LIST", "a list of devices that `parnas devices` lists", |names| names.iter().all(|name| !name.is_empty());
        /// Random cells to measure on each device, beside the ten reference cells.
        measure_cells: usize, "N", "a whole number from 5 to 15625", |cells| (5..=15_625).contains(cells);
        /// Batch sizes to measure, each a profile of its own.
        measure_batches: Vec<usize>, "LIST", "a list of whole numbers from 1 to 65536, each once", |batches| {
            let allowed = |(place, batch): (usize, &usize)| (1..=65_536).contains(batch) && !batches[..place].contains(batch);
            !batches.is_empty() && batches.iter().enumerate().all(allowed)
        };
        /// Seconds that measuring may take, all devices together; fewer cells are measured where they do not suffice.
        measure_seconds: f64, "SECONDS", "a number above 0, up to a million", |seconds| positive(seconds) && *seconds <= 1e6;
    }
    "Networks" {
        /// Channels of the first stage; each later one has twice as many.
        channels: usize, "N", "a whole number from 1 to 1024", |channels| (1..=1024).contains(channels);
        /// Cells of each of the three stages.
        cells_per_stage: usize, "N", "a whole number from 1 to 64", |cells| (1..=64).contains(cells);
        /// Whether the 1x1 convolution of an edge is the centre of its 3x3 convolution, as published.
        entangled: bool, "BOOL", "true or false", |_| true;
        /// Run folder whose supernet the search starts from, of the same space and size; fresh weights where it is not set.
        supernet: Option<PathBuf>, "RUN", "a path", |path| path.as_ref().is_none_or(|path| !path.as_os_str().is_empty());
        /// Form of the hypernetwork: `smooth`, or the published `bank`, which is for two objectives.
        hypernetwork: HypernetworkKind, "KIND", "smooth or bank", |_| true;
        /// Width of the smooth hypernetwork's hidden layers.
        hidden: usize, "N", "a whole number from 1 to 65536", |hidden| (1..=65_536).contains(hidden);
    }
    "Images" {
        /// Side of the images in pixels: larger ones are made smaller by area averages. 0 takes them as they are.
        image_size: usize, "PIXELS", "a whole number from 0 to 1024", |side| *side <= 1024;
        /// Images of a batch that trains the supernet's weights.
        batch_size: usize, "N", "a whole number, 1 or more", count;
        /// Images of a batch that trains the hypernetwork; 0 for as many as `batch_size`. What its gradient lacks is
        /// architectures rather than images: few images leave time for more preferences.
        arch_batch_size: usize, "N", "a whole number, 0 or more", |value| *value == 0 || count(value);
        /// Share of the training images that train the supernet's weights; the others train the hypernetwork.
        train_portion: f64, "SHARE", "a number between 0 and 1, both excluded", |share| *share > 0.0 && *share < 1.0;
        /// Training images that batch-norm statistics are recalibrated on.
        calibration_images: usize, "N", "a whole number, 1 or more", count;
        /// Pixels of padding before a random crop; what is usual for the data set where it is not set.
        crop_padding: Option<usize>, "PIXELS", "a whole number from 0 to 64", |padding| padding.is_none_or(|padding| padding <= 64);
        /// Whether half of the training images are mirrored; what is usual for the data set where it is not set.
        flip: Option<bool>, "BOOL", "true or false", |_| true;
    }
    "Search" {
        /// Steps of the search, each with an upper and a lower level.
        steps: usize, "N", "a whole number, 1 or more", steps;
        /// Steps at the start that train the supernet's weights alone. A preset's value keeps its share where fewer steps are asked for.
        warmup_steps: usize, "N", "a whole number, 0 or more", |value| *value <= 1 << 30;
        /// Preferences drawn for each device in a step.
        preferences_per_device: usize, "N", "a whole number from 1 to 4096", |value| (1..=4096).contains(value);
        /// Architectures that train the supernet's weights in a step.
        weight_architectures: usize, "N", "a whole number from 1 to 4096", |value| (1..=4096).contains(value);
        /// Share of them that is drawn uniformly from the space rather than by the hypernetwork.
        uniform_share: f64, "SHARE", "a number from 0 to 1", |share| (0.0..=1.0).contains(share);
        /// How architectures are drawn from the hypernetwork's logits: `reinmax`, `gdas`, `gumbel` or `softmax`.
        sampler: Sampler, "SAMPLER", "reinmax, gdas, gumbel or softmax", |_| true;
        /// Temperature of `gdas` and `gumbel` at the first step.
        tau_max: f64, "TAU", "a number above 0", positive;
        /// Temperature of `gdas` and `gumbel` at the last step.
        tau_min: f64, "TAU", "a number above 0", positive;
        /// Gradient of the operations that a sample did not take: `published`, `zero` or `exact`.
        unselected_gradient: UnselectedGradient, "WAY", "published, zero or exact", |_| true;
        /// How the devices' gradients become one: `mgd` (multiple-gradient descent), `mean`, `sequential` or `sample`.
        hpn_grad_update_method: GradientUpdate, "WAY", "mgd, mean, sequential or sample", |_| true;
        /// One number out of the objectives: `linear`, `tchebycheff`, `smooth-tchebycheff` or `smooth-tchebycheff:MU`.
        scalarisation: Scalarisation, "FORM", "linear, tchebycheff, smooth-tchebycheff or smooth-tchebycheff:MU with MU above 0", |_| true;
        /// How cross-entropy comes to the scale of the other objectives: `running`, `fixed` or `published`.
        scaling: Scaling, "WAY", "running, fixed or published", |_| true;
    }
    "Optimisers" {
        /// Learning rate of the supernet's weights at the first step.
        learning_rate: f64, "RATE", "a number above 0", positive;
        /// Learning rate of the supernet's weights at the last step, reached along a cosine.
        learning_rate_min: f64, "RATE", "a number, 0 or more", not_negative;
        /// Momentum of the supernet's weights.
        momentum: f64, "SHARE", "a number from 0 to below 1", |value| (0.0..1.0).contains(value);
        /// Weight decay of the supernet's weights.
        weight_decay: f64, "RATE", "a number, 0 or more", not_negative;
        /// Whether momentum is Nesterov's.
        nesterov: bool, "BOOL", "true or false", |_| true;
        /// Largest norm of the gradient of the supernet's weights.
        grad_clip: f64, "NORM", "a number above 0", positive;
        /// Share of the label that is spread over all classes.
        label_smoothing: f64, "SHARE", "a number from 0 to below 1", |value| (0.0..1.0).contains(value);
        /// Learning rate of the hypernetwork (Adam).
        arch_learning_rate: f64, "RATE", "a number above 0", positive;
        /// Learning rate of the hypernetwork at the last step, reached along a cosine; `arch_learning_rate` itself, as published, keeps it
        /// constant.
        arch_learning_rate_min: f64, "X", "a number above 0", |x| positive(x);
        /// Decay rates of the hypernetwork's moments.
        arch_betas: [f64; 2], "B1,B2", "two numbers from 0 to below 1", |betas| betas.iter().all(|beta| (0.0..1.0).contains(beta));
        /// Weight of the term that keeps every choice of the hypernetwork's distributions alive, the cross-entropy of the uniform
        /// distribution, on the scale of the objectives. Without it a distribution closes before the preference has its say.
        exploration: f64, "WEIGHT", "a number, 0 or more", not_negative;
        /// Weight decay of the hypernetwork.
        arch_weight_decay: f64, "RATE", "a number, 0 or more", not_negative;
        /// Steps that bring the hypernetwork's answers close to uniform before the search.
        pretraining_steps: usize, "N", "a whole number, 0 or more", |value| *value <= 1 << 30;
        /// Training steps of each metapredictor.
        predictor_steps: usize, "N", "a whole number, 1 or more", steps;
        /// Measured cells of a step of a metapredictor.
        predictor_batch: usize, "N", "a whole number, 1 or more", count;
        /// Random cells of a benchmark's tables that metapredictors learn from, the same on every device; 0 for all.
        predictor_cells: usize, "N", "a whole number from 0 to 15625", |cells| *cells <= 15625;
        /// Whether metapredictors also learn from mixtures of devices, weighted sums of their latencies: they then answer for devices
        /// that they never saw.
        predictor_mixtures: bool, "BOOL", "true or false", |_| true;
        /// Learning rate of the metapredictors (Adam).
        predictor_learning_rate: f64, "RATE", "a number above 0", positive;
    }
    "Fronts" {
        /// Preferences that a front is made of; with three objectives and more, the next larger Das-Dennis set.
        points: usize, "N", "a whole number from 1 to 100000", |points| (1..=100_000).contains(points);
        /// Whether the preferences of a front lie on the published quarter circle rather than on the simplex.
        published_circle: bool, "BOOL", "true or false", |_| true;
        /// Architectures drawn for each preference beside the likeliest one. The supernet's loss on the hypernetwork's images and
        /// the predictors choose among them; 0 takes the likeliest, as published.
        draws_per_preference: usize, "N", "a whole number from 0 to 1024", |value| *value <= 1024;
        /// Random architectures that are scored beside each front, for comparison.
        random_architectures: usize, "N", "a whole number from 0 to 15625", |value| *value <= 15_625;
    }
}
