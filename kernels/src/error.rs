//! What can go wrong, named: the kernel, the tensor, the device at fault and what to do.

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No adapter or executor answers to the name given with `--device`.
    #[error("no device answers to `{asked}`; there are: {available}")]
    UnknownDevice {
        /// What was asked for.
        asked: String,
        /// What there is, comma separated.
        available: String,
    },
    /// A wgpu device could not be opened.
    #[error("device `{device}` could not be opened: {reason}")]
    OpenDevice {
        /// The adapter.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// A buffer or binding is larger than the device allows.
    #[error(
        "tensor `{tensor}` needs {bytes} bytes but `{device}` allows {limit} a {what}; use a smaller --batch-size or --memory budget"
    )]
    Limit {
        /// The tensor.
        tensor: String,
        /// Its size.
        bytes: u64,
        /// The device's limit.
        limit: u64,
        /// `buffer` or `binding`.
        what: &'static str,
        /// The device.
        device: String,
    },
    /// The device has no memory left.
    #[error("`{device}` ran out of memory at `{at}` ({bytes} bytes); use a smaller --memory budget or --batch-size")]
    OutOfMemory {
        /// The device.
        device: String,
        /// The tensor or launch.
        at: String,
        /// What was asked for.
        bytes: u64,
    },
    /// The device is gone: unplugged, reset by a watchdog, or its driver crashed.
    #[error("device `{device}` was lost ({reason}); a checkpointed run continues with `parnas resume`")]
    DeviceLost {
        /// The device.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// wgpu refused a pipeline, a binding or a dispatch.
    #[error("launch `{launch}` (kernel `{kernel}`) is refused by `{device}`: {message}")]
    Validation {
        /// The kernel.
        kernel: String,
        /// The launch's name in the plan.
        launch: String,
        /// The device.
        device: String,
        /// wgpu's words.
        message: String,
    },
    /// A text is no record of tuned kernels.
    #[error("line {line} is none of a tuning record: {message}; delete the file to have the kernels measured again")]
    Record {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A launch binds the wrong number of buffers.
    #[error("kernel `{kernel}` binds {expected} buffers, {given} were given")]
    Bindings {
        /// The kernel.
        kernel: &'static str,
        /// How many it has.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// A launch binds a buffer that is too small.
    #[error("kernel `{kernel}` needs {needed} elements as `{slot}` but tensor `{tensor}` has {len}")]
    Length {
        /// The kernel.
        kernel: &'static str,
        /// The binding's name.
        slot: &'static str,
        /// The tensor.
        tensor: String,
        /// Elements the kernel reads or writes.
        needed: usize,
        /// Elements there are.
        len: usize,
    },
    /// A launch writes a buffer that it also binds elsewhere.
    #[error("kernel `{kernel}` writes tensor `{tensor}` as `{slot}` and binds it a second time")]
    Alias {
        /// The kernel.
        kernel: &'static str,
        /// The binding's name.
        slot: &'static str,
        /// The tensor.
        tensor: String,
    },
    /// Parameters that make no kernel, such as a convolution whose kernel is larger than its padded input.
    #[error("kernel `{kernel}`: {message}")]
    Parameters {
        /// The kernel.
        kernel: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A transfer of the wrong length.
    #[error("tensor `{tensor}` has {len} elements, {given} were given")]
    Transfer {
        /// The tensor.
        tensor: String,
        /// Its elements.
        len: usize,
        /// What was given.
        given: usize,
    },
    /// A buffer made by another table than the executor's.
    #[error("buffer {0} is not one of this executor's")]
    UnknownBuffer(usize),
    /// A shader that cannot be specialised.
    #[error(transparent)]
    Shader(#[from] parnas_shaders::ShaderError),
}
