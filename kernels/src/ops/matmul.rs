//! Batched matrix products.

use std::sync::Arc;

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Form, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};
use crate::ops::product::Product;

/// What is added to every row of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bias {
    /// Nothing.
    None,
    /// `[n]`, the same for every batch.
    Shared,
    /// `[batch, n]`.
    PerBatch,
}

/// Batched matrix product `C[b,m,n] = sum_k A[b,m,k] B[b,k,n] (+ bias[n]) (then max(0, ·))`. Slots `a`, `b`, (`bias`), `c`.
///
/// The bits of a batch's product depend on neither the number of batches nor the other batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matmul {
    /// Products.
    pub batch: u32,
    /// Rows of C.
    pub m: u32,
    /// Columns of C.
    pub n: u32,
    /// The extent that is summed.
    pub k: u32,
    /// A is stored `[.., k, m]` instead of `[.., m, k]`.
    pub transpose_a: bool,
    /// B is stored `[.., n, k]` instead of `[.., k, n]`.
    pub transpose_b: bool,
    /// A has no batch axis: one for all.
    pub broadcast_a: bool,
    /// B has no batch axis: one for all.
    pub broadcast_b: bool,
    /// What is added.
    pub bias: Bias,
    /// Whether negative results become 0.
    pub relu: bool,
}

/// The shaders, each with the rows and columns of C that a workgroup computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tile {
    /// `matmul/matmul_row`.
    Row,
    /// `matmul/matmul` with this `TILE`.
    Shared(u32),
    /// `matmul/matmul_apart`.
    Apart,
    /// `matmul/matmul_subgroup`.
    Subgroup,
}

/// Each `TILE` of `matmul/matmul.wgsl`.
const SHARED: [(&str, [u32; 2]); 4] =
    [("64x64", [64, 64]), ("32x32", [32, 32]), ("16x64", [16, 64]), ("64x16", [64, 16])];
/// Multiply-adds of the products that are timed, at most, where one of them is not more.
const SAMPLE: u64 = 1 << 25;

impl Matmul {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or a tensor or the sum is longer than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        let [batch, m, n, k] = [self.batch, self.m, self.n, self.k].map(u64::from);
        positive("matmul", &[("batch", batch), ("m", m), ("n", n), ("k", k)])?;
        countable("matmul", "a", &[if self.broadcast_a { 1 } else { batch }, m, k])?;
        countable("matmul", "b", &[if self.broadcast_b { 1 } else { batch }, k, n])?;
        countable("matmul", "c", &[batch, m, n])?;
        // As the shaders' headers count.
        at_most("matmul", "k", k, if m == 1 { 4 * (ITERATIONS - 8) } else { 16 * (ITERATIONS / 10) })
    }

    /// The tile that GPUs start from: the number of batches must not decide, it would change the bits.
    fn tile(&self) -> Tile {
        match (self.m, self.n) {
            (1, _) => Tile::Row,
            (..=16, 33..) => Tile::Shared(2),
            (33.., ..=16) => Tile::Shared(3),
            (m, n) if m <= 32 || n <= 32 || u64::from(m) * u64::from(n) <= 96 * 96 => Tile::Shared(1),
            _ => Tile::Shared(0),
        }
    }

    fn variant(&self, tile: Tile) -> Variant {
        let bias = ("BIAS", u32::from(self.bias != Bias::None));
        let transpose_a = ("TRANSPOSE_A", u32::from(self.transpose_a));
        let transpose_b = ("TRANSPOSE_B", u32::from(self.transpose_b));
        let (name, form, file, constants, [rows, columns]) = match tile {
            Tile::Row => {
                let columns = if self.transpose_b { 16 } else { 64 };
                ("row", Form::Ordinary, "matmul/matmul_row", vec![transpose_b, bias], [1, columns])
            }
            Tile::Shared(tile) => {
                let (name, extents) = SHARED[tile as usize];
                let constants = vec![("TILE", tile), transpose_a, transpose_b, bias];
                (name, Form::Ordinary, "matmul/matmul", constants, extents)
            }
            Tile::Apart => {
                ("apart 8x4", Form::Apart, "matmul/matmul_apart", vec![transpose_a, transpose_b, bias], [8, 64])
            }
            Tile::Subgroup => {
                let constants = vec![transpose_a, transpose_b, bias];
                ("subgroup 16x1", Form::Subgroup(8), "matmul/matmul_subgroup", constants, [16, 64])
            }
        };
        let tiles = self.m.div_ceil(rows) as usize * self.n.div_ceil(columns) as usize;
        Variant { name, shader: Shader { file, constants }, grid: linear_grid(self.batch as usize * tiles), form }
    }

    fn batches(&self, broadcast: bool) -> usize {
        if broadcast { 1 } else { self.batch as usize }
    }

    /// Elements from one batch of A, B and the bias to the next.
    fn steps(&self) -> [u32; 3] {
        [
            if self.broadcast_a { 0 } else { self.m * self.k },
            if self.broadcast_b { 0 } else { self.k * self.n },
            if self.bias == Bias::PerBatch { self.n } else { 0 },
        ]
    }
}

