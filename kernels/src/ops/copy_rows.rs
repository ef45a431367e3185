//! Several copies of rows in one launch: concatenation, or slices of one tensor.

use super::check::{countable, positive};
use super::require::require;
use super::strided_copy::StridedCopy;
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, linear_grid};

/// Copies that one launch makes: their tensors and the one that they share are what a shader may bind.
pub const PIECES: usize = 7;

/// Whether tensors are put into one, or taken out of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Into one: the pieces' tensors are sources.
    Join,
    /// Out of one: the pieces' tensors are destinations.
    Split,
}

/// A copy of `rows` rows of `columns` elements that lie side by side, each row `stride` elements after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCopy {
    /// Rows.
    pub rows: u32,
    /// Elements of a row.
    pub columns: u32,
    /// Elements from a row to the next, in the source.
    pub source_stride: u32,
    /// The first element, in the source.
    pub source_offset: u32,
    /// Elements from a row to the next, in the destination.
    pub destination_stride: u32,
    /// The first element, in the destination.
    pub destination_offset: u32,
}

impl RowCopy {
    /// Whether elements that follow each other in a row lie side by side in the destination, the first of two at an even place.
    fn stores_pairs(&self) -> bool {
        [self.columns, self.destination_stride, self.destination_offset].iter().all(|extent| extent.is_multiple_of(2))
    }

    /// A strided copy as one of rows, if it is one.
    pub fn of(copy: &StridedCopy) -> Option<Self> {
        let axes: Vec<usize> = (0..4).filter(|axis| copy.shape[*axis] > 1).collect();
        let axis = |axis: usize| (copy.shape[axis], copy.source_strides[axis], copy.destination_strides[axis]);
        let (rows, columns) = match *axes.as_slice() {
            [] => ((1, 0, 0), (1, 1, 1)),
            // A column is rows of one element.
            [only] if copy.source_strides[only] == 1 && copy.destination_strides[only] == 1 => ((1, 0, 0), axis(only)),
            [only] => (axis(only), (1, 1, 1)),
            [outer, inner] => (axis(outer), axis(inner)),
            _ => return None,
        };
        ((columns.1, columns.2) == (1, 1)).then_some(Self {
            rows: rows.0,
            columns: columns.0,
            source_stride: rows.1,
            source_offset: copy.source_offset,
            destination_stride: rows.2,
            destination_offset: copy.destination_offset,
        })
    }

    fn elements(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Elements up to the last one that is touched.
    fn reach(&self, offset: u32, stride: u32) -> usize {
        offset as usize + (self.rows as usize - 1) * stride as usize + self.columns as usize
    }
}

/// Copies of rows between one tensor and up to [`PIECES`] others. Slots: [`Direction::Join`] the sources, then `destination`;
/// [`Direction::Split`] `source`, then the destinations. What no piece covers stays as it was.
///
/// No two pieces may write one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRows {
    /// Into one tensor, or out of one.
    pub direction: Direction,
    /// Elements of the one tensor.
    pub shared: usize,
    /// The copies.
    pub pieces: Vec<RowCopy>,
}

impl CopyRows {
    /// Checks the copies against the one tensor.
    ///
    /// # Errors
    /// Where there is none or more than [`PIECES`], one has no element, or reaches beyond the one tensor.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "copy_rows";
        require((1..=PIECES).contains(&self.pieces.len()), NAME, "there are one to seven pieces")?;
        for piece in &self.pieces {
            positive(NAME, &[("rows", piece.rows.into()), ("columns", piece.columns.into())])?;
            countable(NAME, "a piece", &[self.own(piece) as u64])?;
            require(self.within(piece) <= self.shared, NAME, "every piece lies within the tensor")?;
        }
        countable(NAME, "the tensor", &[self.shared as u64])?;
        countable(NAME, "all pieces", &[self.elements() as u64])
    }

    fn elements(&self) -> usize {
        self.pieces.iter().map(RowCopy::elements).sum()
    }

    /// Elements that a piece reaches in the one tensor.
    fn within(&self, piece: &RowCopy) -> usize {
        match self.direction {
            Direction::Join => piece.reach(piece.destination_offset, piece.destination_stride),
            Direction::Split => piece.reach(piece.source_offset, piece.source_stride),
        }
    }

    /// Elements that a piece reaches in its own tensor.
    fn own(&self, piece: &RowCopy) -> usize {
        match self.direction {
            Direction::Join => piece.reach(piece.source_offset, piece.source_stride),
            Direction::Split => piece.reach(piece.destination_offset, piece.destination_stride),
        }
    }
}

impl Kernel for CopyRows {
    fn name(&self) -> &'static str {
        "copy_rows"
    }

    fn slots(&self) -> Vec<Slot> {
        let names = ["piece0", "piece1", "piece2", "piece3", "piece4", "piece5", "piece6"];
        let pieces = self.pieces.iter().zip(names).map(|(piece, name)| (name, self.own(piece)));
        let pairs = self.pieces.iter().all(RowCopy::stores_pairs);
        match self.direction {
            Direction::Join => {
                let sources = pieces.map(|(name, len)| Slot::read(name, len).or_half());
                sources.chain([Slot::write("destination", self.shared).or_half_where(pairs)]).collect()
            }
            Direction::Split => {
                let destinations = pieces.map(|(name, len)| Slot::write(name, len).or_half_where(pairs));
                std::iter::once(Slot::read("source", self.shared).or_half()).chain(destinations).collect()
            }
        }
    }

    fn shader(&self) -> Shader {
        let split = u32::from(self.direction == Direction::Split);
        Shader { file: "shape/copy_rows", constants: vec![("PIECES", self.pieces.len() as u32), ("SPLIT", split)] }
    }

    fn parameters(&self) -> Words {
        let mut words = Words::new().u32(self.elements() as u32).u32(0).u32(0).u32(0);
        let mut end = 0;
        for piece in &self.pieces {
            end += piece.elements() as u32;
            words = words.u32(end).u32(piece.columns).u32(piece.source_stride).u32(piece.source_offset);
            words = words.u32(piece.destination_stride).u32(piece.destination_offset).u32(0).u32(0);
        }
        words
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.elements().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 0, bytes: 8 * self.elements() as u64 }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let copy = |piece: &RowCopy, source: &[f32], destination: &mut [f32]| {
            let columns = piece.columns as usize;
            let row = |row: usize, stride: u32, offset: u32| offset as usize + row * stride as usize;
            for i in 0..piece.rows as usize {
                let source = &source[row(i, piece.source_stride, piece.source_offset)..][..columns];
                let at = row(i, piece.destination_stride, piece.destination_offset);
                destination[at..at + columns].copy_from_slice(source);
            }
        };
        match self.direction {
            // One task: pieces lie interleaved in the destination, and are small.
            Direction::Join => {
                let mut sources: [&[f32]; PIECES] = [&[]; PIECES];
                let mut destination: &mut [f32] = &mut [];
                for (index, view) in views.each().enumerate() {
                    match sources[..self.pieces.len()].get_mut(index) {
                        Some(source) => *source = view.read(),
                        None => destination = view.write(),
                    }
                }
                for (piece, source) in self.pieces.iter().zip(sources) {
                    copy(piece, source, destination);
                }
            }
            Direction::Split => {
                let mut views = views.each();
                let source = views.next().map_or(&[][..], View::read);
                for (piece, view) in self.pieces.iter().zip(views) {
                    copy(piece, source, view.write());
                }
            }
        }
    }
}
