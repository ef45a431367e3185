//! How a verb fails: the error and its causes on standard error, and the exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use super::interrupt;
use crate::bench::BenchError;
use crate::hardware::MeasureError;
use crate::hardware::tables::TablesError;
use crate::search::SearchError;
use crate::search::config::{ConfigError, Origin};

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A run, or a question to one.
    #[error(transparent)]
    Search(Box<SearchError>),
    /// A benchmark, or what it found.
    #[error(transparent)]
    Bench(Box<BenchError>),
    /// A benchmark's tables.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// A question that cannot be asked like that.
    #[error("{0}")]
    Question(String),
    /// The system does not tell of Ctrl-C.
    #[error("cannot listen for Ctrl-C: {0}")]
    Interrupt(#[from] ctrlc::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Io(#[from] io::Error),
}

impl From<SearchError> for CommandError {
    fn from(error: SearchError) -> Self {
        Self::Search(Box::new(error))
    }
}

impl From<BenchError> for CommandError {
    fn from(error: BenchError) -> Self {
        Self::Bench(Box::new(error))
    }
}

impl CommandError {
    /// 2 where the command line is at fault, as clap has it; 130 after Ctrl-C; 1 otherwise.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Question(_)
            | Self::Config(
                ConfigError::UnknownKey { origin: Origin::Flag, .. }
                | ConfigError::UnknownPreset { origin: Origin::Flag, .. }
                | ConfigError::Value { origin: Origin::Flag, .. }
                | ConfigError::Conflict { origin: Origin::Flag, .. },
            ) => 2,
            Self::Bench(error)
                if matches!(**error, BenchError::UnknownCase { .. } | BenchError::AmbiguousCase { .. }) =>
            {
                2
            }
            Self::Search(error) => match **error {
                SearchError::Interrupted
                | SearchError::Stopped { .. }
                | SearchError::Measure(MeasureError::Interrupted) => interrupt::EXIT_CODE,
                _ => 1,
            },
            _ => 1,
        }
    }
}

/// Tells the user, and gives the exit code. A reader that has seen enough (`parnas devices | head`) is no problem.
pub(super) fn report(error: &CommandError) -> ExitCode {
    if let CommandError::Io(error) = error
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", text(error));
    ExitCode::from(error.exit_code())
}

/// The error and its causes; a cause that a message before it quotes is left out.
fn text(error: &dyn Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text += &format!("\n  because: {message}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the step failed")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_are_told_once() {
        assert_eq!(text(&Outer(io::Error::other("no memory"))), "error: the step failed\n  because: no memory");
        let quoting = CommandError::Io(io::Error::other("full"));
        assert_eq!(text(&quoting), "error: cannot write to standard output: full");
    }

    #[test]
    fn the_command_line_at_fault_is_exit_code_two() {
        let value = |origin| {
            let value = "`-3`".to_owned();
            CommandError::Config(ConfigError::Value { origin, key: "batch_size", value, allowed: "more" }).exit_code()
        };
        assert_eq!((value(Origin::Flag), value(Origin::File("a.toml".into()))), (2, 1));
    }
}
