//! A linear layer of weights that architectures of different widths share: forward, gradients of input and weights.

use rayon::prelude::*;

use super::check::{ITERATIONS, at_most, countable, positive};
use super::product::Product;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// What follows the products of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(0, .)`.
    Relu,
}

/// Which of its outputs an architecture computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ElasticOutput {
    /// All.
    #[default]
    Full,
    /// Those below its extent.
    Extents,
    /// Those below its extent, each scaled by the mask.
    Mask,
}

/// The shape of a linear layer whose weights `w` `[O, I]` and bias `[O]` all architectures share: `x` `[A, N, I]`, `y` `[A, N, O]`.
///
/// An architecture takes as many inputs and outputs as its extents say ([`super::Coverage`]), read on the device: loops end there,
/// tiles beyond are skipped, results beyond are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElasticLinear {
    /// Architectures A.
    pub architectures: u32,
    /// Rows N of each.
    pub rows: u32,
    /// Inputs I, all of them.
    pub inputs: u32,
    /// Outputs O, all of them.
    pub outputs: u32,
    /// Whether a bias is added.
    pub bias: bool,
    /// Whether the inputs have extents.
    pub elastic_input: bool,
    /// Whether the outputs have extents, and a mask.
    pub output: ElasticOutput,
    /// What follows.
    pub activation: Activation,
}

/// One of the three products, by its code in the shader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Forward,
    InputGradient,
    WeightGradient,
}

/// A product of each architecture with how far it goes, and what surrounds it.
#[derive(Debug, Clone, Copy)]
struct Operands<'a> {
    a: &'a [f32],
    b: &'a [f32],
    bias: Option<&'a [f32]>,
    input_extents: Option<&'a [u32]>,
    output_extents: Option<&'a [u32]>,
    mask: Option<&'a [f32]>,
}

