//! The pictures of an evaluation.

use super::result::{DeviceEvaluation, EvaluationResult, Known, Method};
use crate::report::Figure;
use crate::report::plots::{
    Curve, CurvesPlot, Estimate, HypervolumePlot, HypervolumeRow, RadarPlot, RadarSeries, TruthPlot, TruthSeries,
};

/// The centre and the rim of the radar of hypervolumes, those of the published figures.
const RADAR: (f64, f64) = (0.67, 1.0);
/// What is shown over the true front: the extraction, the plain answers, random architectures.
const SHOWN: [&str; 3] = [Method::NAMES[1], Method::NAMES[0], Method::NAMES[4]];

/// A picture with the name of its file.
pub(super) struct Drawn {
    /// Without an extension.
    pub name: String,
    pub figure: Figure,
}

/// All pictures: the whole first, then a device each.
pub(super) fn draw(result: &EvaluationResult) -> Vec<Drawn> {
    let mut all = vec![radar(result), predictors(result)];
    if result.steps.len() > 1 {
        all.push(steps(result));
    }
    all.extend(result.devices.iter().map(|device| front(result, device)));
    all
}

/// A method's name as a reader takes it.
pub(super) fn title(name: &str) -> String {
    name.replace('_', " ")
}

fn radar(result: &EvaluationResult) -> Drawn {
    let spokes: Vec<String> = result.devices.iter().map(|device| device.device.clone()).collect();
    let marked: Vec<bool> = result.devices.iter().map(|device| !device.searched).collect();
    let mut series: Vec<RadarSeries> = SHOWN
        .into_iter()
        .map(|name| RadarSeries {
            name: title(name),
            values: result.devices.iter().map(|own| own.method(name).map(|own| own.scores.hypervolume)).collect(),
            dotted: false,
        })
        .filter(|series| series.values.iter().any(Option::is_some))
        .collect();
    series.push(RadarSeries {
        name: "true front".to_owned(),
        values: result.devices.iter().map(|own| Some(own.true_front.hypervolume)).collect(),
        dotted: true,
    });
    let plot = RadarPlot {
        title: "Hypervolume on every device",
        subtitle: "★: devices that no training saw; farther out is better",
        spokes: &spokes,
        marked: &marked,
        series: &series,
        range: RADAR,
    };
    let caption = "Hypervolume by the benchmark's tables, objectives scaled by each device's table, reference point 1.";
    Drawn { name: "radar".to_owned(), figure: Figure { caption: caption.to_owned(), picture: plot.draw() } }
}

fn predictors(result: &EvaluationResult) -> Drawn {
    let names: Vec<String> = result.devices[0].predictors.iter().map(|own| own.objective.clone()).collect();
    let rows: Vec<HypervolumeRow> = result
        .devices
        .iter()
        .map(|device| HypervolumeRow {
            device: if device.searched { device.device.clone() } else { format!("★ {}", device.device) },
            values: device
                .predictors
                .iter()
                .map(|own| Some(Estimate { mean: own.kendall_tau, deviation: 0.0 }))
                .collect(),
        })
        .collect();
    let plot = HypervolumePlot {
        title: "The predictor's order of all architectures",
        subtitle: "★: devices that no training saw",
        x: "Kendall's tau",
        methods: &names,
        rows: &rows,
    };
    let caption = "Rank correlation of the predicted with the tabled values, over every architecture of the space.";
    Drawn { name: "predictor".to_owned(), figure: Figure { caption: caption.to_owned(), picture: plot.draw() } }
}

fn steps(result: &EvaluationResult) -> Drawn {
    let mut curves = vec![Curve {
        name: "devices searched for".to_owned(),
        points: result.steps.iter().map(|own| (own.step as f64, own.searched)).collect(),
    }];
    let unseen: Vec<(f64, f64)> = result.steps.iter().filter_map(|own| Some((own.step as f64, own.unseen?))).collect();
    if !unseen.is_empty() {
        curves.push(Curve { name: "unseen devices".to_owned(), points: unseen });
    }
    let plot = CurvesPlot {
        title: "Hypervolume of the plain answers over the search",
        x: "step",
        y: "mean hypervolume",
        curves: &curves,
        smoothing: 0.0,
        logarithmic: false,
    };
    let caption = "The likeliest architectures of the hypernetwork as it was at each checkpoint.";
    Drawn { name: "steps".to_owned(), figure: Figure { caption: caption.to_owned(), picture: plot.draw() } }
}

fn front(result: &EvaluationResult, device: &DeviceEvaluation) -> Drawn {
    let place = |known: &Known| Some((known.costs.first().copied().flatten()?, known.error));
    let series: Vec<TruthSeries> = SHOWN
        .into_iter()
        .filter_map(|name| device.method(name))
        .map(|method| TruthSeries {
            name: title(&method.name),
            points: method
                .answers
                .iter()
                .filter_map(|known| place(known).map(|(cost, error)| (cost, error, known.architecture.clone())))
                .collect(),
        })
        .collect();
    let front: Vec<(f64, f64)> = device.front.iter().filter_map(place).collect();
    let x = match result.units.first() {
        Some(unit) if !unit.is_empty() => format!("{} ({unit})", result.objectives[1]),
        _ => result.objectives[1].clone(),
    };
    let plot = TruthPlot { device: &device.device, x: &x, y: "error (%)", front: &front, series: &series };
    Drawn {
        name: device.device.clone(),
        figure: Figure {
            caption: format!("{}: hypervolume of the true front {:.4}", device.device, device.true_front.hypervolume),
            picture: plot.draw(),
        },
    }
}
