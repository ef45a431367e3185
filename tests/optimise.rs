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
const KNOWN: [(Method, f64); 3] = [(Method::RandomSearch, 0.9416), (Method::MoRea, 0.9650), (Method::Nsga2, 0.9658)];

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

/// The mean over devices with its standard error.
fn mean(values: &[(f64, f64)]) -> (f64, f64) {
    let count = values.len() as f64;
    let squares = values.iter().map(|(_, error)| error * error).sum::<f64>();
    (values.iter().map(|(mean, _)| mean).sum::<f64>() / count, squares.sqrt() / count)
}

#[test]
fn evolution_finds_what_is_known() {
    for (method, known) in KNOWN {
        let Some(found) = hypervolumes(method, 5) else { return };
        let (mean, error) = mean(&found);
        // The known means have about the same errors: theirs are of 3 to 20 seeds.
        let bound = 2.0 * std::f64::consts::SQRT_2 * error + 0.5e-4;
        assert!((mean - known).abs() < bound, "{method}: {mean} is not {known} within {bound}");
    }
}

/// Local search here takes one neighbour of a random point of the front at a time, and finds more than the independent
/// implementation did; successive halving, which sees three times as many architectures, more than random search.
#[test]
fn the_others_find_more_than_chance() {
    for (method, least) in [(Method::LocalSearch, 0.9632), (Method::MoAsha, 0.945)] {
        let Some(found) = hypervolumes(method, 3) else { return };
        let (mean, _) = mean(&found);
        assert!(mean > least && mean < 0.9695, "{method}: {mean}");
        // No device far behind: none below what 500 random architectures reach there, 0.87 at the least.
        assert!(found.iter().all(|(mean, _)| *mean > 0.9), "{method}: {found:?}");
    }
}

/// A space in which a decision exists only where another asks for it: 2 + 2 * 3 * 3 architectures.
struct Deep(DecisionLayout);

impl Deep {
    fn new() -> Self {
        let layer = |name: &str| Decision::over_numbers(name, "width", &[1, 2, 3]);
        let decisions = vec![
            Decision::over_numbers("depth", "depth", &[1, 2]),
            Decision::over_numbers("kind", "kind", &[0, 1]),
            layer("first").active_when(0, vec![1]),
            layer("second").active_when(0, vec![1]),
        ];
        assert!(matches!(decisions[2].activity, Activity::When { .. }));
        Self(DecisionLayout::new("deep", decisions).unwrap())
    }
}

impl SearchSpace for Deep {
    fn layout(&self) -> &DecisionLayout {
        &self.0
    }

    fn parse(&self, _: &str) -> Result<Architecture, SpaceError> {
        Ok(self.smallest())
    }

    fn print(&self, architecture: &Architecture) -> String {
        format!("{:?}", architecture.choices())
    }
}

fn made_up(question: &Question) -> Vec<f64> {
    let choices = question.architecture.choices();
    let sum: f64 = choices.iter().zip(1..).map(|(&choice, place)| f64::from(choice) * f64::from(place)).sum();
    // A kind of architecture that fails.
    if choices[0] == 1 && choices[1] == 3 { vec![f64::NAN; 3] } else { vec![sum, (7.0 - sum).powi(2), -sum * sum] }
}

fn cost(question: &Question) -> f64 {
    question.epochs.map_or(1.0, |epochs| f64::from(epochs) / 200.0)
}

fn evaluations(space: &dyn SearchSpace, method: Method, seed: u64, budget: f64) -> Vec<Evaluation> {
    run(method.optimiser(space, &[12], seed).as_mut(), budget, cost, made_up)
}

fn questions(evaluations: &[Evaluation]) -> Vec<&Question> {
    evaluations.iter().map(|evaluation| &evaluation.question).collect()
}

