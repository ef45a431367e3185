//! A plan: launches in order, over buffers that persist and buffers that live within the plan.

use std::fmt;
use std::sync::Arc;

use crate::cpu::ALIGNMENT;
use crate::fuse::{Fusion, Report, Totals, fuse};
use crate::halves::{self, settle};
use crate::launch::{Access, Cost, Kernel};
use crate::{Error, Result};

/// Bytes between the uniform parameters of two launches: the alignment that every adapter grants.
pub(crate) const UNIFORM_STRIDE: u64 = 256;

/// A persistent buffer, by its place in a [`Buffers`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub usize);

/// A persistent buffer's name and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferInfo {
    /// The tensor's name.
    pub name: String,
    /// Elements of 4 bytes.
    pub len: usize,
}

/// The persistent buffers that one executor holds and its plans share: parameters, state, inputs, constants.
#[derive(Debug, Clone, Default)]
pub struct Buffers {
    infos: Vec<BufferInfo>,
}

impl Buffers {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a buffer of `len` elements. It holds zeros until it is written.
    pub fn add(&mut self, name: impl Into<String>, len: usize) -> BufferId {
        self.infos.push(BufferInfo { name: name.into(), len });
        BufferId(self.infos.len() - 1)
    }

    /// All buffers, in the order of their identifiers.
    pub fn infos(&self) -> &[BufferInfo] {
        &self.infos
    }
}

/// What a launch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operand {
    /// A buffer that outlives the plan.
    Persistent(BufferId),
    /// A tensor of this plan alone, by its place among the plan's tensors.
    Transient(usize),
}

/// One launch of a plan.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What it computes, in the words of whoever built the plan (`stage 1 cell 0 edge 3<-1 conv3x3`).
    pub label: String,
    /// The kernel.
    pub kernel: Arc<dyn Kernel>,
    /// Its buffers, in the order of the kernel's slots.
    pub operands: Vec<Operand>,
}

/// A tensor that lives within a plan, and the memory slot it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transient {
    /// The tensor's name.
    pub name: String,
    /// Elements.
    pub len: usize,
    /// Whether they are stored as halves, of 2 bytes, or take 4.
    pub halves: bool,
    /// The slot it shares with tensors that are not alive at the same time.
    pub slot: usize,
}

impl Transient {
    /// Words of 4 bytes that it takes.
    pub fn words(&self) -> usize {
        if self.halves { halves::words(self.len) } else { self.len }
    }
}

/// Launches in order, every buffer placed. Made by [`PlanBuilder`].
#[derive(Debug, Clone)]
pub struct Plan {
    /// The plan's name.
    pub name: String,
    /// The launches.
    pub launches: Vec<Launch>,
    /// The tensors that live within the plan.
    pub transients: Vec<Transient>,
    /// Words of 4 bytes of each memory slot.
    pub slots: Vec<usize>,
    /// What fusion did to the plan; empty where it was off.
    pub fused: Report,
    names: Vec<String>,
}

impl Plan {
    /// Bytes of memory that the plan needs beside the persistent buffers, known before it runs.
    pub fn peak_bytes(&self) -> u64 {
        self.slots.iter().map(|len| 4 * *len as u64).sum()
    }

    /// Bytes of the uniform parameters of all launches, as a wgpu executor lays them out.
    pub fn parameter_bytes(&self) -> u64 {
        UNIFORM_STRIDE * self.launches.len().max(1) as u64
    }

    /// Operations and bytes of one replay.
    pub fn cost(&self) -> Cost {
        self.launches.iter().fold(Cost::default(), |sum, launch| {
            let cost = self.launch_cost(launch);
            Cost { operations: sum.operations + cost.operations, bytes: sum.bytes + cost.bytes }
        })
    }

    /// Operations and bytes of one launch: its kernel's, with 2 bytes for an element that is stored as a half.
    pub fn launch_cost(&self, launch: &Launch) -> Cost {
        let (mut all, mut stored) = (0u64, 0u64);
        for (slot, operand) in launch.kernel.slots().iter().zip(&launch.operands) {
            all += 4 * slot.len as u64;
            stored += if self.is_half(*operand) { 2 } else { 4 } * slot.len as u64;
        }
        let cost = launch.kernel.cost();
        let bytes = if stored < all { (cost.bytes as f64 * stored as f64 / all as f64) as u64 } else { cost.bytes };
        Cost { bytes, ..cost }
    }

