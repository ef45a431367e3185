//! A kernel of which one variant is taken.

use std::sync::Arc;

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Variant, Words};

/// A kernel that always runs one of its variants: how variants are measured and tested.
#[derive(Debug, Clone)]
pub struct Pinned {
    kernel: Arc<dyn Kernel>,
    variant: Variant,
}

impl Pinned {
    /// `kernel` by `variant`, which is one of its own.
    pub fn new(kernel: Arc<dyn Kernel>, variant: Variant) -> Self {
        Self { kernel, variant }
    }
}

impl Kernel for Pinned {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn slots(&self) -> Vec<Slot> {
        self.kernel.slots()
    }

    fn shader(&self) -> Shader {
        self.variant.shader.clone()
    }

    fn parameters(&self) -> Words {
        self.kernel.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.variant.grid
    }

    fn cost(&self) -> Cost {
        self.kernel.cost()
    }

    fn scratch(&self) -> usize {
        self.kernel.scratch()
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.kernel.run(cpu, views);
    }
}
