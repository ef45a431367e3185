//! The cases by name. To add an operation is to add a line to `kernels.rs`, to add a step one to `steps.rs`.

use std::time::Instant;

use parnas_kernels::DeviceFacts;

use super::kernels::{self, Sketch};
use super::steps;
use super::{BenchError, Measured, Pass, Roofline, Sampling, Timing, Workload};
use crate::graph::{GraphError, Tensor};

/// What a case is made of.
#[derive(Clone, Copy)]
pub(super) enum Build {
    /// An operation on inputs whose gradients the backward pass computes.
    Operation(fn(&mut Sketch) -> Result<Tensor, GraphError>),
    /// A whole step.
    Step(fn(&'static str, &DeviceFacts) -> Result<Workload, BenchError>),
}

/// Something to time.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name, the same in every program that times it with another engine.
    pub name: &'static str,
    pub(super) build: Build,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Every case, operations first.
pub fn cases() -> impl Iterator<Item = Case> {
    kernels::OPERATIONS.iter().chain(&steps::STEPS).copied()
}

/// The cases that have one of `parts` in their names, in any case of the letters; all of them where `parts` is empty.
///
/// # Errors
/// [`BenchError::UnknownCase`] where a part is in no name.
pub fn cases_with(parts: &[String]) -> Result<Vec<Case>, BenchError> {
    let has = |case: &Case, part: &str| case.name.to_lowercase().contains(&part.to_lowercase());
    if let Some(asked) = parts.iter().find(|part| !cases().any(|case| has(&case, part))) {
        let known = cases().map(|case| case.name).collect::<Vec<_>>().join(", ");
        return Err(BenchError::UnknownCase { asked: asked.clone(), known });
    }
    Ok(cases().filter(|case| parts.is_empty() || parts.iter().any(|part| has(case, part))).collect())
}

/// The one case of this name, or with this in its name.
///
/// # Errors
/// [`BenchError::UnknownCase`] where there is none, [`BenchError::AmbiguousCase`] where there are several.
pub fn case_with(asked: &str) -> Result<Case, BenchError> {
    let found = cases_with(&[asked.to_owned()])?;
    match (found.iter().find(|case| case.name.eq_ignore_ascii_case(asked)), found.as_slice()) {
        (Some(case), _) => Ok(*case),
        (None, [case]) => Ok(*case),
        (None, several) => {
            let found = several.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
            Err(BenchError::AmbiguousCase { asked: asked.to_owned(), found })
        }
    }
}

impl Case {
    /// What of it is timed.
    pub fn passes(&self) -> &'static [Pass] {
        match self.build {
            Build::Operation(_) => &[Pass::Forward, Pass::Both],
            Build::Step(_) => &[Pass::Both],
        }
    }

    /// Its plan and tensors, for the device of `facts`.
    ///
    /// # Errors
    /// Where it does not fit the device.
    pub fn workload(&self, pass: Pass, facts: &DeviceFacts) -> Result<Workload, BenchError> {
        match self.build {
            Build::Operation(build) => kernels::workload(self.name, build, pass)
                .map_err(|source| BenchError::Graph { case: self.name, source: Box::new(source) }),
            Build::Step(build) => build(self.name, facts),
        }
    }
}

/// A case's samples, gathered over several rounds.
#[derive(Debug)]
pub struct Gathered {
    /// The case.
    pub case: Case,
    /// The pass.
    pub pass: Pass,
    timing: Option<(Timing, Measured)>,
}

impl Gathered {
    /// No samples yet.
    pub fn new(case: Case, pass: Pass) -> Self {
        Self { case, pass, timing: None }
    }

    /// Prepares the case anew, takes samples, and returns the timing of all samples so far.
    ///
    /// # Errors
    /// Where the case does not fit the device, or the device fails.
    pub fn round(
        &mut self,
        facts: &DeviceFacts,
        roofline: &Roofline,
        sampling: Sampling,
    ) -> Result<&Timing, BenchError> {
        let start = Instant::now();
        let workload = self.case.workload(self.pass, facts)?;
        let building = start.elapsed();
        let (mut measured, preparation) = workload.measure(facts, sampling)?;
        if let Some((_, before)) = self.timing.take() {
            measured.times.extend(before.times);
        }
        let least = roofline.least_of(&workload.plan);
        let timing =
            Timing::new(self.case.name, self.pass, facts, &workload, &measured, building + preparation, least)?;
        Ok(&self.timing.insert((timing, measured)).0)
    }
}
