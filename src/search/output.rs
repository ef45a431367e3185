//! What a run leaves to look at: `results.json`, a table for each device, and the report. The report is made of the
//! folder's files alone, so it can be made again.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::SearchError;
use super::evaluation;
use super::results::{DeviceResult, Results, Scored};
use super::run_folder::RunFiles;
use crate::files;
use crate::report::plots::{
    CellPlot, Curve, CurvesPlot, Estimate, FrontPlot, HypervolumePlot, HypervolumeRow, PredictorPlot, PredictorPoint,
};
use crate::report::{
    DeviceSection, Fact, Figure, FrontPoint, Message, Quality, Quantity, Report, Severity, page, standalone,
};

/// Cells drawn for each device, from the fastest to the most accurate.
const DRAWN_CELLS: usize = 4;

/// Writes everything.
///
/// # Errors
/// Where a file cannot be written.
pub fn write(results: &Results, run: &RunFiles) -> Result<(), SearchError> {
    let path = run.results();
    let text = serde_json::to_string_pretty(results).map_err(|error| malformed(&path, error.to_string()))?;
    files::write_atomically(&path, (text + "\n").as_bytes())?;
    for device in &results.devices {
        files::write_atomically(&run.front(&device.device), table(results, &device.front).as_bytes())?;
    }
    report(run)
}

fn malformed(path: &Path, reason: String) -> SearchError {
    SearchError::Malformed { path: path.to_path_buf(), reason }
}

/// A front as CSV.
pub fn table(results: &Results, front: &[Scored]) -> String {
    let hardware = &results.objectives[1..];
    let mut columns: Vec<String> = (0..results.objectives.len()).map(|place| format!("preference_{place}")).collect();
    columns.push("architecture".to_owned());
    columns.extend(results.objectives.iter().map(|name| format!("predicted_{name}")));
    columns.extend(results.objectives.iter().map(|name| format!("measured_{name}")));
    columns.push("accuracy".to_owned());
    let mut text = columns.join(",") + "\n";
    for point in front {
        let mut row: Vec<String> = point.preference.iter().map(f64::to_string).collect();
        // JSON and YAML names of other spaces hold commas and quotes.
        let quoted = point.architecture.contains([',', '"']);
        row.push(match quoted {
            true => format!("\"{}\"", point.architecture.replace('"', "\"\"")),
            false => point.architecture.clone(),
        });
        row.push(point.predicted_loss.to_string());
        row.extend(point.predicted.iter().map(f64::to_string));
        row.push(point.loss.to_string());
        row.extend((0..hardware.len()).map(|place| point.measured[place].map_or(String::new(), |v| v.to_string())));
        row.push(point.accuracy.to_string());
        text += &(row.join(",") + "\n");
    }
    text
}

/// What is worth a line on the terminal.
pub fn summary(results: &Results) -> Vec<String> {
    results
        .devices
        .iter()
        .map(|device| {
            let distinct = distinct(&device.front).len();
            let best = device.front.iter().map(|point| point.accuracy).fold(0.0, f64::max);
            let volume = match device.hypervolume {
                Some(volume) => format!(
                    "hypervolume {:.4}, of {} random architectures {:.4}",
                    volume.front,
                    device.random.len(),
                    volume.random
                ),
                None => "no hypervolume: not every objective could be measured here".to_owned(),
            };
            let architectures = if distinct == 1 { "architecture" } else { "architectures" };
            format!("{}: {distinct} {architectures}, best accuracy {:.1} %, {volume}", device.device, 100.0 * best)
        })
        .collect()
}

/// The different architectures of a front, the first point of each.
fn distinct(front: &[Scored]) -> Vec<&Scored> {
    let mut seen: Vec<&Scored> = Vec::new();
    for point in front {
        if seen.iter().all(|known| known.architecture != point.architecture) {
            seen.push(point);
        }
    }
    seen
}

/// Reads what a run found.
///
/// # Errors
/// Where the run has not come that far, or the file is damaged.
pub fn read(run: &RunFiles) -> Result<Results, SearchError> {
    let path = run.results();
    let bytes = files::read(&path)?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(&path, error.to_string()))
}

