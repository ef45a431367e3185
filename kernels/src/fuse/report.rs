//! What fusion did to a plan.

use std::fmt;

/// One application of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fused {
    /// The rule.
    pub rule: &'static str,
    /// The label of the launch that remained.
    pub label: String,
    /// The names of the kernels that it replaced, in their order.
    pub kernels: Vec<&'static str>,
    /// Launches that it saved.
    pub launches: usize,
    /// Bytes of memory traffic that it saved in each replay, by the cost of the kernels.
    pub bytes: u64,
}

/// What a plan is, in three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Launches.
    pub launches: usize,
    /// Bytes moved in a replay, by the cost of the kernels.
    pub bytes: u64,
    /// Bytes of memory beside the persistent buffers.
    pub peak_bytes: u64,
}

/// What fusion did to a plan. Displays as what `--explain` prints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The plan as it was built.
    pub before: Totals,
    /// The plan as it runs.
    pub after: Totals,
    /// Every application of a rule, in the order of the rules.
    pub fused: Vec<Fused>,
}

/// A number of bytes, in the unit in which it has few digits.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < units.len() {
            value /= 1024.0;
            unit += 1;
        }
        let text = if unit == 0 { format!("{value} B") } else { format!("{value:.1} {}", units[unit]) };
        f.pad(&text)
    }
}

impl Report {
    /// The rules that were applied, in their order: name, applications, launches and bytes that they saved.
    pub fn by_rule(&self) -> Vec<(&'static str, usize, usize, u64)> {
        let mut rules: Vec<(&'static str, usize, usize, u64)> = Vec::new();
        for fused in &self.fused {
            match rules.last_mut().filter(|(rule, ..)| *rule == fused.rule) {
                Some((_, times, launches, bytes)) => {
                    *times += 1;
                    *launches += fused.launches;
                    *bytes += fused.bytes;
                }
                None => rules.push((fused.rule, 1, fused.launches, fused.bytes)),
            }
        }
        rules
    }
}

impl fmt::Display for Report {
    /// The totals, a line a rule, then a line an application.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, .. } = self;
        let share = |before: u64, after: u64| 100.0 * (before as f64 - after as f64) / (before as f64).max(1.0);
        writeln!(
            f,
            "launches       {} instead of {} ({:.1} % fewer)",
            after.launches,
            before.launches,
            share(before.launches as u64, after.launches as u64)
        )?;
        writeln!(
            f,
            "memory traffic {} instead of {} a replay ({:.1} % less)",
            Bytes(after.bytes),
            Bytes(before.bytes),
            share(before.bytes, after.bytes)
        )?;
        writeln!(f, "peak memory    {} instead of {}", Bytes(after.peak_bytes), Bytes(before.peak_bytes))?;
        writeln!(f, "\n{:36} {:>6} {:>9} {:>11}", "rule", "times", "launches", "traffic")?;
        for (rule, times, launches, bytes) in self.by_rule() {
            writeln!(f, "{rule:36} {times:>6} {:>9} {:>11}", format!("-{launches}"), format!("-{}", Bytes(bytes)))?;
        }
        let mut rule = "";
        for fused in &self.fused {
            if fused.rule != rule {
                rule = fused.rule;
                writeln!(f, "\n{rule}:")?;
            }
            writeln!(f, "  {}: {} (-{})", fused.label, fused.kernels.join(" + "), Bytes(fused.bytes))?;
        }
        Ok(())
    }
}
