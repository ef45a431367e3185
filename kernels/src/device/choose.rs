//! Listing adapters and choosing one.

use super::{DeviceFacts, DeviceKind, backend_name};
use crate::{Error, Result};

/// The adapters that may be chosen and the CPU executor, best first: discrete, integrated and virtual GPUs, the CPU
/// executor, then software adapters. GL adapters are among them only where there is no other.
pub fn list() -> Vec<DeviceFacts> {
    let better = adapters(NATIVE);
    sorted(if better.is_empty() { adapters(wgpu::Backends::GL) } else { better })
}

/// Every adapter of this machine, through GL too, and the CPU executor, best first.
pub fn list_all() -> Vec<DeviceFacts> {
    sorted(adapters(NATIVE | wgpu::Backends::GL))
}

/// The backends that need no fallback.
const NATIVE: wgpu::Backends = wgpu::Backends::VULKAN.union(wgpu::Backends::METAL).union(wgpu::Backends::DX12);

fn sorted(adapters: Vec<(DeviceFacts, wgpu::Adapter)>) -> Vec<DeviceFacts> {
    let mut found: Vec<DeviceFacts> = adapters.into_iter().map(|(facts, _)| facts).collect();
    found.push(DeviceFacts::cpu());
    found.sort_by_key(|facts| (rank(facts.kind), facts.backend == "gl"));
    found
}

fn rank(kind: DeviceKind) -> u32 {
    match kind {
        DeviceKind::Discrete => 0,
        DeviceKind::Integrated => 1,
        DeviceKind::Virtual => 2,
        DeviceKind::Cpu => 3,
        DeviceKind::Software => 4,
    }
}

/// The device that `asked` names, or the best one where nothing is asked.
///
/// A name is a selector (`vulkan:0`, `cpu`), a place in [`list`] (`0`), a kind (`discrete`, `integrated`, `software`), or a
/// part of an adapter's name in any case (`llvmpipe`).
///
/// # Errors
/// [`Error::UnknownDevice`] with what there is.
pub fn choose(asked: Option<&str>) -> Result<DeviceFacts> {
    // Asking the GL drivers is slow and noisy, so they are asked only for what the others do not have.
    choose_among(&list(), asked).or_else(|_| choose_among(&list_all(), asked))
}

/// [`choose`] among given devices, best first.
///
/// # Errors
/// [`Error::UnknownDevice`] with what there is.
pub fn choose_among(devices: &[DeviceFacts], asked: Option<&str>) -> Result<DeviceFacts> {
    let Some(asked) = asked else {
        // The list is never without the CPU executor, and software adapters come after it.
        return Ok(devices.first().cloned().unwrap_or_else(DeviceFacts::cpu));
    };
    let wanted = asked.trim().to_lowercase();
    let by = |test: &dyn Fn(&DeviceFacts) -> bool| devices.iter().find(|facts| test(facts)).cloned();
    by(&|facts| facts.selector == wanted)
        .or_else(|| wanted.parse::<usize>().ok().and_then(|index| devices.get(index).cloned()))
        .or_else(|| by(&|facts| facts.kind.as_str() == wanted || facts.backend == wanted))
        .or_else(|| {
            by(&|facts| {
                !wanted.is_empty() && facts.kind != DeviceKind::Cpu && facts.name.to_lowercase().contains(&wanted)
            })
        })
        .ok_or_else(|| Error::UnknownDevice {
            asked: asked.to_owned(),
            available: devices
                .iter()
                .map(|facts| format!("{} ({})", facts.selector, facts.name))
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// Why the first of `devices` is the default, in a sentence.
pub fn default_reason(devices: &[DeviceFacts]) -> String {
    match devices.first().map(|facts| facts.kind) {
        Some(kind) if kind.is_gpu() => format!("it is the first {} GPU", kind.as_str()),
        _ if devices.iter().any(|facts| facts.kind == DeviceKind::Software) => {
            "there is no GPU, and a software adapter is used only when it is named".to_owned()
        }
        _ => "no adapter was found".to_owned(),
    }
}

/// The adapter that `facts` describe, if it is still there.
pub(crate) fn adapter_of(facts: &DeviceFacts) -> Option<wgpu::Adapter> {
    let backends = match facts.backend {
        "vulkan" => wgpu::Backends::VULKAN,
        "metal" => wgpu::Backends::METAL,
        "dx12" => wgpu::Backends::DX12,
        _ => wgpu::Backends::GL,
    };
    adapters(backends).into_iter().find(|(known, _)| known.selector == facts.selector).map(|(_, adapter)| adapter)
}

/// Adapters with their facts, in the order of the backends.
fn adapters(backends: wgpu::Backends) -> Vec<(DeviceFacts, wgpu::Adapter)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut counts = std::collections::HashMap::new();
    pollster::block_on(instance.enumerate_adapters(backends))
        .into_iter()
        .filter(|adapter| adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS))
        .map(|adapter| {
            let info = adapter.get_info();
            let backend = backend_name(info.backend);
            let count: &mut u32 = counts.entry(backend).or_default();
            let selector = format!("{backend}:{count}");
            *count += 1;
            (DeviceFacts::of_adapter(selector, &info, &adapter.limits(), adapter.features()), adapter)
        })
        .collect()
}

/// The name of the processor, as the operating system tells it.
pub(super) fn processor_name() -> String {
    let unknown = || std::env::consts::ARCH.to_owned();
    #[cfg(target_os = "linux")]
    {
        std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| {
                text.lines().find_map(|line| {
                    line.strip_prefix("model name")
                        .and_then(|rest| rest.split_once(':'))
                        .map(|(_, name)| name.trim().to_owned())
                })
            })
            .unwrap_or_else(unknown)
    }
    #[cfg(not(target_os = "linux"))]
    {
        std::env::var("PROCESSOR_IDENTIFIER").unwrap_or_else(|_| unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(selector: &str, name: &str, kind: DeviceKind, backend: &'static str) -> DeviceFacts {
        DeviceFacts { selector: selector.to_owned(), name: name.to_owned(), kind, backend, ..DeviceFacts::cpu() }
    }

    #[test]
    fn names_are_found_and_unknown_ones_refused() {
        let devices = [
            device("vulkan:1", "Radeon", DeviceKind::Integrated, "vulkan"),
            DeviceFacts::cpu(),
            device("vulkan:0", "llvmpipe (LLVM)", DeviceKind::Software, "vulkan"),
        ];
        let selector = |asked| choose_among(&devices, asked).map(|facts| facts.selector).unwrap();
        assert_eq!(selector(None), "vulkan:1");
        assert_eq!(selector(Some("vulkan:0")), "vulkan:0");
        assert_eq!(selector(Some("LLVMpipe")), "vulkan:0");
        assert_eq!(selector(Some("1")), "cpu");
        assert_eq!(selector(Some("integrated")), "vulkan:1");
        let error = choose_among(&devices, Some("a100")).unwrap_err().to_string();
        assert!(error.contains("a100") && error.contains("vulkan:1 (Radeon)"), "{error}");
    }

    #[test]
    fn software_is_never_the_default() {
        assert_ne!(list()[0].kind, DeviceKind::Software);
    }
}
