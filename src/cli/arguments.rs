//! The arguments of every verb.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};

use crate::pareto::limits::{Limit, LimitError};
use crate::pareto::optimise::{Method, UnknownMethod};
use crate::pareto::preferences::{self, PreferenceError};
use crate::search::config::{ConfigError, Configuration, KEYS, Key, PRESETS};

const EXAMPLES: &str = "\
Examples:
  parnas devices                          what this machine can compute and measure on
  parnas search                           measure this machine and search for it, on the bundled digits
  parnas search --preset modnas-nb201 --data cifar10 --measurements devices.parquet --device vulkan:0
  parnas resume runs/search-20260131-235959
  parnas front runs/search-20260131-235959 --device cpu_parnas_1 --limit 'latency<=2ms'

`parnas search --help` explains every key of a configuration.";

const MEASURE_EXAMPLES: &str = "\
Examples:
  parnas measure --output here.json --measure-batches 1,8 --measure-seconds 120
  parnas search --measurements here.json

Measure with the configuration that will be searched with: networks of other channels, cells or images have other times.";

const SEARCH_EXAMPLES: &str = "\
Examples:
  parnas search --preset smoke                     half a minute, to see that all parts work
  parnas search --seed 7 --steps 1200 --objectives loss,latency,parameters
  parnas search --config runs/search-20260131-235959/config.toml --seed 8

Standard output is the run folder's path alone. Ctrl-C ends the run after the step at hand, and `parnas resume` goes on.";

const FRONT_EXAMPLES: &str = "\
Examples:
  parnas front RUN --device cpu_parnas_1 --points 24            24 preferences from accuracy to speed
  parnas front RUN --device cpu_parnas_1 --preference 0.7,0.3   one preference
  parnas front RUN --device cpu_parnas_1 --limit 'latency<=2ms' --limit 'parameters<=100K'

The answer is a table of CSV on standard output; nothing is measured for it.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  parnas import help_latency_ms.csv hw_nas_bench.csv --output devices.parquet                 for `parnas search`
  parnas import help_latency_ms.csv hw_nas_bench.csv accuracy.csv --output nb201.parquet      for `parnas eval`
  parnas import mine.csv --mapping mine.toml --output devices.parquet

The published files of HELP, HW-NAS-Bench and NATS-Bench are told by their headers; docs/tables.md has the layouts, and says how to
write a mapping for any other file.";

const QUERY_EXAMPLES: &str = "\
Examples:
  parnas query nb201.parquet --device pixel3 --architecture '|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|'
  parnas query nb201.parquet --index 1462 --csv";

const BASELINE_EXAMPLES: &str = "\
Examples:
  parnas baselines nb201.parquet --output baselines
  parnas baselines nb201.parquet --device eyeriss --device fpga --objective latency --objective energy --method nsga2 --method rs

Writes baselines.csv (a row each method, device, seed and number of evaluations), summary.csv and baselines.svg. Evaluations are looked up;
an architecture that was evaluated before costs nothing again.";

const EVAL_EXAMPLES: &str = "\
Examples:
  parnas eval RUN --truth nb201.parquet
  parnas eval RUN --truth nb201.parquet --dataset c100 --no-controls

Writes eval/ in the run folder and the report anew. The tables are opened here alone: no search may read accuracies. The answers for every
device are complete before the first is scored. An evaluation that was interrupted goes on where it stopped.";

const BENCH_EXAMPLES: &str = "\
Examples:
  parnas bench                                       every case on the default device
  parnas bench --case conv --case 'mixed edge' --device vulkan:0
  parnas bench --save before.json                    keep the results, change something, and then
  parnas bench --baseline before.json                say what has become slower, and exit with 1 where something has
  parnas bench --json > timings.jsonl                one object a line, as the scripts below tools/compare print theirs

roofline is the least time that the device allows, by its own multiply-adds and copies measured first, as a share of the median.
spread is that of the bulk of the samples (1.4826 median absolute deviations). prepare is no part of a time.";

const PROFILE_EXAMPLES: &str = "\
Examples:
  parnas profile                                     a step of `parnas search`, on the default device
  parnas profile --preset modnas-nb201 --data cifar10 --device vulkan:0 --trace step.json
  parnas profile --case 'supernet step' --launches 100

