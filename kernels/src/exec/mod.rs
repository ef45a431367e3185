//! Executors: what prepares a plan once and replays it.

mod cpu;
mod gpu;
mod ledger;
mod scopes;

pub use cpu::CpuExecutor;
pub use gpu::{Counts, Encoded, GpuExecutor, PreparedGpu, Timed};

use crate::Result;
use crate::device::{DeviceFacts, DeviceKind};
use crate::plan::{BufferId, Buffers, Plan};
use crate::tune::Tuner;

/// Runs plans on one device and holds the persistent buffers.
#[derive(Debug)]
pub enum Executor {
    /// The CPU of this machine.
    Cpu(Box<CpuExecutor>),
    /// A wgpu device.
    Gpu(Box<GpuExecutor>),
}

/// A plan made ready by [`Executor::prepare`]: replaying it creates nothing.
#[derive(Debug)]
pub enum Prepared {
    /// For the CPU executor.
    Cpu(cpu::PreparedCpu),
    /// For a wgpu executor.
    Gpu(gpu::PreparedGpu),
}

impl Executor {
    /// Opens the device that `choice` names (see [`crate::device::choose`]) and allocates `buffers`, zeroed.
    ///
    /// # Errors
    /// Where the device cannot be opened or a buffer does not fit.
    pub fn new(facts: &DeviceFacts, threads: Option<usize>, buffers: &Buffers) -> Result<Self> {
        match facts.kind {
            DeviceKind::Cpu => Ok(Self::Cpu(Box::new(CpuExecutor::new(facts.clone(), threads, buffers)?))),
            _ => Ok(Self::Gpu(Box::new(GpuExecutor::open(facts, buffers)?))),
        }
    }

    /// The facts of the device.
    pub fn facts(&self) -> &DeviceFacts {
        match self {
            Self::Cpu(executor) => executor.facts(),
            Self::Gpu(executor) => executor.facts(),
        }
    }

    /// Chooses variants of kernels by measurement from now on. The CPU executor has none, and forgets the tuner.
    pub fn tune_with(&mut self, tuner: Tuner) {
        match self {
            Self::Cpu(_) => {}
            Self::Gpu(executor) => executor.tune_with(tuner),
        }
    }

    /// The tuner, if there is one.
    pub fn tuner(&self) -> Option<&Tuner> {
        match self {
            Self::Cpu(_) => None,
            Self::Gpu(executor) => executor.tuner(),
        }
    }

    /// The tuner, to be frozen.
    pub fn tuner_mut(&mut self) -> Option<&mut Tuner> {
        match self {
            Self::Cpu(_) => None,
            Self::Gpu(executor) => executor.tuner_mut(),
        }
    }

    /// How many persistent buffers it holds.
    pub fn buffers(&self) -> usize {
        match self {
            Self::Cpu(executor) => executor.buffers(),
            Self::Gpu(executor) => executor.buffers(),
        }
    }

    /// Bytes of all memory that it holds: persistent buffers, the memory slots of its plans and, on wgpu, their parameters.
    /// Scratch memory of threads, and what drivers and other crates take for themselves, is not counted.
    pub fn allocated_bytes(&self) -> u64 {
        match self {
            Self::Cpu(executor) => executor.allocated_bytes(),
            Self::Gpu(executor) => executor.allocated_bytes(),
        }
    }

    /// Allocates buffers that were added to the table since; existing ones keep their contents.
    ///
    /// # Errors
    /// Where a buffer does not fit.
    pub fn extend(&mut self, buffers: &Buffers) -> Result<()> {
        match self {
            Self::Cpu(executor) => executor.extend(buffers),
            Self::Gpu(executor) => executor.extend(buffers),
        }
    }

    /// Makes a plan ready: memory slots, pipelines, bind groups. Memory slots are shared between plans.
    ///
    /// # Errors
    /// Where memory or a limit of the device does not suffice or a shader is refused.
    pub fn prepare(&mut self, plan: &Plan) -> Result<Prepared> {
        match self {
            Self::Cpu(executor) => executor.prepare(plan).map(Prepared::Cpu),
            Self::Gpu(executor) => executor.prepare(plan).map(Prepared::Gpu),
        }
    }

    /// Replays a plan. On wgpu this submits and does not wait; [`Executor::read`] and [`Executor::wait`] do.
    ///
    /// # Errors
    /// Where the device failed since the last call, or the plan was prepared by another kind of executor.
    pub fn run(&mut self, prepared: &Prepared) -> Result<()> {
        match (self, prepared) {
            (Self::Cpu(executor), Prepared::Cpu(plan)) => executor.run(plan),
            (Self::Gpu(executor), Prepared::Gpu(plan)) => executor.run(plan),
            _ => Err(crate::Error::Parameters {
                kernel: "executor",
                message: "the plan was prepared by another executor".to_owned(),
            }),
        }
    }

    /// Waits until everything that was submitted is done.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn wait(&mut self) -> Result<()> {
        match self {
            Self::Cpu(_) => Ok(()),
            Self::Gpu(executor) => executor.wait(),
        }
    }

    /// Writes the whole of a buffer.
    ///
    /// # Errors
    /// Where `data` has another length.
    pub fn write(&mut self, buffer: BufferId, data: &[f32]) -> Result<()> {
        match self {
            Self::Cpu(executor) => executor.write(buffer, data),
            Self::Gpu(executor) => executor.write(buffer, data),
        }
    }

    /// Writes the whole of a buffer of whole numbers.
    ///
    /// # Errors
    /// Where `data` has another length.
    pub fn write_u32(&mut self, buffer: BufferId, data: &[u32]) -> Result<()> {
        self.write(buffer, bytemuck::cast_slice(data))
    }

    /// Reads the whole of a buffer, after everything that was submitted.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&mut self, buffer: BufferId) -> Result<Vec<f32>> {
        match self {
            Self::Cpu(executor) => executor.read(buffer),
            Self::Gpu(executor) => executor.read(buffer),
        }
    }

    /// Reads a buffer of whole numbers.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read_u32(&mut self, buffer: BufferId) -> Result<Vec<u32>> {
        Ok(bytemuck::cast_vec(self.read(buffer)?))
    }
}