impl ElasticLinear {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements or summands than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "elastic_linear";
        let [a, rows, inputs, outputs] = [self.architectures, self.rows, self.inputs, self.outputs].map(u64::from);
        positive(NAME, &[("architectures", a), ("rows", rows), ("inputs", inputs), ("outputs", outputs)])?;
        countable(NAME, "x", &[a, rows, inputs])?;
        countable(NAME, "y", &[a, rows, outputs])?;
        countable(NAME, "the weights' gradient", &[a, outputs, inputs])?;
        // As the shader's header counts.
        at_most(NAME, "the longest sum", rows.max(inputs).max(outputs), 16 * (ITERATIONS / 10))
    }

    fn masked(&self) -> bool {
        self.output == ElasticOutput::Mask
    }

    /// Rows and columns of the product of `pass`, and the summands of each element.
    fn extents(&self, pass: Pass) -> [usize; 3] {
        let [rows, inputs, outputs] = [self.rows, self.inputs, self.outputs].map(|extent| extent as usize);
        match pass {
            Pass::Forward => [rows, outputs, inputs],
            Pass::InputGradient => [rows, inputs, outputs],
            Pass::WeightGradient => [outputs, inputs, rows],
        }
    }

    /// [`ElasticLinear::extents`] as far as architecture `a` goes.
    fn limits(&self, pass: Pass, operands: &Operands<'_>, a: usize) -> [usize; 3] {
        let of = |extents: Option<&[u32]>, all: u32| extents.map_or(all, |extents| extents[a].min(all)) as usize;
        let (inputs, outputs) = (of(operands.input_extents, self.inputs), of(operands.output_extents, self.outputs));
        match pass {
            Pass::Forward => [self.rows as usize, outputs, inputs],
            Pass::InputGradient => [self.rows as usize, inputs, outputs],
            Pass::WeightGradient => [outputs, inputs, self.rows as usize],
        }
    }

    fn slots(&self, pass: Pass) -> Vec<Slot> {
        let [a, rows, inputs, outputs] =
            [self.architectures, self.rows, self.inputs, self.outputs].map(|extent| extent as usize);
        let (x, y, w) = (a * rows * inputs, a * rows * outputs, outputs * inputs);
        let (first, last) = match pass {
            Pass::Forward => ([Slot::read("x", x), Slot::read("w", w)], Slot::write("y", y)),
            Pass::InputGradient => ([Slot::read("dy", y), Slot::read("w", w)], Slot::write("dx", x)),
            Pass::WeightGradient => ([Slot::read("dy", y), Slot::read("x", x)], Slot::write("dw", a * w)),
        };
        let elastic = self.output != ElasticOutput::Full;
        first
            .into_iter()
            .chain((self.bias && pass == Pass::Forward).then(|| Slot::read("bias", outputs)))
            .chain(self.elastic_input.then(|| Slot::read("input_extents", a)))
            .chain(elastic.then(|| Slot::read("output_extents", a)))
            .chain(self.masked().then(|| Slot::read("mask", a * outputs)))
            .chain([last])
            .collect()
    }

    /// `TILE` of the shader: by the extents of one architecture, and not by theirs.
    fn tile(&self, pass: Pass) -> u32 {
        let [m, n, _] = self.extents(pass);
        u32::from(m <= 32 || n <= 32 || m * n <= 96 * 96)
    }

    fn shader(&self, pass: Pass) -> Shader {
        let constants = vec![
            ("PASS", pass as u32),
            ("TILE", self.tile(pass)),
            ("BIAS", (self.bias && pass == Pass::Forward).into()),
            ("INPUT", self.elastic_input.into()),
            ("OUTPUT", self.output as u32),
        ];
        Shader { file: "elastic/elastic_linear", constants }
    }

    fn parameters(&self, pass: Pass) -> Words {
        let [m, n, k] = self.extents(pass).map(|extent| extent as u32);
        let relu = u32::from(self.activation == Activation::Relu);
        Words::new().u32(self.architectures).u32(m).u32(n).u32(k).u32(relu)
    }

    fn grid(&self, pass: Pass) -> [u32; 3] {
        let [m, n, _] = self.extents(pass);
        let tile = [64, 32][self.tile(pass) as usize];
        linear_grid(self.architectures as usize * m.div_ceil(tile) * n.div_ceil(tile))
    }

    fn cost(&self, pass: Pass) -> Cost {
        let products = [self.architectures, self.rows, self.inputs, self.outputs].map(u64::from);
        Cost { operations: 2 * products.iter().product::<u64>(), bytes: bytes_of(&self.slots(pass)) }
    }

    /// Rows that one task of the CPU kernel computes: of the extents alone, so that the bits depend on no number of threads.
    fn task_rows(&self, pass: Pass) -> usize {
        let [m, n, k] = self.extents(pass);
        match m {
            _ if m * n * k <= 1 << 18 => m,
            256.. => 128,
            32.. => m.div_ceil(2).next_multiple_of(16),
            _ => m,
        }
    }

    /// Elements of scratch memory: results of a task, and its scaled left factor.
    fn scratch(&self, pass: Pass) -> usize {
        let [m, n, k] = self.extents(pass);
        let rows = self.task_rows(pass).min(m);
        rows * n + if pass == Pass::InputGradient && self.masked() { rows * k } else { 0 }
    }

    fn run(&self, pass: Pass, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let mut next = |present: bool| present.then(|| views.next()).flatten();
        let (Some(a), Some(b)) = (next(true), next(true)) else { return };
        let bias = next(self.bias && pass == Pass::Forward);
        let input_extents = next(self.elastic_input);
        let output_extents = next(self.output != ElasticOutput::Full);
        let mask = next(self.masked());
        let Some(c) = next(true) else { return };
        let operands = Operands {
            a: a.read(),
            b: b.read(),
            bias: bias.map(|bias| bias.read()),
            input_extents: input_extents.map(|extents| extents.read_u32()),
            output_extents: output_extents.map(|extents| extents.read_u32()),
            mask: mask.map(|mask| mask.read()),
        };
        let [m, n, _] = self.extents(pass);
        let rows = self.task_rows(pass);
        let c = &mut c.write()[..self.architectures as usize * m * n];
        c.par_chunks_mut(m * n).enumerate().for_each(|(architecture, c)| {
            c.par_chunks_mut(rows * n).enumerate().for_each(|(block, c)| {
                self.task(pass, cpu, &operands, architecture, block * rows, c);
            });
        });
    }

    /// Rows of the product of one architecture from row `first` on.
    fn task(&self, pass: Pass, cpu: &Cpu, operands: &Operands<'_>, architecture: usize, first: usize, c: &mut [f32]) {
        let [m, n, k] = self.extents(pass);
        let [live_m, live_n, live_k] = self.limits(pass, operands, architecture);
        let rows = (c.len() / n).min(live_m.saturating_sub(first));
        let (c, beyond) = c.split_at_mut(rows * n);
        beyond.fill(0.0);
        if rows == 0 || live_n == 0 {
            c.fill(0.0);
            return;
        }
        let a = &operands.a[architecture * m * k..][..m * k];
        let (a, a_strides) = match pass {
            Pass::WeightGradient => (&a[first..], [1, m]),
            _ => (&a[first * k..], [k, 1]),
        };
        let (b, b_strides) = match pass {
            Pass::Forward => (operands.b, [1, k]),
            Pass::InputGradient => (operands.b, [n, 1]),
            Pass::WeightGradient => (&operands.b[architecture * k * n..][..k * n], [n, 1]),
        };
        let mask = operands.mask.map(|mask| &mask[architecture * self.outputs as usize..][..self.outputs as usize]);
        let scaled = pass == Pass::InputGradient && mask.is_some_and(|mask| mask[..live_k].iter().any(|m| *m != 1.0));
        let whole = live_n == n;
        let (results, factors) = (if whole { 0 } else { rows * live_n }, if scaled { rows * live_k } else { 0 });
        cpu.with_scratch(results + factors, |scratch| {
            let (results, factors) = scratch.split_at_mut(results);
            let (a, a_strides) = match mask {
                Some(mask) if scaled => {
                    cpu.vectorised(
                        #[inline(always)]
                        || {
                            for (factors, a) in factors.chunks_exact_mut(live_k).zip(a.chunks(k)) {
                                for ((factor, a), mask) in factors.iter_mut().zip(a).zip(mask) {
                                    *factor = mask * a;
                                }
                            }
                        },
                    );
                    (&*factors, [live_k, 1])
                }
                _ => (a, a_strides),
            };
            let bias = operands.bias.map(|bias| &bias[..live_n]);
            let product = Product { n: live_n, k: live_k, a, b, a_strides, b_strides, bias, relu: false };
            let target: &mut [f32] = if whole { &mut *c } else { &mut *results };
            product.run(cpu, (rows, live_n), target);
            cpu.vectorised(
                #[inline(always)]
                || {
                    if !whole {
                        for (c, results) in c.chunks_exact_mut(n).zip(results.chunks_exact(live_n)) {
                            c[..live_n].copy_from_slice(results);
                            c[live_n..].fill(0.0);
                        }
                    }
                    self.finish(pass, mask, first, live_n, c);
                },
            );
        });
    }

    /// Mask and activation over rows of the result from row `first` on.
    #[inline(always)]
    fn finish(&self, pass: Pass, mask: Option<&[f32]>, first: usize, live: usize, c: &mut [f32]) {
        let [_, n, _] = self.extents(pass);
        let relu = pass == Pass::Forward && self.activation == Activation::Relu;
        match (pass, mask) {
            (Pass::Forward, Some(mask)) => {
                for c in c.chunks_exact_mut(n) {
                    c[..live].iter_mut().zip(mask).for_each(|(c, mask)| *c *= mask);
                }
            }
            (Pass::WeightGradient, Some(mask)) => {
                for (c, mask) in c.chunks_exact_mut(n).zip(&mask[first..]) {
                    c[..live].iter_mut().for_each(|c| *c *= mask);
                }
            }
            _ => {}
        }
        if relu {
            c.iter_mut().for_each(|c| *c = c.max(0.0));
        }
    }
}

