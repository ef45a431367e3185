//! A run from its configuration to its report, and its continuation after an interruption.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parnas_kernels::{DeviceFacts, DeviceKind, Plan, device};

use super::checkpoint::Checkpoint;
use super::config::Configuration;
use super::manifest::{Circumstances, DataRecord, Manifest};
use super::metrics::Metrics;
use super::results::Results;
use super::run_folder::{RunFiles, RunFolder};
use super::session::Session;
use super::setup::{self, RunSpace, temperature};
use super::step::METRICS;
use super::tabled::given_measurements;
use super::{SearchError, fronts, memory, output, tuning};
use crate::data::{Dataset, Prefetcher};
use crate::date::UtcTime;
use crate::files::{self, FileAction, FileError};
use crate::hardware::{
    DeviceProfile, Expected, MeasureError, MeasureEvent, MeasureOptions, MeasurementFile, measure_devices, name_of,
};
use crate::nn::{Supernet, WeightSharing};
use crate::space::{Architecture, SearchSpace};

/// The seed of the cells that are measured, so that all devices are measured on the same ones.
const MEASURED_CELLS_SEED: u64 = 0xce11;
/// Steps whose batches are made ahead of time.
const AHEAD: usize = 3;

/// Whoever watches a run.
pub trait Observer {
    /// A stage begins.
    fn stage(&mut self, name: &str);
    /// So much of the stage is done.
    fn progress(&mut self, text: &str, done: u64, total: u64);
    /// Something to know.
    fn note(&mut self, text: &str);
    /// The plan of a step, before the first one runs.
    fn plan(&mut self, _plan: &Plan) {}
}

/// An observer that keeps a run's log beside.
struct Logged<'a> {
    observer: &'a mut dyn Observer,
    folder: &'a RunFolder,
    stop: &'a AtomicBool,
}

