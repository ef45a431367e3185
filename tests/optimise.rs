//! The baseline optimisers: what they may ask for, and what they find on NAS-Bench-201 beside independent figures.

use std::collections::HashSet;

use parnas::benchmark::baselines::{ShortTraining, Task, checkpoints};
use parnas::benchmark::protocol::Protocol;
use parnas::pareto::optimise::gaussian_process::GaussianProcess;
use parnas::pareto::optimise::run::{Evaluation, run};
use parnas::pareto::optimise::{Method, Question};
use parnas::space::{Activity, Architecture, Decision, DecisionLayout, NasBench201, SearchSpace, SpaceError};
use rayon::prelude::*;

#[path = "support/nas_bench_201.rs"]
mod nas_bench_201;

use nas_bench_201::{DEVICES, tables};

const BUDGET: usize = 500;

/// Means over devices of the hypervolume after 500 evaluations, by an independent short implementation.
const KNOWN: [(Method, f64); 4] = [
    (Method::RandomSearch, 0.9416),
    (Method::LocalSearch, 0.9632),
    (Method::MoRea, 0.9650),
    (Method::Nsga2, 0.9658),
];

/// Means and standard errors over seeds of the hypervolume after the budget, one a device.
fn hypervolumes(method: Method, seeds: u64) -> Option<Vec<(f64, f64)>> {
    let tables = tables()?;
    let space = NasBench201::new();
    let architectures: Vec<Architecture> =
        tables.architectures.iter().map(|text| space.parse(text).expect("a cell")).collect();
    let error = tables.error();
    let early: Vec<f64> = tables.accuracy.column("c10_test_12").iter().map(|accuracy| 100.0 - accuracy).collect();
    let device = |device: &&str| {
        let costs = [tables.latency.column(device)];
        let protocol = Protocol::new(&error, &costs).unwrap();
        let short = vec![ShortTraining { epochs: 12, error: &early }];
        let task = Task::new(&space, &architectures, &protocol, &error, &costs, 200, short).unwrap();
        let found: Vec<f64> = (0..seeds)
            .map(|seed| task.run(method, seed, BUDGET, &[BUDGET]).unwrap()[0].scores.unwrap().hypervolume)
            .collect();
        let mean = found.iter().sum::<f64>() / seeds as f64;
        let squares = found.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean, (squares / (seeds - 1) as f64 / seeds as f64).sqrt())
    };
    Some(DEVICES.par_iter().map(device).collect())
}

fn mean(values: &[(f64, f64)]) -> (f64, f64) {
    let count = values.len() as f64;
    let squares = values.iter().map(|(_, error)| error * error).sum::<f64>();
    (values.iter().map(|(mean, _)| mean).sum::<f64>() / count, squares.sqrt() / count)
}

#[test]
fn print_all() {
    for method in Method::ALL {
        let begin = std::time::Instant::now();
        let Some(found) = hypervolumes(method, 3) else { return };
        println!("{method} {:?} {:?}", mean(&found), begin.elapsed());
    }
    let _ = KNOWN;
}
