//! parnas-kernels within another wgpu program: `cargo run --release -p parnas-kernels --example embed [NAME]`.
//!
//! The program owns adapter, device, queue, buffers and encoder. In one command buffer it paints images into its own
//! buffer, lets a small network of parnas score them (convolution, batch normalisation, pooling, matrix product), and
//! thresholds the scores by a pass of its own. Nothing leaves the device in between. Then it does the same in slices of a
//! time budget, a submit each, as a game would between its frames. NAME is a part of an adapter's name.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use parnas_kernels::exec::{CpuExecutor, GpuExecutor};
use parnas_kernels::ops::{
    Affine, BatchNormalise, BatchStatistics, Bias, Conv2d, Conv2dForward, Elastic, Matmul, Pool2d, Pool2dForward,
    PoolKind,
};
use parnas_kernels::plan::{BufferId, Buffers, Operand, Plan, PlanBuilder};
use parnas_kernels::{DeviceFacts, Executor};

/// Images, their side, channels of the convolution, classes.
const IMAGES: u32 = 64;
const SIDE: u32 = 32;
const CHANNELS: u32 = 16;
const CLASSES: u32 = 10;
/// Elements of the images and of the scores.
const PIXELS: u32 = IMAGES * SIDE * SIDE;
const SCORES: u32 = IMAGES * CLASSES;
/// What a slice may take.
const BUDGET: Duration = Duration::from_millis(4);

/// The host's first pass: rings around a centre that each image has elsewhere.
const PAINT: &str = "
@group(0) @binding(0) var<storage, read_write> images: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.x / 1024u;
    let at = vec2f(f32(id.x % 32u), f32(id.x / 32u % 32u)) - vec2f(f32(n % 8u), f32(n / 8u)) * 4.0;
    images[id.x] = fract(0.03125 * dot(at, at));
}";

/// The host's last pass: which scores are above zero.
const THRESHOLD: &str = "
@group(0) @binding(0) var<storage, read_write> flags: array<u32>;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < arrayLength(&scores) { flags[id.x] = u32(scores[id.x] > 0.0); }
}";

/// The network as parnas sees it: tensors that outlive the plan, and the plan.
struct Network {
    buffers: Buffers,
    images: BufferId,
    parameters: Vec<BufferId>,
    scores: BufferId,
    plan: Plan,
}

impl Network {
    fn new() -> parnas_kernels::Result<Self> {
        let conv = Conv2d {
            architectures: 1,
            batch: IMAGES,
            in_channels: 1,
            out_channels: CHANNELS,
            height: SIDE,
            width: SIDE,
            kernel: 3,
            stride: 1,
            padding: 1,
            dilation: 1,
            groups: 1,
            shared_weight: true,
            relu_input: false,
            gate: None,
            centre_of: 0,
            elastic: Elastic::FULL,
        };
        let kind = PoolKind::Average { count_include_padding: false };
        let pool =
            Pool2d { kind, planes: IMAGES * CHANNELS, height: SIDE, width: SIDE, kernel: 4, stride: 4, padding: 0 };
        let features = CHANNELS * pool.output_height() * pool.output_width();
        let (spatial, maps) = (SIDE * SIDE, (CHANNELS * PIXELS) as usize);

        let mut buffers = Buffers::new();
        let images = buffers.add("images", PIXELS as usize);
        let parameters = [
            ("weights", 9 * CHANNELS),
            ("scale", CHANNELS),
            ("shift", CHANNELS),
            ("classifier", features * CLASSES),
            ("bias", CLASSES),
        ]
        .map(|(name, len)| buffers.add(name, len as usize));
        let scores = buffers.add("scores", SCORES as usize);
        let [weights, scale, shift, classifier, bias] = parameters.map(Operand::Persistent);

        let mut plan = PlanBuilder::new("network", &buffers);
        let convolved = plan.transient("convolved", maps);
        let statistics = plan.transient("statistics", 2 * CHANNELS as usize);
        let normalised = plan.transient("normalised", maps);
        let pooled = plan.transient("pooled", (IMAGES * features) as usize);
        conv.validate()?;
        plan.launch("convolution", Conv2dForward(conv), &[Operand::Persistent(images), weights, convolved])?;
        let moments = BatchStatistics { architectures: 1, batch: IMAGES, channels: CHANNELS, spatial };
        plan.launch("statistics", moments, &[convolved, statistics])?;
        let normalise = BatchNormalise {
            architectures: 1,
            batch: IMAGES,
            channels: CHANNELS,
            spatial,
            epsilon: 1e-5,
            affine: Affine::Shared,
            relu: true,
            summand: false,
        };
        plan.launch("normalisation", normalise, &[convolved, statistics, scale, shift, normalised])?;
        pool.validate()?;
        plan.launch("pooling", Pool2dForward(pool), &[normalised, pooled])?;
        let product = Matmul {
            batch: 1,
            m: IMAGES,
            n: CLASSES,
            k: features,
            transpose_a: false,
            transpose_b: false,
            broadcast_a: false,
            broadcast_b: false,
            bias: Bias::Shared,
            relu: false,
        };
        plan.launch("classifier", product, &[pooled, classifier, bias, Operand::Persistent(scores)])?;
        let plan = plan.finish();
        Ok(Self { buffers, images, parameters: parameters.to_vec(), scores, plan })
    }

