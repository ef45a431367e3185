//! What a chunk of rows adds to the gradient of a table of outputs.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{at_most, countable, positive};

/// Rows of the table that one task of the CPU kernel takes: they stay in a cache while the chunk is walked.
const ENTRIES: usize = 256;
/// The longest chunk (`Rounds` in `vocabulary/table_gradient.wgsl`).
const CHUNK: u64 = 40_000;

/// `dtable[a,v,d] += sum_i dlogits[a,i,v] h[a,i,d]`, in place. Slots `dlogits` `[A, chunk, classes]`, `h` `[A, chunk, width]`,
/// `dtable` `[A, classes, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableGradient {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Rows of the chunk.
    pub chunk: u32,
    /// Rows of the table.
    pub classes: u32,
    /// Entries of a row of the table.
    pub width: u32,
}

impl TableGradient {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or a tensor or the sum is longer than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "table_gradient";
        let [a, chunk, classes, width] = [self.architectures, self.chunk, self.classes, self.width].map(u64::from);
        positive(NAME, &[("architectures", a), ("chunk", chunk), ("classes", classes), ("width", width)])?;
        countable(NAME, "dlogits", &[a, chunk, classes])?;
        countable(NAME, "h", &[a, chunk, width])?;
        countable(NAME, "dtable", &[a, classes, width])?;
        at_most(NAME, "chunk", chunk, CHUNK)
    }

    fn extents(&self) -> [usize; 4] {
        [self.architectures, self.chunk, self.classes, self.width].map(|extent| extent as usize)
    }

    /// Adds to the rows of the table from `first` on.
    fn add(&self, dlogits: &[f32], h: &[f32], first: usize, dtable: &mut [f32]) {
        let [_, chunk, classes, width] = self.extents();
        let entries = dtable.len() / width;
        let dlogits = &dlogits[first..];
        debug_assert!((chunk - 1) * classes + entries <= dlogits.len() && chunk * width <= h.len());
        // SAFETY: the pointers and strides reach elements of the three slices alone: `entries` rows of `width` of the table,
        // and of the others what the assertion says. The table's slice is borrowed mutably.
        unsafe {
            gemm::gemm(
                entries,
                width,
                chunk,
                dtable.as_mut_ptr(),
                1,
                width as isize,
                true,
                dlogits.as_ptr(),
                classes as isize,
                1,
                h.as_ptr(),
                1,
                width as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

impl Kernel for TableGradient {
    fn name(&self) -> &'static str {
        "table_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let [a, chunk, classes, width] = self.extents();
        vec![
            Slot::read("dlogits", a * chunk * classes),
            Slot::read("h", a * chunk * width),
            Slot::write("dtable", a * classes * width),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "vocabulary/table_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.chunk).u32(self.classes).u32(self.width)
    }

    fn grid(&self) -> [u32; 3] {
        let [a, _, classes, width] = self.extents();
        linear_grid(a * classes.div_ceil(64) * width.div_ceil(64))
    }

    fn cost(&self) -> Cost {
        let [a, chunk, classes, width] = self.extents().map(|extent| extent as u64);
        // The table is read and written.
        Cost { operations: 2 * a * chunk * classes * width, bytes: bytes_of(&self.slots()) + 4 * a * classes * width }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [dlogits, h, dtable] = views.split();
        let [a, chunk, classes, width] = self.extents();
        let (dlogits, h) = (&dlogits.read()[..a * chunk * classes], &h.read()[..a * chunk * width]);
        let tables = dtable.write()[..a * classes * width].par_chunks_mut(classes * width);
        let tables = tables.zip(dlogits.par_chunks(chunk * classes)).zip(h.par_chunks(chunk * width));
        tables.for_each(|((dtable, dlogits), h)| {
            let parts = dtable.par_chunks_mut(ENTRIES * width).enumerate();
            parts.for_each(|(index, dtable)| self.add(dlogits, h, index * ENTRIES, dtable));
        });
    }
}
