//! The program `parnas`.

use std::process::ExitCode;

fn main() -> ExitCode {
    parnas::cli::run()
}
