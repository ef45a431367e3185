//! Baselines over devices and seeds: the runs, their table, and its summary.

use rayon::prelude::*;

use super::BenchmarkError;
use super::baselines::{Task, checkpoints};
use super::protocol::Scores;
use super::random::Spread;
use crate::pareto::optimise::Method;

/// The scores of one run after so many evaluations: a line of `baselines.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The method.
    pub method: Method,
    /// The device.
    pub device: String,
    /// The seed.
    pub seed: u64,
    /// Full evaluations that were paid for.
    pub evaluations: usize,
    /// The scores; `None` while nothing that counts was evaluated in full.
    pub scores: Option<Scores>,
}

/// Runs every method on every device with the seeds `0..seeds`, in parallel; `done` is called after each run.
///
/// # Errors
/// The first run that cannot be scored.
pub fn run_all(
    tasks: &[(String, Task)],
    methods: &[Method],
    seeds: u64,
    budget: usize,
    done: impl Fn() + Sync,
) -> Result<Vec<Row>, BenchmarkError> {
    let stops = checkpoints(budget);
    let mut runs = Vec::new();
    for &method in methods {
        for (device, task) in tasks {
            runs.extend((0..seeds).map(|seed| (method, device, task, seed)));
        }
    }
    let run = |(method, device, task, seed): (Method, &String, &Task, u64)| {
        let checkpoints = task.run(method, seed, budget, &stops)?;
        done();
        let row = |checkpoint: super::baselines::Checkpoint| Row {
            method,
            device: device.clone(),
            seed,
            evaluations: checkpoint.evaluations,
            scores: checkpoint.scores,
        };
        Ok(checkpoints.into_iter().map(row).collect::<Vec<_>>())
    };
    let rows = runs.into_par_iter().map(run).collect::<Result<Vec<_>, BenchmarkError>>()?;
    Ok(rows.concat())
}

/// All rows as CSV; scores that are not there are empty.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("method,device,seed,evaluations,{}\n", Scores::NAMES.join(","));
    for row in rows {
        let scores = match &row.scores {
            Some(scores) => scores.values().map(|value| value.to_string()).join(","),
            None => ",".repeat(Scores::NAMES.len() - 1),
        };
        text += &format!("{},{},{},{},{scores}\n", row.method, row.device, row.seed, row.evaluations);
    }
    text
}

/// What a method reached in the end: mean and standard error of each score over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The method.
    pub method: Method,
    /// The device; `None` for the mean over all devices.
    pub device: Option<String>,
    /// The number of seeds.
    pub seeds: usize,
    /// The mean of each score.
    pub mean: Scores,
    /// The standard error of each mean, NaN for a single seed.
    pub error: Scores,
}

/// The scores after `evaluations`, for each method on each device, and after them the mean over the devices, whose error takes
/// the seeds of different devices as independent. Runs without scores by then are left out.
pub fn summary(rows: &[Row], evaluations: usize) -> Vec<Summary> {
    let mut summaries: Vec<Summary> = Vec::new();
    for method in Method::ALL {
        let of_method = || rows.iter().filter(|row| row.method == method && row.evaluations == evaluations);
        let mut devices: Vec<&str> = Vec::new();
        for row in of_method() {
            if !devices.contains(&row.device.as_str()) {
                devices.push(&row.device);
            }
        }
        let first = summaries.len();
        for device in devices {
            let scores: Vec<Scores> =
                of_method().filter(|row| row.device == device).filter_map(|row| row.scores).collect();
            if !scores.is_empty() {
                let spread = Spread::of(&scores);
                let (mean, error, device) = (spread.mean, spread.error(), Some(device.to_owned()));
                summaries.push(Summary { method, device, seeds: scores.len(), mean, error });
            }
        }
        let devices = &summaries[first..];
        if let Some(seeds) = devices.iter().map(|summary| summary.seeds).min() {
            let count = devices.len() as f64;
            let total = |score: usize| devices.iter().map(|summary| summary.mean.values()[score]).sum::<f64>();
            let squares =
                |score: usize| devices.iter().map(|summary| summary.error.values()[score].powi(2)).sum::<f64>();
            let mean = Scores::from_values(std::array::from_fn(|score| total(score) / count));
            let error = Scores::from_values(std::array::from_fn(|score| squares(score).sqrt() / count));
            summaries.push(Summary { method, device: None, seeds, mean, error });
        }
    }
    summaries
}

/// Summaries as CSV, each score followed by its standard error; the mean over devices stands under `mean`.
pub fn summary_table(summaries: &[Summary]) -> String {
    let names = Scores::NAMES.map(|name| format!("{name},{name}_error"));
    let mut text = format!("method,device,seeds,{}\n", names.join(","));
    for summary in summaries {
        let scores = summary.mean.values().into_iter().zip(summary.error.values());
        let scores: Vec<String> = scores.map(|(mean, error)| format!("{mean},{error}")).collect();
        let device = summary.device.as_deref().unwrap_or("mean");
        text += &format!("{},{device},{},{}\n", summary.method, summary.seeds, scores.join(","));
    }
    text
}

/// The hypervolume of a method by evaluations, mean and standard error, on one device or in the mean over all: `(evaluations,
/// mean, error)`. Points at which not every run has scores are left out: their mean would be that of the lucky ones.
pub fn hypervolume_curve(rows: &[Row], method: Method, device: Option<&str>) -> Vec<(usize, f64, f64)> {
    let wanted = |row: &&Row| row.method == method && device.is_none_or(|device| row.device == device);
    let rows: Vec<Row> = rows.iter().filter(wanted).cloned().collect();
    let mut stops: Vec<usize> = rows.iter().map(|row| row.evaluations).collect();
    stops.sort_unstable();
    stops.dedup();
    let complete = |stop: &usize| rows.iter().all(|row| row.evaluations != *stop || row.scores.is_some());
    let point = |stop: usize| {
        let last = summary(&rows, stop).pop()?;
        Some((stop, last.mean.hypervolume, last.error.hypervolume))
    };
    stops.into_iter().filter(complete).filter_map(point).collect()
}
