//! `parnas devices`: what this machine can compute and measure on.

use std::io::{self, Write};

use parnas_kernels::{DeviceFacts, DeviceKind, device};

use crate::search::config::Bytes;

/// Writes every device with its facts, then the default and the reason for it.
pub(super) fn devices(out: &mut impl Write) -> io::Result<()> {
    let choosable = device::list();
    describe(out, &device::list_all(), &choosable)
}

fn describe(out: &mut impl Write, all: &[DeviceFacts], choosable: &[DeviceFacts]) -> io::Result<()> {
    let default = choosable.first();
    for facts in all {
        let mark = if default.is_some_and(|default| default.selector == facts.selector) { "  (default)" } else { "" };
        writeln!(out, "{}{mark}", facts.selector)?;
        let mut line = |name: &str, value: String| writeln!(out, "  {name:<10} {value}");
        line("name", facts.name.clone())?;
        line("kind", kind(facts.kind).to_owned())?;
        line("backend", facts.backend.to_owned())?;
        if !facts.driver.is_empty() {
            line("driver", facts.driver.clone())?;
        }
        if facts.kind == DeviceKind::Cpu {
            line("memory", "the machine's; --memory limits what a step takes".to_owned())?;
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            line("threads", format!("{threads}; --threads limits them"))?;
        } else {
            line("memory", format!("buffers to {}, bindings to {}", size(facts.max_buffer), size(facts.max_binding)))?;
            line(
                "workgroups",
                format!("{} invocations, {} of memory", facts.invocations, size(facts.workgroup_memory.into())),
            )?;
            line("bindings", format!("{} storage buffers a stage", facts.storage_buffers))?;
            line("features", features(facts))?;
        }
        line("halves", halves(facts).to_owned())?;
        writeln!(out)?;
    }
    if let Some(default) = default {
        writeln!(out, "The default is {}: {}.", default.selector, device::default_reason(choosable))?;
    }
    writeln!(out, "`--device` takes a selector, a kind (cpu, discrete, integrated, software) or a part of a name.")
}

fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Discrete => "discrete GPU",
        DeviceKind::Integrated => "integrated GPU",
        DeviceKind::Virtual => "virtual GPU, or one of unknown kind",
        DeviceKind::Software => "software adapter: used only when named, its times are not those of a GPU",
        DeviceKind::Cpu => "the CPU executor of parnas, which needs no driver",
    }
}

/// Sizes of limits are often a few bytes short of a power of two.
fn size(bytes: u64) -> String {
    const MEBIBYTE: u64 = 1 << 20;
    match bytes {
        0..MEBIBYTE => Bytes(bytes).to_string(),
        _ => format!("{} MiB", bytes / MEBIBYTE),
    }
}

/// What `--precision f16` does there.
fn halves(facts: &DeviceFacts) -> &'static str {
    match (facts.kind, facts.f16) {
        (DeviceKind::Cpu, _) => "widened around each launch, which saves less memory than on a GPU and takes time",
        (_, true) => "stored as f16",
        (_, false) => "packed, two in a word: the device has no f16",
    }
}

fn features(facts: &DeviceFacts) -> String {
    let mut features = Vec::new();
    if facts.timestamps {
        features.push("timestamps".to_owned());
    }
    if facts.f16 {
        features.push("f16".to_owned());
    }
    match facts.subgroups {
        (0, 0) => {}
        (low, high) if low == high => features.push(format!("subgroups of {low}")),
        (low, high) => features.push(format!("subgroups of {low} to {high}")),
    }
    if features.is_empty() { "none beyond the common ones".to_owned() } else { features.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_marked_and_explained() {
        let gpu = DeviceFacts {
            selector: "vulkan:0".to_owned(),
            name: "Radeon".to_owned(),
            kind: DeviceKind::Integrated,
            backend: "vulkan",
            driver: "radv".to_owned(),
            max_buffer: 2 << 30,
            max_binding: (128 << 20) + 3,
            workgroup_memory: 16 << 10,
            subgroups: (32, 64),
            ..DeviceFacts::cpu()
        };
        let devices = [gpu, DeviceFacts::cpu()];
        let mut out = Vec::new();
        describe(&mut out, &devices, &devices).unwrap();
        let text = String::from_utf8(out).unwrap();
        for expected in [
            "vulkan:0  (default)\n",
            "buffers to 2048 MiB, bindings to 128 MiB",
            "16KiB of memory",
            "subgroups of 32 to 64",
            "halves     packed, two in a word",
            "\ncpu\n",
            "The default is vulkan:0: it is the first integrated GPU.",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
