//! The wgpu executor: bind groups and pipelines made once, a plan replayed as one pass and one submit.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::scopes::Scopes;
use crate::device::{DeviceFacts, DeviceKind, backend_name};
use crate::launch::{Access, Cost, Shader, Slot};
use crate::plan::{BufferId, BufferInfo, Buffers, Launch, Operand, Plan};
use crate::{Error, Result};

/// Bytes between the uniform parameters of two launches: the alignment that every adapter grants.
const UNIFORM_STRIDE: u64 = 256;
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
    persistent: Vec<wgpu::Buffer>,
    slots: Vec<wgpu::Buffer>,
    pipelines: HashMap<Shader, wgpu::ComputePipeline>,
    layouts: HashMap<Vec<Access>, wgpu::BindGroupLayout>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    counts: Counts,
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
        let wanted = wgpu::Features::TIMESTAMP_QUERY;
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
        Self {
            facts,
            device,
            queue,
            failure: Arc::default(),
            infos: Vec::new(),
            persistent: Vec::new(),
            slots: Vec::new(),
            pipelines: HashMap::new(),
            layouts: HashMap::new(),
            in_flight: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// The facts of the device.
    pub fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// What was created and submitted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The wgpu buffer behind a persistent buffer, for the host's own passes and copies.
    pub fn buffer(&self, BufferId(index): BufferId) -> Option<&wgpu::Buffer> {
        self.persistent.get(index)
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
        self.persistent[index] = buffer;
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

    fn allocate(&mut self, name: &str, len: usize) -> Result<wgpu::Buffer> {
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
        Ok(buffer)
    }

    /// Bytes of all buffers.
    fn bytes(&self) -> u64 {
        self.persistent.iter().chain(&self.slots).map(wgpu::Buffer::size).sum()
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

    /// Makes a plan ready. See [`crate::Executor::prepare`].
    ///
    /// # Errors
    /// As there.
    pub fn prepare(&mut self, plan: &Plan) -> Result<PreparedGpu> {
        for (index, len) in plan.slots.iter().enumerate() {
            let fits = self.slots.get(index).is_some_and(|slot| slot.size() >= 4 * *len as u64);
            if !fits {
                let tenant = plan.transients.iter().find(|tensor| tensor.slot == index && tensor.len == *len);
                let buffer = self.allocate(tenant.map_or("slot", |tensor| &tensor.name), *len)?;
                if index < self.slots.len() {
                    // Plans prepared before keep the old buffer alive through their bind groups.
                    self.slots[index] = buffer;
                } else {
                    self.slots.push(buffer);
                }
            }
        }
        let uniforms = self.uniforms(plan)?;
        let mut launches = Vec::with_capacity(plan.launches.len());
        for (index, launch) in plan.launches.iter().enumerate() {
            launches.push(self.ready(plan, launch, &uniforms, index)?);
        }
        self.check(&plan.name)?;
        let mut prepared = PreparedGpu { name: plan.name.clone(), launches, slices: Vec::new() };
        // Software devices have no watchdog.
        let watched = self.facts.kind != DeviceKind::Software;
        prepared.slices = prepared.slices_within(if watched { SUBMIT_SECONDS } else { Duration::MAX });
        Ok(prepared)
    }

    fn uniforms(&mut self, plan: &Plan) -> Result<wgpu::Buffer> {
        let stride = (UNIFORM_STRIDE / 4) as usize;
        let mut words = vec![0u32; stride * plan.launches.len().max(1)];
        for (index, launch) in plan.launches.iter().enumerate() {
            let parameters = launch.kernel.parameters();
            let parameters = parameters.as_slice();
            if parameters.len() > stride {
                return Err(Error::Parameters {
                    kernel: launch.kernel.name(),
                    message: format!("{} parameter words, at most {stride} fit", parameters.len()),
                });
            }
            words[index * stride..index * stride + parameters.len()].copy_from_slice(parameters);
        }
        let size = 4 * words.len() as u64;
        let scopes = Scopes::open(&self.device);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.counts.buffers += 1;
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
        scopes.close("parameters", &plan.name, &self.facts.name, size)?;
        Ok(buffer)
    }

    fn layout(&mut self, slots: &[Slot]) -> wgpu::BindGroupLayout {
        let accesses: Vec<Access> = slots.iter().map(|slot| slot.access).collect();
        let device = &self.device;
        self.layouts
            .entry(accesses)
            .or_insert_with_key(|accesses| {
                let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
                    binding,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                    count: None,
                };
                let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
                for (index, access) in accesses.iter().enumerate() {
                    let read_only = *access == Access::Read;
                    entries.push(entry(index as u32 + 1, wgpu::BufferBindingType::Storage { read_only }));
                }
                device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
            })
            .clone()
    }

    fn pipeline(&mut self, shader: &Shader, layout: &wgpu::BindGroupLayout) -> Result<wgpu::ComputePipeline> {
        if let Some(pipeline) = self.pipelines.get(shader) {
            return Ok(pipeline.clone());
        }
        let text = parnas_shaders::specialise(shader.file, &shader.constants)?;
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(shader.file),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader.file),
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(shader.file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            // Every kernel writes its tiles before it reads them.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.counts.pipelines += 1;
        self.pipelines.insert(shader.clone(), pipeline.clone());
        Ok(pipeline)
    }

    fn ready(&mut self, plan: &Plan, launch: &Launch, uniforms: &wgpu::Buffer, index: usize) -> Result<Ready> {
        let scopes = Scopes::open(&self.device);
        let slots = launch.kernel.slots();
        let layout = self.layout(&slots);
        let pipeline = self.pipeline(&launch.kernel.shader(), &layout)?;
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: uniforms,
                offset: UNIFORM_STRIDE * index as u64,
                size: wgpu::BufferSize::new(UNIFORM_STRIDE),
            }),
        }];
        for (place, (slot, operand)) in slots.iter().zip(&launch.operands).enumerate() {
            let buffer = match operand {
                Operand::Persistent(BufferId(index)) => {
                    self.persistent.get(*index).ok_or(Error::UnknownBuffer(*index))?
                }
                Operand::Transient(index) => &self.slots[plan.transients[*index].slot],
            };
            entries.push(wgpu::BindGroupEntry {
                binding: place as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 0,
                    size: wgpu::BufferSize::new(4 * slot.len.max(1) as u64),
                }),
            });
        }
        let bindings = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&launch.label),
            layout: &layout,
            entries: &entries,
        });
        self.counts.bind_groups += 1;
        scopes.close(launch.kernel.name(), &launch.label, &self.facts.name, self.bytes())?;
        let seconds = self.estimate(launch.kernel.cost());
        Ok(Ready { pipeline, bindings, grid: launch.kernel.grid(), seconds })
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
        scopes.close("any", &prepared.name, &self.facts.name, self.bytes())?;
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

    /// Writes the whole of a persistent buffer.
    ///
    /// # Errors
    /// Where `data` has another length, or the device failed.
    pub fn write(&mut self, BufferId(index): BufferId, data: &[f32]) -> Result<()> {
        let info = self.infos.get(index).ok_or(Error::UnknownBuffer(index))?;
        if info.len != data.len() {
            return Err(Error::Transfer { tensor: info.name.clone(), len: info.len, given: data.len() });
        }
        let scopes = Scopes::open(&self.device);
        self.queue.write_buffer(&self.persistent[index], 0, bytemuck::cast_slice(data));
        scopes.close("write", &info.name, &self.facts.name, 4 * info.len as u64)?;
        self.check(&info.name)
    }

    /// Reads the whole of a persistent buffer, after everything that was submitted.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&mut self, BufferId(index): BufferId) -> Result<Vec<f32>> {
        let info = self.infos.get(index).ok_or(Error::UnknownBuffer(index))?.clone();
        let words = self.download(&self.persistent[index].clone(), 4 * info.len as u64, &info.name)?;
        Ok(bytemuck::cast_slice(&words).to_vec())
    }

    /// Copies the first `bytes` of a buffer to the host, after everything that was submitted.
    fn download(&mut self, source: &wgpu::Buffer, bytes: u64, name: &str) -> Result<Vec<u8>> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let scopes = Scopes::open(&self.device);
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(name),
            size: bytes,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(name) });
        encoder.copy_buffer_to_buffer(source, 0, &staging, 0, bytes);
        let outcome = Arc::new(Mutex::new(None));
        let sink = Arc::clone(&outcome);
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            if let Ok(mut slot) = sink.lock() {
                *slot = Some(result);
            }
        });
        scopes.close("read", name, &self.facts.name, bytes)?;
        self.wait()?;
        let mapped = outcome.lock().ok().and_then(|mut slot| slot.take());
        let lost = |reason: String| Error::DeviceLost { device: self.facts.name.clone(), reason };
        match mapped {
            Some(Ok(())) => {
                let view = staging.slice(..).get_mapped_range().map_err(|error| lost(error.to_string()))?;
                Ok(view.to_vec())
            }
            Some(Err(error)) => Err(lost(format!("`{name}` could not be read: {error}"))),
            None => Err(lost(format!("`{name}` could not be read: the device did not answer"))),
        }
    }

    /// Replays a plan `repeats` times in one submit, each replay a pass of its own between two timestamps, and waits.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn time(&mut self, prepared: &PreparedGpu, repeats: u32) -> Result<Timed> {
        let everything = 0..prepared.launches.len();
        self.time_ranges(prepared, &vec![everything; repeats as usize])
    }

    /// Runs each range of launches as a pass of its own between two timestamps, in one submit, and waits: a profile.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn time_ranges(&mut self, prepared: &PreparedGpu, ranges: &[Range<usize>]) -> Result<Timed> {
        // A query set holds at most 4,096 queries; beyond that only the wall clock is taken.
        let count = 2 * ranges.len() as u32;
        let timestamps = self.facts.timestamps && count > 0 && count <= wgpu::QUERY_SET_MAX_QUERIES;
        let scopes = Scopes::open(&self.device);
        let queries = timestamps.then(|| {
            self.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("time"),
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        });
        let resolved = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: 8 * u64::from(count.max(1)),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.wait()?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("time") });
        for (index, range) in ranges.iter().enumerate() {
            let writes = queries.as_ref().map(|query_set| wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(2 * index as u32),
                end_of_pass_write_index: Some(2 * index as u32 + 1),
            });
            Self::encode_range(prepared, range.clone(), &mut encoder, writes);
        }
        if let Some(queries) = &queries {
            encoder.resolve_query_set(queries, 0..count, &resolved, 0);
        }
        let start = Instant::now();
        self.submit(encoder);
        self.wait()?;
        let wall = start.elapsed().as_nanos() as f64;
        scopes.close("time", &prepared.name, &self.facts.name, self.bytes())?;
        let mut times = Vec::new();
        if queries.is_some() {
            let period = f64::from(self.queue.get_timestamp_period());
            let bytes = self.download(&resolved, 8 * u64::from(count), "timestamps")?;
            let ticks: Vec<u64> =
                bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap_or_default())).collect();
            times = ticks.chunks_exact(2).map(|pair| (pair[0] as f64 * period, pair[1] as f64 * period)).collect();
        }
        Ok(Timed { timestamps: times, wall })
    }
}
