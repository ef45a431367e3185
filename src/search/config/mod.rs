//! The configuration of a run: a preset, then a TOML file, then flags; the later wins.

mod choices;
mod keys;
mod presets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub use choices::{
    Bytes, BytesError, GradientUpdate, HypernetworkKind, Precision, Sampler, Scaling, UnselectedGradient,
};
pub use keys::{Configuration, KEYS, Key};
pub use presets::{PRESETS, Preset};

use crate::files::{self, FileError};

/// The key of a file that names the preset it starts from.
const PRESET: &str = "preset";

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a preset, or by a program.
    Program,
    /// In a file.
    File(PathBuf),
    /// As a flag.
    Flag,
}

impl Origin {
    /// The place of a key, as a message begins.
    fn place(&self, key: &str) -> String {
        match self {
            Self::Program => format!("key {key}"),
            Self::File(path) => format!("{}: key {key}", path.display()),
            Self::Flag => format!("--{}", key.replace('_', "-")),
        }
    }
}

/// A configuration that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not TOML.
    #[error("{}: not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What and where.
        reason: String,
    },
    /// There is no such key.
    #[error("{}: there is no such key{}", origin.place(key), nearest.map_or(String::new(), |known| format!("; did you mean {known}?")))]
    UnknownKey {
        /// Where it was given.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },
    /// There is no such preset.
    #[error("{}: there is no preset {value}; known are {}", origin.place(PRESET), preset_names())]
    UnknownPreset {
        /// Where it was given.
        origin: Origin,
        /// What was asked for.
        value: String,
    },
    /// A value that the key does not allow.
    #[error("{}: {value} is not allowed; write {allowed}", origin.place(key))]
    Value {
        /// Where it was given.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A value that does not go with that of another key.
    #[error("{}: {value} {reason}", origin.place(key))]
    Conflict {
        /// Where the value was given.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it does not go with, and what to do.
        reason: String,
    },
}

fn preset_names() -> String {
    PRESETS.map(|preset| preset.name).join(", ")
}

impl Default for Configuration {
    /// The default preset.
    fn default() -> Self {
        (PRESETS[0].configuration)()
    }
}

impl Configuration {
    /// The configuration of a preset.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.iter().find(|preset| preset.name == name).map(|preset| (preset.configuration)())
    }

    /// Reads a configuration: the preset that `overrides` or the file names, or the default one, then the keys of the file,
    /// then `overrides`, keys (or `preset`) with values as a flag has them: `("batch_size", "64")`, `("objectives",
    /// "loss,latency")`.
    ///
    /// Paths of data and measurements become absolute, so that a written configuration means the same from any folder.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or flag, the key, the value and what is allowed.
    pub fn load(path: Option<&Path>, overrides: &[(String, String)]) -> Result<Self, ConfigError> {
        let table = match path {
            Some(path) => read_table(path)?,
            None => toml::Table::new(),
        };
        let in_file = || Origin::File(path.map_or_else(PathBuf::new, Path::to_path_buf));
        let mut configuration = Self::default();
        let flag = overrides.iter().rev().find(|(key, _)| key == PRESET);
        let asked = match (flag, table.get(PRESET)) {
            (Some((_, name)), _) => Some((Origin::Flag, toml::Value::String(name.clone()))),
            (None, Some(name)) => Some((in_file(), name.clone())),
            (None, None) => None,
        };
        if let Some((origin, name)) = asked {
            configuration = name
                .as_str()
                .and_then(Self::preset)
                .ok_or_else(|| ConfigError::UnknownPreset { origin, value: name.to_string() })?;
        }

        let steps = configuration.steps;
        let mut origins: BTreeMap<&'static str, Origin> = BTreeMap::new();
        for (name, value) in table {
            if name == PRESET {
                continue;
            }
            let key = key_of(&name, in_file)?;
            let text = value.to_string();
            if !(key.set)(&mut configuration, value) {
                return Err(refused(key, in_file(), text));
            }
            origins.insert(key.name, in_file());
        }
        for (name, text) in overrides.iter().filter(|(name, _)| name != PRESET) {
            let key = key_of(name, || Origin::Flag)?;
            if !readings(text).into_iter().any(|value| (key.set)(&mut configuration, value)) {
                return Err(refused(key, Origin::Flag, format!("`{text}`")));
            }
            origins.insert(key.name, Origin::Flag);
        }

        // Whoever shortens a preset's search would otherwise have nothing left but its warm-up.
        if !origins.contains_key("warmup_steps") && configuration.steps < steps {
            let share = configuration.warmup_steps as f64 / steps as f64;
            configuration.warmup_steps = (share * configuration.steps as f64).round() as usize;
        }
        let Self { data, measurements, supernet, tuning, .. } = &mut configuration;
        for path in [data, measurements, supernet, tuning].into_iter().flatten() {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        configuration.check(|key| origins.get(key).cloned().unwrap_or(Origin::Program))?;
        Ok(configuration)
    }

    /// Checks every value, and those that must go together. [`load`](Self::load) has done so.
    ///
    /// # Errors
    /// [`ConfigError::Value`] and [`ConfigError::Conflict`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check(|_| Origin::Program)
    }

    fn check(&self, origin_of: impl Fn(&str) -> Origin) -> Result<(), ConfigError> {
        let written = |key: &Key| (key.get)(self).map_or("nothing".to_owned(), |value| value.to_string());
        if let Some(key) = KEYS.iter().find(|key| !(key.check)(self)) {
            return Err(refused(key, origin_of(key.name), written(key)));
        }
        let objectives = self.objectives.len();
        let conflict = if self.hypernetwork == HypernetworkKind::Bank && objectives != 2 {
            let reason = format!(
                "cannot be used with {objectives} objectives: its tables see the first weight of a preference alone; use \
                 smooth"
            );
            Some(("hypernetwork", reason))
        } else if self.published_circle && objectives != 2 {
            Some(("published_circle", format!("cannot be used with {objectives} objectives; write false")))
        } else if self.learning_rate_min > self.learning_rate {
            Some(("learning_rate_min", format!("is above learning_rate, which is {}", self.learning_rate)))
        } else if self.tau_min > self.tau_max {
            Some(("tau_min", format!("is above tau_max, which is {}", self.tau_max)))
        } else if self.warmup_steps >= self.steps {
            let reason = format!("leaves none of the {} steps for the hypernetwork; write less", self.steps);
            Some(("warmup_steps", reason))
        } else {
            None
        };
        match conflict.and_then(|(name, reason)| Some((KEYS.iter().find(|key| key.name == name)?, reason))) {
            Some((key, reason)) => {
                Err(ConfigError::Conflict { origin: origin_of(key.name), key: key.name, value: written(key), reason })
            }
            None => Ok(()),
        }
    }

    /// All keys that are set as a TOML file that [`load`](Self::load) reads back the same.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut heading = "";
        for key in KEYS {
            if key.heading != heading {
                heading = key.heading;
                let gap = if text.is_empty() { "" } else { "\n" };
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{gap}# {heading}");
            }
            let _ = match (key.get)(self) {
                Some(value) => writeln!(text, "{} = {value}", key.name),
                None => writeln!(text, "# {} is not set", key.name),
            };
        }
        text
    }
}

