//! `parnas profile`: where the time of a step goes.

use std::io::Write;

use parnas_kernels::{DeviceFacts, device};

use super::CommandError;
use super::arguments::ProfileArguments;
use crate::bench::{Pass, Profile, Roofline, Sampling, Workload, case_with, table, trace};
use crate::files;
use crate::search::config::Configuration;
use crate::search::rehearsal::Rehearsal;
use crate::search::setup::{self, RunSpace};
use crate::search::tabled::given_measurements;
use crate::search::{SearchError, driver};

/// Prints what the step will take, measures it, and prints where its time goes.
pub(super) fn profile(out: &mut impl Write, arguments: &ProfileArguments) -> Result<(), CommandError> {
    let configuration = arguments.configuration.load()?;
    let (name, facts, workload) = match &arguments.case {
        Some(asked) => {
            if let Some(key) = arguments.configuration.first_beside("device") {
                let message = format!(
                    "--{} is a key of a search and does not go with --case; leave one of them out",
                    key.replace('_', "-")
                );
                return Err(CommandError::Question(message));
            }
            let case = case_with(asked)?;
            let facts = device::choose(configuration.device.as_deref()).map_err(SearchError::from)?;
            (case.name.to_owned(), facts.clone(), case.workload(Pass::Both, &facts)?)
        }
        None => step_of(&configuration)?,
    };
    let (roofline, _) = Roofline::measure(&facts, Sampling::default())?;
    writeln!(out, "{}\n\n{}", table::head(&facts, &roofline), table::planned(&name, &workload, facts.kind))?;
    out.flush()?;
    let profile = Profile::measure(&workload, &facts, &roofline)?;
    writeln!(out, "{}", table::profile(&profile, &roofline, &workload, arguments.launches))?;
    if let Some(path) = &arguments.trace {
        let process = format!("{} ({})", facts.name, facts.selector);
        let text = trace(&profile, &process, &name).to_string();
        files::write_atomically(path, text.as_bytes()).map_err(SearchError::from)?;
    }
    Ok(())
}

/// The step of the search that a configuration describes, untrained.
fn step_of(configuration: &Configuration) -> Result<(String, DeviceFacts, Workload), CommandError> {
    let facts = setup::device_of(configuration)?;
    let (rehearsal, devices) = rehearsal_of(configuration, &facts)?;
    let chunks = if rehearsal.chunks == 1 { "1 chunk".to_owned() } else { format!("{} chunks", rehearsal.chunks) };
    let devices = if devices == 1 { "1 device".to_owned() } else { format!("{devices} devices") };
    let name = format!("a step of `{}` for {devices}, in {chunks}", configuration.name);
    Ok((name, facts, Workload::of_step(rehearsal, 1)))
}

/// That step, and the number of devices it is for: those of the measurements, or those that would be measured.
pub(super) fn rehearsal_of(
    configuration: &Configuration,
    facts: &DeviceFacts,
) -> Result<(Rehearsal, usize), CommandError> {
    let dataset = setup::dataset(configuration)?;
    let space = RunSpace::new(configuration, &dataset)?;
    let devices = match (&configuration.measurements, configuration.profiles.len()) {
        (Some(path), 0) => given_measurements(configuration, path, &space)?.file.profiles.len(),
        (None, 0) => driver::measured_devices(configuration)?.len() * configuration.measure_batches.len(),
        (_, named) => named,
    };
    Ok((Rehearsal::new(configuration, &space, devices, facts)?, devices))
}
