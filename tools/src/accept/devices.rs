//! One hypernetwork for two devices that order architectures differently: it must tell them apart.

use std::collections::HashMap;
use std::path::Path;

use parnas::data::Dataset;
use parnas::hardware::statistics::spearman;
use parnas::hardware::{DeviceProfile, Expected, MeasurementFile, read_table, references};
use parnas::search::config::Configuration;
use parnas::search::output;
use parnas::search::results::{Scored, compare};
use parnas::search::run_folder::RunFiles;
use parnas::search::setup::RunSpace;
use parnas::space::SearchSpace;

use super::{CheckError, Report, Surroundings};

/// What the rank correlation of accuracy's weight with the latency of the answers must exceed.
const CORRELATION: f64 = 0.8;
/// Cells that a device's order is judged by.
const JUDGED: usize = 500;

pub(super) fn check(report: &mut Report, surroundings: &Surroundings) -> Result<(), CheckError> {
    let Some(table) = surroundings.table(report) else { return Ok(()) };
    let (profiles, correlation) = different(complete(table)?)?;
    report.fact(format_args!(
        "{} and {}: rank correlation of their latencies {correlation:.3}",
        profiles[0].name, profiles[1].name
    ));
    let path = surroundings.scratch.join("table.json");
    write_measurements(&path, &profiles)?;
    let measurements = path.to_str().ok_or("the scratch folder's name is no text")?;
    let (root, time) = surroundings.search("devices", &["--seed", "11", "--measurements", measurements], false)?;
    report.fact(format_args!("the search took {:.0} s", time.as_secs_f64()));
    let results = output::read(&RunFiles::open(&root)?)?;
    output::summary(&results).iter().for_each(|line| report.fact(format_args!("{line}")));

    let fronts: Vec<&[Scored]> = results.devices.iter().map(|device| device.front.as_slice()).collect();
    let [first, second] = fronts[..] else { return Err("the run does not have two devices".into()) };
    let differing = first.iter().zip(second).filter(|(a, b)| a.architecture != b.architecture).count();
    report.verdict(
        differing > 0,
        format_args!("{differing} of {} preferences have different answers on the two devices", first.len()),
    );
    for (place, own) in [first, second].into_iter().enumerate() {
        let profile = &profiles[place];
        // What the device is given where the vectors of the two are exchanged.
        let swapped = on_device(profile, [second, first][place]);
        let volumes = compare(&on_device(profile, own), &swapped).ok_or("an answer is not in the table")?;
        report.verdict(
            volumes.front > volumes.random,
            format_args!(
                "{}: hypervolume {:.4} by its own vector, {:.4} by the other device's",
                profile.name, volumes.front, volumes.random
            ),
        );
        let weights: Vec<f64> = own.iter().map(|scored| scored.preference[0]).collect();
        let latencies: Vec<f64> = own.iter().filter_map(|scored| scored.measured[0]).collect();
        let correlation = spearman(&weights, &latencies).unwrap_or(0.0);
        report.verdict(
            correlation > CORRELATION,
            format_args!(
                "{}: rank correlation of accuracy's weight with latency {correlation:.3}, above {CORRELATION}",
                profile.name
            ),
        );
    }
    Ok(())
}

/// The devices of a table that have a value for every cell.
pub(super) fn complete(table: &Path) -> Result<Vec<DeviceProfile>, CheckError> {
    let all = read_table(table, &[], "latency", "ms", &references::NAS_BENCH_201)?;
    Ok(all.into_iter().filter(|profile| profile.dropped == 0).map(|profile| profile.profile).collect())
}

/// The two whose orders differ most, and their rank correlation.
fn different(profiles: Vec<DeviceProfile>) -> Result<([DeviceProfile; 2], f64), CheckError> {
    let latencies = |profile: &DeviceProfile| -> Vec<f64> {
        let samples = &profile.objectives[0].samples;
        samples.iter().step_by((samples.len() / JUDGED).max(1)).map(|sample| sample.p50).collect()
    };
    let columns: Vec<Vec<f64>> = profiles.iter().map(latencies).collect();
    let mut least: Option<(usize, usize, f64)> = None;
    for first in 0..columns.len() {
        for second in 0..first {
            if let Some(correlation) = spearman(&columns[first], &columns[second])
                && least.is_none_or(|(_, _, known)| correlation < known)
            {
                least = Some((second, first, correlation));
            }
        }
    }
    let (first, second, correlation) = least.ok_or("the table does not have two complete devices")?;
    Ok(([profiles[first].clone(), profiles[second].clone()], correlation))
}

/// Writes profiles of a table as if they had been measured on the default configuration's networks. The table's networks are
/// larger; what counts here is that two devices differ, and each profile says that its runtime is `table`.
fn write_measurements(path: &Path, profiles: &[DeviceProfile]) -> Result<(), CheckError> {
    let space = RunSpace::new(&Configuration::default(), &Dataset::open(None)?)?;
    let (description, hash) = (space.description(), space.space.hash());
    let expected = Expected { space: space.space.name(), space_hash: &hash, network: &description };
    let texts = references::NAS_BENCH_201.iter().map(|text| (*text).to_owned()).collect();
    Ok(MeasurementFile::new(expected, texts, profiles.to_vec()).write(path)?)
}

/// Answers with the latencies that a device's table has for them.
fn on_device(profile: &DeviceProfile, answers: &[Scored]) -> Vec<Scored> {
    let samples = profile.objectives[0].samples.iter();
    let table: HashMap<&str, f64> = samples.map(|sample| (sample.architecture.as_str(), sample.p50)).collect();
    let looked_up =
        |scored: &Scored| Scored { measured: vec![table.get(scored.architecture.as_str()).copied()], ..scored.clone() };
    answers.iter().map(looked_up).collect()
}
