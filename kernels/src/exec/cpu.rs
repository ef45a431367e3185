//! The CPU executor: launches run one after another, each parallel inside.

use super::ledger::{Entry, Ledger};
use crate::cpu::{ALIGNMENT, Cpu, RawView, Views, reserve_scratch};
use crate::device::DeviceFacts;
use crate::halves::{narrow, widen};
use crate::launch::{Access, Kernel};
use crate::plan::{BufferId, BufferInfo, Buffers, Operand, Plan};
use crate::{Error, Result};
use half::f16;
use std::sync::Arc;

/// Runs plans on the CPU. See [`crate::Executor`].
#[derive(Debug)]
pub struct CpuExecutor {
    facts: DeviceFacts,
    cpu: Cpu,
    pool: Arc<rayon::ThreadPool>,
    infos: Vec<BufferInfo>,
    persistent: Vec<Memory>,
    // Prepared plans point into these and keep them alive, a slot that has become too small for a newer plan too.
    slots: Vec<Arc<Memory>>,
    // Halves, widened for a launch.
    staging: Arc<Memory>,
    ledger: Ledger,
}

/// Elements from which memory is asked for in huge pages: sums over a channel jump from image to image, a page each.
const HUGE: usize = 1 << 20;

/// Owned elements with a stable address, written only through launches and transfers.
#[derive(Debug)]
struct Memory {
    pointer: *mut f32,
    len: usize,
    // Elements on the heap where there is no map.
    map: Option<memmap2::MmapMut>,
    _entry: Entry,
}

// SAFETY: Memory owns its elements like a Box<[f32]>.
unsafe impl Send for Memory {}
// SAFETY: shared references to a Memory give no access to its elements.
unsafe impl Sync for Memory {}

impl Memory {
    fn zeroed(len: usize, ledger: &Ledger) -> Self {
        let entry = ledger.enter(4 * len as u64);
        if let Some(mut map) = (len >= HUGE).then(|| memmap2::MmapMut::map_anon(4 * len).ok()).flatten() {
            // Advice alone: where it is not taken, the pages are small ones.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Self { pointer: map.as_mut_ptr().cast(), len, map: Some(map), _entry: entry };
        }
        let elements = vec![0.0f32; len].into_boxed_slice();
        Self { pointer: Box::into_raw(elements).cast(), len, map: None, _entry: entry }
    }

    fn elements(&self) -> &[f32] {
        // SAFETY: `pointer` and `len` are those of a box or a map that this owns; no launch runs while the executor is borrowed here.
        unsafe { std::slice::from_raw_parts(self.pointer, self.len) }
    }

    fn elements_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.map.is_some() {
            return;
        }
        // SAFETY: made by `Box::into_raw` of a box of this length, and dropped once.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.pointer, self.len)) });
    }
}

/// A launch whose operands are resolved to addresses.
#[derive(Debug)]
struct ReadyCpu {
    kernel: Arc<dyn Kernel>,
    views: Vec<RawView>,
    /// The views that are widened copies, and where their halves lie.
    halves: Vec<(RawView, *mut f16)>,
}

// SAFETY: as a RawView, the addresses are used under the rules of `run_each` alone.
unsafe impl Send for ReadyCpu {}
// SAFETY: as above.
unsafe impl Sync for ReadyCpu {}

impl ReadyCpu {
    /// Calls `convert` with the widened copy and the halves of each view that has both and is accessed as `wanted` says.
    ///
    /// # Safety
    /// As for [`Views::new`], and the halves are used by nothing else meanwhile.
    unsafe fn each_copy(&self, wanted: impl Fn(Access) -> bool, convert: impl Fn(&mut [f32], &mut [f16])) {
        for (view, halves) in self.halves.iter().filter(|(view, _)| wanted(view.access)) {
            // SAFETY: promised by the caller; both are `len` long by the plan, and lie in distinct buffers.
            let (numbers, halves) = unsafe {
                (
                    std::slice::from_raw_parts_mut(view.pointer, view.len),
                    std::slice::from_raw_parts_mut(*halves, view.len),
                )
            };
            convert(numbers, halves);
        }
    }
}

/// A plan whose operands are resolved to addresses.
#[derive(Debug)]
pub struct PreparedCpu {
    launches: Vec<ReadyCpu>,
    _slots: Vec<Arc<Memory>>,
    _staging: Arc<Memory>,
    // The pool identifies the executor: views into another executor's memory are refused.
    pool: Arc<rayon::ThreadPool>,
}

