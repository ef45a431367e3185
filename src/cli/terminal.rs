//! Progress on the terminal: one moving line a stage, notes above it. Where standard error is no terminal, notes alone.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use parnas_kernels::Plan;

use crate::search::driver::Observer;

/// Watches a run for the user.
#[derive(Debug)]
pub struct Terminal {
    bar: ProgressBar,
    stage: String,
    interactive: bool,
    explain: bool,
}

impl Terminal {
    /// Writes to standard error.
    pub fn new() -> Self {
        Self::explaining(false)
    }

    /// Writes to standard error, where `explain` also what fusion did to the plan of a step.
    pub fn explaining(explain: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The template is a constant; where it were wrong the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{prefix:>28} {bar:24} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { bar, stage: String::new(), interactive: std::io::stderr().is_terminal(), explain }
    }

    /// Ends the moving line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Terminal {
    fn stage(&mut self, name: &str) {
        self.stage = name.to_owned();
        if self.interactive {
            self.bar.reset();
            self.bar.set_length(1);
            self.bar.set_prefix(name.to_owned());
            self.bar.set_message("");
            self.bar.enable_steady_tick(Duration::from_millis(500));
        } else {
            eprintln!("{name}");
        }
    }

    fn progress(&mut self, text: &str, done: u64, total: u64) {
        if self.interactive {
            self.bar.set_length(total);
            self.bar.set_position(done);
            self.bar.set_message(text.to_owned());
        } else if total > 0 && (done == total || done * 10 / total != done.saturating_sub(1) * 10 / total) {
            eprintln!("  {}: {done}/{total} {text}", self.stage);
        }
    }

    fn note(&mut self, text: &str) {
        if self.interactive {
            self.bar.suspend(|| eprintln!("{text}"));
        } else {
            eprintln!("{text}");
        }
    }

    fn plan(&mut self, plan: &Plan) {
        if self.explain {
            self.note(&format!("\nfusion of a step\n{}", plan.fused));
        }
    }
}
