//! The launches of a plan under rewriting: who reads and who writes each tensor, and what may move where.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::Fused;
use crate::launch::{Access, Kernel};
use crate::ops::Chain;
use crate::plan::{BufferId, Buffers, Launch, Operand, Transient};

/// The places of the launches that read, and of those that write, a tensor.
#[derive(Debug, Default)]
struct Uses {
    readers: BTreeSet<usize>,
    writers: BTreeSet<usize>,
}

/// Launches by place; a place whose launch was fused away is empty, so that places stay what they are.
#[derive(Debug)]
pub(super) struct Program<'a> {
    launches: Vec<Option<Launch>>,
    uses: HashMap<Operand, Uses>,
    transients: &'a [Transient],
    buffers: &'a Buffers,
    fused: Vec<Fused>,
}

/// A change of a program: launches that disappear, and those that become others.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    pub remove: Vec<usize>,
    pub replace: Vec<(usize, Arc<dyn Kernel>, Vec<Operand>)>,
    /// The place whose label the last of `replace` gets; its own where none is given.
    pub named_as: Option<usize>,
}

impl Rewrite {
    /// The launch at `place` becomes `kernel`, and those at `remove` disappear.
    pub fn one(place: usize, kernel: impl Kernel, operands: Vec<Operand>, remove: Vec<usize>) -> Self {
        Self { remove, replace: vec![(place, Arc::new(kernel), operands)], named_as: None }
    }
}

impl<'a> Program<'a> {
    pub fn new(launches: Vec<Launch>, transients: &'a [Transient], buffers: &'a Buffers) -> Self {
        let mut program = Self {
            launches: Vec::with_capacity(launches.len()),
            uses: HashMap::new(),
            transients,
            buffers,
            fused: Vec::new(),
        };
        for (place, launch) in launches.into_iter().enumerate() {
            program.launches.push(None);
            program.put(place, launch);
        }
        program
    }

    /// The launches that remain, and what was done.
    pub fn finish(self) -> (Vec<Launch>, Vec<Fused>) {
        (self.launches.into_iter().flatten().collect(), self.fused)
    }

    /// All places, in the order of the launches.
    pub fn places(&self) -> Range<usize> {
        0..self.launches.len()
    }

    /// The launch at a place, if there still is one.
    pub fn launch(&self, place: usize) -> Option<&Launch> {
        self.launches[place].as_ref()
    }

    pub fn operands(&self, place: usize) -> &[Operand] {
        self.launches[place].as_ref().map_or(&[], |launch| &launch.operands)
    }

    /// The kernel at a place where it is of this type.
    pub fn kernel<K: Kernel>(&self, place: usize) -> Option<&K> {
        let kernel: &dyn Any = &*self.launches[place].as_ref()?.kernel;
        kernel.downcast_ref()
    }

    /// The kernel at a place as an elementwise program, with its inputs and its result.
    pub fn elementwise(&self, place: usize) -> Option<(Chain, &[Operand], Operand)> {
        let launch = self.launches[place].as_ref()?;
        let chain = launch.kernel.elementwise().filter(|chain| chain.validate().is_ok())?;
        let (result, inputs) = launch.operands.split_last()?;
        Some((chain, inputs, *result))
    }

    /// The places that read a tensor, in order.
    pub fn readers(&self, operand: Operand) -> Vec<usize> {
        self.uses.get(&operand).map_or(Vec::new(), |uses| uses.readers.iter().copied().collect())
    }

    /// The places that write a tensor, in order.
    pub fn writers(&self, operand: Operand) -> Vec<usize> {
        self.uses.get(&operand).map_or(Vec::new(), |uses| uses.writers.iter().copied().collect())
    }

    /// Elements of a tensor.
    pub fn len(&self, operand: Operand) -> usize {
        match operand {
            Operand::Transient(index) => self.transients[index].len,
            Operand::Persistent(BufferId(index)) => self.buffers.infos()[index].len,
        }
    }

    /// Where a tensor that lives within the plan comes from, if one launch alone writes it, before the launch at `place`.
    pub fn origin(&self, operand: Operand, place: usize) -> Option<usize> {
        let uses = self.uses.get(&operand).filter(|_| matches!(operand, Operand::Transient(_)))?;
        let writer = *uses.writers.first()?;
        (uses.writers.len() == 1 && writer < place).then_some(writer)
    }

    /// [`Program::origin`] of a tensor that the launch at `place` alone reads.
    pub fn private_origin(&self, operand: Operand, place: usize) -> Option<usize> {
        let origin = self.origin(operand, place)?;
        (self.readers(operand) == [place]).then_some(origin)
    }

    /// Whether a launch writes the tensor within these places.
    pub fn written_within(&self, operand: Operand, places: Range<usize>) -> bool {
        !places.is_empty() && self.uses.get(&operand).is_some_and(|uses| uses.writers.range(places).next().is_some())
    }

    /// Whether a launch reads the tensor within these places.
    pub fn read_within(&self, operand: Operand, places: Range<usize>) -> bool {
        !places.is_empty() && self.uses.get(&operand).is_some_and(|uses| uses.readers.range(places).next().is_some())
    }

