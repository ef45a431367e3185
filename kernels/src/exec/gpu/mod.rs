//! The wgpu executor: bind groups and pipelines made once, a plan replayed as one pass and one submit.

mod prepare;
mod record;
mod time;
mod transfer;
mod tune;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parnas_shaders::Form;

use super::ledger::{Entry, Ledger};
use super::scopes::Scopes;
use crate::device::{DeviceFacts, DeviceKind, backend_name};
use crate::launch::{Access, Cost, Shader};
use crate::plan::{BufferId, BufferInfo, Buffers};
use crate::tune::Tuner;
use crate::{Error, Result};

/// Submits that may be under way before [`GpuExecutor::run`] waits for the oldest.
const IN_FLIGHT: usize = 4;
/// Estimated seconds of work in one submit. Windows resets a device whose submit takes two seconds.
const SUBMIT_SECONDS: Duration = Duration::from_millis(400);

/// Runs plans on a wgpu device, its own or the host application's. See [`crate::Executor`].
#[derive(Debug)]
pub struct GpuExecutor {
    facts: DeviceFacts,
    device: wgpu::Device,
    queue: wgpu::Queue,
    failure: Arc<Mutex<Failure>>,
    infos: Vec<BufferInfo>,
    persistent: Vec<Allocation>,
    slots: Vec<Allocation>,
    ledger: Ledger,
    /// By shader, and the numbers of the bindings that are halves.
    pipelines: HashMap<(Shader, Vec<u32>), wgpu::ComputePipeline>,
    /// How halves lie in memory.
    halves: Form,
    layouts: HashMap<Vec<Access>, wgpu::BindGroupLayout>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    counts: Counts,
    tuner: Option<Tuner>,
}

/// A buffer, and its bytes as long as anything needs it.
#[derive(Debug, Clone)]
struct Allocation {
    buffer: wgpu::Buffer,
    entry: Arc<Entry>,
}

/// What the executor has created and submitted so far: a replayed step must only submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Buffers created.
    pub buffers: u64,
    /// Bind groups created.
    pub bind_groups: u64,
    /// Pipelines created.
    pub pipelines: u64,
    /// Command buffers submitted.
    pub submits: u64,
}

/// The first thing that went wrong on the executor's own device, if any. Those of a host application go to its handlers.
#[derive(Debug, Default)]
struct Failure {
    lost: Option<String>,
    uncaptured: Option<String>,
}

/// A launch made ready.
#[derive(Debug)]
struct Ready {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    grid: [u32; 3],
    /// Estimated seconds.
    seconds: f64,
}

/// A plan whose pipelines and bind groups exist.
#[derive(Debug)]
pub struct PreparedGpu {
    name: String,
    launches: Vec<Ready>,
    slices: Vec<Range<usize>>,
    // Of the buffers that its bind groups keep alive.
    _entries: Vec<Arc<Entry>>,
}

impl PreparedGpu {
    /// The plan in slices of launches whose estimated time stays far below a driver's watchdog.
    pub fn slices(&self) -> &[Range<usize>] {
        &self.slices
    }

    /// The plan in slices of launches whose estimated time stays within `budget`, such as a share of a frame. A launch that
    /// takes longer is a slice by itself. The estimate is that of a slow device of the adapter's kind.
    pub fn slices_within(&self, budget: Duration) -> Vec<Range<usize>> {
        let budget = budget.as_secs_f64();
        let mut slices = Vec::new();
        let (mut start, mut seconds) = (0, 0.0);
        for (index, launch) in self.launches.iter().enumerate() {
            if seconds + launch.seconds > budget && index > start {
                slices.push(start..index);
                (start, seconds) = (index, 0.0);
            }
            seconds += launch.seconds;
        }
        slices.push(start..self.launches.len());
        slices
    }
}

/// The times of repeated replays. See [`GpuExecutor::time`].
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// Begin and end of each replay by the device's clock in nanoseconds; empty where it has none.
    pub timestamps: Vec<(f64, f64)>,
    /// Wall clock of all replays together in nanoseconds, from the submit until the device was idle.
    pub wall: f64,
}

/// A slice of a plan encoded into the host's encoder. See [`GpuExecutor::encode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// The launches encoded.
    pub launches: usize,
}

