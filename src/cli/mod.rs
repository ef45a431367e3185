//! The command line: arguments to calls of the library, and nothing else.

pub mod arguments;
mod baselines;
mod bench;
mod devices;
pub mod interrupt;
mod problem;
mod profile;
mod tables;
mod terminal;
mod tune;
mod verbs;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Verb};
pub use problem::CommandError;

/// Runs the program with the arguments of the process: results on standard output, all else on standard error.
pub fn run() -> ExitCode {
    // clap has its own way out for `--help`, and for arguments that it does not know.
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let result = dispatch(&mut out, &arguments.verb).and_then(|()| Ok(out.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => problem::report(&error),
    }
}

fn dispatch(out: &mut impl Write, verb: &Verb) -> Result<(), CommandError> {
    match verb {
        Verb::Devices => Ok(devices::devices(out)?),
        Verb::Measure(arguments) => verbs::measure(out, arguments),
        Verb::Search(arguments) => verbs::search(out, arguments),
        Verb::Resume(arguments) => verbs::resume(out, arguments),
        Verb::Front(arguments) => verbs::front(out, arguments),
        Verb::Report(arguments) => verbs::report(out, arguments),
        Verb::Import(arguments) => tables::import(out, arguments),
        Verb::Query(arguments) => tables::query(out, arguments),
        Verb::Baselines(arguments) => baselines::baselines(out, arguments),
        Verb::Eval(arguments) => verbs::eval(out, arguments),
        Verb::Bench(arguments) => bench::bench(out, arguments),
        Verb::Profile(arguments) => profile::profile(out, arguments),
        Verb::Tune(arguments) => tune::tune(out, arguments),
    }
}
