//! Tensors to the device and back.

use std::sync::{Arc, Mutex};

use super::GpuExecutor;
use crate::exec::scopes::Scopes;
use crate::plan::BufferId;
use crate::{Error, Result};

impl GpuExecutor {
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
        self.queue.write_buffer(&self.persistent[index].buffer, 0, bytemuck::cast_slice(data));
        scopes.close("write", &info.name, &self.facts.name, 4 * info.len as u64)?;
        self.check(&info.name)
    }

    /// Reads the whole of a persistent buffer, after everything that was submitted.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&mut self, BufferId(index): BufferId) -> Result<Vec<f32>> {
        let info = self.infos.get(index).ok_or(Error::UnknownBuffer(index))?.clone();
        let words = self.download(&self.persistent[index].buffer.clone(), 4 * info.len as u64, &info.name)?;
        Ok(bytemuck::cast_slice(&words).to_vec())
    }

    /// Copies the first `bytes` of a buffer to the host, after everything that was submitted.
    pub(super) fn download(&mut self, source: &wgpu::Buffer, bytes: u64, name: &str) -> Result<Vec<u8>> {
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
}
