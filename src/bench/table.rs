//! The text form of timings: a table that a person reads.

use std::fmt::Write as _;

use parnas_kernels::{DeviceFacts, DeviceKind};

use super::{Comparison, LaunchProfile, Profile, Roofline, Timing, Workload};

/// The head of the columns of [`row`].
pub const HEADING: &str = "case                            pass              median ms        min  spread  GFLOP/s     GB/s  roofline  \
                           bound    samples  prepare ms";

/// What the device is, and what it can do at most.
pub fn head(facts: &DeviceFacts, roofline: &Roofline) -> String {
    let mut text = format!("device    {}: {}", facts.selector, facts.name);
    if !facts.driver.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {}", facts.driver);
    }
    if facts.kind == DeviceKind::Software {
        text += "\n          a software adapter: its times are not those of a GPU";
    }
    let _ = write!(text, "\nroofline  {:.1} GFLOP/s in f32 multiply-adds; copies", roofline.gflops);
    for (place, (bytes, gbytes)) in roofline.copies.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(text, "{comma} {gbytes:.1} GB/s ({} MiB)", bytes >> 20);
    }
    text
}

/// A timing as a row below [`HEADING`].
pub fn row(timing: &Timing) -> String {
    format!(
        "{:<31} {:<17} {:>9} {:>10} {:>6.1}% {:>8.1} {:>8.1} {:>8.1}%  {:<8} {:>3} x{:<4} {:>9.1}",
        timing.case,
        timing.pass.as_str(),
        milliseconds(timing.median_ms),
        milliseconds(timing.min_ms),
        100.0 * timing.spread_ms / timing.median_ms,
        timing.gflops,
        timing.gbytes,
        100.0 * timing.roofline,
        timing.bound,
        timing.samples,
        timing.replays,
        timing.prepare_ms
    )
}

/// Milliseconds with four digits that count.
pub(super) fn milliseconds(value: f64) -> String {
    match value {
        0.0..10.0 => format!("{value:.4}"),
        10.0..100.0 => format!("{value:.3}"),
        100.0..1000.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// A timing beside its baseline.
pub fn comparison(comparison: &Comparison, tolerance: f64) -> String {
    let verdict = match (comparison.is_regression(tolerance), comparison.is_gain(tolerance)) {
        (true, _) => "slower",
        (_, true) => "faster",
        _ => "same",
    };
    format!(
        "{verdict:<6}  {:<31} {:<17} median {} -> {} ms, min {} -> {} ms ({:+.1} %)",
        comparison.case,
        comparison.pass.as_str(),
        milliseconds(comparison.before.0),
        milliseconds(comparison.now.0),
        milliseconds(comparison.before.1),
        milliseconds(comparison.now.1),
        100.0 * (comparison.now.0 / comparison.before.0 - 1.0)
    )
}

/// What a plan will take on a device of this kind, known before it runs.
pub fn planned(name: &str, workload: &Workload, kind: DeviceKind) -> String {
    let Workload { plan, store, .. } = workload;
    let cost = plan.cost();
    format!(
        "plan      {name}: {} launches, {:.2} GFLOP, {:.2} GB\nmemory    {} planned: {} persistent, {} of {} memory slots, {} of \
         parameters",
        plan.launches.len(),
        cost.operations as f64 / 1e9,
        cost.bytes as f64 / 1e9,
        mebibytes(workload.bytes(kind)),
        mebibytes(store.bytes()),
        mebibytes(plan.peak_bytes()),
        plan.slots.len(),
        mebibytes(plan.parameter_bytes())
    )
}

/// A profile below [`planned`], with the longest `singly` launches by themselves.
pub fn profile(profile: &Profile, roofline: &Roofline, workload: &Workload, singly: usize) -> String {
    let total = profile.total();
    let least = 1e3 * roofline.least_of(&workload.plan).0;
    let mut text = format!(
        "          {} allocated\ntime      {} ms a replay, {:.1} % of the roofline; {} ms launch by launch ({} clock)\n",
        mebibytes(profile.allocated),
        milliseconds(profile.replay),
        100.0 * least / profile.replay,
        milliseconds(total),
        profile.clock.as_str()
    );
    if let Some(recording) = profile.recording {
        let each = 1e3 * recording / profile.launches.len().max(1) as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "host      {} ms to record a replay, {each:.2} us a launch", milliseconds(recording));
    }
    let columns = "       ms   share  GFLOP/s     GB/s  roofline  bound";
    let _ = writeln!(text, "\n{:<32}launches{columns}", "kernel");
    for kernel in profile.by_kernel() {
        let _ = writeln!(text, "{:<32}{:>8}{}", kernel.label, kernel.launches, launch(&kernel, total));
    }
    let _ = write!(text, "\n{:<40}{columns}  launch", "kernel");
    for single in profile.singly().into_iter().take(singly) {
        let _ = write!(text, "\n{:<40}{}  {}", single.kernel, launch(single, total), single.label);
    }
    if let Some(more @ 1..) = profile.launches.len().checked_sub(singly) {
        let _ = write!(text, "\n{more} more; `--launches {}` lists all", profile.launches.len());
    }
    text
}

fn launch(launch: &LaunchProfile, total: f64) -> String {
    let seconds = launch.milliseconds / 1e3;
    format!(
        "{:>9} {:>6.1}% {:>8.1} {:>8.1} {:>8.1}%  {:<7}",
        milliseconds(launch.milliseconds),
        100.0 * launch.milliseconds / total,
        launch.cost.operations as f64 / seconds / 1e9,
        launch.cost.bytes as f64 / seconds / 1e9,
        100.0 * launch.least / launch.milliseconds,
        launch.bound.as_str()
    )
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}
