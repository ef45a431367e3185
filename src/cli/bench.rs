//! `parnas bench`: operations and steps against the clock, the roofline, and a baseline.

use std::io::Write;
use std::time::Instant;

use parnas_kernels::{DeviceFacts, device};
use serde_json::json;

use super::CommandError;
use super::arguments::BenchArguments;
use crate::bench::{Baseline, BenchError, Case, Gathered, Pass, Roofline, Sampling, Timing, cases_with, table};
use crate::search::{SearchError, tuning};

/// Prints each timing when it is complete, then how all compare with the baseline.
pub(super) fn bench(out: &mut impl Write, arguments: &BenchArguments) -> Result<(), CommandError> {
    let begin = Instant::now();
    let facts = device::choose(arguments.device.as_deref()).map_err(SearchError::from)?;
    let cases = cases_with(&arguments.cases)?;
    if arguments.first {
        return first(out, arguments, &facts, &cases, begin);
    }
    let baseline = match &arguments.baseline {
        Some(path) => {
            let baseline = Baseline::read(path)?;
            baseline.expect_device(&facts, path)?;
            Some((baseline, path))
        }
        None => None,
    };
    let sampling = Sampling::default();
    let (roofline, mut timings) = Roofline::measure(&facts, sampling)?;
    if !arguments.json {
        writeln!(out, "{}\n\n{}", table::head(&facts, &roofline), table::HEADING)?;
    }
    timings.iter().try_for_each(|timing| tell(out, arguments, timing))?;
    // All cases in turn, and again: a disturbance meets some samples of each, and not all samples of one.
    let mut gathered: Vec<Gathered> =
        cases.iter().flat_map(|case| case.passes().iter().map(|pass| Gathered::new(*case, *pass))).collect();
    for round in 1..=arguments.rounds {
        for gathered in &mut gathered {
            let timing = gathered.round(&facts, &roofline, sampling)?;
            if round == arguments.rounds {
                tell(out, arguments, timing)?;
                timings.push(timing.clone());
            }
        }
    }
    if let Some(path) = &arguments.save {
        Baseline::new(&facts, timings.clone()).write(path)?;
    }
    let Some((baseline, path)) = baseline else { return Ok(()) };
    let tolerance = arguments.tolerance;
    let compared = baseline.compare(&timings);
    if compared.is_empty() {
        return Err(BenchError::NothingInCommon { path: path.clone() }.into());
    }
    let lines = compared.iter().map(|comparison| table::comparison(comparison, tolerance));
    let text = format!("\nagainst {} of {}:\n{}", path.display(), baseline.date, lines.collect::<Vec<_>>().join("\n"));
    match arguments.json {
        // Standard output is for programs then.
        true => eprintln!("{text}"),
        false => writeln!(out, "{text}")?,
    }
    match compared.iter().filter(|comparison| comparison.is_regression(tolerance)).count() {
        0 => Ok(()),
        count => {
            let compared = compared.len();
            Err(BenchError::Regressions { count, compared, tolerance: 100.0 * tolerance }.into())
        }
    }
}

/// Prints when the first result of each case was there, counted from `begin`.
fn first(
    out: &mut impl Write,
    arguments: &BenchArguments,
    facts: &DeviceFacts,
    cases: &[Case],
    begin: Instant,
) -> Result<(), CommandError> {
    for case in cases {
        let record = case.workload(Pass::Both, facts)?.first(facts, tuning::fresh(facts))?;
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        if let (Some(record), Some(path)) = (record, tuning::cached(facts)) {
            // A cache that cannot be written costs the next run some seconds, and nothing else.
            let _ = tuning::write(&record, &path);
        }
        match arguments.json {
            true => {
                let line =
                    json!({"engine": "parnas", "device": facts.selector, "case": case.name, "first_ms": milliseconds});
                writeln!(out, "{line}")?;
            }
            false => writeln!(out, "{}: first result after {milliseconds:.0} ms", case.name)?,
        }
        out.flush()?;
    }
    Ok(())
}

/// One timing, at once: the next may take long.
fn tell(out: &mut impl Write, arguments: &BenchArguments, timing: &Timing) -> Result<(), CommandError> {
    match arguments.json {
        // Numbers and texts always become JSON.
        true => writeln!(out, "{}", serde_json::to_string(timing).unwrap_or_default())?,
        false => writeln!(out, "{}", table::row(timing))?,
    }
    Ok(out.flush()?)
}