Networks are untrained, devices searched for are made up, images are noise: nothing is measured, trained or read first, and a
step takes the same time. Open the trace in chrome://tracing or Perfetto.";

/// Multi-objective differentiable neural architecture search on any GPU, or none.
#[derive(Debug, Parser)]
#[command(name = "parnas", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the devices of this machine, and which one is the default and why.
    Devices,
    /// Measure the networks of a search space on the devices of this machine.
    #[command(after_help = MEASURE_EXAMPLES)]
    Measure(MeasureArguments),
    /// Search: measure if need be, train, score the fronts, write the report.
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArguments),
    /// Go on with a run that was interrupted, to the same result bit for bit.
    Resume(ResumeArguments),
    /// Ask a run for the architectures of a device.
    #[command(after_help = FRONT_EXAMPLES)]
    Front(FrontArguments),
    /// Make a run's report again from its files.
    Report(ReportArguments),
    /// Turn a benchmark's published CSV files into one compact file of tables.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArguments),
    /// Look an architecture up in a benchmark's tables.
    #[command(after_help = QUERY_EXAMPLES)]
    Query(QueryArguments),
    /// Run other optimisers on a benchmark's tables, at equal budgets.
    #[command(after_help = BASELINE_EXAMPLES)]
    Baselines(BaselineArguments),
    /// Score a run against a benchmark that knows the truth, on its own devices and on those that no training saw.
    #[command(after_help = EVAL_EXAMPLES)]
    Eval(EvalArguments),
    /// Time operations and steps on a device, beside what it can do at most.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArguments),
    /// Tell where the time of a step goes, launch by launch.
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(ProfileArguments),
    /// Measure the variants of a step's kernels on a GPU, and keep the fastest for later searches.
    Tune(TuneArguments),
}

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArguments {
    /// File to write; `parnas search --measurements` reads it.
    #[arg(short, long, value_name = "FILE", default_value = "measurements.json")]
    pub output: PathBuf,
    /// Every key.
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
}

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// Every key.
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    /// Before the steps, tell which launches of a step were fused, what that saves, and the memory that a step takes.
    #[arg(long)]
    pub explain: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArguments {
    /// The run folder, as `parnas search` printed it.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// CSV files, the whole table each.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// File to write.
    #[arg(short, long, value_name = "TABLES", default_value = "tables.parquet")]
    pub output: PathBuf,
    /// TOML file that says what the columns of files with another header are.
    #[arg(long, value_name = "TOML")]
    pub mapping: Option<PathBuf>,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArguments {
    /// Tables, as `parnas import` writes them.
    #[arg(value_name = "TABLES")]
    pub tables: PathBuf,
    /// A device, more than once for more; everything that is known where none is given.
    #[arg(long = "device", value_name = "D")]
    pub devices: Vec<String>,
    /// The architecture, in the notation of NAS-Bench-201.
    #[arg(long, value_name = "TEXT", conflicts_with = "index")]
    pub architecture: Option<String>,
    /// The architecture's index in the published order.
    #[arg(long, value_name = "N")]
    pub index: Option<usize>,
    /// Print CSV.
    #[arg(long)]
    pub csv: bool,
}

/// Arguments of `baselines`.
#[derive(Debug, Args)]
pub struct BaselineArguments {
    /// Tables with accuracies, as `parnas import` writes them.
    #[arg(value_name = "TABLES")]
    pub tables: PathBuf,
    /// A device, more than once for more; every device with all objectives where none is given.
    #[arg(long = "device", value_name = "D")]
    pub devices: Vec<String>,
    /// A method, more than once for more; all where none is given: rs, ls, nsga2, morea, moasha, lsbo, rsbo, parego.
    #[arg(long = "method", value_name = "M", value_parser = method)]
    pub methods: Vec<Method>,
    /// A hardware objective beside the error, more than once for more.
    #[arg(long = "objective", value_name = "NAME", default_values = ["latency"], value_parser = ["latency", "energy"])]
    pub objectives: Vec<String>,
    /// The dataset whose test error is minimised.
    #[arg(long, value_name = "NAME", default_value = "c10")]
    pub dataset: String,
    /// Different architectures that each run may evaluate.
    #[arg(long, value_name = "N", default_value = "500", value_parser = budget)]
    pub budget: usize,
    /// Runs of each method on each device.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(2..=1000))]
    pub seeds: u64,
    /// Folder to write to.
    #[arg(short, long, value_name = "DIR", default_value = "baselines")]
    pub output: PathBuf,
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Tables with the costs and the accuracy of every architecture, as `parnas import` writes them.
    #[arg(long, value_name = "TABLES")]
    pub truth: PathBuf,
    /// The dataset whose test accuracy scores.
    #[arg(long, value_name = "NAME", default_value = "c10")]
    pub dataset: String,
    /// A device to score on, more than once for more; every device of the tables where none is given.
    #[arg(long = "device", value_name = "D")]
    pub devices: Vec<String>,
    /// Score the hypernetwork's plain answers alone, in seconds: nothing is re-scored by the supernet.
    #[arg(long)]
    pub plain: bool,
    /// Leave out the controls, an untrained hypernetwork and random architectures, which take two thirds of the time.
    #[arg(long)]
    pub no_controls: bool,
}

/// Arguments of `front`.
#[derive(Debug, Args)]
pub struct FrontArguments {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The profile of the device, as the run's measurements name it.
    #[arg(long, value_name = "D", conflicts_with = "device_vector")]
    pub device: Option<String>,
    /// A device that no training saw: a file of its ten reference values (docs/measurements.md).
    #[arg(long, value_name = "FILE")]
    pub device_vector: Option<PathBuf>,
    /// One preference: a weight for each objective, the task loss first, with sum 1.
    #[arg(long, value_name = "WEIGHTS", value_parser = preference, allow_hyphen_values = true, conflicts_with = "points")]
    pub preference: Option<Preference>,
    /// So many preferences; those of the run where it is not given.
    #[arg(long, value_name = "N", value_parser = points, allow_hyphen_values = true)]
    pub points: Option<u32>,
    /// The best architecture within a limit, `OBJECTIVE<=VALUE`; may be given several times.
    #[arg(long = "limit", value_name = "LIMIT", value_parser = limit, allow_hyphen_values = true, conflicts_with = "points")]
    pub limits: Vec<Limit>,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The device, as `parnas devices` lists them; the default one where it is not given.
    #[arg(long, value_name = "D")]
    pub device: Option<String>,
    /// Only cases with this in their names; may be given several times.
    #[arg(long = "case", value_name = "SUBSTRING")]
    pub cases: Vec<String>,
    /// One JSON object a line in the place of the table.
    #[arg(long)]
    pub json: bool,
    /// Only the time to the first result of each case, device, shaders and the tuning of a search included: the record goes to the
    /// cache of the device, as that of a search does.
    #[arg(long, conflicts_with_all = ["rounds", "baseline", "save"])]
    pub first: bool,
    /// How often to go through the cases, up to 20 samples each time.
    #[arg(long, value_name = "N", default_value = "3", value_parser = rounds, allow_hyphen_values = true)]
    pub rounds: u32,
    /// A file that `--save` wrote on this device: say what has become slower or faster since.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Keep the results in a file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// How much slower than the baseline is too slow, as a share: median and minimum both.
    #[arg(long, value_name = "X", default_value = "0.1", value_parser = tolerance, allow_hyphen_values = true)]
    pub tolerance: f64,
}

/// Arguments of `profile`.
#[derive(Debug, Args)]
pub struct ProfileArguments {
    /// A case of `parnas bench` in the place of a search's step.
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// Write the launches as a Chrome trace, which chrome://tracing and Perfetto show.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// How many launches to list singly, the longest first.
    #[arg(long, value_name = "N", default_value = "30")]
    pub launches: usize,
    /// Every key.
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
}

/// Arguments of `tune`.
#[derive(Debug, Args)]
pub struct TuneArguments {
    /// Seconds that measuring may take.
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub seconds: u64,
    /// Every key.
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
}

/// A preference as written: `0.7,0.3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Preference(pub Vec<f64>);

fn preference(text: &str) -> Result<Preference, PreferenceError> {
    preferences::parse(text, text.split(',').count()).map(Preference)
}

fn limit(text: &str) -> Result<Limit, LimitError> {
    text.parse()
}

fn points(text: &str) -> Result<u32, String> {
    let points = text.parse().ok().filter(|points| (1..=100_000).contains(points));
    points.ok_or_else(|| "write a whole number from 1 to 100000".to_owned())
}

fn rounds(text: &str) -> Result<u32, String> {
    let rounds = text.parse().ok().filter(|rounds| (1..=1000).contains(rounds));
    rounds.ok_or_else(|| "write a whole number from 1 to 1000".to_owned())
}

fn method(text: &str) -> Result<Method, String> {
    text.parse().map_err(|error: UnknownMethod| error.to_string())
}

fn budget(text: &str) -> Result<usize, String> {
    let budget = text.parse().ok().filter(|budget| (1..=15_625).contains(budget));
    budget.ok_or_else(|| "write a whole number from 1 to 15625".to_owned())
}

fn tolerance(text: &str) -> Result<f64, String> {
    let tolerance = text.parse().ok().filter(|tolerance: &f64| (0.0..=100.0).contains(tolerance));
    tolerance.ok_or_else(|| "write a number from 0 to 100, such as 0.1 for 10 %".to_owned())
}

/// Every key of a configuration as a flag, with `--config` and `--preset`.
#[derive(Debug, Clone, Default)]
pub struct ConfigurationArguments {
    file: Option<PathBuf>,
    /// Keys and values in the order of the keys; the preset first.
    given: Vec<(String, String)>,
}

impl ConfigurationArguments {
    /// The first key that is given, but for `other`; `config` stands for a file.
    pub(super) fn first_beside(&self, other: &str) -> Option<&str> {
        let given = self.given.iter().map(|(key, _)| key.as_str()).find(|key| *key != other);
        self.file.as_ref().map(|_| "config").or(given)
    }

    /// The configuration: preset, then file, then flags.
    ///
    /// # Errors
    /// Where the file or a value is refused.
    pub fn load(&self) -> Result<Configuration, ConfigError> {
        Configuration::load(self.file.as_deref(), &self.given)
    }
}

/// The name of a key's flag.
fn flag(key: &Key) -> String {
    key.name.replace('_', "-")
}

fn argument(key: &'static Key, defaults: &Configuration) -> Arg {
    let default = match (key.get)(defaults) {
        Some(toml::Value::Array(values)) if values.is_empty() => String::new(),
        Some(toml::Value::Array(values)) => {
            let texts: Vec<String> = values.iter().map(plain).collect();
            format!(" [default: {}]", texts.join(","))
        }
        Some(value) => format!(" [default: {}]", plain(&value)),
        None => String::new(),
    };
    // Lines of a documentation comment each begin with a space.
    let help = key.help.trim();
    let argument = Arg::new(key.name)
        .long(flag(key))
        .value_name(key.placeholder)
        .help(format!("{help}{default}"))
        .help_heading(key.heading);
    match key.placeholder {
        "BOOL" => argument.num_args(0..=1).default_missing_value("true"),
        // `--batch-size -3` is a value that is not allowed, not a flag that is not known.
        _ => argument.allow_hyphen_values(true),
    }
}

/// A value without the quotes of TOML.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Args for ConfigurationArguments {
    fn augment_args(command: Command) -> Command {
        let presets: Vec<String> = PRESETS.iter().map(|preset| format!("{}: {}", preset.name, preset.help)).collect();
        let heading = "Configuration (a preset, then a file, then flags; the later wins)";
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file with any of the keys below, hyphens written as `_`; a run's config.toml has them all")
            .help_heading(heading);
        let preset = Arg::new("preset")
            .long("preset")
            .value_name("NAME")
            .help(format!("Configuration to start from: {} [default: {}]", presets.join("; "), PRESETS[0].name))
            .help_heading(heading);
        let defaults = Configuration::default();
        command.arg(file).arg(preset).args(KEYS.iter().map(|key| argument(key, &defaults)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigurationArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let names = std::iter::once("preset").chain(KEYS.iter().map(|key| key.name));
        let given = names.filter_map(|name| Some((name.to_owned(), matches.get_one::<String>(name)?.clone())));
        Ok(Self { file: matches.get_one::<PathBuf>("config").cloned(), given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let newer = Self::from_arg_matches(matches)?;
        self.file = newer.file.or_else(|| self.file.take());
        self.given.extend(newer.given);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        search: SearchArguments,
    }

    #[derive(Debug, Parser)]
    struct FrontProbe {
        #[command(flatten)]
        front: FrontArguments,
    }

    fn load(flags: &[&str]) -> Result<Configuration, ConfigError> {
        let arguments = std::iter::once("search").chain(flags.iter().copied());
        Probe::try_parse_from(arguments).unwrap().search.configuration.load()
    }

    #[test]
    fn every_key_is_a_flag_and_every_flag_a_key() {
        let command = ConfigurationArguments::augment_args(Command::new("search"));
        command.clone().debug_assert();
        let flags: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
        let keys = KEYS.iter().map(flag);
        let expected: Vec<String> = ["config", "preset"].map(str::to_owned).into_iter().chain(keys).collect();
        assert_eq!(flags, expected);
        // Each default, written as a flag, is read back as the default: whatever the key's type.
        let defaults = Configuration::default();
        for key in KEYS {
            let text = match (key.get)(&defaults) {
                Some(toml::Value::Array(values)) => values.iter().map(plain).collect::<Vec<_>>().join(","),
                Some(value) => plain(&value),
                None => continue,
            };
            let read = load(&[&format!("--{}", flag(key)), &text]).unwrap();
            assert_eq!(read, defaults, "{} {text}", key.name);
        }
    }

    #[test]
    fn flags_win_over_the_preset() {
        let configuration = load(&[
            "--preset",
            "smoke",
            "--steps",
            "12",
            "--objectives",
            "loss,latency,parameters",
            "--memory",
            "2GiB",
            "--device",
            "0",
            "--profiles",
            "cpu_1",
            "--nesterov",
            "--flip",
            "false",
            "--arch-betas",
            "0.9,0.99",
            "--measure-batches",
            "1,32",
            "--scalarisation",
            "smooth-tchebycheff:0.05",
        ])
        .unwrap();
        assert_eq!((configuration.steps, configuration.warmup_steps), (12, 2));
        assert_eq!(configuration.objectives.len(), 3);
        assert_eq!(configuration.memory.map(|bytes| bytes.0), Some(2 << 30));
        assert_eq!(configuration.device.as_deref(), Some("0"));
        assert_eq!(configuration.profiles, ["cpu_1"]);
        assert!(configuration.nesterov && configuration.flip == Some(false));
        assert_eq!(configuration.arch_betas, [0.9, 0.99]);
        assert_eq!(configuration.measure_batches, [1, 32]);
        assert_eq!(configuration.name, "smoke");
    }

    #[test]
    fn refused_values_name_the_flag() {
        for (flags, expected) in [
            (["--batch-size", "-3"], "--batch-size: `-3` is not allowed; write a whole number, 1 or more"),
            (["--batch-size", "0"], "--batch-size: `0`"),
            (["--learning-rate", "nan"], "--learning-rate: `nan`"),
            (["--sampler", "reinmax2"], "reinmax, gdas, gumbel or softmax"),
            (["--preset", "fast"], "there is no preset \"fast\"; known are digits, nb201-small, smoke, modnas-nb201"),
            (["--measure-batches", "1,0"], "--measure-batches: `1,0`"),
        ] {
            let message = load(&flags).unwrap_err().to_string();
            assert!(message.contains(expected), "{flags:?}: {message}");
        }
    }

    #[test]
    fn questions_are_checked() {
        let parse = |flags: &[&str]| {
            let arguments = ["front", "runs/a", "--device", "cpu_1"].into_iter().chain(flags.iter().copied());
            FrontProbe::try_parse_from(arguments).map(|probe| probe.front)
        };
        assert_eq!(parse(&["--preference", "0.7,0.3"]).unwrap().preference, Some(Preference(vec![0.7, 0.3])));
        assert_eq!(parse(&["--limit", "latency<=2ms", "--limit", "parameters<=1M"]).unwrap().limits.len(), 2);
        for (flags, expected) in [
            (["--points", "-3"], "write a whole number from 1"),
            (["--preference", "-0.5,1.5"], "never negative"),
            (["--preference", "0.5"], "sum to 0.5"),
            (["--limit", "latency>2ms"], "is not a limit"),
        ] {
            let message = parse(&flags).unwrap_err().to_string();
            assert!(message.contains(expected), "{flags:?}: {message}");
        }
    }
}
