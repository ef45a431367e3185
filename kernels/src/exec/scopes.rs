//! Error scopes around calls to wgpu: what goes wrong within comes out as a typed error, and never at the handlers of the
//! host application.

use crate::{Error, Result};

/// Open error scopes of one thread. They close where this goes out of scope, whatever they caught.
#[derive(Debug)]
pub(super) struct Scopes {
    // Closed from the first to the last: in the reverse order of opening.
    validation: wgpu::ErrorScopeGuard,
    memory: wgpu::ErrorScopeGuard,
    internal: wgpu::ErrorScopeGuard,
}

impl Scopes {
    /// Opens a scope for each kind of error.
    pub(super) fn open(device: &wgpu::Device) -> Self {
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        Self { validation, memory, internal }
    }

    /// Closes the scopes. `bytes` is the memory that what stood between them takes.
    ///
    /// # Errors
    /// What was caught, as happened to `kernel` in `launch` on `device`.
    pub(super) fn close(self, kernel: &str, launch: &str, device: &str, bytes: u64) -> Result<()> {
        let [validation, memory, internal] =
            [self.validation, self.memory, self.internal].map(|scope| pollster::block_on(scope.pop()));
        if memory.is_some() {
            return Err(Error::OutOfMemory { device: device.to_owned(), at: launch.to_owned(), bytes });
        }
        match validation.or(internal) {
            None => Ok(()),
            Some(error) => Err(Error::Validation {
                kernel: kernel.to_owned(),
                launch: launch.to_owned(),
                device: device.to_owned(),
                message: error.to_string(),
            }),
        }
    }
}