    /// Whether what the launch at `from` reads could be read at `to` instead, as part of the launch there, for the tensor `between`
    /// to disappear: nothing writes it in the meantime, and no more memory is held in the meantime than that of `between`.
    pub fn can_read_later(&self, from: usize, to: usize, between: Operand) -> bool {
        let mut held = 0;
        for (operand, access) in self.accesses(from) {
            if access == Access::Write {
                continue;
            }
            if self.written_within(operand, from + 1..to) {
                return false;
            }
            if matches!(operand, Operand::Transient(_)) && !self.read_within(operand, to..self.launches.len()) {
                held += self.len(operand);
            }
        }
        held <= self.len(between)
    }

    /// Whether the launch at `from` could run at the earlier place `to` instead, as part of the launch there, which computes
    /// `between` for it: what else it reads is there, and nothing reads or writes its results in the meantime.
    pub fn can_run_earlier(&self, from: usize, to: usize, between: Operand) -> bool {
        self.accesses(from).into_iter().filter(|(operand, _)| *operand != between).all(|(operand, access)| {
            let written = self.written_within(operand, to..from);
            let read = access == Access::Write && self.read_within(operand, to..from);
            !written && !read
        })
    }

    fn accesses(&self, place: usize) -> Vec<(Operand, Access)> {
        self.launches[place].as_ref().map_or(Vec::new(), |launch| {
            launch.operands.iter().copied().zip(launch.kernel.slots().iter().map(|slot| slot.access)).collect()
        })
    }

    /// Whether a kernel may bind these tensors: their lengths, and none that it writes bound twice.
    fn fits(&self, kernel: &dyn Kernel, operands: &[Operand]) -> bool {
        let slots = kernel.slots();
        let twice = |operand: &Operand| operands.iter().filter(|other| *other == operand).count() > 1;
        slots.len() == operands.len()
            && slots.iter().zip(operands).all(|(slot, operand)| {
                slot.len <= self.len(*operand) && (slot.access == Access::Read || !twice(operand))
            })
    }

    /// Makes a change, where its launches fit their tensors, and records what it saves under the name of the rule. Returns whether
    /// it was made.
    pub fn rewrite(&mut self, rule: &'static str, rewrite: Rewrite) -> bool {
        if !rewrite.replace.iter().all(|(_, kernel, operands)| self.fits(&**kernel, operands)) {
            return false;
        }
        let Rewrite { mut remove, replace, named_as } = rewrite;
        let launch = |place: usize| self.launches[place].as_ref();
        let mut before: Vec<usize> = remove.iter().copied().chain(replace.iter().map(|(place, ..)| *place)).collect();
        before.sort_unstable();
        let kernels = before.iter().filter_map(|place| launch(*place)).map(|launch| launch.kernel.name()).collect();
        let old: u64 = before.iter().filter_map(|place| launch(*place)).map(|launch| launch.kernel.cost().bytes).sum();
        let new: u64 = replace.iter().map(|(_, kernel, _)| kernel.cost().bytes).sum();
        remove.sort_unstable();
        let last = replace.last().map(|(place, ..)| *place);
        let label = named_as.or(last).or(remove.last().copied()).and_then(launch).map(|launch| launch.label.clone());
        let label = label.unwrap_or_default();
        self.fused.push(Fused {
            rule,
            label: label.clone(),
            kernels,
            launches: remove.len(),
            bytes: old.saturating_sub(new),
        });
        for place in remove {
            self.take(place);
        }
        for (place, kernel, operands) in replace {
            if let Some(launch) = self.take(place) {
                let label = if Some(place) == last { label.clone() } else { launch.label };
                self.put(place, Launch { label, kernel, operands });
            }
        }
        true
    }

    /// Lets all launches that bind `old` at these places bind `new` instead.
    pub fn rebound(&self, places: &[usize], old: Operand, new: Operand) -> Vec<(usize, Arc<dyn Kernel>, Vec<Operand>)> {
        let bound = |operand: &Operand| if *operand == old { new } else { *operand };
        let launches = places.iter().filter_map(|place| Some((*place, self.launches[*place].as_ref()?)));
        launches
            .map(|(place, launch)| (place, Arc::clone(&launch.kernel), launch.operands.iter().map(bound).collect()))
            .collect()
    }

    fn take(&mut self, place: usize) -> Option<Launch> {
        for (operand, _) in self.accesses(place) {
            if let Some(uses) = self.uses.get_mut(&operand) {
                uses.readers.remove(&place);
                uses.writers.remove(&place);
            }
        }
        self.launches[place].take()
    }

    fn put(&mut self, place: usize, launch: Launch) {
        for (operand, slot) in launch.operands.iter().zip(launch.kernel.slots()) {
            let uses = self.uses.entry(*operand).or_default();
            match slot.access {
                Access::Read => uses.readers.insert(place),
                Access::Write => uses.writers.insert(place),
            };
        }
        self.launches[place] = Some(launch);
    }
}
