//! The adapter that tests run on beside the CPU executor.

use parnas_kernels::{DeviceKind, device};

/// The first adapter that is found, by its selector, or none with a line that says so. `PARNAS_TEST_DEVICE` names another.
pub fn adapter() -> Option<String> {
    let asked = std::env::var("PARNAS_TEST_DEVICE").ok();
    let found = match asked {
        Some(name) => Some(device::choose(Some(&name)).expect("PARNAS_TEST_DEVICE names a device")),
        None => device::list().into_iter().find(|facts| facts.kind != DeviceKind::Cpu),
    };
    if found.is_none() {
        println!("skipped on wgpu: no adapter was found");
    }
    found.map(|facts| facts.selector)
}
