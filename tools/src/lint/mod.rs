//! The rules for shaders that naga does not check, over every permutation of the catalogue:
//!
//! * barriers stand in uniform control flow only ([`uniformity`]): browsers refuse a shader that breaks this, and
//!   drivers hang on it or let it race;
//! * an invocation takes at most 65,535 rounds through its loops ([`loops`]): beyond, a software driver ends them
//!   silently;
//! * no `override`, no atomics on floats, no compare-exchange, a header on top ([`declarations`]).
//!
//! A finding names the shader, the permutation and the line of the specialised text.

use std::fmt;

use parnas_shaders::{FILES, Permutation, catalogue, specialise};

pub mod declarations;
pub mod loops;
pub mod uniformity;

/// A broken rule in a text: the line (from 1, 0 for the whole text) and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1; 0 where the whole text is meant.
    pub line: u32,
    /// What is wrong, and how to mend it.
    pub message: String,
}

/// A broken rule in a shader of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The shader's name.
    pub file: String,
    /// The first permutation that shows it.
    pub constants: Vec<(String, u32)>,
    /// How many further permutations show the same.
    pub others: usize,
    /// The rule and its line in the specialised text.
    pub remark: Remark,
    /// That line.
    pub code: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.wgsl", self.file)?;
        for (name, value) in &self.constants {
            write!(f, " {name}={value}")?;
        }
        if self.others > 0 {
            write!(f, " (and {} more permutations)", self.others)?;
        }
        if self.remark.line > 0 {
            write!(f, "\n  line {} of the specialised text: {}", self.remark.line, self.code.trim())?;
        }
        write!(f, "\n  {}", self.remark.message)
    }
}

/// What [`check_catalogue`] went through and found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Shaders, without the shared ones.
    pub shaders: usize,
    /// Permutations.
    pub permutations: usize,
    /// Barriers, summed over the permutations.
    pub barriers: usize,
    /// Loops, summed over the permutations.
    pub loops: usize,
    /// Broken rules; the same line in several permutations is one finding.
    pub findings: Vec<Finding>,
}

/// What [`check_text`] counted and found.
#[derive(Debug, Clone, Default)]
pub struct TextReport {
    /// Barriers in the text.
    pub barriers: usize,
    /// Loops in the text.
    pub loops: usize,
    /// Broken rules.
    pub remarks: Vec<Remark>,
}

/// Checks every permutation of every shader, and every file's header.
pub fn check_catalogue() -> Report {
    let mut report = Report::default();
    for (file, text) in FILES {
        if !file.starts_with("shared/") {
            report.shaders += 1;
        }
        for remark in declarations::check_header(file, text) {
            report.add(file, &[], text, remark);
        }
    }
    for Permutation { file, constants } in catalogue() {
        report.permutations += 1;
        let values: Vec<(&str, u32)> = constants.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        match specialise(file, &values) {
            Ok(text) => {
                let found = check_text(&text);
                report.barriers += found.barriers;
                report.loops += found.loops;
                for remark in found.remarks {
                    report.add(file, &constants, &text, remark);
                }
            }
            Err(error) => report.add(file, &constants, "", Remark { line: 0, message: error.to_string() }),
        }
    }
    report
}

impl Report {
    fn add(&mut self, file: &str, constants: &[(String, u32)], text: &str, remark: Remark) {
        let index = (remark.line as usize).saturating_sub(1);
        let code = text.lines().nth(index).unwrap_or_default().to_owned();
        // The number of a line differs between permutations, its text does not.
        let known = self.findings.iter_mut().find(|finding| {
            finding.file == file && finding.code == code && same_rule(&finding.remark.message, &remark.message)
        });
        match known {
            Some(finding) if finding.constants != constants => finding.others += 1,
            _ => self.findings.push(Finding {
                file: file.to_owned(),
                constants: constants.to_vec(),
                others: 0,
                remark,
                code,
            }),
        }
    }
}

/// Whether two messages differ in numbers alone.
fn same_rule(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(a) == letters(b)
}

/// Checks one specialised text.
pub fn check_text(text: &str) -> TextReport {
    let module = match naga::front::wgsl::parse_str(text) {
        Ok(module) => module,
        Err(error) => {
            let line = error.location(text).map_or(0, |location| location.line_number);
            let remark = Remark { line, message: error.emit_to_string(text) };
            return TextReport { remarks: vec![remark], ..TextReport::default() };
        }
    };
    let mut report = TextReport { remarks: declarations::check(&module, text), ..TextReport::default() };
    let (barriers, remarks) = uniformity::check(&module, text);
    report.barriers = barriers;
    report.remarks.extend(remarks);
    let (loops, remarks) = loops::check(&module, text);
    report.loops = loops;
    report.remarks.extend(remarks);
    report
}