    /// Whether an operand is stored as halves.
    pub fn is_half(&self, operand: Operand) -> bool {
        matches!(operand, Operand::Transient(index) if self.transients[index].halves)
    }

    /// Bytes of the widened copies that the CPU executor makes of halves, a launch's at a time, beside [`Plan::peak_bytes`].
    pub fn staging_bytes(&self) -> u64 {
        let of_launch = |launch: &Launch| {
            let operands = launch.kernel.slots().into_iter().zip(&launch.operands);
            let halves = operands.filter(|(_, operand)| self.is_half(**operand));
            halves.map(|(slot, _)| 4 * slot.len.next_multiple_of(ALIGNMENT) as u64).sum()
        };
        self.launches.iter().map(of_launch).max().unwrap_or(0)
    }

    /// The name of an operand.
    pub fn operand_name(&self, operand: Operand) -> &str {
        match operand {
            Operand::Persistent(BufferId(index)) => &self.names[index],
            Operand::Transient(index) => &self.transients[index].name,
        }
    }
}

impl fmt::Display for Plan {
    /// A table: launch, kernel, grid, operations, bytes, tensors read and written (with their memory slots).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.cost();
        writeln!(
            f,
            "plan {}: {} launches, {} tensors in {} slots of {} bytes, {} operations",
            self.name,
            self.launches.len(),
            self.transients.len(),
            self.slots.len(),
            self.peak_bytes(),
            cost.operations
        )?;
        for (index, launch) in self.launches.iter().enumerate() {
            let [x, y, z] = launch.kernel.grid();
            let cost = self.launch_cost(launch);
            let mut reads = Vec::new();
            let mut writes = Vec::new();
            for (slot, operand) in launch.kernel.slots().iter().zip(&launch.operands) {
                let mut text = self.operand_name(*operand).to_owned();
                if let Operand::Transient(tensor) = operand {
                    let Transient { slot, halves, .. } = &self.transients[*tensor];
                    text = format!("{text}@{slot}{}", if *halves { " f16" } else { "" });
                }
                match slot.access {
                    Access::Read => reads.push(text),
                    Access::Write => writes.push(text),
                }
            }
            writeln!(
                f,
                "{index:5} {:24} {x:>6}x{y}x{z} {:>12} op {:>11} B  {}: {} -> {}",
                launch.kernel.name(),
                cost.operations,
                cost.bytes,
                launch.label,
                reads.join(", "),
                writes.join(", ")
            )?;
        }
        Ok(())
    }
}

/// Collects launches and then places the transient tensors.
#[derive(Debug)]
pub struct PlanBuilder<'a> {
    name: String,
    buffers: &'a Buffers,
    launches: Vec<Launch>,
    transients: Vec<Transient>,
    /// Which transients may be halves.
    halves: Vec<bool>,
}

impl<'a> PlanBuilder<'a> {
    /// An empty plan over the persistent `buffers`.
    pub fn new(name: impl Into<String>, buffers: &'a Buffers) -> Self {
        Self { name: name.into(), buffers, launches: Vec::new(), transients: Vec::new(), halves: Vec::new() }
    }

    /// A tensor of `len` elements that lives from the first to the last launch that binds it. It holds garbage
    /// until a launch writes it.
    pub fn transient(&mut self, name: impl Into<String>, len: usize) -> Operand {
        self.transients.push(Transient { name: name.into(), len, halves: false, slot: 0 });
        self.halves.push(false);
        Operand::Transient(self.transients.len() - 1)
    }

    /// Lets a tensor of this plan be stored as halves, where all that bind it can take it so ([`crate::halves`]). Results
    /// then depend on what was fused: what lies between two fused operations is not rounded.
    pub fn allow_halves(&mut self, operand: Operand) {
        if let Operand::Transient(index) = operand {
            self.halves[index] = true;
        }
    }

    /// Appends a launch.
    ///
    /// # Errors
    /// Where the number of operands, their lengths or their aliasing does not fit the kernel.
    pub fn launch(&mut self, label: impl Into<String>, kernel: impl Kernel, operands: &[Operand]) -> Result<()> {
        self.launch_shared(label, Arc::new(kernel), operands)
    }