impl CpuExecutor {
    /// An executor with `threads` threads (all cores where none is given).
    ///
    /// # Errors
    /// Where the threads cannot be started.
    pub fn new(facts: DeviceFacts, threads: Option<usize>, buffers: &Buffers) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .thread_name(|index| format!("parnas-cpu-{index}"))
            .build()
            .map_err(|error| Error::OpenDevice { device: facts.name.clone(), reason: error.to_string() })?;
        let ledger = Ledger::default();
        let mut executor = Self {
            facts,
            cpu: Cpu::default(),
            pool: Arc::new(pool),
            infos: Vec::new(),
            persistent: Vec::new(),
            slots: Vec::new(),
            staging: Arc::new(Memory::zeroed(0, &ledger)),
            ledger,
        };
        executor.extend(buffers)?;
        Ok(executor)
    }

    /// The facts of this machine.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// Runs `body` inside the thread pool, so that replays within it need not enter the pool each time.
    pub fn install<R: Send>(&mut self, body: impl FnOnce(&mut Self) -> R + Send) -> R {
        let pool = Arc::clone(&self.pool);
        pool.install(|| body(self))
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        self.ledger.total()
    }

    pub(super) fn buffers(&self) -> usize {
        self.infos.len()
    }

    pub(super) fn extend(&mut self, buffers: &Buffers) -> Result<()> {
        for info in &buffers.infos()[self.infos.len()..] {
            self.persistent.push(Memory::zeroed(info.len, &self.ledger));
            self.infos.push(info.clone());
        }
        Ok(())
    }

    pub(super) fn prepare(&mut self, plan: &Plan) -> Result<PreparedCpu> {
        for (index, len) in plan.slots.iter().enumerate() {
            if index == self.slots.len() {
                self.slots.push(Arc::new(Memory::zeroed(*len, &self.ledger)));
            } else if self.slots[index].len < *len {
                self.slots[index] = Arc::new(Memory::zeroed(*len, &self.ledger));
            }
        }
        let staging = (plan.staging_bytes() / 4) as usize;
        if self.staging.len < staging {
            self.staging = Arc::new(Memory::zeroed(staging, &self.ledger));
        }
        let mut launches = Vec::with_capacity(plan.launches.len());
        for launch in &plan.launches {
            let mut views = Vec::with_capacity(launch.operands.len());
            let (mut halves, mut staged) = (Vec::new(), 0);
            for (slot, operand) in launch.kernel.slots().iter().zip(&launch.operands) {
                let memory = match operand {
                    Operand::Persistent(BufferId(index)) => {
                        self.persistent.get(*index).ok_or(Error::UnknownBuffer(*index))?
                    }
                    Operand::Transient(index) => &self.slots[plan.transients[*index].slot],
                };
                // The plan has checked that the tensor holds what the kernel touches.
                let mut view = RawView { pointer: memory.pointer, len: slot.len, access: slot.access };
                if plan.is_half(*operand) {
                    // Within the staging memory, which is as long as the launch that needs most asks for.
                    view.pointer = self.staging.pointer.wrapping_add(staged);
                    staged += slot.len.next_multiple_of(ALIGNMENT);
                    halves.push((view, memory.pointer.cast()));
                }
                views.push(view);
            }
            launches.push(ReadyCpu { kernel: Arc::clone(&launch.kernel), views, halves });
        }
        let scratch = plan.launches.iter().map(|launch| launch.kernel.scratch()).max().unwrap_or(0);
        self.pool.broadcast(|_| reserve_scratch(scratch));
        let slots = self.slots[..plan.slots.len()].to_vec();
        let staging = Arc::clone(&self.staging);
        Ok(PreparedCpu { launches, _slots: slots, _staging: staging, pool: Arc::clone(&self.pool) })
    }

    /// Replays a plan.
    ///
    /// # Errors
    /// Where another executor prepared it.
    pub fn run(&mut self, prepared: &PreparedCpu) -> Result<()> {
        self.run_each(prepared, |_, run| run())
    }

    /// Replays a plan and lets `around` surround each launch, given by its place in the plan: for timing.
    ///
    /// # Errors
    /// Where another executor prepared the plan.
    pub fn run_each(
        &mut self,
        prepared: &PreparedCpu,
        mut around: impl FnMut(usize, &mut dyn FnMut()) + Send,
    ) -> Result<()> {
        if !Arc::ptr_eq(&prepared.pool, &self.pool) {
            return Err(Error::Parameters {
                kernel: "executor",
                message: "the plan was prepared by another executor".to_owned(),
            });
        }
        let cpu = self.cpu;
        self.pool.install(|| {
            for (index, launch) in prepared.launches.iter().enumerate() {
                around(index, &mut || {
                    // What is written is widened too: a kernel may leave some of it as it was.
                    // SAFETY: as below; the halves lie in slots, their copies in the staging memory, which the plan keeps alive.
                    unsafe { launch.each_copy(|_| true, |numbers, halves| widen(halves, numbers)) };
                    // SAFETY: the views point into persistent memory, which this executor never frees while it lives (the
                    // pool's identity was checked above), and into slots, which the prepared plan keeps alive; the plan
                    // refuses launches that write a tensor which they bind twice, tensors alive together have distinct
                    // slots, and launches run one after another.
                    launch.kernel.run(&cpu, unsafe { Views::new(&launch.views) });
                    // SAFETY: as above.
                    unsafe {
                        launch.each_copy(|access| access == Access::Write, |numbers, halves| narrow(numbers, halves))
                    };
                });
            }
        });
        Ok(())
    }

    pub(super) fn write(&mut self, BufferId(index): BufferId, data: &[f32]) -> Result<()> {
        let memory = self.persistent.get_mut(index).ok_or(Error::UnknownBuffer(index))?;
        if memory.len != data.len() {
            return Err(Error::Transfer { tensor: self.infos[index].name.clone(), len: memory.len, given: data.len() });
        }
        memory.elements_mut().copy_from_slice(data);
        Ok(())
    }

    pub(super) fn read(&self, BufferId(index): BufferId) -> Result<Vec<f32>> {
        Ok(self.persistent.get(index).ok_or(Error::UnknownBuffer(index))?.elements().to_vec())
    }
}
