//! The sum of squares of a tensor, for clipping by global norm: passes of a fixed tree.

use rayon::prelude::*;

use super::require::require_len;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::plan::{Operand, PlanBuilder};

/// Elements that a workgroup, or a task on the CPU, adds.
const CHUNK: usize = 16_384;

/// `y[0] = sum of x^2 (+ previous[0])` over `[len]`, in as many launches as its length needs: a fixed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumOfSquares {
    /// Elements.
    pub len: usize,
    /// Whether an earlier sum is added, so that several tensors have one norm.
    pub accumulate: bool,
}

impl SumOfSquares {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `len` is 0 or too large.
    pub fn validate(&self) -> Result<()> {
        require_len(self.len, "sum_of_squares")
    }

    /// Appends the launches. `x` is `[len]`, `previous` `[1]` is given where `accumulate` holds, `y` is `[1]`.
    ///
    /// # Errors
    /// As [`SumOfSquares::validate`], where `previous` is missing or not asked for, or an operand does not fit.
    pub fn push(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        x: Operand,
        previous: Option<Operand>,
        y: Operand,
    ) -> Result<()> {
        self.validate()?;
        let mut pass = SumPass { len: self.len, square: true, accumulate: false };
        let mut input = x;
        while pass.len > CHUNK {
            let sums = pass.len.div_ceil(CHUNK);
            let partial = plan.transient(format!("{label} sums"), sums);
            plan.launch(label, pass, &[input, partial])?;
            pass = SumPass { len: sums, square: false, accumulate: false };
            input = partial;
        }
        pass.accumulate = self.accumulate;
        match previous {
            Some(previous) => plan.launch(label, pass, &[input, previous, y]),
            None => plan.launch(label, pass, &[input, y]),
        }
    }
}

/// One pass: a sum for every 16,384 elements.
#[derive(Debug, Clone)]
struct SumPass {
    len: usize,
    square: bool,
    accumulate: bool,
}

/// Running sums that become vector registers, added up in their order at the end.
#[inline(always)]
fn sum(x: &[f32], summand: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<64>();
    let mut sums = [0.0f32; 64];
    for block in blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            *sum += summand(*x);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += summand(*x);
    }
    sums.iter().sum()
}

impl Kernel for SumPass {
    fn name(&self) -> &'static str {
        "sum_of_squares"
    }

    fn slots(&self) -> Vec<Slot> {
        let sums = self.len.div_ceil(CHUNK);
        let mut slots = vec![Slot::read("x", self.len)];
        if self.accumulate {
            slots.push(Slot::read("previous", sums));
        }
        slots.push(Slot::write("y", sums));
        slots
    }

    fn shader(&self) -> Shader {
        Shader {
            file: "optimise/sum_of_squares",
            constants: vec![("SQUARE", u32::from(self.square)), ("ACCUMULATE", u32::from(self.accumulate))],
        }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len as u32)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(CHUNK))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let (x, previous, y) = if self.accumulate {
            let [x, previous, y] = views.split();
            (x.read(), Some(previous.read()), y.write())
        } else {
            let [x, y] = views.split();
            (x.read(), None, y.write())
        };
        y.par_iter_mut().zip(x[..self.len].par_chunks(CHUNK)).enumerate().for_each(|(w, (y, x))| {
            *y = cpu.vectorised(
                #[inline(always)]
                || if self.square { sum(x, |x| x * x) } else { sum(x, |x| x) },
            ) + previous.map_or(0.0, |previous| previous[w]);
        });
    }
}