impl GpuExecutor {
    /// Opens the adapter that `facts` describe.
    ///
    /// # Errors
    /// Where it is gone, the driver refuses, or `buffers` do not fit.
    pub fn open(facts: &DeviceFacts, buffers: &Buffers) -> Result<Self> {
        let adapter = crate::device::adapter_of(facts).ok_or_else(|| Error::OpenDevice {
            device: facts.selector.clone(),
            reason: "it is no longer there; `parnas devices` lists what is".to_owned(),
        })?;
        let wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP | wgpu::Features::SHADER_F16;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("parnas"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| Error::OpenDevice { device: facts.name.clone(), reason: error.to_string() })?;
        let mut executor = Self::with(facts.clone(), device, queue);
        executor.report_failures();
        executor.extend(buffers)?;
        Ok(executor)
    }

    /// Runs on a device that the host application opened, beside its own work.
    ///
    /// The host's handlers of uncaptured errors and of a lost device stay as they are. Errors of this executor's own calls
    /// are caught in error scopes and returned; a lost device is told to the host, and here the next read fails.
    ///
    /// # Errors
    /// Where `buffers` do not fit.
    pub fn from_host(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
        buffers: &Buffers,
    ) -> Result<Self> {
        let info = adapter.get_info();
        let selector = format!("{}:host", backend_name(info.backend));
        let facts = DeviceFacts::of_adapter(selector, &info, &device.limits(), device.features());
        let mut executor = Self::with(facts, device, queue);
        executor.extend(buffers)?;
        Ok(executor)
    }

