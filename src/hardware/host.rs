//! The facts of the machine that measured.

use serde::{Deserialize, Serialize};

/// What is worth knowing of a machine beside its measurements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// Operating system and instruction set, such as `linux x86_64`.
    pub system: String,
    /// The processor's model, as the system names it; empty where it does not say.
    pub processor: String,
    /// The threads that this process may run at once.
    pub threads: u32,
}

impl HostFacts {
    /// The facts of this machine.
    pub fn gather() -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| processor_model(&text))
            .or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok())
            .unwrap_or_default();
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor,
            threads: std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32),
        }
    }
}

/// The first `model name` of Linux' `/proc/cpuinfo`.
fn processor_model(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nprocessor\t: 1\n";
        assert_eq!(processor_model(text).as_deref(), Some("Some CPU @ 2.0GHz"));
        assert!(HostFacts::gather().threads >= 1);
    }
}
