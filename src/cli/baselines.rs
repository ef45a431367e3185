//! `parnas baselines`: other optimisers on a benchmark's tables, at equal budgets.

use std::fs;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::CommandError;
use super::arguments::BaselineArguments;
use super::tables::unknown;
use super::terminal::Terminal;
use crate::benchmark::BenchmarkError;
use crate::benchmark::baselines::{ShortTraining, Task};
use crate::benchmark::protocol::Protocol;
use crate::benchmark::results::{Row, hypervolume_curve, run_all, summary, summary_table, table};
use crate::files::{self, FileAction, FileError};
use crate::hardware::tables::{ColumnKind, Tables};
use crate::pareto::optimise::Method;
use crate::report::plots::{Band, BandPlot};
use crate::report::standalone;
use crate::search::SearchError;
use crate::search::driver::Observer;
use crate::space::{Architecture, NasBench201, SearchSpace};

/// Epochs behind the accuracy that scores, and behind the early one that MO-ASHA starts from.
const EPOCHS: u32 = 200;
const EARLY: u32 = 12;

/// The columns of a device.
struct DeviceTable<'a> {
    name: &'a str,
    costs: Vec<&'a [f64]>,
    protocol: Protocol,
}

/// `parnas baselines`: a summary on standard output, the folder's path last.
pub(super) fn baselines(out: &mut impl Write, arguments: &BaselineArguments) -> Result<(), CommandError> {
    let tables = Tables::read(&arguments.tables)?;
    let accuracy = |epochs: u32| tables.accuracy(&arguments.dataset, "test", epochs);
    let Some(full) = accuracy(EPOCHS) else {
        let known = tables.columns.iter().filter(|own| matches!(own.kind, ColumnKind::Accuracy { .. }));
        let names: Vec<&str> = known.map(|own| own.name.as_str()).collect();
        let name = format!("{}.test.{EPOCHS}", arguments.dataset);
        return Err(CommandError::Question(unknown("accuracy", &name, &names)));
    };
    let error_of = |values: &[f64]| values.iter().map(|accuracy| 100.0 - accuracy).collect::<Vec<f64>>();
    let error = error_of(&full.values);
    let early = accuracy(EARLY).map(|own| error_of(&own.values));
    let devices = devices(&tables, arguments, &error)?;
    let space = NasBench201::new();
    let parsed = tables.architectures.iter().map(|text| space.parse(text));
    let architectures: Vec<Architecture> = parsed.collect::<Result<_, _>>().map_err(SearchError::from)?;
    let mut tasks = Vec::new();
    for device in &devices {
        let short = early.iter().map(|error| ShortTraining { epochs: EARLY, error }).collect();
        let task = Task::new(&space, &architectures, &device.protocol, &error, &device.costs, EPOCHS, short);
        tasks.push((device.name.to_owned(), task.map_err(SearchError::from)?));
    }
    let methods: Vec<Method> =
        if arguments.methods.is_empty() { Method::ALL.to_vec() } else { arguments.methods.clone() };
    let rows = run(&tasks, &methods, arguments).map_err(SearchError::from)?;

    let folder = &arguments.output;
    fs::create_dir_all(folder)
        .map_err(|source| SearchError::from(FileError { action: FileAction::Write, path: folder.clone(), source }))?;
    let write = |name: &str, text: String| {
        files::write_atomically(&folder.join(name), text.as_bytes()).map_err(SearchError::from)
    };
    let summaries = summary(&rows, arguments.budget);
    write("baselines.csv", table(&rows))?;
    write("summary.csv", summary_table(&summaries))?;
    write("baselines.svg", standalone(&figure(&rows, &methods, devices.len())))?;
    writeln!(
        out,
        "after {} evaluations, mean over {} devices and {} seeds",
        arguments.budget,
        devices.len(),
        arguments.seeds
    )?;
    writeln!(out, "{:<8} {:>18} {:>8} {:>8}", "method", "hypervolume", "gd+", "igd+")?;
    for own in summaries.iter().filter(|own| own.device.is_none()) {
        let volume = format!("{:.4} ± {:.4}", own.mean.hypervolume, own.error.hypervolume);
        let name = own.method.name();
        writeln!(out, "{name:<8} {volume:>18} {:>8.4} {:>8.4}", own.mean.gd_plus, own.mean.igd_plus)?;
    }
    writeln!(out, "{}", folder.display())?;
    Ok(())
}

/// The devices that are asked for, with all objectives.
fn devices<'a>(
    tables: &'a Tables,
    arguments: &BaselineArguments,
    error: &[f64],
) -> Result<Vec<DeviceTable<'a>>, CommandError> {
    let all = tables.devices_of(&arguments.dataset);
    for name in &arguments.devices {
        if !all.contains(&name.as_str()) {
            return Err(CommandError::Question(unknown("device", name, &all)));
        }
    }
    let asked = |name: &&str| arguments.devices.is_empty() || arguments.devices.iter().any(|own| own == name);
    let mut found = Vec::new();
    for name in all.into_iter().filter(asked) {
        let columns = arguments.objectives.iter().map(|objective| tables.device(name, objective));
        let Some(columns) = columns.collect::<Option<Vec<_>>>() else {
            if arguments.devices.is_empty() {
                continue;
            }
            let wanted = arguments.objectives.join(" and ");
            return Err(CommandError::Question(format!("the tables do not have {wanted} on {name}")));
        };
        let costs: Vec<&[f64]> = columns.iter().map(|column| column.values.as_slice()).collect();
        let protocol = Protocol::new(error, &costs).map_err(SearchError::from)?;
        found.push(DeviceTable { name, costs, protocol });
    }
    match found.is_empty() {
        true => {
            Err(CommandError::Question(format!("no device of the tables has {}", arguments.objectives.join(" and "))))
        }
        false => Ok(found),
    }
}

fn run(
    tasks: &[(String, Task)],
    methods: &[Method],
    arguments: &BaselineArguments,
) -> Result<Vec<Row>, BenchmarkError> {
    let total = (tasks.len() * methods.len()) as u64 * arguments.seeds;
    let mut terminal = Terminal::new();
    terminal.stage("running the baselines");
    let (terminal, done) = (Mutex::new(terminal), AtomicU64::new(0));
    let rows = run_all(tasks, methods, arguments.seeds, arguments.budget, || {
        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
        // A line of progress is not worth a panic of another thread's.
        if let Ok(mut terminal) = terminal.lock() {
            terminal.progress("runs", count, total);
        }
    });
    if let Ok(terminal) = terminal.lock() {
        terminal.finish();
    }
    rows
}

fn figure(rows: &[Row], methods: &[Method], devices: usize) -> crate::report::svg::Element {
    let bands: Vec<Band> = methods
        .iter()
        .map(|&method| {
            let curve = hypervolume_curve(rows, method, None);
            let points = curve.into_iter().map(|(evaluations, mean, error)| (evaluations as f64, mean, error));
            Band { name: method.name().to_owned(), points: points.collect() }
        })
        .collect();
    BandPlot {
        title: "Baselines",
        subtitle: &format!("mean hypervolume over {devices} devices; bands: one standard error over seeds"),
        x: "evaluations",
        y: "hypervolume",
        bands: &bands,
    }
    .draw()
}