    /// [`PlanBuilder::launch`] for a kernel that is kept elsewhere too.
    ///
    /// # Errors
    /// As there.
    pub fn launch_shared(
        &mut self,
        label: impl Into<String>,
        kernel: Arc<dyn Kernel>,
        operands: &[Operand],
    ) -> Result<()> {
        let slots = kernel.slots();
        if slots.len() != operands.len() {
            return Err(Error::Bindings { kernel: kernel.name(), expected: slots.len(), given: operands.len() });
        }
        for (index, (slot, operand)) in slots.iter().zip(operands).enumerate() {
            let (name, len) = self.describe(*operand)?;
            if len < slot.len {
                return Err(Error::Length {
                    kernel: kernel.name(),
                    slot: slot.name,
                    tensor: name.to_owned(),
                    needed: slot.len,
                    len,
                });
            }
            let again = operands.iter().enumerate().any(|(other, o)| other != index && o == operand);
            if slot.access == Access::Write && again {
                return Err(Error::Alias { kernel: kernel.name(), slot: slot.name, tensor: name.to_owned() });
            }
        }
        self.launches.push(Launch { label: label.into(), kernel, operands: operands.to_vec() });
        Ok(())
    }

    fn describe(&self, operand: Operand) -> Result<(&str, usize)> {
        match operand {
            Operand::Persistent(BufferId(index)) => {
                let info = self.buffers.infos().get(index).ok_or(Error::UnknownBuffer(index))?;
                Ok((&info.name, info.len))
            }
            Operand::Transient(index) => {
                let tensor = self.transients.get(index).ok_or(Error::UnknownBuffer(index))?;
                Ok((&tensor.name, tensor.len))
            }
        }
    }

    /// Places the transient tensors and returns the plan, its launches as they were appended. Tensors that no launch binds take
    /// no memory.
    pub fn finish(self) -> Plan {
        self.finish_with(Fusion::Off)
    }

    /// [`PlanBuilder::finish`], after [`crate::fuse`] where it is on. The bits of a replay do not depend on it, but for tensors
    /// that are halves.
    pub fn finish_with(mut self, fusion: Fusion) -> Plan {
        let mut slots = place(&self.launches, &mut self.transients);
        let mut fused = Report::default();
        if fusion == Fusion::On {
            fused.before = totals(&self.launches, &slots);
            let launches = std::mem::take(&mut self.launches);
            (self.launches, fused.fused) = fuse(launches, &self.transients, self.buffers);
            slots = place(&self.launches, &mut self.transients);
            fused.after = totals(&self.launches, &slots);
        }
        // Fusion counts its savings in f32, before a tensor is a half.
        if self.halves.contains(&true) {
            settle(&self.launches, &mut self.transients, &self.halves);
            slots = place(&self.launches, &mut self.transients);
        }
        Plan {
            name: self.name,
            launches: self.launches,
            transients: self.transients,
            slots,
            fused,
            names: self.buffers.infos().iter().map(|info| info.name.clone()).collect(),
        }
    }
}

fn totals(launches: &[Launch], slots: &[usize]) -> Totals {
    Totals {
        launches: launches.len(),
        bytes: launches.iter().map(|launch| launch.kernel.cost().bytes).sum(),
        peak_bytes: slots.iter().map(|len| 4 * *len as u64).sum(),
    }
}

/// Gives each transient a slot such that no two tensors alive at once share one; larger tensors choose first
/// ("greedy by size", arXiv 2001.03288). Returns the slots' lengths in words.
///
/// Slots are whole buffers, not ranges of one: WebGPU forbids binding a buffer for reading and for writing in one
/// dispatch, even at disjoint ranges.
fn place(launches: &[Launch], transients: &mut [Transient]) -> Vec<usize> {
    let mut spans: Vec<Option<(usize, usize)>> = vec![None; transients.len()];
    for (time, launch) in launches.iter().enumerate() {
        for operand in &launch.operands {
            if let Operand::Transient(index) = operand {
                let span = spans[*index].get_or_insert((time, time));
                span.1 = time;
            }
        }
    }
    let mut order: Vec<usize> = (0..transients.len()).filter(|index| spans[*index].is_some()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(transients[*index].words()), *index));
    let mut slots: Vec<(usize, Vec<(usize, usize)>)> = Vec::new();
    for index in order {
        let Some((first, last)) = spans[index] else { continue };
        let free = |taken: &[(usize, usize)]| taken.iter().all(|(from, to)| last < *from || first > *to);
        let found = slots.iter().position(|(_, taken)| free(taken)).unwrap_or_else(|| {
            slots.push((transients[index].words(), Vec::new()));
            slots.len() - 1
        });
        slots[found].1.push((first, last));
        transients[index].slot = found;
    }
    slots.into_iter().map(|(len, _)| len).collect()
}
