//! Many architectures at once: one step for thirteen devices against thirteen steps for one, at the default job's size.

use std::time::Instant;

use parnas::hardware::DeviceProfile;
use parnas::hardware::timing::median;
use parnas::search::config::Configuration;
use parnas::search::session::Session;
use parnas_kernels::{DeviceFacts, DeviceKind, Prepared, device};

use super::{CheckError, Report, Surroundings, devices};

/// As many as the published search has devices.
const ARCHITECTURES: usize = 13;
/// Cells that the predictors see; they are not what is timed.
const CELLS: usize = 50;

/// A search that is ready to step.
struct Stepping {
    session: Session,
    prepared: Prepared,
    launches: usize,
    parts: usize,
}

impl Stepping {
    fn new(facts: &DeviceFacts, profiles: Vec<DeviceProfile>) -> Result<Self, CheckError> {
        let configuration = Configuration {
            device: Some(facts.selector.clone()),
            preferences_per_device: 1,
            weight_architectures: profiles.len(),
            warmup_steps: 0,
            predictor_steps: 1,
            ..Configuration::default()
        };
        let mut session = Session::build(configuration, profiles, None, &mut |_, _, _| true)?;
        let (plan, parts) = session.step_plan(1.0)?;
        let prepared = session.runtime.prepare(&plan)?;
        for (loader, (images, labels)) in
            [(&session.data.upper, &session.state.upper), (&session.data.lower, &session.state.lower)]
        {
            let mut pixels = vec![0.0; loader.image_values()];
            let mut classes = vec![0; loader.batch()];
            loader.fill(0, &mut pixels, &mut classes)?;
            session.runtime.write(images, &pixels)?;
            session.runtime.write_u32(labels, &classes)?;
        }
        Ok(Self { session, prepared, launches: plan.launches.len(), parts })
    }

    /// Milliseconds of so many steps.
    fn time(&mut self, steps: usize) -> Result<f64, CheckError> {
        let start = Instant::now();
        for _ in 0..steps {
            self.session.runtime.run(&self.prepared)?;
        }
        self.session.runtime.executor.wait()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

pub(super) fn check(report: &mut Report, surroundings: &Surroundings) -> Result<(), CheckError> {
    let Some(table) = surroundings.table(report) else { return Ok(()) };
    let mut profiles = devices::complete(table)?;
    profiles.truncate(ARCHITECTURES);
    if profiles.len() < ARCHITECTURES {
        return Err(format!("the table has {} complete devices, {ARCHITECTURES} are needed", profiles.len()).into());
    }
    profiles.iter_mut().for_each(|profile| profile.objectives[0].samples.truncate(CELLS));
    let mut found = vec![DeviceFacts::cpu()];
    found.extend(device::list_all().into_iter().find(|facts| facts.kind != DeviceKind::Cpu));
    for facts in found {
        let mut together = Stepping::new(&facts, profiles.clone())?;
        let mut alone = Stepping::new(&facts, profiles[..1].to_vec())?;
        let repeats = if facts.kind == DeviceKind::Software { 5 } else { 15 };
        let (mut one, mut many) = (Vec::new(), Vec::new());
        for repeat in 0..=repeats {
            let times = (together.time(1)?, alone.time(ARCHITECTURES)?);
            // The first round warms up.
            if repeat > 0 {
                one.push(times.0);
                many.push(times.1);
            }
        }
        let (one, many) = (median(&one).unwrap_or(f64::NAN), median(&many).unwrap_or(f64::NAN));
        let kind = if facts.kind == DeviceKind::Software { ", a software device and no GPU" } else { "" };
        report.verdict(
            one < many,
            format_args!(
                "{}{kind}: one step of {ARCHITECTURES} architectures {one:.1} ms ({} launches, {} chunks), \
                 {ARCHITECTURES} steps of one {many:.1} ms ({ARCHITECTURES} x {} launches): {:.2} times as fast (medians \
                 of {repeats})",
                facts.name,
                together.launches,
                together.parts,
                alone.launches,
                many / one
            ),
        );
    }
    Ok(())
}
