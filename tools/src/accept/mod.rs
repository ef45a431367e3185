//! The longer checks: whole searches at full size, judged by figures. Each check prints lines that begin with `PASS`, `FAIL` or
//! `skip`; what a line claims stands in it.

mod batching;
mod devices;
mod fronts;
mod kills;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Why a check could not be made, which counts as failed.
pub type CheckError = Box<dyn Error>;

/// A check: its name on the command line, what it is about, and how it is made.
struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Report, &Surroundings) -> Result<(), CheckError>,
}

const CHECKS: [Check; 5] = [
    Check {
        name: "fronts",
        about: "searches without any Vulkan driver against random architectures",
        run: fronts::host,
    },
    Check { name: "devices", about: "two devices of different order, from a table of latencies", run: devices::check },
    Check { name: "software", about: "the same search on the software adapter", run: fronts::software },
    Check { name: "kills", about: "killed runs that are resumed", run: kills::check },
    Check {
        name: "batching",
        about: "thirteen architectures in one step against thirteen steps",
        run: batching::check,
    },
];

/// The names of all checks.
pub fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}

/// What checks work with.
#[derive(Debug)]
pub struct Surroundings {
    /// The program.
    pub parnas: PathBuf,
    /// A folder for runs, which goes at the end.
    pub scratch: PathBuf,
    /// A table of measured latencies of all cells of NAS-Bench-201, as `parnas::hardware::read_table` takes it.
    pub table: PathBuf,
}

impl Surroundings {
    /// Runs a search in `runs` below the scratch folder; gives its folder and the time it took.
    fn search(&self, runs: &str, flags: &[&str], driver: bool) -> Result<(PathBuf, Duration), CheckError> {
        let mut command = Command::new(&self.parnas);
        command.arg("search").arg("--run-dir").arg(self.scratch.join(runs)).args(flags);
        if !driver {
            command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
        }
        let start = Instant::now();
        let output = command.output()?;
        let time = start.elapsed();
        if !output.status.success() {
            return Err(format!("the search failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let root = String::from_utf8(output.stdout)?;
        Ok((PathBuf::from(root.trim_end()), time))
    }

    /// The table, where it is there.
    fn table(&self, report: &mut Report) -> Option<&Path> {
        if !self.table.is_file() {
            report.skip(format_args!("{} is not there; name a table of latencies with --table", self.table.display()));
            return None;
        }
        Some(&self.table)
    }
}

/// What has been found so far.
#[derive(Debug, Default)]
pub struct Report {
    failed: usize,
    passed: usize,
    skipped: usize,
}

impl Report {
    fn verdict(&mut self, passed: bool, text: fmt::Arguments<'_>) {
        println!("{} {text}", if passed { "PASS" } else { "FAIL" });
        *if passed { &mut self.passed } else { &mut self.failed } += 1;
    }

    fn skip(&mut self, text: fmt::Arguments<'_>) {
        println!("skip {text}");
        self.skipped += 1;
    }

    fn fact(&self, text: fmt::Arguments<'_>) {
        println!("     {text}");
    }
}

/// Makes the checks of these names, all where none is given, and tells whether none failed.
pub fn run(asked: &[&str], surroundings: &Surroundings) -> bool {
    let mut report = Report::default();
    for check in CHECKS.iter().filter(|check| asked.is_empty() || asked.contains(&check.name)) {
        println!("\n=== {}: {}", check.name, check.about);
        let start = Instant::now();
        if let Err(error) = (check.run)(&mut report, surroundings) {
            report.verdict(false, format_args!("the check could not be made: {error}"));
        }
        println!("--- {:.0} s", start.elapsed().as_secs_f64());
    }
    println!("\n{} passed, {} failed, {} skipped", report.passed, report.failed, report.skipped);
    report.failed == 0
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_fails_the_report() {
        let mut report = Report::default();
        report.verdict(true, format_args!("good"));
        report.skip(format_args!("not here"));
        assert_eq!((report.failed, report.passed, report.skipped), (0, 1, 1));
        report.verdict(false, format_args!("bad"));
        assert_eq!(report.failed, 1);
        assert_eq!(names(), ["fronts", "devices", "software", "kills", "batching"]);
        assert!((mean([1.0, 3.0].into_iter()) - 2.0).abs() < 1e-12);
    }
}
