//! What a replay costs the host: recording, and the memory that the driver's allocator says it gave.

use std::time::{Duration, Instant};

use super::GpuExecutor;
use super::PreparedGpu;
use crate::Result;
use crate::device::{DeviceFacts, DeviceKind};
use crate::exec::scopes::Scopes;
use crate::plan::Buffers;

impl GpuExecutor {
    /// An executor on wgpu's `noop` backend, which validates every call and computes nothing: for what the host alone does, on
    /// any machine. Reads give zeros.
    ///
    /// # Errors
    /// Where `buffers` do not fit.
    pub fn noop(buffers: &Buffers) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor { label: Some("parnas"), ..Default::default() };
        let (device, queue) = wgpu::Device::noop(&descriptor);
        let limits = device.limits();
        let facts = DeviceFacts {
            selector: "noop".to_owned(),
            name: "noop".to_owned(),
            kind: DeviceKind::Software,
            backend: "noop",
            driver: String::new(),
            max_binding: limits.max_storage_buffer_binding_size,
            max_buffer: limits.max_buffer_size,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            invocations: limits.max_compute_invocations_per_workgroup,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            ..DeviceFacts::cpu()
        };
        let mut executor = Self::with(facts, device, queue);
        executor.report_failures();
        executor.extend(buffers)?;
        Ok(executor)
    }

    /// How long the host takes to record a replay: all that [`GpuExecutor::run`] does but for submitting.
    ///
    /// # Errors
    /// Where wgpu refuses a call.
    pub fn record(&self, prepared: &PreparedGpu) -> Result<Duration> {
        let start = Instant::now();
        let scopes = Scopes::open(&self.device);
        for slice in &prepared.slices {
            let mut encoder =
                self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(&prepared.name) });
            Self::encode_range(prepared, slice.clone(), &mut encoder, None);
            drop(encoder.finish());
        }
        scopes.close("any", &prepared.name, &self.facts.name, self.allocated_bytes())?;
        Ok(start.elapsed())
    }

    /// Bytes of device memory that wgpu's allocator has handed out, where the backend has one that tells.
    pub fn reported_bytes(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }
}
