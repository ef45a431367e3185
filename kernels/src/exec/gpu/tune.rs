//! Variants are chosen while a plan is prepared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parnas_shaders::specialise_halves;

use super::GpuExecutor;
use crate::launch::{Access, Kernel, Shader, Tuning, Variant};
use crate::plan::{BufferId, Buffers, Operand, Plan, PlanBuilder};
use crate::tune::{Choice, Pinned, Record, Rejection, Tuner, check, start, usable};
use crate::{Error, Result};

/// How much faster than what a device starts from a variant must be: less is noise.
const GAIN: f64 = 0.95;
/// The time that repeated launches of one variant take, about.
const SAMPLE_TIME: Duration = Duration::from_millis(20);

impl GpuExecutor {
    /// Chooses variants by measurement from now on. A record of another device, driver or set of shaders is put aside.
    pub fn tune_with(&mut self, mut tuner: Tuner) {
        if !tuner.record.is_of(&self.facts) {
            tuner.record = Record::new(&self.facts);
        }
        self.tuner = Some(tuner);
    }

    /// The tuner, if there is one.
    pub fn tuner(&self) -> Option<&Tuner> {
        self.tuner.as_ref()
    }

    /// The tuner, to be frozen.
    pub fn tuner_mut(&mut self) -> Option<&mut Tuner> {
        self.tuner.as_mut()
    }

    /// The variant of a kernel whose bindings of the numbers `halves` are stored as such: as recorded, or what the device starts
    /// from. Where halves are beyond that one, it is the plain one.
    pub(super) fn variant(&self, kernel: &dyn Kernel, halves: &[u32]) -> Result<Variant> {
        let mut variants = usable(kernel, &self.facts);
        let recorded = (variants.len() > 1).then_some(self.tuner.as_ref()).flatten().and_then(|tuner| {
            let choice = tuner.record.choice(&kernel.tuning()?.class)?;
            variants.iter().position(|variant| variant.name == choice.variant)
        });
        let place = recorded.unwrap_or_else(|| start(&variants, self.facts.kind));
        let takes = |variant: &Variant| {
            let Shader { file, constants } = &variant.shader;
            halves.is_empty() || specialise_halves(file, constants, halves, self.halves).is_ok()
        };
        let place = if variants.get(place).is_some_and(takes) { place } else { 0 };
        if place >= variants.len() {
            return Err(Error::Parameters { kernel: kernel.name(), message: "it has no variant".to_owned() });
        }
        Ok(variants.swap_remove(place))
    }

    /// Measures the classes of a plan that the tuner's record lacks, those that cost most first, while its time lasts.
    pub(super) fn tune(&mut self, plan: &Plan) -> Result<()> {
        let Some(mut tuner) = self.tuner.take() else { return Ok(()) };
        let outcome = self.tune_classes(plan, &mut tuner);
        self.tuner = Some(tuner);
        outcome
    }

    fn tune_classes(&mut self, plan: &Plan, tuner: &mut Tuner) -> Result<()> {
        if tuner.rest.is_zero() {
            return Ok(());
        }
        let mut classes: BTreeMap<String, (f64, Arc<dyn Kernel>)> = BTreeMap::new();
        for launch in &plan.launches {
            let choice = (usable(&*launch.kernel, &self.facts).len() > 1).then(|| launch.kernel.tuning()).flatten();
            if let Some(Tuning { class, sample }) = choice
                && tuner.record.choice(&class).is_none()
            {
                classes.entry(class).or_insert((0.0, sample)).0 += self.estimate(plan.launch_cost(launch));
            }
        }
        let mut classes: Vec<_> =
            classes.into_iter().map(|(class, (seconds, sample))| (seconds, class, sample)).collect();
        classes.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        for (_, class, sample) in classes {
            let begin = Instant::now();
            let choice = self.measure(&class, sample, tuner)?;
            tuner.rest = tuner.rest.saturating_sub(begin.elapsed());
            if let Some(choice) = choice {
                tuner.record.choose(class, choice);
            }
            if tuner.rest.is_zero() {
                break;
            }
        }
        Ok(())
    }