/// Makes `report.html` and the picture of each front from the files of a run.
///
/// # Errors
/// Where they cannot be read or the report cannot be written.
pub fn report(run: &RunFiles) -> Result<(), SearchError> {
    let results = read(run)?;
    let manifest_path = run.manifest();
    let manifest: Value = serde_json::from_slice(&files::read(&manifest_path)?)
        .map_err(|error| malformed(&manifest_path, error.to_string()))?;
    let metrics = metrics(run)?;
    let name = run.root().file_name().map_or("run".to_owned(), |name| name.to_string_lossy().into_owned());
    let total: f64 = results.seconds.iter().map(|(_, seconds)| seconds).sum();
    let mut facts = vec![
        Fact::new("devices", results.devices.len().to_string()),
        Fact::new("objectives", results.objectives.join(", ")),
        Fact::new("time", format!("{total:.0} s")),
    ];
    facts.extend(results.seconds.iter().map(|(stage, seconds)| Fact::new(stage, format!("{seconds:.1} s"))));
    let mut figures = figures(&results, &metrics);
    if let Some(evaluation) = evaluation::read(run)? {
        let (own, pictures) = evaluation::section(&evaluation);
        facts.extend(own);
        figures.splice(0..0, pictures);
    }
    let report = Report {
        title: format!("parnas: {name}"),
        summary: "One search trained one hypernetwork; each device below has the architectures that it answers for \
                  preferences from accuracy to speed. Losses and accuracies are those of the supernet on images that no \
                  step saw, with batch-norm statistics recalibrated for each architecture."
            .to_owned(),
        facts,
        messages: messages(&results),
        devices: results.devices.iter().map(|device| section(&results, device)).collect(),
        figures,
        manifest: manifest_facts(&manifest),
    };
    for device in &report.devices {
        if let Some(front) = device.figures.first() {
            files::write_atomically(&run.front_picture(&device.name), standalone(&front.picture).as_bytes())?;
        }
    }
    Ok(files::write_atomically(&run.report(), page::render(&report).as_bytes())?)
}

fn messages(results: &Results) -> Vec<Message> {
    let software = results.devices.iter().filter(|device| device.device.starts_with("llvmpipe"));
    software
        .map(|device| Message {
            severity: Severity::Note,
            text: format!("{} is a software device: its times are not those of a GPU.", device.device),
        })
        .collect()
}

fn quantities(results: &Results) -> Vec<Quantity> {
    let names = results.objectives[1..].iter().zip(&results.units);
    names.map(|(name, unit)| Quantity { name: name.clone(), unit: unit.clone() }).collect()
}

fn points(scored: &[Scored]) -> Vec<FrontPoint> {
    let point = |scored: &Scored| FrontPoint {
        preference: scored.preference.clone(),
        architecture: scored.architecture.clone(),
        predicted: scored.predicted.clone(),
        measured: scored.measured.clone(),
        accuracy: scored.accuracy,
        loss: scored.loss,
    };
    scored.iter().map(point).collect()
}

fn section(results: &Results, device: &DeviceResult) -> DeviceSection {
    let quantities = quantities(results);
    let (front, random) = (points(&device.front), points(&device.random));
    let mut facts = vec![Fact::new("architectures", distinct(&device.front).len().to_string())];
    if let Some(volume) = device.hypervolume {
        facts.push(Fact::new("hypervolume", format!("{:.4}", volume.front)));
        facts.push(Fact::new("of random architectures", format!("{:.4}", volume.random)));
    }
    let best = device.front.iter().map(|point| point.accuracy).fold(0.0, f64::max);
    facts.push(Fact::new("best accuracy", format!("{:.1} %", 100.0 * best)));
    let mut figures = Vec::new();
    for place in 0..quantities.len() {
        let plot = FrontPlot {
            device: &device.device,
            quantities: &quantities,
            quantity: place,
            quality: Quality::Loss,
            front: &front,
            random: &random,
            logarithmic: false,
            logarithmic_quality: true,
        };
        let caption = format!(
            "Held-out loss against measured {}: the hypernetwork's answers in the colour of their preference, random \
             architectures in grey.",
            quantities[place].name
        );
        figures.push(Figure { caption, picture: plot.draw() });
    }
    for check in &device.held_out_cells {
        let quantity = Quantity { name: check.objective.clone(), unit: check.unit.clone() };
        let points: Vec<PredictorPoint> = check
            .predicted
            .iter()
            .zip(&check.measured)
            .map(|(predicted, measured)| PredictorPoint {
                architecture: String::new(),
                predicted: *predicted,
                measured: *measured,
            })
            .collect();
        let plot = PredictorPlot {
            device: &device.device,
            quantity: &quantity,
            points: &points,
            kendall_tau: check.kendall_tau,
            relative_error: check.relative_error,
            logarithmic: false,
        };
        let caption = "Predicted against measured on cells that the predictor did not see.".to_owned();
        figures.push(Figure { caption, picture: plot.draw() });
    }
    figures.extend(cells(device, &quantities));
    DeviceSection { name: device.device.clone(), facts, quantities, front, figures, messages: Vec::new() }
}

