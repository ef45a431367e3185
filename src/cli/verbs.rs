//! The verbs that run, ask and show a search.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arguments::{
    EvalArguments, FrontArguments, MeasureArguments, ReportArguments, ResumeArguments, SearchArguments,
};
use super::terminal::Terminal;
use super::{CommandError, interrupt};
use crate::hardware::{MeasureEvent, read_vector, references};
use crate::search::device::Device;
use crate::search::driver::{self, Observer};
use crate::search::evaluation::{self, EvaluationOptions};
use crate::search::query::{Question, ask};
use crate::search::run_folder::{RunFiles, RunFolder};
use crate::search::setup::{self, RunSpace};
use crate::search::{SearchError, output};

/// `parnas search`: the run folder's path is the result.
pub(super) fn search(out: &mut impl Write, arguments: &SearchArguments) -> Result<(), CommandError> {
    let configuration = arguments.configuration.load()?;
    let stop = interrupt::listen()?;
    let mut terminal = Terminal::explaining(arguments.explain);
    let result = driver::search(configuration, &mut terminal, stop);
    terminal.finish();
    writeln!(out, "{}", result?.display())?;
    Ok(())
}

/// `parnas resume`.
pub(super) fn resume(out: &mut impl Write, arguments: &ResumeArguments) -> Result<(), CommandError> {
    let stop = interrupt::listen()?;
    let mut terminal = Terminal::new();
    let result = driver::resume(&arguments.run, &mut terminal, stop);
    terminal.finish();
    writeln!(out, "{}", result?.display())?;
    Ok(())
}

/// `parnas measure`.
pub(super) fn measure(out: &mut impl Write, arguments: &MeasureArguments) -> Result<(), CommandError> {
    let configuration = arguments.configuration.load()?;
    let stop = interrupt::listen()?;
    let dataset = setup::dataset(&configuration)?;
    let space = RunSpace::new(&configuration, &dataset)?;
    let mut terminal = Terminal::new();
    terminal.stage("measuring");
    let measured = driver::measure(
        &configuration,
        &space,
        &mut |event| match event {
            MeasureEvent::Profile(name, networks) => terminal.note(&format!("{name}: {networks} networks")),
            MeasureEvent::Progress(done, total) => terminal.progress("networks", done as u64, total as u64),
            MeasureEvent::Note(text) => terminal.note(&text),
        },
        &|| !AtomicBool::load(stop, Ordering::Relaxed),
    );
    terminal.finish();
    let measured = measured?;
    measured.write(&arguments.output).map_err(SearchError::from)?;
    for profile in &measured.profiles {
        for block in &profile.objectives {
            let times = block.samples.iter().map(|sample| sample.p50);
            let (low, high) = times.fold((f64::INFINITY, 0.0f64), |(low, high), time| (low.min(time), high.max(time)));
            writeln!(
                out,
                "{}: {} of {} networks, {low:.3} to {high:.3} {} (p50, batch {}, {})",
                profile.name,
                block.objective,
                block.samples.len(),
                block.unit,
                profile.batch,
                profile.precision
            )?;
        }
    }
    writeln!(out, "{}", arguments.output.display())?;
    Ok(())
}

/// `parnas front`: a table of CSV on standard output.
pub(super) fn front(out: &mut impl Write, arguments: &FrontArguments) -> Result<(), CommandError> {
    let mut session = driver::open(&arguments.run, None)?;
    let objectives = session.configuration.objectives.len();
    let question = match (&arguments.preference, arguments.limits.as_slice()) {
        (Some(preference), []) if preference.0.len() == objectives => Question::Preference(preference.0.clone()),
        (Some(preference), []) => {
            return Err(CommandError::Question(format!(
                "--preference has {} weights, the run has {objectives} objectives",
                preference.0.len()
            )));
        }
        (Some(_), _) => return Err(CommandError::Question("--preference and --limit do not go together".to_owned())),
        (None, []) => Question::Front(arguments.points.map(|points| points as usize)),
        (None, limits) => Question::Within(limits.to_vec()),
    };
    let files = RunFiles::open(&arguments.run).map_err(SearchError::from)?;
    let known = output::read(&files).ok();
    let device = match (&arguments.device, &arguments.device_vector) {
        (Some(name), _) => {
            let known = session.devices.iter().find(|device| device.name == *name).cloned();
            known.ok_or_else(|| SearchError::UnknownProfile {
                asked: name.clone(),
                available: session.devices.iter().map(|own| own.name.clone()).collect::<Vec<_>>().join(", "),
            })?
        }
        (None, Some(path)) => {
            let profile = read_vector(path, &references::NAS_BENCH_201).map_err(SearchError::from)?;
            Device::new(&profile, &session.configuration.objectives)?
        }
        (None, None) => {
            return Err(CommandError::Question("say which device: --device NAME or --device-vector FILE".to_owned()));
        }
    };
    let results = ask(&mut session, &device, &question, known.as_ref())?;
    for device in &results.devices {
        out.write_all(output::table(&results, &device.front).as_bytes())?;
    }
    Ok(())
}

/// `parnas report`.
pub(super) fn report(out: &mut impl Write, arguments: &ReportArguments) -> Result<(), CommandError> {
    let folder = RunFolder::open(&arguments.run).map_err(SearchError::from)?;
    output::report(folder.files())?;
    writeln!(out, "{}", folder.files().report().display())?;
    Ok(())
}

/// `parnas eval`: a summary on standard output.
pub(super) fn eval(out: &mut impl Write, arguments: &EvalArguments) -> Result<(), CommandError> {
    let stop = interrupt::listen()?;
    let mut terminal = Terminal::new();
    let options = EvaluationOptions {
        truth: arguments.truth.clone(),
        dataset: arguments.dataset.clone(),
        devices: arguments.devices.clone(),
        extraction: !arguments.plain,
        controls: !arguments.no_controls,
    };
    let result = evaluation::evaluate(&arguments.run, &options, &mut terminal, stop);
    terminal.finish();
    for line in evaluation::summary(&result?) {
        writeln!(out, "{line}")?;
    }
    let files = RunFiles::open(&arguments.run).map_err(SearchError::from)?;
    writeln!(out, "{}", files.evaluation().display())?;
    Ok(())
}
