//! The evaluation protocol against published and independently computed figures of NAS-Bench-201.

use std::sync::atomic::{AtomicUsize, Ordering};

use parnas::benchmark::BenchmarkError;
use parnas::benchmark::baselines::Task;
use parnas::benchmark::oracle::{Predictions, choose, published_preferences};
use parnas::benchmark::protocol::{Protocol, Scores};
use parnas::benchmark::random::spread;
use parnas::benchmark::results::{Row, hypervolume_curve, run_all, summary, summary_table, table};
use parnas::pareto::optimise::Method;
use parnas::pareto::scalarisation::Scalarisation;
use parnas::space::{NasBench201, SearchSpace};

#[path = "support/nas_bench_201.rs"]
mod nas_bench_201;

use nas_bench_201::{DEVICES, tables};

/// What an independent computation gives for a device: hypervolume of the true front and its size
/// (equal points once), hypervolume of 200 random
/// sets of 24 (mean, standard deviation) and of random sets of 500 (20 of them: mean, standard deviation), and of the
/// oracle of 24 linear preferences: hypervolume, distinct architectures, IGD+.
type Figures = (f64, usize, (f64, f64), (f64, f64), f64, usize, f64);

#[rustfmt::skip]
const FIGURES: [Figures; 19] = [
    (0.9458, 32, (0.781, 0.053), (0.9098, 0.007), 0.9412,  6, 0.0053),
    (0.9697, 36, (0.841, 0.040), (0.9417, 0.013), 0.9651,  6, 0.0062),
    (0.9425, 38, (0.730, 0.068), (0.8718, 0.036), 0.9395,  8, 0.0023),
    (0.9736, 37, (0.871, 0.038), (0.9558, 0.007), 0.9702,  8, 0.0037),
    (0.9690, 45, (0.872, 0.036), (0.9505, 0.006), 0.9652,  9, 0.0044),
    (0.9925, 21, (0.952, 0.011), (0.9819, 0.003), 0.9918,  7, 0.0035),
    (0.9840, 42, (0.925, 0.023), (0.9721, 0.003), 0.9815,  9, 0.0031),
    (0.9813, 16, (0.878, 0.030), (0.9512, 0.007), 0.9801,  7, 0.0022),
    (0.9833, 17, (0.892, 0.025), (0.9592, 0.007), 0.9788,  4, 0.0063),
    (0.9568, 27, (0.807, 0.048), (0.9121, 0.013), 0.9523,  6, 0.0049),
    (0.9504, 34, (0.800, 0.049), (0.9113, 0.010), 0.9417,  6, 0.0062),
    (0.9488, 31, (0.747, 0.065), (0.8948, 0.028), 0.9459, 10, 0.0035),
    (0.9727, 39, (0.867, 0.031), (0.9480, 0.010), 0.9692,  8, 0.0036),
    (0.9663, 43, (0.870, 0.022), (0.9367, 0.008), 0.9585,  7, 0.0116),
    (0.9618, 36, (0.827, 0.047), (0.9341, 0.011), 0.9542,  6, 0.0107),
    (0.9742, 13, (0.859, 0.042), (0.9528, 0.020), 0.9713,  6, 0.0038),
    (0.9832, 13, (0.895, 0.027), (0.9667, 0.009), 0.9822,  7, 0.0024),
    (0.9829, 42, (0.924, 0.024), (0.9738, 0.002), 0.9805,  9, 0.0039),
    (0.9811, 16, (0.869, 0.062), (0.9653, 0.011), 0.9787,  7, 0.0045),
];

/// Whether a number is what was rounded to four decimals.
#[track_caller]
fn rounds_to(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 0.5001e-4, "{what}: {found} is not {expected}");
}

