//! A whole page from the tables of NAS-Bench-201: complete, well-formed, nothing from outside.

use parnas::pareto::hypervolume::hypervolume;
use parnas::pareto::preferences::uniform_line;
use parnas::report::plots::{
    CellPlot, Curve, CurvesPlot, Estimate, FrontPlot, HypervolumePlot, HypervolumeRow, PredictorPlot, PredictorPoint,
};
use parnas::report::{DeviceSection, Fact, Figure, FrontPoint, Message, Quality, Report, Severity, page, standalone};

#[path = "support/markup.rs"]
mod markup;

use markup::{check, front_plot, latency};

/// Real tables of one device, and what another device of its kind says about it.
struct Table {
    architectures: Vec<String>,
    errors: Vec<f64>,
    latencies: Vec<(String, Vec<f64>)>,
}

fn read_tables() -> Option<Table> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nb201");
    if !std::path::Path::new(folder).exists() {
        println!("skipped: {folder} is not there");
        return None;
    }
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let (accuracy, latency) = (read("accuracy.csv"), read("help_latency_ms.csv"));
    let rows: Vec<Vec<&str>> = accuracy.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let errors: Vec<f64> = rows.iter().map(|r| 100.0 - r[2].parse::<f64>().unwrap()).collect();
    let kept: Vec<usize> = (0..rows.len()).filter(|&i| errors[i] < 90.0).collect();
    let times: Vec<Vec<&str>> = latency.lines().map(|l| l.split(',').collect()).collect();
    let column = |c: usize| kept.iter().map(|&i| times[i + 1][c].parse().unwrap()).collect();
    Some(Table {
        architectures: kept.iter().map(|&i| rows[i][1].to_owned()).collect(),
        errors: kept.iter().map(|&i| errors[i]).collect(),
        latencies: (2..times[0].len()).map(|c| (times[0][c].to_owned(), column(c))).collect(),
    })
}

impl Table {
    fn latency(&self, device: &str) -> &[f64] {
        &self.latencies.iter().find(|(name, _)| name == device).unwrap().1
    }

