//! What was chosen on a device, as text.

use std::collections::BTreeMap;
use std::fmt;

use crate::device::DeviceFacts;
use crate::{Error, Result};

/// The first line of the text.
const HEAD: &str = "parnas tuning 1";

/// The variant that was chosen for a class of kernels.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name.
    pub variant: String,
    /// Milliseconds of a launch of the class's sample.
    pub milliseconds: f64,
    /// Milliseconds of the plain variant.
    pub plain_milliseconds: f64,
}

/// The variants chosen on one device, with one driver, for one set of shaders.
///
/// As text: a first line that names the format, a line each for the adapter, the driver and the hash of the shaders, then a line
/// a class: class, variant, its milliseconds and the plain variant's, apart by tabs.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    adapter: String,
    driver: String,
    shaders: u64,
    choices: BTreeMap<String, Choice>,
}

impl Record {
    /// Nothing chosen yet on the device of `facts`.
    pub fn new(facts: &DeviceFacts) -> Self {
        Self {
            adapter: format!("{} {}", facts.backend, one_line(&facts.name)),
            driver: one_line(&facts.driver),
            shaders: parnas_shaders::hash(),
            choices: BTreeMap::new(),
        }
    }

    /// Whether it was made on the device of `facts`, by its present driver, for the present shaders.
    pub fn is_of(&self, facts: &DeviceFacts) -> bool {
        let own = Self::new(facts);
        (&self.adapter, &self.driver, self.shaders) == (&own.adapter, &own.driver, own.shaders)
    }

    /// A number that differs between devices, drivers and sets of shaders: a name for the file.
    pub fn key(&self) -> u64 {
        let device = parnas_shaders::fnv(self.adapter.bytes().chain([0]).chain(self.driver.bytes()));
        device ^ self.shaders.rotate_left(1)
    }

    /// What was chosen for a class.
    pub fn choice(&self, class: &str) -> Option<&Choice> {
        self.choices.get(class)
    }

    /// All classes and what was chosen for them, by name.
    pub fn choices(&self) -> impl Iterator<Item = (&str, &Choice)> {
        self.choices.iter().map(|(class, choice)| (class.as_str(), choice))
    }

    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// Notes what was chosen for a class.
    pub fn choose(&mut self, class: impl Into<String>, choice: Choice) {
        self.choices.insert(class.into(), choice);
    }

    /// Reads the text that [`Record`] prints.
    ///
    /// # Errors
    /// [`Error::Record`] with the line that is none of a record's.
    pub fn parse(text: &str) -> Result<Self> {
        let fail = |line: usize, message: String| Error::Record { line: line + 1, message };
        let mut lines = text.lines().enumerate();
        let mut next = |prefix: &str| {
            let (line, text) = lines.next().unwrap_or_default();
            text.strip_prefix(prefix)
                .map(|rest| rest.trim().to_owned())
                .ok_or_else(|| fail(line, format!("`{prefix}` is missing")))
        };
        next(HEAD)?;
        let (adapter, driver, shaders) = (next("adapter:")?, next("driver:")?, next("shaders:")?);
        let shaders = u64::from_str_radix(&shaders, 16).map_err(|_| fail(3, format!("`{shaders}` is no hash")))?;
        let mut record = Self { adapter, driver, shaders, choices: BTreeMap::new() };
        for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
            let fields: Vec<&str> = text.split('\t').collect();
            let [class, variant, own, plain] = fields[..] else {
                return Err(fail(line, format!("{} fields apart by tabs, 4 are expected", fields.len())));
            };
            let number = |text: &str| text.parse().map_err(|_| fail(line, format!("`{text}` is no number")));
            let (milliseconds, plain_milliseconds) = (number(own)?, number(plain)?);
            record.choose(class, Choice { variant: variant.to_owned(), milliseconds, plain_milliseconds });
        }
        Ok(record)
    }
}

/// Names of adapters and drivers come from outside: a record has them in a line each.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\nadapter: {}\ndriver: {}\nshaders: {:016x}\n", self.adapter, self.driver, self.shaders)?;
        for (class, Choice { variant, milliseconds, plain_milliseconds }) in &self.choices {
            writeln!(f, "{class}\t{variant}\t{milliseconds:.4}\t{plain_milliseconds:.4}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_what_it_prints() {
        let facts = DeviceFacts { name: "a  name\nof two lines".to_owned(), ..DeviceFacts::cpu() };
        let mut record = Record::new(&facts);
        assert!(record.is_of(&facts) && record.is_empty());
        record.choose("matmul 1x2x3", Choice { variant: "a b".to_owned(), milliseconds: 0.5, plain_milliseconds: 2.0 });
        let again = Record::parse(&record.to_string()).unwrap();
        assert_eq!(again, record);
        assert_eq!(again.key(), record.key());
        let other = DeviceFacts { driver: "another".to_owned(), ..facts };
        assert!(!record.is_of(&other) && Record::new(&other).key() != record.key());
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        let good = Record::new(&DeviceFacts::cpu()).to_string();
        for (text, line) in [
            (String::new(), "line 1"),
            (good.replace("driver:", "river:"), "line 3"),
            (good.replace("shaders: ", "shaders: x"), "line 4"),
            (format!("{good}matmul\tplain\n"), "line 6"),
            (format!("{good}matmul\tplain\t1\tsoon\n"), "line 6"),
        ] {
            let error = Record::parse(&text).unwrap_err().to_string();
            assert!(error.contains(line), "{text}: {error}");
        }
    }
}