#[test]
fn true_fronts_and_oracles_have_the_known_figures() {
    let Some(tables) = tables() else { return };
    let error = tables.error();
    let mut tchebycheff = Vec::new();
    for (device, (front, size, .., linear, distinct, igd_plus)) in DEVICES.iter().zip(FIGURES) {
        let latency = tables.latency.column(device);
        let protocol = Protocol::new(&error, &[latency]).unwrap();
        assert_eq!(protocol.rows() - protocol.kept().len(), 341, "{device}");
        assert_eq!(protocol.true_front().len(), size, "{device}");
        let perfect = protocol.score_true_front().unwrap();
        rounds_to(perfect.hypervolume, front, device);
        assert_eq!([perfect.gd, perfect.gd_plus, perfect.igd, perfect.igd_plus], [0.0; 4], "{device}");

        let truth = Predictions { error: &error, costs: &[latency] };
        let rays = published_preferences(2);
        let oracle = choose(&protocol, &truth, &rays, Scalarisation::Linear).unwrap();
        rounds_to(oracle.scores.hypervolume, linear, device);
        rounds_to(oracle.scores.igd_plus, igd_plus, device);
        let linear_igd_plus = oracle.scores.igd_plus;
        assert_eq!(oracle.distinct, distinct, "{device}");
        assert!(oracle.chosen.iter().all(|index| protocol.true_front().contains(index)), "{device}");

        let oracle = choose(&protocol, &truth, &rays, Scalarisation::Tchebycheff).unwrap();
        tchebycheff.push((oracle.distinct > distinct, oracle.scores.igd_plus < linear_igd_plus));
        if *device == "titan_rtx_256" {
            rounds_to(oracle.scores.igd_plus, 0.0026, device);
        }
    }
    // Reaches the parts of a front that are not convex: more architectures, nearer the front on most devices.
    assert!(tchebycheff.iter().all(|(more, _)| *more), "{tchebycheff:?}");
    assert!(tchebycheff.iter().filter(|(_, nearer)| *nearer).count() > 9, "{tchebycheff:?}");
}

#[test]
fn random_sets_have_the_known_figures() {
    let Some(tables) = tables() else { return };
    let error = tables.error();
    // Two standard errors of the difference of two means, and half of the last digit that is given. Of 19 devices one or
    // two may lie outside by chance alone, never far.
    let apart = |found: f64, deviation: f64, count: f64, (mean, published): (f64, f64), of: f64| {
        let error = (deviation.powi(2) / count + published.powi(2) / of).sqrt();
        ((found - mean).abs() - 0.5e-3).max(0.0) / error
    };
    let mut outside = 0;
    let (mut sum_24, mut sum_500) = (0.0, 0.0);
    for (device, (_, _, few, many, ..)) in DEVICES.iter().zip(FIGURES) {
        let protocol = Protocol::new(&error, &[tables.latency.column(device)]).unwrap();
        let (small, large) = (spread(&protocol, 24, 200, 1).unwrap(), spread(&protocol, 500, 20, 2).unwrap());
        sum_24 += small.mean.hypervolume;
        sum_500 += large.mean.hypervolume;
        for (spread, count, published) in [(&small, 200.0, few), (&large, 20.0, many)] {
            let errors = apart(spread.mean.hypervolume, spread.deviation.hypervolume, count, published, count);
            outside += usize::from(errors > 2.0);
            assert!(errors < 4.0, "{device}: {} is not {published:?}", spread.mean.hypervolume);
        }
        assert_eq!(small, spread(&protocol, 24, 200, 1).unwrap());
    }
    assert!(outside <= 4, "{outside} of 38 figures are more than two standard errors off");
    assert!((sum_24 / 19.0 - 0.853).abs() < 0.003, "{}", sum_24 / 19.0);
    assert!((sum_500 / 19.0 - 0.943).abs() < 0.003, "{}", sum_500 / 19.0);
}

#[test]
fn three_objectives_have_the_known_figures() {
    let Some(tables) = tables() else { return };
    let error = tables.error();
    for (device, size, volume, random, two) in [
        ("eyeriss", 16, 0.96852, (0.794, 0.107), 0.98111),
        ("fpga", 13, 0.95488, (0.756, 0.076), 0.97420),
        ("edgegpu", 56, 0.97539, (0.783, 0.102), 0.98707),
    ] {
        let latency = tables.hardware.column(&format!("c10_{device}_latency"));
        let energy = tables.hardware.column(&format!("c10_{device}_energy"));
        let protocol = Protocol::new(&error, &[latency, energy]).unwrap();
        assert_eq!(protocol.true_front().len(), size, "{device}");
        let found = protocol.score_true_front().unwrap().hypervolume;
        assert!((found - volume).abs() <= 0.5001e-5, "{device}: {found}");
        let flat = Protocol::new(&error, &[latency]).unwrap().score_true_front().unwrap().hypervolume;
        assert!((flat - two).abs() <= 0.5001e-5, "{device}: {flat}");
        let drawn = spread(&protocol, 24, 200, 3).unwrap();
        let (found, deviation) = (drawn.mean.hypervolume, drawn.deviation.hypervolume);
        let bound = 2.0 * (deviation.powi(2) / 200.0 + f64::powi(random.1, 2) / 100.0).sqrt();
        assert!((found - random.0).abs() < bound, "{device}: {found} is not {random:?}");
        let truth = Predictions { error: &error, costs: &[latency, energy] };
        let oracle = choose(&protocol, &truth, &published_preferences(3), Scalarisation::Linear).unwrap();
        assert!(oracle.scores.hypervolume < volume && oracle.scores.hypervolume > 0.9, "{device}");
    }
    // An accelerator that cannot run every cell: what it cannot run is missing, not fast.
    let latency = tables.hardware.column("c10_edgetpu_latency");
    let masked: Vec<f64> = latency.iter().map(|&value| if value < 0.0 { f64::NAN } else { value }).collect();
    let protocol = Protocol::new(&error, &[&masked]).unwrap();
    assert_eq!(protocol.true_front().len(), 33);
    assert!((protocol.score_true_front().unwrap().hypervolume - 0.98589).abs() <= 0.5001e-5);
}

