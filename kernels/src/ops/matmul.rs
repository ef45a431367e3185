//! Batched matrix products.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
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

/// The variants of the shaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// `matmul/matmul_row`.
    Row,
    /// `matmul/matmul` with this `TILE`.
    Tile(u32),
}

/// Rows and columns of each `TILE` of `matmul/matmul.wgsl`.
const TILES: [[u32; 2]; 4] = [[64, 64], [32, 32], [16, 64], [64, 16]];

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

    /// The variant for these extents: the number of batches must not decide, it would change the bits.
    fn variant(&self) -> Variant {
        match (self.m, self.n) {
            (1, _) => Variant::Row,
            (..=16, 33..) => Variant::Tile(2),
            (33.., ..=16) => Variant::Tile(3),
            (m, n) if m <= 32 || n <= 32 || u64::from(m) * u64::from(n) <= 96 * 96 => Variant::Tile(1),
            _ => Variant::Tile(0),
        }
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
            Slot::read("a", self.batches(self.broadcast_a) * m * k),
            Slot::read("b", self.batches(self.broadcast_b) * k * n),
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
        let bias = u32::from(self.bias != Bias::None);
        let transpose_b = u32::from(self.transpose_b);
        match self.variant() {
            Variant::Row => {
                Shader { file: "matmul/matmul_row", constants: vec![("TRANSPOSE_B", transpose_b), ("BIAS", bias)] }
            }
            Variant::Tile(tile) => Shader {
                file: "matmul/matmul",
                constants: vec![
                    ("TILE", tile),
                    ("TRANSPOSE_A", u32::from(self.transpose_a)),
                    ("TRANSPOSE_B", transpose_b),
                    ("BIAS", bias),
                ],
            },
        }
    }

    fn parameters(&self) -> Words {
        let [a, b, bias] = self.steps();
        let words = Words::new().u32(self.batch).u32(self.m).u32(self.n).u32(self.k);
        words.u32(a).u32(b).u32(bias).u32(u32::from(self.relu))
    }

    fn grid(&self) -> [u32; 3] {
        let tiles = match self.variant() {
            Variant::Row => self.n.div_ceil(if self.transpose_b { 16 } else { 64 }) as usize,
            Variant::Tile(tile) => {
                let [rows, columns] = TILES[tile as usize];
                self.m.div_ceil(rows) as usize * self.n.div_ceil(columns) as usize
            }
        };
        linear_grid(self.batch as usize * tiles)
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
