//! `parnas import` and `parnas query`: the tables of a benchmark.

use std::io::Write;

use super::CommandError;
use super::arguments::{ImportArguments, QueryArguments};
use crate::hardware::references::{NAS_BENCH_201, NAS_BENCH_201_INDICES};
use crate::hardware::tables::{Column, ColumnKind, Import, Mapping, Tables, import as import_tables};
use crate::space::{NasBench201, SearchSpace};

/// How alike a name must be to be offered.
const ALIKE: f64 = 0.7;

/// `parnas import`: what was read, a line a column; the file's path last.
pub(super) fn import(out: &mut impl Write, arguments: &ImportArguments) -> Result<(), CommandError> {
    let space = NasBench201::new();
    let mapping = arguments.mapping.as_deref().map(Mapping::read).transpose()?;
    let anchors: Vec<(usize, &str)> =
        NAS_BENCH_201_INDICES.into_iter().map(|index| index as usize).zip(NAS_BENCH_201).collect();
    let request = Import { files: &arguments.files, mapping: mapping.as_ref(), anchors: &anchors };
    let tables = import_tables(&space, &request)?;
    tables.write(&arguments.output)?;
    for column in &tables.columns {
        let known = || column.values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan());
        let low = known().map(|(_, value)| value).fold(f64::INFINITY, f64::min);
        let best = known().fold((0, f64::NEG_INFINITY), |best, own| if own.1 > best.1 { own } else { best });
        let missing = match column.missing() {
            0 => String::new(),
            count => format!(", {count} missing"),
        };
        let unit = &column.unit;
        match &column.kind {
            ColumnKind::Device { batch, .. } => {
                writeln!(out, "{}: {low} to {} {unit}, batch {batch}{missing}", column.name, best.1)?;
            }
            ColumnKind::Accuracy { .. } => {
                writeln!(out, "{}: best {} {unit}, index {}{missing}", column.name, best.1, best.0)?;
            }
            ColumnKind::Other => writeln!(out, "{}: {low} to {}{missing}", column.name, best.1)?,
        }
    }
    writeln!(out, "{}", arguments.output.display())?;
    Ok(())
}

/// `parnas query`: a line a value.
pub(super) fn query(out: &mut impl Write, arguments: &QueryArguments) -> Result<(), CommandError> {
    let tables = Tables::read(&arguments.tables)?;
    let row = row_of(&tables, arguments)?;
    let devices = tables.devices();
    for name in &arguments.devices {
        if !devices.contains(&name.as_str()) {
            return Err(CommandError::Question(unknown("device", name, &devices)));
        }
    }
    let asked = |column: &&Column| match &column.kind {
        _ if arguments.devices.is_empty() => true,
        ColumnKind::Device { device, .. } => arguments.devices.contains(device),
        _ => false,
    };
    if arguments.csv {
        writeln!(out, "index,architecture,name,value,unit,batch")?;
    } else {
        writeln!(out, "{row} {}", tables.architectures[row])?;
    }
    for column in tables.columns.iter().filter(asked) {
        let value = column.values[row];
        let batch = match &column.kind {
            ColumnKind::Device { batch, .. } => batch.to_string(),
            _ => String::new(),
        };
        let text = if value.is_nan() { String::new() } else { value.to_string() };
        if arguments.csv {
            let architecture = &tables.architectures[row];
            writeln!(out, "{row},{architecture},{},{text},{},{batch}", column.name, column.unit)?;
            continue;
        }
        let shown = if text.is_empty() { "missing".to_owned() } else { format!("{text} {}", column.unit) };
        let batch = if batch.is_empty() { String::new() } else { format!(" (batch {batch})") };
        writeln!(out, "{:<28} {}{batch}", column.name, shown.trim_end())?;
    }
    Ok(())
}

fn row_of(tables: &Tables, arguments: &QueryArguments) -> Result<usize, CommandError> {
    let count = tables.architectures.len();
    match (arguments.index, &arguments.architecture) {
        (Some(index), None) if index < count => Ok(index),
        (Some(index), None) => {
            Err(CommandError::Question(format!("--index {index}: the tables have the indices 0 to {}", count - 1)))
        }
        (None, Some(text)) => {
            let space = NasBench201::new();
            let refused = |error| CommandError::Question(format!("--architecture: {error}"));
            let printed = space.print(&space.parse(text).map_err(refused)?);
            tables.row(&printed).ok_or_else(|| CommandError::Question(format!("the tables have no row for {printed}")))
        }
        _ => Err(CommandError::Question("say which one: --architecture TEXT or --index N".to_owned())),
    }
}

/// That a name is not known, with the ones that look like it.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let mut near: Vec<(f64, &str)> = known.iter().map(|own| (strsim::jaro_winkler(name, own), *own)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().filter(|(alike, _)| *alike > ALIKE).map(|(_, own)| own).take(3).collect();
    match near.is_empty() {
        true => format!("there is no {what} {name:?}; there are {}", known.join(", ")),
        false => format!("there is no {what} {name:?}; did you mean {}?", near.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn near_names_are_offered() {
        let known = ["pixel2", "pixel3", "eyeriss"];
        assert_eq!(
            unknown("device", "pixle3", &known),
            "there is no device \"pixle3\"; did you mean pixel3 or pixel2?"
        );
        assert!(unknown("device", "zzz", &known).contains("there are pixel2, pixel3, eyeriss"));
    }
}
