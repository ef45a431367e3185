//! The step counter on the device.

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words};

/// `clock[0] += step`: the step that random draws and learning rates are functions of.
///
/// Slot: `clock` u32 `[2]`; `clock[1]` is reserved and stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The increment.
    pub step: u32,
}

impl Kernel for Tick {
    fn name(&self) -> &'static str {
        "tick"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::write("clock", 2)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "random/tick", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.step)
    }

    fn grid(&self) -> [u32; 3] {
        [1, 1, 1]
    }

    fn cost(&self) -> Cost {
        Cost { operations: 1, bytes: 8 }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [clock] = views.split();
        let clock = clock.write_u32();
        clock[0] = clock[0].wrapping_add(self.step);
    }
}
