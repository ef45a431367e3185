//! Clipping by global norm.

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words};

/// `factor[0] = min(1, maximum / (sqrt(sum_of_squares[0]) + 1e-6))`, PyTorch's `clip_grad_norm_`; 1 where `maximum <= 0`.
///
/// Slots: `sum_of_squares` `[1]`, `factor` `[1]`. The optimisers multiply their gradient by the factor.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipFactor {
    /// The largest norm that is left as it is; 0 or less for no clipping.
    pub maximum: f32,
}

impl Kernel for ClipFactor {
    fn name(&self) -> &'static str {
        "clip_factor"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("sum_of_squares", 1), Slot::write("factor", 1)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/clip_factor", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().f32(self.maximum)
    }

    fn grid(&self) -> [u32; 3] {
        [1, 1, 1]
    }

    fn cost(&self) -> Cost {
        Cost { operations: 4, bytes: 8 }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [sum_of_squares, factor] = views.split();
        let ratio = self.maximum / (sum_of_squares.read()[0].sqrt() + 1e-6);
        factor.write()[0] = if self.maximum > 0.0 { ratio.min(1.0) } else { 1.0 };
    }
}