fn read_table(path: &Path) -> Result<toml::Table, ConfigError> {
    let syntax = |reason: String| ConfigError::Syntax { path: path.to_path_buf(), reason };
    let text = String::from_utf8(files::read(path)?).map_err(|error| syntax(error.to_string()))?;
    text.parse().map_err(|error: toml::de::Error| syntax(error.to_string()))
}

fn refused(key: &Key, origin: Origin, value: String) -> ConfigError {
    ConfigError::Value { origin, key: key.name, value, allowed: key.allowed }
}

fn key_of(name: &str, origin: impl Fn() -> Origin) -> Result<&'static Key, ConfigError> {
    /// Names less alike than this have nothing to do with each other.
    const ALIKE: f64 = 0.75;
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let flat = name.to_lowercase().replace('-', "_");
        let nearest = KEYS
            .iter()
            .map(|key| key.name)
            .chain([PRESET])
            .map(|known| (strsim::normalized_damerau_levenshtein(&flat, known), known))
            .map(|(likeness, known)| (likeness.max(strsim::jaro(&flat, known)), known))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        ConfigError::UnknownKey { origin: origin(), key: name.to_owned(), nearest: nearest.map(|(_, known)| known) }
    })
}

/// What the text of a flag may mean: a number or truth value, a text, or a list of either between commas.
fn readings(text: &str) -> [toml::Value; 4] {
    fn scalar(text: &str) -> toml::Value {
        let whole = text.parse().map(toml::Value::Integer).ok();
        let number = || text.parse().map(toml::Value::Float).ok();
        let truth = || text.parse().map(toml::Value::Boolean).ok();
        whole.or_else(number).or_else(truth).unwrap_or_else(|| toml::Value::String(text.to_owned()))
    }
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    [
        scalar(text.trim()),
        toml::Value::String(text.to_owned()),
        toml::Value::Array(parts().map(scalar).collect()),
        toml::Value::Array(parts().map(|part| toml::Value::String(part.to_owned())).collect()),
    ]
}
