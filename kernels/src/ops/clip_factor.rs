//! Clipping by global norm.

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};

/// `factor[0] = min(1, maximum / (sqrt(sum_of_squares[0]) + 1e-6))`, PyTorch's `clip_grad_norm_`; 1 where `maximum <= 0`.
///
/// Slots: `sum_of_squares` `[1]`, with `scaled` `state` `[2]`, `factor` `[1]`. The optimisers multiply their gradient by the factor.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipFactor {
    /// The largest norm that is left as it is; 0 or less for no clipping.
    pub maximum: f32,
    /// Whether the sum is that of gradients of a scaled loss ([`super::LossScale`]). The factor then takes the scale away as well, and
    /// is -1 where the sum is not finite: the optimisers leave that step out.
    pub scaled: bool,
}

impl Kernel for ClipFactor {
    fn name(&self) -> &'static str {
        "clip_factor"
    }

    fn slots(&self) -> Vec<Slot> {
        let state = self.scaled.then(|| Slot::read("state", 2));
        [Slot::read("sum_of_squares", 1)].into_iter().chain(state).chain([Slot::write("factor", 1)]).collect()
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/clip_factor", constants: vec![("SCALED", self.scaled.into())] }
    }

    fn parameters(&self) -> Words {
        Words::new().f32(self.maximum)
    }

    fn grid(&self) -> [u32; 3] {
        [1, 1, 1]
    }

    fn cost(&self) -> Cost {
        Cost { operations: 4, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let (sum_of_squares, scale, factor) = if self.scaled {
            let [sum_of_squares, state, factor] = views.split();
            (sum_of_squares.read()[0], state.read()[0], factor.write())
        } else {
            let [sum_of_squares, factor] = views.split();
            (sum_of_squares.read()[0], 1.0, factor.write())
        };
        if self.scaled && !sum_of_squares.is_finite() {
            factor[0] = -1.0;
            return;
        }
        let ratio = self.maximum / (sum_of_squares.sqrt() / scale + 1e-6);
        factor[0] = if self.maximum > 0.0 { ratio.min(1.0) } else { 1.0 } / scale;
    }
}