const ERROR: [f64; 6] = [10.0, 20.0, 30.0, 95.0, 50.0, 15.0];
const LATENCY: [f64; 6] = [9.0, 5.0, 1.0, 0.0, 6.0, f64::NAN];

#[test]
fn a_table_is_filtered_before_it_is_scaled() {
    let protocol = Protocol::new(&ERROR, &[&LATENCY]).unwrap();
    assert_eq!(protocol.kept(), [0, 1, 2, 4]);
    assert_eq!(protocol.ranges(), [(10.0, 50.0), (1.0, 9.0)]);
    assert_eq!(protocol.true_front(), [0, 1, 2]);
    assert_eq!((protocol.point(1), protocol.point(3), protocol.point(5)), (Some(&[0.25, 0.5][..]), None, None));
    let scores = protocol.score(&[4, 1, 3, 1]).unwrap();
    assert_eq!(scores.hypervolume, 0.75 * 0.5);
    assert_eq!((scores.gd, scores.gd_plus), (0.0, 0.0));
    let distance = |a: f64, b: f64| (a * a + b * b).sqrt();
    assert!((scores.igd - (distance(0.25, 0.5) + distance(0.25, 0.5)) / 3.0).abs() < 1e-15);
    assert!((scores.igd_plus - (0.25 + 0.5) / 3.0).abs() < 1e-15);
}

#[test]
fn a_wrong_predictor_is_told_from_a_right_one() {
    let protocol = Protocol::new(&ERROR, &[&LATENCY]).unwrap();
    let preferences = [vec![1.0, 0.0], vec![0.0, 1.0]];
    let chosen = |error: &[f64], latency: &[f64]| {
        let predictions = Predictions { error, costs: &[latency] };
        choose(&protocol, &predictions, &preferences, Scalarisation::Linear).unwrap()
    };
    let right = chosen(&ERROR, &LATENCY);
    assert_eq!((right.chosen, right.distinct), (vec![0, 2], 2));
    // Another unit and an offset change nothing; a row that does not count may hold anything.
    let affine = LATENCY.map(|value| 3.0 * value - 7.0);
    assert_eq!(chosen(&ERROR, &affine).chosen, [0, 2]);
    let reversed = LATENCY.map(|value| -value);
    let wrong = chosen(&ERROR, &reversed);
    assert_eq!((wrong.chosen, wrong.distinct), (vec![0, 0], 1));
    assert!(wrong.scores.hypervolume < right.scores.hypervolume);
}

#[test]
fn bad_tables_and_sets_are_refused() {
    let protocol = Protocol::new(&ERROR, &[&LATENCY]).unwrap();
    let refused = |error: &[f64], costs: &[&[f64]]| Protocol::new(error, costs).unwrap_err();
    assert_eq!(refused(&ERROR, &[]), BenchmarkError::NoCost);
    assert_eq!(refused(&ERROR, &[&LATENCY, &LATENCY[1..]]), BenchmarkError::Rows { cost: 1, found: 5, expected: 6 });
    assert!(matches!(refused(&[90.0; 2], &[&[1.0, 2.0]]), BenchmarkError::NothingKept { rows: 2, .. }));
    assert_eq!(refused(&[1.0, 2.0], &[&[3.0, 3.0]]), BenchmarkError::Constant { objective: 1, value: 3.0 });
    assert_eq!(protocol.score(&[0, 6]), Err(BenchmarkError::Index { index: 6, rows: 6 }));
    assert!(matches!(protocol.score(&[3, 5]), Err(BenchmarkError::NothingScored { given: 2, .. })));
    assert!(matches!(protocol.score(&[]), Err(BenchmarkError::NothingScored { given: 0, .. })));
    let missing = [1.0, f64::NAN, 3.0, 4.0, 5.0, 6.0];
    let choose = |costs: &[&[f64]], preference: &[f64]| {
        let predictions = Predictions { error: &ERROR, costs };
        choose(&protocol, &predictions, &[preference.to_vec()], Scalarisation::Linear).unwrap_err()
    };
    assert_eq!(choose(&[&missing], &[0.5, 0.5]), BenchmarkError::Prediction { objective: 1, index: 1 });
    assert!(matches!(choose(&[&LATENCY[1..]], &[0.5, 0.5]), BenchmarkError::Rows { .. }));
    assert!(matches!(choose(&[], &[0.5, 0.5]), BenchmarkError::Points(_)));
    assert!(matches!(choose(&[&LATENCY], &[1.0]), BenchmarkError::Scalarisation(_)));
    assert!(matches!(spread(&protocol, 7, 2, 0), Err(BenchmarkError::Draws { .. })));
    assert!(matches!(spread(&protocol, 2, 1, 0), Err(BenchmarkError::Draws { .. })));
}

