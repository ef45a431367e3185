//! The default search on the bundled digits: its fronts against random architectures, and its accuracies.

use std::collections::BTreeMap;

use parnas::search::output;
use parnas::search::results::Results;
use parnas::search::run_folder::RunFiles;
use parnas_kernels::{DeviceKind, device};

use super::{CheckError, Report, Surroundings, mean};

const SEEDS: [&str; 3] = ["11", "12", "13"];
/// What the best architecture of a run must reach on held-out images.
const BEST_ACCURACY: f64 = 0.95;
/// What random architectures must reach on average, so that the supernet tells them apart at all.
const RANDOM_ACCURACY: f64 = 0.80;

/// Three seeds on the CPU executor, with every Vulkan driver hidden.
pub(super) fn host(report: &mut Report, surroundings: &Surroundings) -> Result<(), CheckError> {
    let mut runs = Vec::new();
    for seed in SEEDS {
        let (root, time) = surroundings.search("fronts", &["--seed", seed], false)?;
        let results = output::read(&RunFiles::open(&root)?)?;
        report.fact(format_args!("seed {seed}: {:.0} s", time.as_secs_f64()));
        output::summary(&results).iter().for_each(|line| report.fact(format_args!("  {line}")));
        runs.push(results);
    }
    let mut volumes: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for device in runs.iter().flat_map(|run| &run.devices) {
        let volume = device.hypervolume.ok_or("a run has no hypervolume")?;
        volumes.entry(&device.device).or_default().push((volume.front, volume.random));
    }
    for (device, volumes) in &volumes {
        let front = mean(volumes.iter().map(|volume| volume.0));
        let random = mean(volumes.iter().map(|volume| volume.1));
        report.verdict(
            front > random,
            format_args!("{device}: hypervolume {front:.4}, of random architectures {random:.4} (mean of {SEEDS:?})"),
        );
    }
    let best: Vec<f64> = runs.iter().map(best_accuracy).collect();
    let least = best.iter().copied().fold(f64::INFINITY, f64::min);
    report.verdict(
        least > BEST_ACCURACY,
        format_args!("best held-out accuracy of each seed {best:.4?}, above {BEST_ACCURACY} in each"),
    );
    let random = runs.iter().flat_map(|run| &run.devices).flat_map(|device| &device.random);
    let random = mean(random.map(|scored| scored.accuracy));
    report.verdict(
        random > RANDOM_ACCURACY,
        format_args!("mean held-out accuracy of random architectures {random:.4}, above {RANDOM_ACCURACY}"),
    );
    Ok(())
}

fn best_accuracy(results: &Results) -> f64 {
    results.devices.iter().flat_map(|device| &device.front).map(|scored| scored.accuracy).fold(0.0, f64::max)
}

/// One seed on a software adapter, for the sake of the shaders: its time is not that of a GPU.
pub(super) fn software(report: &mut Report, surroundings: &Surroundings) -> Result<(), CheckError> {
    let Some(facts) = device::list_all().into_iter().find(|facts| facts.kind == DeviceKind::Software) else {
        report.skip(format_args!("there is no software adapter"));
        return Ok(());
    };
    let flags = ["--seed", SEEDS[0], "--device", &facts.selector];
    let (root, time) = surroundings.search("software", &flags, true)?;
    let results = output::read(&RunFiles::open(&root)?)?;
    output::summary(&results).iter().for_each(|line| report.fact(format_args!("{line}")));
    report.verdict(
        true,
        format_args!(
            "a search on {}, a software device and no GPU, came to its end in {:.0} s, best accuracy {:.4}",
            facts.name,
            time.as_secs_f64(),
            best_accuracy(&results)
        ),
    );
    Ok(())
}
