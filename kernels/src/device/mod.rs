//! Which devices there are, what they are, and which one is chosen.

mod choose;

pub(crate) use choose::adapter_of;
pub use choose::{choose, choose_among, default_reason, list, list_all};

/// What kind of device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the memory of the CPU.
    Integrated,
    /// A GPU of a virtual machine, or one whose driver does not say what it is.
    Virtual,
    /// A software implementation of a graphics API, such as llvmpipe. Never chosen unless named.
    Software,
    /// parnas's own CPU executor.
    Cpu,
}

impl DeviceKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
            Self::Cpu => "cpu",
        }
    }

    /// Whether times measured on it are those of a GPU.
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Discrete | Self::Integrated | Self::Virtual)
    }
}

/// The facts of a device, recorded once; nothing asks the adapter again.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceFacts {
    /// What `--device` calls it: `cpu`, `vulkan:0`, `gl:0`.
    pub selector: String,
    /// The adapter's name, or the processor's.
    pub name: String,
    /// Its kind.
    pub kind: DeviceKind,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: &'static str,
    /// The driver and its version; empty where unknown.
    pub driver: String,
    /// PCI vendor number, 0 where unknown.
    pub vendor: u32,
    /// Largest storage binding in bytes.
    pub max_binding: u64,
    /// Largest buffer in bytes.
    pub max_buffer: u64,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Invocations a workgroup.
    pub invocations: u32,
    /// Storage buffers a stage.
    pub storage_buffers: u32,
    /// Whether passes can be timed by the device's own clock.
    pub timestamps: bool,
    /// Whether shaders can use f16.
    pub f16: bool,
    /// Smallest and largest subgroup, 0 where there is none.
    pub subgroups: (u32, u32),
}

impl DeviceFacts {
    /// The facts of the CPU executor on this machine.
    pub fn cpu() -> Self {
        Self {
            selector: "cpu".to_owned(),
            name: choose::processor_name(),
            kind: DeviceKind::Cpu,
            backend: "cpu",
            driver: format!("parnas {}", env!("CARGO_PKG_VERSION")),
            vendor: 0,
            max_binding: u64::MAX,
            max_buffer: u64::MAX,
            workgroup_memory: 0,
            invocations: 0,
            storage_buffers: 0,
            timestamps: false,
            f16: false,
            subgroups: (0, 0),
        }
    }

    pub(crate) fn of_adapter(
        selector: String,
        info: &wgpu::AdapterInfo,
        limits: &wgpu::Limits,
        features: wgpu::Features,
    ) -> Self {
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            // The GL backend reports llvmpipe as "other".
            _ if is_software(&info.name) => DeviceKind::Software,
            _ => DeviceKind::Virtual,
        };
        let subgroups = if features.contains(wgpu::Features::SUBGROUP) {
            (info.subgroup_min_size, info.subgroup_max_size)
        } else {
            (0, 0)
        };
        Self {
            selector,
            name: info.name.clone(),
            kind,
            backend: backend_name(info.backend),
            driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().to_owned(),
            vendor: info.vendor,
            max_binding: limits.max_storage_buffer_binding_size,
            max_buffer: limits.max_buffer_size,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            invocations: limits.max_compute_invocations_per_workgroup,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups,
        }
    }
}

fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "warp", "basic render"].iter().any(|word| name.contains(word))
}

pub(crate) fn backend_name(backend: wgpu::Backend) -> &'static str {
    match backend {
        wgpu::Backend::Vulkan => "vulkan",
        wgpu::Backend::Metal => "metal",
        wgpu::Backend::Dx12 => "dx12",
        wgpu::Backend::Gl => "gl",
        wgpu::Backend::BrowserWebGpu => "webgpu",
        wgpu::Backend::Noop => "noop",
    }
}