#[test]
fn every_method_asks_for_valid_architectures_once_within_the_budget() {
    let cells = NasBench201::new();
    let deep = Deep::new();
    for method in Method::ALL {
        for (space, budget) in [(&cells as &dyn SearchSpace, 60.0), (&deep, 6.0)] {
            let found = evaluations(space, method, 3, budget);
            let spent: f64 = found.iter().map(|evaluation| cost(&evaluation.question)).sum();
            assert!(spent <= budget + 1e-9 && spent > budget - 1.0 - 1e-9, "{method}: {spent}");
            assert!((found.last().unwrap().spent - spent).abs() < 1e-9);
            let asked: HashSet<&Question> = found.iter().map(|evaluation| &evaluation.question).collect();
            assert_eq!(asked.len(), found.len(), "{method} repeats itself");
            for question in asked {
                space.validate(&question.architecture).unwrap();
                assert_eq!(space.canonical(&question.architecture), question.architecture, "{method}");
                assert!(question.epochs.is_none() || method == Method::MoAsha, "{method}");
            }
            assert_eq!(questions(&found), questions(&evaluations(space, method, 3, budget)), "{method}");
            assert_ne!(questions(&found), questions(&evaluations(space, method, 4, budget)), "{method}");
        }
        assert_eq!(method.name().parse(), Ok(method));
    }
    assert!("nsga3".parse::<Method>().unwrap_err().to_string().contains("nsga2"));
}

#[test]
fn a_space_that_is_used_up_ends_a_run() {
    let deep = Deep::new();
    for method in Method::ALL {
        let found = evaluations(&deep, method, 1, 1000.0);
        let architectures: HashSet<&Architecture> = found.iter().map(|e| &e.question.architecture).collect();
        assert_eq!(architectures.len(), 20, "{method}");
    }
}

#[test]
fn a_gaussian_process_goes_through_what_it_saw() {
    let mut process = GaussianProcess::default();
    let at = |x: f64| vec![x as f32];
    let target = |x: f64| x.sin();
    let points: Vec<f64> = (0..12).map(|i| f64::from(i) * 0.5).collect();
    let mut seen = Vec::new();
    for &x in &points {
        process.push(at(x));
        seen.push(target(x));
        process.fit(&[seen.clone(), seen.iter().map(|value| 3.0 - 2.0 * value).collect()]);
    }
    for &x in &points {
        let expected = process.expect(&at(x));
        assert!((expected[0].mean - target(x)).abs() < 1e-2, "{x}: {expected:?}");
        assert!((expected[1].mean - (3.0 - 2.0 * target(x))).abs() < 2e-2, "{x}: {expected:?}");
    }
    let (between, outside) = (process.expect(&at(2.75)), process.expect(&at(40.0)));
    assert!((between[0].mean - target(2.75)).abs() < 0.05, "{between:?}");
    assert!(outside[0].deviation > 5.0 * between[0].deviation, "{outside:?} {between:?}");
    // Far from all points the mean of what was seen is left.
    assert!((outside[0].mean - seen.iter().sum::<f64>() / 12.0).abs() < 0.05, "{outside:?}");
}

#[test]
fn bayesian_optimisation_finds_more_than_chance() {
    let Some(tables) = tables() else { return };
    let space = NasBench201::new();
    let architectures: Vec<Architecture> =
        tables.architectures.iter().map(|text| space.parse(text).expect("a cell")).collect();
    let error = tables.error();
    let costs = [tables.latency.column("gold_6240")];
    let protocol = Protocol::new(&error, &costs).unwrap();
    let task = Task::new(&space, &architectures, &protocol, &error, &costs, 200, Vec::new()).unwrap();
    let mean = |method| -> f64 {
        let run = |seed| task.run(method, seed, 100, &checkpoints(100)).unwrap().last().unwrap().scores.unwrap();
        (0..6u64).into_par_iter().map(|seed| run(seed).hypervolume).sum::<f64>() / 6.0
    };
    let chance = mean(Method::RandomSearch);
    for method in [Method::Lsbo, Method::Rsbo, Method::ParEgo] {
        let found = mean(method);
        assert!(found > chance + 0.01, "{method}: {found}, by chance {chance}");
    }
}

#[test]
fn checkpoints_rise_to_the_budget() {
    assert_eq!(checkpoints(25), [1, 2, 3, 4, 5, 7, 10, 14, 20, 25]);
    assert_eq!(checkpoints(1), [1]);
}
