//! On a device of a host application: its handlers stay its own, and errors of the executor's calls come out as errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parnas_kernels::exec::GpuExecutor;
use parnas_kernels::ops::{Function, Unary};
use parnas_kernels::plan::{BufferId, Buffers, Operand, Plan, PlanBuilder};
use parnas_kernels::{Error, Executor};

/// A host application with handlers that count.
struct Host {
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    errors: Arc<AtomicU32>,
    losses: Arc<AtomicU32>,
}

impl Host {
    /// None, and a line that says so, where there is no adapter.
    fn open() -> Option<Self> {
        let descriptor = wgpu::InstanceDescriptor {
            backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        };
        let instance = wgpu::Instance::new(descriptor);
        let Ok(adapter) = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())) else {
            println!("skipped on wgpu: no adapter was found");
            return None;
        };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).expect("the device opens");
        let (errors, losses): (Arc<AtomicU32>, Arc<AtomicU32>) = Default::default();
        let counter = Arc::clone(&errors);
        device.on_uncaptured_error(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        let counter = Arc::clone(&losses);
        device.set_device_lost_callback(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        Some(Self { adapter, device, queue, errors, losses })
    }

    fn executor(&self, buffers: &Buffers) -> GpuExecutor {
        GpuExecutor::from_host(&self.adapter, self.device.clone(), self.queue.clone(), buffers).expect("buffers fit")
    }

    fn buffer(&self, len: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = 4 * len as u64;
        self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }
}

const LEN: usize = 1000;

/// `y = max(0, x)`, four times over.
fn plan() -> (Buffers, BufferId, BufferId, Plan) {
    let mut buffers = Buffers::new();
    let (x, y) = (buffers.add("x", LEN), buffers.add("y", LEN));
    let mut plan = PlanBuilder::new("relu", &buffers);
    for _ in 0..4 {
        let operands = [Operand::Persistent(x), Operand::Persistent(y)];
        plan.launch("relu", Unary { function: Function::Relu, len: LEN }, &operands).expect("the launch is valid");
    }
    let plan = plan.finish();
    (buffers, x, y, plan)
}

#[test]
fn the_hosts_handlers_stay_its_own() {
    let Some(host) = Host::open() else { return };
    let (buffers, x, _, plan) = plan();
    let mut executor = host.executor(&buffers);
    let prepared = executor.prepare(&plan).expect("the plan is prepared");
    executor.write(x, &[1.0; LEN]).expect("x is written");
    executor.run(&prepared).expect("the plan runs");
    executor.wait().expect("the device answers");
    assert_eq!(host.errors.load(Ordering::SeqCst), 0);

    // A mistake of the host's own: mapping goes with nothing but copies.
    host.buffer(4, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::STORAGE);
    assert_eq!(host.errors.load(Ordering::SeqCst), 1, "the host's handler hears of the host's error");
    executor.run(&prepared).expect("the host's error is not the executor's");
    executor.wait().expect("the device answers");

    host.device.destroy();
    let _ = host.device.poll(wgpu::PollType::Poll);
    assert_eq!(host.losses.load(Ordering::SeqCst), 1, "the host's callback hears of the lost device");
    assert!(executor.read(x).is_err(), "a destroyed device answers no more");
}

#[test]
fn errors_of_the_executors_calls_do_not_reach_the_host() {
    let Some(host) = Host::open() else { return };
    let (buffers, x, y, plan) = plan();
    let mut executor = host.executor(&buffers);
    let own = host.buffer(LEN, wgpu::BufferUsages::STORAGE);
    executor.adopt(x, own.clone()).expect("the host's buffer serves");
    let prepared = executor.prepare(&plan).expect("the plan is prepared");
    own.destroy();
    let error = executor.run(&prepared).expect_err("a destroyed buffer cannot be bound");
    assert!(matches!(error, Error::Validation { .. }), "{error}");
    let error = executor.read(x).expect_err("it cannot be copied from either");
    assert!(matches!(error, Error::Validation { .. }), "{error}");
    assert_eq!(host.errors.load(Ordering::SeqCst), 0, "the host hears nothing");
    assert_eq!(executor.read(y).expect("y is another buffer"), vec![0.0; LEN]);
}

#[test]
fn slices_within_a_budget_are_the_whole_plan_in_order() {
    let Some(host) = Host::open() else { return };
    let (buffers, x, y, plan) = plan();
    let mut executor = Executor::Gpu(Box::new(host.executor(&buffers)));
    let prepared = executor.prepare(&plan).expect("the plan is prepared");
    let parnas_kernels::Prepared::Gpu(prepared) = prepared else { panic!("prepared for wgpu") };
    assert_eq!(prepared.slices_within(Duration::MAX), vec![0..4]);
    assert_eq!(prepared.slices_within(Duration::ZERO), vec![0..1, 1..2, 2..3, 3..4], "never an empty slice");
    executor.write(x, &vec![-2.0; LEN]).expect("x is written");
    executor.write(y, &vec![5.0; LEN]).expect("y is written");
    let Executor::Gpu(gpu) = &mut executor else { panic!("an executor of wgpu") };
    let mut encoder = host.device.create_command_encoder(&Default::default());
    for slice in prepared.slices_within(Duration::ZERO) {
        assert_eq!(gpu.encode(&prepared, slice, &mut encoder).launches, 1);
    }
    host.queue.submit([encoder.finish()]);
    assert_eq!(executor.read(y).expect("y is read"), vec![0.0; LEN]);
}
