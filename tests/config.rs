//! Configurations from files: what wins, what is refused and how it is said.

use std::path::PathBuf;

use parnas::pareto::objective::Objective;
use parnas::search::config::{Bytes, ConfigError, Configuration, KEYS, PRESETS};

fn load(text: &str, flags: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    std::fs::write(&path, text).unwrap();
    let flags: Vec<(String, String)> =
        flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Configuration::load(Some(&path), &flags)
}

#[test]
fn every_preset_is_valid_and_reads_back_the_same() {
    for preset in &PRESETS {
        let configuration = (preset.configuration)();
        configuration.validate().unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        let text = configuration.to_toml();
        assert_eq!(load(&text, &[]).unwrap(), configuration, "{text}");
        for key in KEYS {
            assert!(text.contains(&format!("{} ", key.name)), "{} is not written", key.name);
        }
    }
}

#[test]
fn a_written_file_keeps_what_was_set() {
    let configuration = Configuration {
        data: Some(PathBuf::from("/images/it's \"these\"")),
        device: Some("vulkan:0".to_owned()),
        seed: i64::MAX as u64,
        memory: Some(Bytes(3 << 29)),
        flip: Some(true),
        crop_padding: Some(0),
        threads: Some(2),
        objectives: vec![Objective::Loss, Objective::Latency, Objective::Parameters],
        profiles: vec!["cpu_parnas_1".to_owned()],
        learning_rate: 0.1 + 0.2,
        arch_weight_decay: 1e-300,
        ..Configuration::default()
    };
    assert_eq!(load(&configuration.to_toml(), &[]).unwrap(), configuration);
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_preset() {
    let text = "preset = \"smoke\"\nbatch_size = 8\nseed = 5\nlearning_rate = 1\nlearning_rate_min = 0";
    let configuration = load(text, &[("seed", "6")]).unwrap();
    assert_eq!((configuration.steps, configuration.batch_size, configuration.seed), (40, 8, 6));
    assert_eq!(configuration.learning_rate, 1.0);
    let configuration = load(text, &[("preset", "digits")]).unwrap();
    assert_eq!((configuration.steps, configuration.batch_size), (Configuration::default().steps, 8));
    assert_eq!(Configuration::load(None, &[]).unwrap(), Configuration::default());
    let configuration = load("data = \"images\"", &[]).unwrap();
    assert!(configuration.data.unwrap().is_absolute());
}

#[test]
fn refusals_name_file_key_value_and_what_is_allowed() {
    for (text, expected) in [
        ("batch_size = -3", "run.toml: key batch_size: -3 is not allowed; write a whole number, 1 or more"),
        ("batch_size = 0", "key batch_size: 0"),
        ("batch_size = \"many\"", "key batch_size: \"many\""),
        ("batch_sise = 3", "key batch_sise: there is no such key; did you mean batch_size?"),
        ("batch-size = 3", "did you mean batch_size?"),
        ("pre_set = \"smoke\"", "did you mean preset?"),
        ("zzz = 3", "key zzz: there is no such key"),
        ("[search]\nsteps = 3", "key search: there is no such key"),
        (
            "preset = \"fast\"",
            "run.toml: key preset: there is no preset \"fast\"; known are digits, nb201-small, smoke, modnas-nb201",
        ),
        ("uniform_share = 1.5", "key uniform_share: 1.5 is not allowed; write a number from 0 to 1"),
        ("train_portion = nan", "key train_portion: nan"),
        ("objectives = [\"latency\", \"loss\"]", "`loss` first"),
        ("objectives = [\"loss\", \"latency\", \"latency\"]", "each once"),
        ("objectives = [\"loss\", \"speed\"]", "latency, energy"),
        ("memory = \"4 XB\"", "such as 512MiB"),
        ("name = \"../up\"", "key name: \"../up\""),
        (
            "hypernetwork = \"bank\"\nobjectives = [\"loss\", \"latency\", \"parameters\"]",
            "key hypernetwork: \"bank\" cannot be used with 3",
        ),
        ("tau_min = 20", "key tau_min: 20.0 is above tau_max"),
        ("steps = 50\nwarmup_steps = 50", "key warmup_steps: 50 leaves none"),
        ("steps = ", "run.toml: not valid TOML"),
    ] {
        let message = load(text, &[]).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\n{message}");
    }
    let missing = Configuration::load(Some(&PathBuf::from("none.toml")), &[]).unwrap_err().to_string();
    assert!(missing.contains("none.toml") && missing.contains("check the path"), "{missing}");
}

#[test]
fn refusals_are_typed() {
    assert!(matches!(load("batch_size = -3", &[]), Err(ConfigError::Value { key: "batch_size", .. })));
    assert!(matches!(load("batch_sise = 3", &[]), Err(ConfigError::UnknownKey { nearest: Some("batch_size"), .. })));
    let three = [("objectives", "loss,latency,flops"), ("hypernetwork", "bank")];
    assert!(matches!(load("", &three), Err(ConfigError::Conflict { key: "hypernetwork", .. })));
    let configuration = Configuration { batch_size: 0, ..Configuration::default() };
    assert!(matches!(configuration.validate(), Err(ConfigError::Value { key: "batch_size", .. })));
}

#[test]
fn a_preset_cut_short_keeps_steps_for_the_hypernetwork() {
    for steps in ["1", "6", "60", "6000"] {
        let configuration = load("", &[("steps", steps)]).unwrap();
        assert!(configuration.warmup_steps < configuration.steps && configuration.warmup_steps <= 100);
    }
    assert_eq!(load("warmup_steps = 50", &[("steps", "60")]).unwrap().warmup_steps, 50);
}