impl Kernel for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn slots(&self) -> Vec<Slot> {
        let [batch, m, n, k] = [self.batch, self.m, self.n, self.k].map(|extent| extent as usize);
        let mut slots = vec![
            Slot::read("a", self.batches(self.broadcast_a) * m * k).or_half(),
            Slot::read("b", self.batches(self.broadcast_b) * k * n).or_half(),
        ];
        match self.bias {
            Bias::None => {}
            Bias::Shared => slots.push(Slot::read("bias", n)),
            Bias::PerBatch => slots.push(Slot::read("bias", batch * n)),
        }
        slots.push(Slot::write("c", batch * m * n));
        slots
    }

    fn shader(&self) -> Shader {
        self.variant(self.tile()).shader
    }

    fn parameters(&self) -> Words {
        let [a, b, bias] = self.steps();
        let words = Words::new().u32(self.batch).u32(self.m).u32(self.n).u32(self.k);
        words.u32(a).u32(b).u32(bias).u32(u32::from(self.relu))
    }

    fn grid(&self) -> [u32; 3] {
        self.variant(self.tile()).grid
    }

    fn variants(&self) -> Vec<Variant> {
        let plain = self.tile();
        // A single row is summed along K by many invocations: nothing else comes near.
        let others = match plain {
            Tile::Row => Vec::new(),
            // `matmul_apart` takes a round for each k.
            _ if u64::from(self.k) > ITERATIONS => vec![Tile::Subgroup],
            Tile::Shared(0) => vec![Tile::Shared(1), Tile::Apart, Tile::Subgroup],
            _ => vec![Tile::Apart, Tile::Subgroup],
        };
        [plain].into_iter().chain(others).map(|tile| self.variant(tile)).collect()
    }

    fn tuning(&self) -> Option<Tuning> {
        if self.m == 1 {
            return None;
        }
        let one = u64::from(self.m) * u64::from(self.n) * u64::from(self.k);
        let batch = (SAMPLE / one.max(1)).clamp(1, 64) as u32;
        let class = format!(
            "matmul {}x{}x{}{}{}",
            self.m,
            self.n,
            self.k,
            if self.transpose_a { " transposed a" } else { "" },
            if self.transpose_b { " transposed b" } else { "" },
        );
        Some(Tuning { class, sample: Arc::new(Self { batch: self.batch.min(batch), ..self.clone() }) })
    }

    fn cost(&self) -> Cost {
        let outputs = u64::from(self.batch) * u64::from(self.m) * u64::from(self.n);
        let after = u64::from(self.bias != Bias::None) + u64::from(self.relu);
        Cost { operations: outputs * (2 * u64::from(self.k) + after), bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let (a, b, bias, c) = if self.bias == Bias::None {
            let [a, b, c] = views.split();
            (a.read(), b.read(), None, c.write())
        } else {
            let [a, b, bias, c] = views.split();
            (a.read(), b.read(), Some(bias.read()), c.write())
        };
        let [batch, m, n, k] = [self.batch, self.m, self.n, self.k].map(|extent| extent as usize);
        let steps = self.steps().map(|step| step as usize);
        let few = (1 << 15) / (m * n * k).clamp(1, 1 << 15);
        c[..batch * m * n].par_chunks_mut(m * n).with_min_len(few).enumerate().for_each(|(index, c)| {
            let product = Product {
                n,
                k,
                a: &a[index * steps[0]..][..m * k],
                b: &b[index * steps[1]..][..k * n],
                a_strides: if self.transpose_a { [1, m] } else { [k, 1] },
                b_strides: if self.transpose_b { [1, k] } else { [n, 1] },
                bias: bias.map(|bias| &bias[index * steps[2]..][..n]),
                relu: self.relu,
            };
            product.run(cpu, block(m, n, k), c);
        });
    }
}

/// Rows and columns of C that one task of the CPU kernel computes: of the extents alone, so that the bits depend on no
/// number of threads.
fn block(m: usize, n: usize, k: usize) -> (usize, usize) {
    if m * n * k <= 1 << 18 {
        (m, n)
    } else if m >= 1024 && n >= 1024 {
        // Each block brings its rows of A and its columns of B into order.
        (256, 512)
    } else if m >= 256 {
        (128, n)
    } else if m >= 32 {
        (m.div_ceil(2).next_multiple_of(16), n)
    } else {
        (m, if n >= 128 { n.div_ceil(8).next_multiple_of(64) } else { n })
    }
}