    /// The fastest variant of `sample` that computes what the plain one does; nothing where the time does not last.
    fn measure(&mut self, class: &str, sample: Arc<dyn Kernel>, tuner: &mut Tuner) -> Result<Option<Choice>> {
        let begin = Instant::now();
        let variants = usable(&*sample, &self.facts);
        let first = start(&variants, self.facts.kind);
        let mut bench = Bench::new(self, Arc::clone(&sample))?;
        let (mut expected, mut times) = (Vec::new(), vec![None; variants.len()]);
        for (place, variant) in variants.iter().enumerate() {
            if begin.elapsed() > tuner.rest {
                return Ok(None);
            }
            let measured = bench.run(variant).and_then(|results| {
                if place == 0 {
                    expected = results;
                } else {
                    let mut pairs = expected.iter().zip(&results);
                    if let Err(disagreement) = pairs.try_for_each(|(plain, other)| check(plain, other)) {
                        return Ok(Err(disagreement.to_string()));
                    }
                }
                bench.time().map(Ok)
            });
            match measured {
                Ok(Ok(time)) => times[place] = Some(time),
                Ok(Err(reason)) => {
                    tuner.rejections.push(Rejection { class: class.to_owned(), variant: variant.name, reason })
                }
                Err(lost @ Error::DeviceLost { .. }) => return Err(lost),
                // Nothing to compare with: the plan itself will say what is wrong.
                Err(_) if place == 0 => return Ok(None),
                Err(error) => {
                    let reason = error.to_string();
                    tuner.rejections.push(Rejection { class: class.to_owned(), variant: variant.name, reason });
                }
            }
        }
        self.pipelines.extend(bench.executor.pipelines);
        let Some(plain) = times[0] else { return Ok(None) };
        let mut best = if times[first].is_some() { first } else { 0 };
        for place in 0..variants.len() {
            if let (Some(time), Some(leader)) = (times[place], times[best])
                && time < leader * if best == first { GAIN } else { 1.0 }
            {
                best = place;
            }
        }
        let milliseconds = times[best].unwrap_or(plain);
        Ok(Some(Choice { variant: variants[best].name.to_owned(), milliseconds, plain_milliseconds: plain }))
    }
}

/// A sample with buffers of its own, beside those of the plan.
struct Bench {
    executor: GpuExecutor,
    buffers: Buffers,
    sample: Arc<dyn Kernel>,
    prepared: Option<super::PreparedGpu>,
}

impl Bench {
    fn new(parent: &GpuExecutor, sample: Arc<dyn Kernel>) -> Result<Self> {
        let mut buffers = Buffers::new();
        for slot in sample.slots() {
            buffers.add(slot.name, slot.len);
        }
        let mut executor = GpuExecutor::with(parent.facts.clone(), parent.device.clone(), parent.queue.clone());
        executor.failure = Arc::clone(&parent.failure);
        executor.extend(&buffers)?;
        let bench = Self { executor, buffers, sample, prepared: None };
        Ok(bench)
    }

    /// Runs a variant on the same numbers as every other, and returns what it wrote.
    fn run(&mut self, variant: &Variant) -> Result<Vec<Vec<f32>>> {
        let slots = self.sample.slots();
        for (index, slot) in slots.iter().enumerate() {
            let numbers = match slot.access {
                Access::Read => numbers(index as u32, slot.len, slot.name == "statistics"),
                // What a variant leaves out is seen.
                Access::Write => vec![f32::NAN; slot.len],
            };
            self.executor.write(BufferId(index), &numbers)?;
        }
        let mut plan = PlanBuilder::new("tune", &self.buffers);
        let operands: Vec<Operand> = (0..slots.len()).map(|index| Operand::Persistent(BufferId(index))).collect();
        plan.launch(variant.name, Pinned::new(Arc::clone(&self.sample), variant.clone()), &operands)?;
        let prepared = self.executor.prepare(&plan.finish())?;
        self.executor.run(&prepared)?;
        self.prepared = Some(prepared);
        let written = slots.iter().enumerate().filter(|(_, slot)| slot.access == Access::Write);
        written.map(|(index, _)| self.executor.read(BufferId(index))).collect()
    }

    /// Milliseconds of a launch of the variant that ran last.
    fn time(&mut self) -> Result<f64> {
        let Some(prepared) = &self.prepared else { return Ok(f64::INFINITY) };
        let mut launches =
            |count: u32| -> Result<f64> { Ok(self.executor.time(prepared, count)?.wall / 1e6 / f64::from(count)) };
        let once = launches(1)?;
        // Short launches many times a submit, so that the submit does not count; the best of three.
        let count = (SAMPLE_TIME.as_secs_f64() * 1e3 / 3.0 / once.max(1e-3)).clamp(1.0, 100.0) as u32;
        let mut best = once;
        for _ in 0..3 {
            best = best.min(launches(count)?);
            if once > SAMPLE_TIME.as_secs_f64() * 1e3 {
                break;
            }
        }
        Ok(best)
    }
}

/// Repeatable numbers in [-1, 1); means and variances are positive.
fn numbers(seed: u32, len: usize, positive: bool) -> Vec<f32> {
    let number = |i: u32| {
        let mixed = (i ^ seed.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0x9E37_79B1);
        let unit = (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77) >> 8;
        unit as f32 / (1 << 24) as f32
    };
    (0..len as u32).map(|i| if positive { 0.5 + number(i) } else { 2.0 * number(i) - 1.0 }).collect()
}