macro_rules! pass {
    ($(#[$documentation:meta])* $kernel:ident, $name:literal, $pass:expr) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $kernel(pub ElasticLinear);

        impl Kernel for $kernel {
            fn name(&self) -> &'static str {
                $name
            }

            fn slots(&self) -> Vec<Slot> {
                self.0.slots($pass)
            }

            fn shader(&self) -> Shader {
                self.0.shader($pass)
            }

            fn parameters(&self) -> Words {
                self.0.parameters($pass)
            }

            fn grid(&self) -> [u32; 3] {
                self.0.grid($pass)
            }

            fn cost(&self) -> Cost {
                self.0.cost($pass)
            }

            fn scratch(&self) -> usize {
                self.0.scratch($pass)
            }

            fn run(&self, cpu: &Cpu, views: Views<'_>) {
                self.0.run($pass, cpu, views);
            }
        }
    };
}

pass! {
    /// `y[a,n,o] = f(mask[a,o] (sum_i x[a,n,i] w[o,i] + bias[o]))`, `f` being the activation. Slots `x`, `w`, (`bias` `[O]`),
    /// (`input_extents` u32 `[A]`), (`output_extents` u32 `[A]`), (`mask` `[A, O]`), `y`.
    ElasticLinearForward, "elastic_linear", Pass::Forward
}

pass! {
    /// `dx[a,n,i] = sum_o mask[a,o] dy[a,n,o] w[o,i]`, `dy` being the gradient before the activation. Slots `dy`, `w`,
    /// (`input_extents`), (`output_extents`), (`mask`), `dx`.
    ElasticLinearInputGradient, "elastic_linear_input_gradient", Pass::InputGradient
}

pass! {
    /// `dw[a,o,i] = mask[a,o] sum_n dy[a,n,o] x[a,n,i]`, apart for each architecture. Slots `dy`, `x`, (`input_extents`),
    /// (`output_extents`), (`mask`), `dw` `[A, O, I]`.
    ///
    /// With [`ElasticOutput::Extents`] in the place of the mask it is the gradient of the effective weights, whose product with
    /// the weights is the gradient of the mask ([`super::ChannelMaskGradient`]).
    ElasticLinearWeightGradient, "elastic_linear_weight_gradient", Pass::WeightGradient
}