impl Logged<'_> {
    fn stage(&mut self, name: &str) -> Result<(), SearchError> {
        self.observer.stage(name);
        Ok(self.folder.log(name)?)
    }

    fn note(&mut self, text: &str) -> Result<(), SearchError> {
        self.observer.note(text);
        Ok(self.folder.log(text)?)
    }

    fn progress(&mut self, text: &str, done: u64, total: u64) -> bool {
        self.observer.progress(text, done, total);
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Runs a search in a new folder, which is returned. `stop` ends it early; it can be taken up again then.
///
/// # Errors
/// Where anything on the way fails; the folder stays, with what was done.
pub fn search(
    configuration: Configuration,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<PathBuf, SearchError> {
    // What can be refused at once is refused before the folder is made.
    let dataset = setup::dataset(&configuration)?;
    let space = RunSpace::new(&configuration, &dataset)?;
    let facts = setup::device_of(&configuration)?;
    let given = match &configuration.measurements {
        Some(path) => Some(given_measurements(&configuration, path, &space)?),
        None => None,
    };
    match &given {
        Some(given) => drop(chosen_profiles(&configuration, given.file.profiles.clone())?),
        None => measurable(&configuration)?,
    }
    let folder =
        RunFolder::create(&configuration.run_dir, &configuration.name, UtcTime::now(), &configuration.to_toml())?;
    let root = folder.files().root().to_path_buf();
    let mut seconds = Vec::new();
    let mut log = Logged { observer, folder: &folder, stop };
    log.note(&format!("run folder {}", root.display()))?;
    log.note(&format!("computing on {} ({})", facts.name, facts.selector))?;

    let start = Instant::now();
    let measurements = match given {
        Some(given) => {
            for note in &given.notes {
                log.note(note)?;
            }
            given.file
        }
        None => {
            log.stage("measuring")?;
            let mut failed = Ok(());
            let measured = measure(
                &configuration,
                &space,
                &mut |event| match event {
                    MeasureEvent::Profile(name, networks) => {
                        failed = log.note(&format!("{name}: {networks} networks"));
                    }
                    MeasureEvent::Progress(done, total) => {
                        log.observer.progress("networks", done as u64, total as u64);
                    }
                    MeasureEvent::Note(text) => failed = log.note(&text),
                },
                &|| !stop.load(Ordering::Relaxed),
            )?;
            failed?;
            measured
        }
    };
    measurements.write(&folder.files().measurements())?;
    seconds.push(("measuring".to_owned(), start.elapsed().as_secs_f64()));
    manifest_of(&configuration, &space, &dataset, &facts, folder.files())?.save(&folder.files().manifest())?;
    let profiles = chosen_profiles(&configuration, measurements.profiles)?;
    run(configuration, profiles, None, &folder, log, seconds)?;
    Ok(root)
}

/// Goes on with a run that was interrupted, in any way and at any moment after its measurements were complete.
///
/// # Errors
/// Where the folder is no run, or anything on the way fails.
pub fn resume(root: &Path, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<PathBuf, SearchError> {
    let folder = RunFolder::open(root)?;
    let files = folder.files();
    let configuration = Configuration::load(Some(&files.configuration()), &[])?;
    if !files.measurements().is_file() {
        return Err(SearchError::NothingToResume { root: root.to_path_buf() });
    }
    let dataset = setup::dataset(&configuration)?;
    let space = RunSpace::new(&configuration, &dataset)?;
    let facts = setup::device_of(&configuration)?;
    let measurements = read_measurements(&files.measurements(), &space)?;
    let checkpoint = match files.checkpoint().is_file() {
        true => Some(Checkpoint::load(&files.checkpoint())?),
        false => None,
    };
    let mut log = Logged { observer, folder: &folder, stop };
    let step = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
    log.note(&format!("going on after step {step}"))?;
    let now = manifest_of(&configuration, &space, &dataset, &facts, files)?;
    match files.manifest().is_file() {
        true => {
            let mut manifest = Manifest::load(&files.manifest())?;
            for change in manifest.resume(&files.manifest(), &now, step)? {
                log.note(&format!("note: {change}; the result may differ in its last bits"))?;
            }
            manifest.save(&files.manifest())?;
        }
        false => now.save(&files.manifest())?,
    }
    let profiles = chosen_profiles(&configuration, measurements.profiles)?;
    run(configuration, profiles, checkpoint, &folder, log, Vec::new())?;
    Ok(root.to_path_buf())
}

/// Everything behind the measurements.
fn run(
    configuration: Configuration,
    profiles: Vec<DeviceProfile>,
    checkpoint: Option<Checkpoint>,
    folder: &RunFolder,
    mut log: Logged<'_>,
    mut seconds: Vec<(String, f64)>,
) -> Result<(), SearchError> {
    let files = folder.files();
    let start = Instant::now();
    log.stage("training the predictor")?;
    let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
    let snapshot = checkpoint.as_ref().map(|checkpoint| &checkpoint.tensors);
    let mut session =
        Session::build(configuration, profiles, snapshot, &mut |text, done, total| log.progress(text, done, total))
            .map_err(|error| resumable(error, files, done))?;
    for (hardware, name) in session.hardware.iter().flat_map(|hardware| {
        hardware.checks.iter().zip(&session.profiles).map(|(check, profile)| (check, &profile.name))
    }) {
        let tau = hardware.kendall_tau.map_or("none".to_owned(), |tau| format!("{tau:.3}"));
        let error = hardware.relative_error.map_or("none".to_owned(), |error| format!("{:.1} %", 100.0 * error));
        log.note(&format!(
            "{name}: {} on {} unseen cells, Kendall tau {tau}, relative error {error}",
            hardware.objective,
            hardware.measured.len()
        ))?;
    }
    seconds.push(("predictor".to_owned(), start.elapsed().as_secs_f64()));
    if let Some(tuner) = tuning::tuner(&session.configuration, &session.facts, files, checkpoint.is_some())? {
        session.runtime.executor.tune_with(tuner);
    }
    if let Some(checkpoint) = &checkpoint {
        let expected: BTreeMap<String, Vec<usize>> =
            session.store.checkpointed().map(|tensor| (tensor.name().to_owned(), tensor.shape().to_vec())).collect();
        checkpoint.expect(&files.checkpoint(), &session.space.space.hash(), &expected)?;
    } else {
        if let Some(path) = session.configuration.supernet.clone() {
            start_from(&mut session, &path)?;
            log.note(&format!("the supernet starts from {}", path.display()))?;
        }
        log.stage("pretraining the hypernetwork")?;
        session
            .pretrain(&mut |text, done, total| log.progress(text, done, total))
            .map_err(|error| resumable(error, files, done))?;
    }
    let start = Instant::now();
    steps(&mut session, files, done, &mut log)?;
    seconds.push(("search".to_owned(), start.elapsed().as_secs_f64()));

    let start = Instant::now();
    log.stage("scoring the fronts")?;
    let stop = log.stop;
    let devices = fronts::score(&mut session, files, &mut |text, done, total| log.progress(text, done, total), &|| {
        !stop.load(Ordering::Relaxed)
    })
    .map_err(|error| resumable(error, files, session.configuration.steps as u64))?;
    seconds.push(("fronts".to_owned(), start.elapsed().as_secs_f64()));
    let objectives = &session.configuration.objectives;
    let results = Results {
        objectives: objectives.iter().map(|objective| objective.name().to_owned()).collect(),
        units: objectives[1..].iter().map(|objective| objective.base_unit().symbol.to_owned()).collect(),
        devices,
        seconds,
    };
    output::write(&results, files)?;
    for line in output::summary(&results) {
        log.note(&line)?;
    }
    log.note(&format!("report {}", files.report().display()))
}

/// Gives the supernet the weights that it has at the end of another run.
fn start_from(session: &mut Session, root: &Path) -> Result<(), SearchError> {
    let path = RunFiles::open(root)?.checkpoint();
    let other = Checkpoint::load(&path)?;
    let weights: Vec<_> =
        session.supernet.trunk_parameters().into_iter().chain(session.supernet.body_parameters()).collect();
    let names: BTreeSet<&str> = weights.iter().map(|weight| weight.name()).collect();
    let expected = weights.iter().map(|weight| (weight.name().to_owned(), weight.shape().to_vec())).collect();
    let tensors = other.tensors.into_iter().filter(|(name, _)| names.contains(name.as_str())).collect();
    let own = Checkpoint { tensors, ..other };
    own.expect(&path, &session.space.space.hash(), &expected)?;
    for weight in &weights {
        session.runtime.restore(weight, &own.tensors)?;
    }
    Ok(())
}

/// An interruption after the measurements says how to go on.
fn resumable(error: SearchError, files: &RunFiles, step: u64) -> SearchError {
    match error {
        SearchError::Interrupted | SearchError::Measure(MeasureError::Interrupted) => {
            SearchError::Stopped { root: files.root().to_path_buf(), step }
        }
        other => other,
    }
}

/// What a step of the run is; steps of one phase have one plan.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The hypernetwork rests.
    Warmup,
    /// Both levels, at a temperature.
    Search(f64),
}

impl Phase {
    fn at(configuration: &Configuration, step: u64) -> Self {
        match step < configuration.warmup_steps as u64 {
            true => Self::Warmup,
            false => Self::Search(temperature(configuration, step)),
        }
    }

    fn plan(self, session: &Session) -> Result<(Plan, usize), SearchError> {
        match self {
            Self::Warmup => session.warmup_plan(),
            Self::Search(level) => session.step_plan(level),
        }
    }
}

/// The steps of the search from `done` on, with checkpoints.
fn steps(session: &mut Session, files: &RunFiles, done: u64, log: &mut Logged<'_>) -> Result<(), SearchError> {
    let steps = session.configuration.steps as u64;
    let columns: Vec<String> = METRICS
        .iter()
        .map(|name| (*name).to_owned())
        .chain(session.profiles.iter().map(|profile| format!("weight_{}", profile.name)))
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut metrics = match done {
        0 => Metrics::create(&files.metrics(), &columns)?,
        _ => Metrics::resume(&files.metrics(), &columns, done)?,
    };
    if done >= steps {
        return Ok(());
    }
    log.stage("searching")?;
    let warmup = session.configuration.warmup_steps as u64;
    let mut phase = Phase::at(&session.configuration, done);
    let (whole, parts) = session.step_plan(temperature(&session.configuration, warmup.max(done)))?;
    let mebibytes =
        memory::step_bytes(&whole, &session.store, session.runtime.executor.facts().kind) as f64 / (1 << 20) as f64;
    log.note(&format!(
        "a step: {} launches in {parts} chunk{}, {mebibytes:.1} MiB, {:.2} GFLOP",
        whole.launches.len(),
        if parts == 1 { "" } else { "s" },
        whole.cost().operations as f64 / 1e9
    ))?;
    log.observer.plan(&whole);
    let plan = match phase {
        Phase::Warmup => phase.plan(session)?.0,
        Phase::Search(_) => whole,
    };
    let mut prepared = session.runtime.prepare(&plan)?;
    if !files.tuning().is_file()
        && let Some(tuner) = session.runtime.executor.tuner_mut()
    {
        for note in tuning::freeze(tuner, &session.configuration, &session.facts, files)? {
            log.note(&note)?;
        }
    }
    let mut batches = Prefetcher::start(session.data.lower.clone(), session.data.upper.clone(), done, AHEAD)?;
    let (log_every, checkpoint_every) =
        (session.configuration.log_every as u64, session.configuration.checkpoint_every as u64);
    for step in done..steps {
        let next = Phase::at(&session.configuration, step);
        if next != phase {
            phase = next;
            let (plan, _) = phase.plan(session)?;
            prepared = session.runtime.prepare(&plan)?;
        }
        let batch = batches.next_step()?;
        for ((images, labels), batch) in [(&session.state.upper, &batch.upper), (&session.state.lower, &batch.lower)] {
            session.runtime.write(images, &batch.images)?;
            session.runtime.write_u32(labels, &batch.labels)?;
        }
        session.runtime.run(&prepared)?;
        let count = step + 1;
        let stopping = log.stop.load(Ordering::Relaxed);
        if count % log_every == 0 || count == steps {
            let values: Vec<f64> = session.runtime.read(&session.state.metrics)?.into_iter().map(f64::from).collect();
            metrics.append(count, &values)?;
            let text = format!("loss {:.3}, accuracy {:.1} %", values[1], 100.0 * values[2]);
            log.progress(&text, count, steps);
        }
        if count % checkpoint_every == 0 || count == steps || stopping {
            metrics.flush()?;
            let tensors = session.runtime.snapshot(&session.store)?;
            let hash = session.space.space.hash();
            let names: BTreeSet<String> =
                session.hypernetwork.parameters().iter().map(|parameter| parameter.name().to_owned()).collect();
            let own = tensors.iter().filter(|(name, _)| names.contains(*name));
            let own = own.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
            std::fs::create_dir_all(files.hypernetworks()).map_err(|source| FileError {
                action: FileAction::Write,
                path: files.hypernetworks(),
                source,
            })?;
            Checkpoint::new(count, &hash, own).save(&files.hypernetwork(count))?;
            Checkpoint::new(count, &hash, tensors).save(&files.checkpoint())?;
        }
        if stopping && count < steps {
            return Err(SearchError::Stopped { root: files.root().to_path_buf(), step: count });
        }
    }
    Ok(())
}

/// Refuses profiles that measuring would not give, before anything is measured.
fn measurable(configuration: &Configuration) -> Result<(), SearchError> {
    let devices = measured_devices(configuration)?;
    let names: Vec<String> = devices
        .iter()
        .flat_map(|facts| configuration.measure_batches.iter().map(|batch| name_of(facts, *batch as u32)))
        .collect();
    match configuration.profiles.iter().find(|asked| !names.contains(asked)) {
        Some(asked) => Err(SearchError::UnmeasuredProfile { asked: asked.clone(), available: names.join(", ") }),
        None => Ok(()),
    }
}

/// The devices that a configuration measures: those it names, or all but software adapters.
///
/// # Errors
/// Where no device answers to a name.
pub fn measured_devices(configuration: &Configuration) -> Result<Vec<DeviceFacts>, SearchError> {
    if configuration.measure_devices.is_empty() {
        return Ok(device::list().into_iter().filter(|facts| facts.kind != DeviceKind::Software).collect());
    }
    let mut devices: Vec<DeviceFacts> = Vec::new();
    for name in &configuration.measure_devices {
        let facts = device::choose(Some(name))?;
        if devices.iter().all(|known| known.selector != facts.selector) {
            devices.push(facts);
        }
    }
    Ok(devices)
}

/// Measures the devices of a configuration.
///
/// # Errors
/// Where a device fails, or `keep_on` says no.
pub fn measure(
    configuration: &Configuration,
    space: &RunSpace,
    events: &mut dyn FnMut(MeasureEvent<'_>),
    keep_on: &dyn Fn() -> bool,
) -> Result<MeasurementFile, SearchError> {
    let references = space.references()?;
    let enough = configuration.measure_cells + references.len();
    let (random, sparse) = (space.random(enough, MEASURED_CELLS_SEED), space.sparse(enough, MEASURED_CELLS_SEED));
    let mut cells: Vec<Architecture> = Vec::new();
    for cell in random.into_iter().zip(sparse).flat_map(|(random, sparse)| [random, sparse]) {
        if !references.contains(&cell) && !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells.truncate(configuration.measure_cells);
    let options = MeasureOptions {
        batches: configuration.measure_batches.iter().map(|batch| *batch as u32).collect(),
        cells: configuration.measure_cells,
        time: Duration::from_secs_f64(configuration.measure_seconds),
        threads: configuration.threads,
    };
    let devices = measured_devices(configuration)?;
    let profiles =
        measure_devices(&devices, &space.space, &space.network, &references, &cells, &options, events, keep_on)?;
    let texts = references.iter().map(|reference| space.space.print(reference)).collect();
    Ok(MeasurementFile::new(expected(space, &space.description(), &space.space.hash()), texts, profiles))
}

pub(super) fn expected<'a>(space: &'a RunSpace, description: &'a serde_json::Value, hash: &'a str) -> Expected<'a> {
    Expected { space: space.space.name(), space_hash: hash, network: description }
}

/// Reads a measurement file made for a run's space and network.
///
/// # Errors
/// Where it was made for another, or is damaged.
pub fn read_measurements(path: &Path, space: &RunSpace) -> Result<MeasurementFile, SearchError> {
    let (description, hash) = (space.description(), space.space.hash());
    Ok(MeasurementFile::read(path, expected(space, &description, &hash))?)
}

/// The profiles that a configuration names, or all, if they have its objectives.
fn chosen_profiles(
    configuration: &Configuration,
    profiles: Vec<DeviceProfile>,
) -> Result<Vec<DeviceProfile>, SearchError> {
    let chosen: Vec<DeviceProfile> = if configuration.profiles.is_empty() {
        profiles
    } else {
        let pick = |name: &String| {
            profiles.iter().find(|profile| profile.name == *name).cloned().ok_or_else(|| SearchError::UnknownProfile {
                asked: name.clone(),
                available: profiles.iter().map(|profile| profile.name.clone()).collect::<Vec<_>>().join(", "),
            })
        };
        configuration.profiles.iter().map(pick).collect::<Result<_, _>>()?
    };
    for objective in &configuration.objectives[1..] {
        if let Some(profile) =
            chosen.iter().find(|profile| objective.is_measured() && profile.block(objective.name()).is_none())
        {
            let reason = format!("the profile `{}` has no values of it", profile.name);
            return Err(SearchError::Objective { objective: *objective, reason });
        }
    }
    Ok(chosen)
}

fn manifest_of(
    configuration: &Configuration,
    space: &RunSpace,
    dataset: &Dataset,
    facts: &DeviceFacts,
    files: &RunFiles,
) -> Result<Manifest, SearchError> {
    let measurements = files::read(&files.measurements())?;
    Ok(Manifest::new(&Circumstances {
        seed: configuration.seed,
        space: space.space.name(),
        space_hash: &space.space.hash(),
        device: facts,
        data: DataRecord { name: dataset.name.clone(), sha256: dataset.sha256.clone() },
        measurements: Some(&measurements),
    }))
}

/// A trained run for questions: its session with the weights of its last checkpoint.
///
/// # Errors
/// Where the folder is no run, or has no checkpoint yet.
pub fn open(root: &Path, device: Option<String>) -> Result<Session, SearchError> {
    let files = RunFiles::open(root)?;
    let mut configuration = Configuration::load(Some(&files.configuration()), &[])?;
    if device.is_some() {
        configuration.device = device;
    }
    if !files.checkpoint().is_file() {
        return Err(SearchError::NoCheckpoint { root: root.to_path_buf() });
    }
    let dataset = setup::dataset(&configuration)?;
    let space = RunSpace::new(&configuration, &dataset)?;
    let measurements = read_measurements(&files.measurements(), &space)?;
    let profiles = chosen_profiles(&configuration, measurements.profiles)?;
    let checkpoint = Checkpoint::load(&files.checkpoint())?;
    let mut session = Session::build(configuration, profiles, Some(&checkpoint.tensors), &mut |_, _, _| true)?;
    if let Some(tuner) = tuning::tuner(&session.configuration, &session.facts, &files, true)? {
        session.runtime.executor.tune_with(tuner);
    }
    Ok(session)
}
