//! `parnas tune`: the variants of a step's kernels, measured without haste.

use std::io::Write;
use std::time::{Duration, Instant};

use parnas_kernels::{DeviceKind, Record, Tuner};

use super::arguments::TuneArguments;
use super::terminal::Terminal;
use super::{CommandError, profile};
use crate::graph::Runtime;
use crate::search::driver::Observer;
use crate::search::{SearchError, setup, tuning};

/// Measures every class of kernels of a step, writes the record and prints what was chosen and by how much.
pub(super) fn tune(out: &mut impl Write, arguments: &TuneArguments) -> Result<(), CommandError> {
    let configuration = arguments.configuration.load()?;
    let facts = setup::device_of(&configuration)?;
    let path = configuration.tuning.clone().or_else(|| tuning::cached(&facts));
    let path = path.ok_or_else(|| CommandError::Question("there is no cache folder: give --tuning FILE".to_owned()))?;
    if facts.kind == DeviceKind::Cpu {
        let reason = "the CPU executor has one variant of each kernel; name a GPU with --device";
        return Err(CommandError::Question(reason.to_owned()));
    }
    let mut terminal = Terminal::new();
    terminal.stage("tuning");
    terminal.note(&format!("{} ({}), {}", facts.name, facts.selector, facts.driver));
    let (rehearsal, _) = profile::rehearsal_of(&configuration, &facts)?;
    let mut runtime = Runtime::new(&facts, None, &rehearsal.store).map_err(SearchError::from)?;
    let begin = Instant::now();
    let budget = Duration::from_secs(arguments.seconds);
    runtime.executor.tune_with(Tuner::new(Record::new(&facts), budget));
    runtime.prepare(&rehearsal.plan).map_err(SearchError::from)?;
    terminal.finish();
    let Some(tuner) = runtime.executor.tuner() else { return Ok(()) };
    for (class, choice) in tuner.record().choices() {
        let gain = choice.plain_milliseconds / choice.milliseconds.max(1e-6);
        writeln!(
            out,
            "{class}: {}, {:.3} ms, {gain:.2} times as fast as the plain variant ({:.3} ms)",
            choice.variant, choice.milliseconds, choice.plain_milliseconds
        )?;
    }
    for rejection in tuner.rejections() {
        writeln!(out, "{}: `{}` is not used: {}", rejection.class, rejection.variant, rejection.reason)?;
    }
    tuning::write(tuner.record(), &path)?;
    let spent = begin.elapsed();
    if spent >= budget {
        writeln!(out, "the {} s did not suffice for all kernels; --seconds gives more", arguments.seconds)?;
    }
    writeln!(out, "{} ({:.1} s)", path.display(), spent.as_secs_f64())?;
    Ok(())
}
