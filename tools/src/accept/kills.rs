//! The kills of `tests/run/interruption.rs`, with the figures that they print.

use std::process::Command;

use super::{CheckError, Report, Surroundings};

pub(super) fn check(report: &mut Report, _: &Surroundings) -> Result<(), CheckError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test =
        ["test", "--release", "-p", "parnas", "--test", "run", "--", "kill", "--nocapture", "--test-threads", "1"];
    let output = Command::new(cargo).args(test).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A test's first line of output stands behind its name.
    let told = text.lines().filter_map(|line| line.rsplit(" ... ").next()).filter(|line| line.contains("kill"));
    told.for_each(|line| report.fact(format_args!("{line}")));
    if !output.status.success() {
        report.fact(format_args!("{}", text.trim_end()));
    }
    let complete = output.status.success() && text.contains("20 kills");
    report.verdict(
        complete,
        format_args!("every killed run was resumed to the same bits, and kept its measurement file"),
    );
    Ok(())
}