/// Some cells of a front as graphs, from the fastest to the slowest.
fn cells(device: &DeviceResult, quantities: &[Quantity]) -> Vec<Figure> {
    let mut all = distinct(&device.front);
    let cost = |point: &Scored| point.measured.first().copied().flatten().unwrap_or(point.predicted[0]);
    all.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    let count = DRAWN_CELLS.min(all.len());
    let places = (0..count).map(|place| if count < 2 { 0 } else { place * (all.len() - 1) / (count - 1) });
    let unit = quantities.first().map_or("", |quantity| quantity.unit.as_str());
    places
        .filter_map(|place| {
            let point = all[place];
            let title = format!("{:.3} {unit}", cost(point));
            let subtitle = format!("held-out loss {:.3}, accuracy {:.1} %", point.loss, 100.0 * point.accuracy);
            let plot = CellPlot::from_architecture(&title, &subtitle, &point.architecture)?;
            Some(Figure { caption: point.architecture.clone(), picture: plot.draw() })
        })
        .collect()
}

/// Columns of `metrics.csv` by name.
fn metrics(run: &RunFiles) -> Result<BTreeMap<String, Vec<f64>>, SearchError> {
    let path = run.metrics();
    let text = String::from_utf8_lossy(&files::read(&path)?).into_owned();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    let mut columns: BTreeMap<String, Vec<f64>> = names.iter().map(|name| (name.clone(), Vec::new())).collect();
    for (number, line) in lines.enumerate() {
        for (name, value) in names.iter().zip(line.split(',')) {
            let value = value
                .parse::<f64>()
                .map_err(|_| malformed(&path, format!("line {}: `{value}` is not a number", number + 2)))?;
            if let Some(column) = columns.get_mut(name) {
                column.push(value);
            }
        }
    }
    Ok(columns)
}

fn figures(results: &Results, metrics: &BTreeMap<String, Vec<f64>>) -> Vec<Figure> {
    let steps = metrics.get("step").cloned().unwrap_or_default();
    let curve = |name: &str, column: &str| Curve {
        name: name.to_owned(),
        points: steps.iter().copied().zip(metrics.get(column).cloned().unwrap_or_default()).collect(),
    };
    let plot = |title: &str, y: &str, curves: &[Curve], caption: &str| Figure {
        caption: caption.to_owned(),
        picture: CurvesPlot { title, x: "step", y, curves, smoothing: 0.9, logarithmic: false }.draw(),
    };
    let mut all = vec![
        plot(
            "Cross-entropy",
            "nats",
            &[curve("weights", "lower_loss"), curve("hypernetwork", "upper_loss")],
            "The loss of the architectures that train the supernet's weights, and of those that train the hypernetwork.",
        ),
        plot(
            "Scalarised loss and predicted cost",
            "scaled",
            &[curve("scalarised loss", "scalarised_loss"), curve("predicted cost", "hardware")],
            "What the hypernetwork descends on, and the scaled cost of the architectures that it answers.",
        ),
    ];
    let weights: Vec<Curve> = results
        .devices
        .iter()
        .map(|device| curve(&device.device, &format!("weight_{}", device.device)))
        .filter(|curve| !curve.points.is_empty())
        .collect();
    if weights.len() > 1 {
        let caption = "How much each device's gradient counts in the hypernetwork's step.";
        all.push(plot("Weights of the devices' gradients", "weight", &weights, caption));
    }
    let rows: Vec<HypervolumeRow> = results
        .devices
        .iter()
        .filter_map(|device| {
            let volume = device.hypervolume?;
            let estimate = |mean| Some(Estimate { mean, deviation: 0.0 });
            Some(HypervolumeRow {
                device: device.device.clone(),
                values: vec![estimate(volume.front), estimate(volume.random)],
            })
        })
        .collect();
    if !rows.is_empty() {
        let methods = ["hypernetwork".to_owned(), "random architectures".to_owned()];
        let picture = HypervolumePlot {
            title: "Hypervolume",
            subtitle: "objectives scaled between their best and worst value over both sets, reference point 1.1",
            x: "hypervolume",
            methods: &methods,
            rows: &rows,
        };
        let caption = "The hypernetwork's answers against random architectures scored by the same calls.".to_owned();
        all.push(Figure { caption, picture: picture.draw() });
    }
    all
}

fn manifest_facts(manifest: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    flatten("", manifest, &mut facts);
    facts
}

fn flatten(prefix: &str, value: &Value, facts: &mut Vec<Fact>) {
    let join = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        // One hash a shader would fill the page; the manifest has them.
        Value::Object(entries) if prefix == "shaders_sha256" => {
            facts.push(Fact::new("shaders", format!("{} files, hashed in manifest.json", entries.len())));
        }
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&join(key), value, facts)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(place, value)| flatten(&join(&place.to_string()), value, facts));
        }
        Value::Null => {}
        Value::String(text) => facts.push(Fact::new(prefix, text.clone())),
        other => facts.push(Fact::new(prefix, other.to_string())),
    }
}