    /// Keeps what fails on the executor's own device.
    fn report_failures(&self) {
        let lost = Arc::clone(&self.failure);
        self.device.set_device_lost_callback(move |reason, message| {
            if let Ok(mut failure) = lost.lock() {
                failure.lost.get_or_insert(format!("{reason:?}: {message}"));
            }
        });
        let uncaptured = Arc::clone(&self.failure);
        self.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            if let Ok(mut failure) = uncaptured.lock() {
                failure.uncaptured.get_or_insert(error.to_string());
            }
        }));
    }

    fn with(facts: DeviceFacts, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let halves = if facts.f16 { Form::Native } else { Form::Packed };
        Self {
            facts,
            halves,
            device,
            queue,
            failure: Arc::default(),
            infos: Vec::new(),
            persistent: Vec::new(),
            slots: Vec::new(),
            ledger: Ledger::default(),
            pipelines: HashMap::new(),
            layouts: HashMap::new(),
            in_flight: VecDeque::new(),
            counts: Counts::default(),
            tuner: None,
        }
    }

    /// The facts of the device.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// Stores halves two in a word from now on, as on a device without f16.
    pub fn pack_halves(&mut self) {
        self.halves = Form::Packed;
    }

    /// What was created and submitted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The wgpu buffer behind a persistent buffer, for the host's own passes and copies.
    pub fn buffer(&self, BufferId(index): BufferId) -> Option<&wgpu::Buffer> {
        self.persistent.get(index).map(|allocation| &allocation.buffer)
    }

    /// Puts the host's own buffer in the place of a persistent one; plans prepared from now on use it.
    ///
    /// # Errors
    /// Where it is too small or lacks the usage `STORAGE`.
    pub fn adopt(&mut self, BufferId(index): BufferId, buffer: wgpu::Buffer) -> Result<()> {
        let info = self.infos.get(index).ok_or(Error::UnknownBuffer(index))?;
        if buffer.size() < 4 * info.len as u64 || !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return Err(Error::Parameters {
                kernel: "executor",
                message: format!(
                    "the host's buffer for `{}` needs {} bytes and the usage STORAGE",
                    info.name,
                    4 * info.len
                ),
            });
        }
        // Its memory is the host's.
        self.persistent[index] = Allocation { buffer, entry: Arc::new(self.ledger.enter(0)) };
        Ok(())
    }

    /// Turns a failure that was reported meanwhile into an error.
    fn check(&self, at: &str) -> Result<()> {
        let Ok(mut failure) = self.failure.lock() else { return Ok(()) };
        if let Some(reason) = &failure.lost {
            return Err(Error::DeviceLost { device: self.facts.name.clone(), reason: reason.clone() });
        }
        match failure.uncaptured.take() {
            None => Ok(()),
            Some(message) => Err(Error::Validation {
                kernel: "any".to_owned(),
                launch: at.to_owned(),
                device: self.facts.name.clone(),
                message,
            }),
        }
    }

    fn allocate(&mut self, name: &str, len: usize) -> Result<Allocation> {
        let size = 4 * len.max(1) as u64;
        let too_large = |what, limit| Error::Limit {
            tensor: name.to_owned(),
            bytes: size,
            limit,
            what,
            device: self.facts.name.clone(),
        };
        if size > self.facts.max_buffer {
            return Err(too_large("buffer", self.facts.max_buffer));
        }
        if size > self.facts.max_binding {
            return Err(too_large("binding", self.facts.max_binding));
        }
        let scopes = Scopes::open(&self.device);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(name),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.counts.buffers += 1;
        scopes.close("buffer", name, &self.facts.name, size)?;
        Ok(Allocation { buffer, entry: Arc::new(self.ledger.enter(size)) })
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        self.ledger.total()
    }

    pub(super) fn buffers(&self) -> usize {
        self.infos.len()
    }

    pub(super) fn extend(&mut self, buffers: &Buffers) -> Result<()> {
        for info in &buffers.infos()[self.infos.len()..] {
            let buffer = self.allocate(&info.name, info.len)?;
            self.persistent.push(buffer);
            self.infos.push(info.clone());
        }
        Ok(())
    }

    /// Seconds of a launch on a slow member of the device's kind: the estimate must not be too short.
    fn estimate(&self, cost: Cost) -> f64 {
        let (operations, bytes) = match self.facts.kind {
            DeviceKind::Discrete => (5e11, 5e10),
            DeviceKind::Integrated | DeviceKind::Virtual => (5e10, 1e10),
            DeviceKind::Software | DeviceKind::Cpu => (5e9, 2e9),
        };
        cost.operations as f64 / operations + cost.bytes as f64 / bytes
    }

    fn encode_range(
        prepared: &PreparedGpu,
        range: Range<usize>,
        encoder: &mut wgpu::CommandEncoder,
        writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let mut pass = encoder
            .begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(&prepared.name), timestamp_writes: writes });
        for launch in &prepared.launches[range] {
            let [x, y, z] = launch.grid;
            pass.set_pipeline(&launch.pipeline);
            pass.set_bind_group(0, &launch.bindings, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// Encodes a range of a plan's launches (one of [`PreparedGpu::slices`], or any other) into the host's encoder.
    pub fn encode(&self, prepared: &PreparedGpu, range: Range<usize>, encoder: &mut wgpu::CommandEncoder) -> Encoded {
        let launches = range.len();
        Self::encode_range(prepared, range, encoder, None);
        Encoded { launches }
    }

    fn submit(&mut self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.counts.submits += 1;
        self.queue.submit([encoder.finish()])
    }

    /// Replays a plan: one pass and one submit a slice, without waiting.
    ///
    /// # Errors
    /// Where the device failed since the last call.
    pub fn run(&mut self, prepared: &PreparedGpu) -> Result<()> {
        let scopes = Scopes::open(&self.device);
        for slice in &prepared.slices {
            let mut encoder =
                self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(&prepared.name) });
            Self::encode_range(prepared, slice.clone(), &mut encoder, None);
            let submitted = self.submit(encoder);
            self.in_flight.push_back(submitted);
            if self.in_flight.len() > IN_FLIGHT {
                let oldest = self.in_flight.pop_front();
                self.poll(oldest, &prepared.name)?;
            }
        }
        scopes.close("any", &prepared.name, &self.facts.name, self.allocated_bytes())?;
        self.check(&prepared.name)
    }

    fn poll(&self, index: Option<wgpu::SubmissionIndex>, at: &str) -> Result<()> {
        let waited = self.device.poll(wgpu::PollType::Wait { submission_index: index, timeout: None });
        self.check(at)?;
        waited
            .map(|_| ())
            .map_err(|error| Error::DeviceLost { device: self.facts.name.clone(), reason: error.to_string() })
    }

    /// Waits until the device is idle.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn wait(&mut self) -> Result<()> {
        self.in_flight.clear();
        self.poll(None, "wait")
    }
}
