//! Every variant of a kernel on every executor.

use std::sync::Arc;

use parnas_kernels::tune::{Pinned, usable};
use parnas_kernels::{DeviceFacts, DeviceKind, Kernel};

use super::halves::takes;
use super::{devices, run};

/// Runs `kernel` on the CPU, and by each of its variants on the adapter. Returns what each wrote under a name for it.
pub fn run_each(kernel: impl Kernel + Clone, inputs: &[Vec<f32>]) -> Vec<(String, Vec<Vec<f32>>)> {
    let on = |facts: DeviceFacts| -> Vec<(String, Vec<Vec<f32>>)> {
        if facts.kind == DeviceKind::Cpu {
            return vec![(format!("{kernel:?} on the CPU"), run(&facts, kernel.clone(), inputs))];
        }
        let shared: Arc<dyn Kernel> = Arc::new(kernel.clone());
        let by = |variant: parnas_kernels::Variant| {
            let name = format!("{kernel:?} by {} on {}", variant.name, facts.selector);
            (name, run(&facts, Pinned::new(Arc::clone(&shared), variant), inputs))
        };
        usable(&kernel, &facts).into_iter().filter(|variant| takes(variant, &kernel)).map(by).collect()
    };
    devices().into_iter().flat_map(on).collect()
}

/// Runs `kernel` by the `place`-th of its variants that the device can run, by the last where there are fewer; on the CPU as ever.
pub fn run_by(place: usize, facts: &DeviceFacts, kernel: impl Kernel + Clone, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut variants = usable(&kernel, facts);
    let variant = variants.swap_remove(place.min(variants.len() - 1));
    match facts.kind {
        DeviceKind::Cpu => run(facts, kernel, inputs),
        _ => run(facts, Pinned::new(Arc::new(kernel), variant), inputs),
    }
}

/// A repeatable sequence of extents.
pub struct Extents(pub u64);

impl Extents {
    /// The next number in `1..=most`, small ones as often as large ones.
    pub fn next(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let unit = (self.0 >> 40) as f64 / (1u64 << 24) as f64;
        (f64::from(most + 1).powf(unit) as u32).clamp(1, most)
    }

    /// Yes or no.
    pub fn flip(&mut self) -> bool {
        self.next(4) > 2
    }
}
