//! The files of an evaluation: `eval/eval.json`, `eval/devices.csv`, the pictures, and the report with all of it.

use std::fs;

use super::figures;
use super::result::{Attribution, EvaluationResult, Method, mean};
use crate::benchmark::protocol::Scores;
use crate::files::{self, FileAction, FileError};
use crate::report::{Fact, Figure, standalone};
use crate::search::SearchError;
use crate::search::output;
use crate::search::run_folder::RunFiles;

/// Writes everything, and the report anew where the run has come so far as to have one.
///
/// # Errors
/// Where a file cannot be written.
pub(super) fn write(result: &EvaluationResult, files: &RunFiles) -> Result<(), SearchError> {
    let folder = files.evaluation();
    fs::create_dir_all(&folder).map_err(|source| FileError {
        action: FileAction::Write,
        path: folder.clone(),
        source,
    })?;
    let path = folder.join("eval.json");
    let text = serde_json::to_string_pretty(result)
        .map_err(|error| SearchError::Malformed { path: path.clone(), reason: error.to_string() })?;
    files::write_atomically(&path, (text + "\n").as_bytes())?;
    files::write_atomically(&folder.join("devices.csv"), table(result).as_bytes())?;
    for drawn in figures::draw(result) {
        let path = folder.join(format!("{}.svg", drawn.name));
        files::write_atomically(&path, standalone(&drawn.figure.picture).as_bytes())?;
    }
    if files.results().is_file() {
        output::report(files)?;
    }
    Ok(())
}

/// The evaluation of a run, if there is one.
///
/// # Errors
/// Where the file is damaged.
pub fn read(files: &RunFiles) -> Result<Option<EvaluationResult>, SearchError> {
    let path = files.evaluation().join("eval.json");
    if !path.is_file() {
        return Ok(None);
    }
    let malformed = |error: serde_json::Error| SearchError::Malformed { path: path.clone(), reason: error.to_string() };
    Ok(Some(serde_json::from_slice(&files::read(&path)?).map_err(malformed)?))
}

/// What the report says of an evaluation: numbers, and all pictures.
pub fn section(result: &EvaluationResult) -> (Vec<Fact>, Vec<Figure>) {
    let methods = Method::NAMES.into_iter().filter_map(|name| {
        let all = result.mean(name, None)?;
        Some(Fact::new(format!("hypervolume, {}", figures::title(name)), format!("{all:.4}")))
    });
    let mut facts: Vec<Fact> = methods.collect();
    let bound = mean(result.devices.iter().map(|device| device.true_front.hypervolume)).unwrap_or(0.0);
    facts.push(Fact::new("hypervolume, true front", format!("{bound:.4}")));
    facts.push(Fact::new("scored by", result.truth.clone()));
    (facts, figures::draw(result).into_iter().map(|drawn| drawn.figure).collect())
}

/// A row for each device and method, and the means over all devices.
fn table(result: &EvaluationResult) -> String {
    let mut text = format!("device,searched,method,evaluations,distinct,{}\n", Scores::NAMES.join(","));
    let mut row = |device: &str, searched: &str, method: &str, counts: [String; 2], scores: &Scores| {
        let values: Vec<String> = scores.values().iter().map(|value| format!("{value:.6}")).collect();
        text += &format!("{device},{searched},{method},{},{}\n", counts.join(","), values.join(","));
    };
    for device in &result.devices {
        let searched = device.searched.to_string();
        for method in &device.methods {
            let counts = [method.evaluations.to_string(), method.distinct.to_string()];
            row(&device.device, &searched, &method.name, counts, &method.scores);
        }
        let none = || [String::new(), String::new()];
        let (distinct, oracle) = &device.linear_oracle;
        row(&device.device, &searched, "true_front", none(), &device.true_front);
        row(&device.device, &searched, "linear_oracle", [String::new(), distinct.to_string()], oracle);
        row(&device.device, &searched, "random_24_mean", none(), &device.random[0]);
        row(&device.device, &searched, "random_500_mean", none(), &device.random[1]);
    }
    text
}

/// What is worth a line on the terminal.
pub fn summary(result: &EvaluationResult) -> Vec<String> {
    let bound = |of: &dyn Fn(&super::DeviceEvaluation) -> f64| mean(result.devices.iter().map(of)).unwrap_or(0.0);
    let mut lines = vec![format!(
        "mean hypervolume over {} devices, {} points each, by {}",
        result.devices.len(),
        result.points,
        result.truth
    )];
    let line = |name: &str, all: f64, rest: String| format!("  {name:<32} {all:.4}{rest}");
    for name in Method::NAMES {
        let Some(all) = result.mean(name, None) else { continue };
        let part = |searched| result.mean(name, Some(searched));
        let rest = match (part(true), part(false)) {
            (Some(searched), Some(unseen)) => format!("  (searched {searched:.4}, unseen {unseen:.4})"),
            _ => String::new(),
        };
        lines.push(line(&figures::title(name), all, rest));
    }
    lines.push(line("true front", bound(&|device| device.true_front.hypervolume), String::new()));
    lines.push(line("linear oracle", bound(&|device| device.linear_oracle.1.hypervolume), String::new()));
    lines.push(line("24 random architectures", bound(&|device| device.random[0].hypervolume), String::new()));
    lines.push(line("500 random architectures", bound(&|device| device.random[1].hypervolume), String::new()));
    let part = |of: &dyn Fn(&Attribution) -> f64| {
        mean(result.devices.iter().filter_map(|device| device.attribution.as_ref()).map(of))
    };
    if let (Some(error), Some(cost), Some(both), Some(parameters)) = (
        part(&|own| own.perfect_accuracy),
        part(&|own| own.perfect_cost),
        part(&|own| own.both),
        part(&|own| own.parameters),
    ) {
        lines.push("where the extraction's gap comes from (the same candidates, chosen by)".to_owned());
        lines.push(line("the true error", error, String::new()));
        lines.push(line("the true costs", cost, String::new()));
        lines.push(line("both", both, String::new()));
        lines.push(line("parameters as accuracy, any cell", parameters, String::new()));
    }
    if let Some(ranking) = &result.ranking {
        lines.push(format!(
            "the supernet orders {} random architectures with Kendall's tau {:.3} by loss, {:.3} by accuracy",
            ranking.architectures, ranking.loss, ranking.accuracy
        ));
    }
    for searched in [true, false] {
        let devices = result.devices.iter().filter(|device| device.searched == searched);
        let taus = devices.flat_map(|device| device.predictors.iter().map(|own| own.kendall_tau));
        if let Some(tau) = mean(taus) {
            let which = if searched { "searched" } else { "unseen" };
            lines
                .push(format!("the predictor orders all architectures with Kendall's tau {tau:.3} on {which} devices"));
        }
    }
    lines.push(format!("{} architectures were scored by the supernet", result.evaluations));
    lines
}