    fn random(&self, count: usize, seed: u64) -> Vec<usize> {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % self.errors.len()
        };
        (0..count).map(step).collect()
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low)
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Fronts (the best linear answers), random architectures and hypervolumes are those of the tables, predictions those of a
/// related device; losses, correlations, times and messages only fill their places. The page is written to the target
/// folder so that it can be looked at.
#[test]
fn a_full_report_of_real_tables() {
    let Some(table) = read_tables() else { return };
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/report");
    std::fs::create_dir_all(folder).unwrap();
    let quantities = latency();
    let mut devices = Vec::new();
    let mut rows = Vec::new();
    let mut distinct = 0;
    for (device, kin) in [("pixel3", "raspi4"), ("titan_rtx_256", "1080ti_256"), ("gold_6226", "gold_6240")] {
        let (latencies, related) = (table.latency(device), table.latency(kin));
        let scale = geometric_mean(latencies) / geometric_mean(related);
        let ((low_error, errors), (low, range)) = (range(&table.errors), range(latencies));
        let scaled = |i: usize| [(table.errors[i] - low_error) / errors, (latencies[i] - low) / range];
        let as_point = |i: usize, preference: &[f64]| FrontPoint {
            preference: preference.to_vec(),
            architecture: table.architectures[i].clone(),
            predicted: vec![related[i] * scale],
            measured: vec![Some(latencies[i])],
            accuracy: 1.0 - table.errors[i] / 100.0,
            loss: f64::NAN,
        };
        let best = |r: &Vec<f64>| {
            let value = |i: &usize| r[0] * scaled(*i)[0] + r[1] * scaled(*i)[1];
            (0..table.errors.len()).min_by(|a, b| value(a).total_cmp(&value(b))).unwrap()
        };
        let preferences = uniform_line(24);
        let answers: Vec<usize> = preferences.iter().map(best).collect();
        let mut different = answers.clone();
        different.dedup();
        distinct += different.len();
        let front: Vec<FrontPoint> = answers.iter().zip(&preferences).map(|(&i, r)| as_point(i, r)).collect();
        let chosen = table.random(24, 5);
        let random: Vec<FrontPoint> = chosen.iter().map(|&i| as_point(i, &[])).collect();
        let volume = |set: &[usize]| {
            let points: Vec<[f64; 2]> = set.iter().map(|&i| scaled(i)).collect();
            hypervolume(&points, &[1.0, 1.0]).unwrap()
        };
        let found = volume(&answers);
        let others: Vec<f64> = (0..20).map(|seed| volume(&table.random(24, seed))).collect();
        let mean = others.iter().sum::<f64>() / 20.0;
        let variance = others.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 19.0;
        assert!(found > mean);
        rows.push(HypervolumeRow {
            device: device.into(),
            values: vec![
                Some(Estimate { mean: found, deviation: 0.002 }),
                Some(Estimate { mean, deviation: variance.sqrt() }),
            ],
        });

        let plot = FrontPlot { device, quality: Quality::Error, ..front_plot(&quantities, &front, &random) };
        let picture = plot.draw();
        std::fs::write(format!("{folder}/front_{device}.svg"), standalone(&picture)).unwrap();
        let log = FrontPlot { logarithmic: true, logarithmic_quality: true, ..plot }.draw();
        std::fs::write(format!("{folder}/front_log_{device}.svg"), standalone(&log)).unwrap();
        let points: Vec<PredictorPoint> = table
            .random(200, 99)
            .into_iter()
            .map(|i| PredictorPoint {
                architecture: table.architectures[i].clone(),
                predicted: related[i] * scale,
                measured: latencies[i],
            })
            .collect();
        let predictor = PredictorPlot {
            device,
            quantity: &quantities[0],
            points: &points,
            kendall_tau: Some(0.912),
            relative_error: Some(0.084),
            logarithmic: false,
        }
        .draw();
        let middle = &front[front.len() / 2];
        let cell = CellPlot::from_architecture(
            "The middle of the front",
            &format!("preference 0.48, 0.52  ·  {:.2} % in {:.2} ms", 100.0 * middle.accuracy, latencies[answers[12]]),
            &middle.architecture,
        )
        .unwrap()
        .draw();
        std::fs::write(format!("{folder}/predictor_{device}.svg"), standalone(&predictor)).unwrap();
        std::fs::write(format!("{folder}/cell_{device}.svg"), standalone(&cell)).unwrap();
        let figure = |caption: &str, picture| Figure { caption: caption.into(), picture };
        devices.push(DeviceSection {
            name: device.into(),
            facts: vec![
                Fact::new("hypervolume", format!("{found:.3}")),
                Fact::new("24 random", format!("{mean:.3} ± {:.3}", variance.sqrt())),
                Fact::new("Kendall τ", "0.912"),
                Fact::new("relative error", "8.4 %"),
            ],
            quantities: quantities.clone(),
            front,
            figures: vec![
                figure("What each preference answered. Rest the pointer on a mark to see its architecture.", picture),
                figure("How well latency is predicted on architectures that the predictor has not seen.", predictor),
                figure("The cell that answers an even preference.", cell),
            ],
            messages: vec![],
        });
    }

    let curve = |name: &str, seed: u64, from: f64, to: f64| {
        let noise = table.random(800, seed);
        let value = |(i, n): (usize, usize)| {
            let t = i as f64;
            (t, to + (from - to) * (-t / 170.0).exp() + 0.3 * (n as f64 / 15284.0 - 0.5) * (0.3 + (-t / 200.0).exp()))
        };
        Curve { name: name.into(), points: noise.into_iter().enumerate().map(value).collect() }
    };
    let curves = [
        curve("weights, training loss", 1, 2.3, 0.35),
        curve("hypernetwork, validation loss", 2, 2.4, 0.5),
        curve("hypernetwork, latency (scaled)", 3, 0.8, 0.3),
    ];
    let training =
        CurvesPlot { title: "Losses", x: "step", y: "loss", curves: &curves, smoothing: 0.95, logarithmic: false }
            .draw();
    let methods = ["search".to_owned(), "24 random architectures".to_owned()];
    let volumes = HypervolumePlot {
        title: "Hypervolume by device",
        subtitle: "error and latency scaled to 0..1 on each device, reference (1, 1); bars: one standard deviation over seeds",
        x: "hypervolume",
        methods: &methods,
        rows: &rows,
    }
    .draw();
    std::fs::write(format!("{folder}/curves.svg"), standalone(&training)).unwrap();
    std::fs::write(format!("{folder}/hypervolume.svg"), standalone(&volumes)).unwrap();
    let report = Report {
        title: "NAS-Bench-201 on three devices".into(),
        summary: "One search, three devices, 24 preferences each. Every answer was measured, and 24 random architectures were scored by the same calls.".into(),
        facts: vec![
            Fact::new("devices", "3"),
            Fact::new("preferences", "24"),
            Fact::new("steps", "800"),
            Fact::new("time", "4 min 12 s"),
        ],
        messages: vec![
            Message { severity: Severity::Note, text: "Accuracies are those of the published table, not of this run.".into() },
            Message { severity: Severity::Warning, text: "titan_rtx_256: repeated measurements differ by 6 %; architectures closer than that cannot be told apart.".into() },
        ],
        devices,
        figures: vec![
            Figure { caption: "Losses of both levels over the steps.".into(), picture: training },
            Figure { caption: "The volume that each front dominates; more is better.".into(), picture: volumes },
        ],
        manifest: vec![
            Fact::new("parnas", "0.1.0"),
            Fact::new("seed", "1"),
            Fact::new("data", "sha256 3f1b5a0c9d2e48b7a6f0c1d2e3f4a5b6c7d8e9f00112233445566778899aabbc"),
        ],
    };
    let html = page::render(&report);
    check(&html);
    assert!(
        !html.contains("http://")
            || html.matches("http://").count() == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("https://"));
    let rows = html.matches("<td class=\"architecture\">").count();
    assert_eq!(rows, distinct);
    std::fs::write(format!("{folder}/report.html"), html).unwrap();
}