/// Rows of two devices with known scores: what a table, a summary and a curve make of them.
#[test]
fn results_are_summed_up_over_seeds_and_devices() {
    let row = |method, device: &str, seed, evaluations, volume: Option<f64>| Row {
        method,
        device: device.to_owned(),
        seed,
        evaluations,
        scores: volume.map(|volume| Scores::from_values([volume, 0.5, 0.25, 0.125, 0.0])),
    };
    let rows = [
        row(Method::Nsga2, "a", 0, 1, None),
        row(Method::Nsga2, "a", 1, 1, Some(0.3)),
        row(Method::Nsga2, "a", 0, 10, Some(0.5)),
        row(Method::Nsga2, "a", 1, 10, Some(0.7)),
        row(Method::Nsga2, "b", 0, 10, Some(0.9)),
        row(Method::Nsga2, "b", 1, 10, Some(0.9)),
    ];
    let lines = table(&rows);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "method,device,seed,evaluations,hypervolume,gd,gd_plus,igd,igd_plus");
    assert_eq!((lines[1], lines[2]), ("nsga2,a,0,1,,,,,", "nsga2,a,1,1,0.3,0.5,0.25,0.125,0"));
    let summaries = summary(&rows, 10);
    let found: Vec<(Option<&str>, f64, f64)> =
        summaries.iter().map(|s| (s.device.as_deref(), s.mean.hypervolume, s.error.hypervolume)).collect();
    // Deviation 0.1 sqrt(2) over 2 seeds; half of it for the mean with a device that has none.
    for (found, expected) in found.iter().zip([(Some("a"), 0.6, 0.1), (Some("b"), 0.9, 0.0), (None, 0.75, 0.05)]) {
        assert_eq!(found.0, expected.0);
        assert!((found.1 - expected.1).abs() < 1e-12 && (found.2 - expected.2).abs() < 1e-12, "{found:?}");
    }
    assert_eq!(found.len(), 3);
    assert!(summary_table(&summaries).contains("\nnsga2,mean,2,0.75,"));
    let curve = hypervolume_curve(&rows, Method::Nsga2, Some("a"));
    assert_eq!(curve.len(), 1);
    assert_eq!(curve[0].0, 10);
    assert!(hypervolume_curve(&rows, Method::LocalSearch, None).is_empty());
}

#[test]
fn all_runs_of_a_table_are_done_whatever_the_number_of_threads() {
    let space = NasBench201::new();
    let architectures: Vec<_> = (0..400u32).map(|n| space.numbered(&(n * 37).into()).unwrap()).collect();
    let error: Vec<f64> = (0..400).map(|n| f64::from(n * 7919 % 100)).collect();
    let cost: Vec<f64> = (0..400).map(|n| f64::from(n * 104_729 % 97)).collect();
    let costs = [cost.as_slice()];
    let protocol = Protocol::new(&error, &costs).unwrap();
    let task = || Task::new(&space, &architectures, &protocol, &error, &costs, 200, Vec::new()).unwrap();
    let tasks = [("one".to_owned(), task()), ("two".to_owned(), task())];
    let count = AtomicUsize::new(0);
    let run = || {
        let done = || _ = count.fetch_add(1, Ordering::Relaxed);
        run_all(&tasks, &[Method::RandomSearch, Method::Nsga2], 3, 300, done).unwrap()
    };
    let rows = run();
    assert_eq!(count.load(Ordering::Relaxed), 12);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(rows, one_thread.install(run));
    let summaries = summary(&rows, 300);
    assert_eq!(summaries.len(), 6);
    assert!(summaries.iter().all(|summary| summary.seeds == 3 && summary.mean.hypervolume > 0.0));
}