    /// Parameters as a trained network would bring them.
    fn parameters(&self) -> impl Iterator<Item = (BufferId, Vec<f32>)> {
        self.parameters.iter().map(|id| {
            let len = self.buffers.infos()[id.0].len as u32;
            let number =
                |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(id.0 as u32) >> 8) as f32 / (1 << 24) as f32;
            (*id, (0..len).map(|i| number(i) - 0.5).collect())
        })
    }
}

/// A compute pass of the host's own.
struct Pass {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    workgroups: u32,
}

impl Pass {
    fn new(device: &wgpu::Device, text: &str, buffers: &[&wgpu::Buffer], invocations: u32) -> Self {
        let source = wgpu::ShaderSource::Wgsl(text.into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            cache: None,
        });
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        let bindings =
            device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        Self { pipeline, bindings, workgroups: invocations.div_ceil(64) }
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(self.workgroups, 1, 1);
    }
}

/// Reads a buffer of the host.
fn read<T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
) -> Result<Vec<T>, Box<dyn Error>> {
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
    queue.submit([encoder.finish()]);
    let (told, answer) = std::sync::mpsc::channel();
    staging.slice(..).map_async(wgpu::MapMode::Read, move |outcome| {
        let _ = told.send(outcome);
    });
    device.poll(wgpu::PollType::wait_indefinitely())?;
    answer.recv()??;
    Ok(bytemuck::cast_slice(&staging.slice(..).get_mapped_range()?).to_vec())
}

fn adapter(name: &str) -> Option<wgpu::Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.into_iter().find(|adapter| adapter.get_info().name.to_lowercase().contains(name))
}

fn run() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_default().to_lowercase();
    let Some(adapter) = adapter(&name) else {
        println!("no adapter of Vulkan, Metal or DX12 answers to `{name}`: there is nothing to embed into");
        return Ok(());
    };
    // The host asks for what it needs itself: every kernel of parnas keeps within the default limits.
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let buffer = |label, elements: u32| {
        let size = 4 * u64::from(elements);
        device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
    };
    let (images, flags) = (buffer("images", PIXELS), buffer("flags", SCORES));

    let network = Network::new()?;
    let mut executor = GpuExecutor::from_host(&adapter, device.clone(), queue.clone(), &network.buffers)?;
    // The network reads what the host paints: the same buffer, no copy. Its scores the host reads in the same way.
    executor.adopt(network.images, images.clone())?;
    for (id, values) in network.parameters() {
        executor.write(id, &values)?;
    }
    let prepared = executor.prepare(&network.plan)?;
    let scores = executor.buffer(network.scores).ok_or("the network has no scores")?.clone();
    let paint = Pass::new(&device, PAINT, &[&images], PIXELS);
    let threshold = Pass::new(&device, THRESHOLD, &[&flags, &scores], SCORES);
    println!("on {} ({}):\n{}", executor.facts().name, executor.facts().kind.as_str(), network.plan);

    // Whole: one command buffer of the host.
    let mut encoder = device.create_command_encoder(&Default::default());
    paint.encode(&mut encoder);
    let encoded = executor.encode(&prepared, 0..network.plan.launches.len(), &mut encoder);
    threshold.encode(&mut encoder);
    queue.submit([encoder.finish()]);
    let whole: Vec<f32> = read(&device, &queue, &scores)?;
    let above: Vec<u32> = read(&device, &queue, &flags)?;
    println!("whole: {} launches between two passes of the host, in its command buffer", encoded.launches);

    // In slices: the host draws its frame before each.
    let slices = prepared.slices_within(BUDGET);
    for (place, slice) in slices.iter().enumerate() {
        let mut encoder = device.create_command_encoder(&Default::default());
        if place == 0 {
            paint.encode(&mut encoder);
        }
        executor.encode(&prepared, slice.clone(), &mut encoder);
        queue.submit([encoder.finish()]);
    }
    let sliced: Vec<f32> = read(&device, &queue, &scores)?;
    println!(
        "sliced: {} submits of an estimated {} ms at most, {} bits",
        slices.len(),
        BUDGET.as_millis(),
        same(&whole, &sliced)
    );

    // The same plan on the CPU executor.
    let mut cpu = Executor::Cpu(Box::new(CpuExecutor::new(DeviceFacts::cpu(), None, &network.buffers)?));
    cpu.write(network.images, &read(&device, &queue, &images)?)?;
    for (id, values) in network.parameters() {
        cpu.write(id, &values)?;
    }
    let on_cpu = cpu.prepare(&network.plan)?;
    cpu.run(&on_cpu)?;
    let expected = cpu.read(network.scores)?;
    let largest = whole.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let differing = above.iter().zip(&expected).filter(|(flag, score)| (**flag == 1) != (**score > 0.0)).count();
    println!(
        "{} of {} scores above zero; against the CPU executor: largest difference {largest:.1e}, {differing} flags differ",
        above.iter().sum::<u32>(),
        above.len()
    );
    if largest > 1e-3 || whole != sliced {
        return Err("the results differ by more than rounding".into());
    }
    Ok(())
}

fn same(a: &[f32], b: &[f32]) -> &'static str {
    if a == b { "the same" } else { "other" }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
