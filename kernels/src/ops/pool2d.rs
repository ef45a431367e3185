//! Average and maximum pooling, and their gradients.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};
use crate::ops::require::require;
use crate::ops::window_sums::WindowSums;

/// Planes of less work than this many taps share a task.
const TASK: usize = 1 << 14;

/// What becomes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The mean.
    Average {
        /// Whether the zeros around the plane count.
        count_include_padding: bool,
    },
    /// The largest; the zeros around the plane never are. At a tie the gradient goes to the first, row by row.
    Maximum,
}

/// Pooling of square windows: the geometry that [`Pool2dForward`] and [`Pool2dGradient`] share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    /// What becomes of a window.
    pub kind: PoolKind,
    /// Planes: all axes before the last two.
    pub planes: u32,
    /// Height of the input.
    pub height: u32,
    /// Width of the input.
    pub width: u32,
    /// Extent of the window.
    pub kernel: u32,
    /// Steps between windows.
    pub stride: u32,
    /// Zeros around the input, at most half the window.
    pub padding: u32,
}

impl Pool2d {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, a window lies outside the input, or there are more elements than an index counts.
    pub fn validate(&self) -> Result<()> {
        let extents = [
            ("planes", self.planes),
            ("height", self.height),
            ("width", self.width),
            ("kernel", self.kernel),
            ("stride", self.stride),
        ];
        positive("pool2d", &extents.map(|(name, extent)| (name, extent.into())))?;
        let window = u64::from(self.kernel);
        at_most("pool2d", "kernel", window, 255)?;
        at_most("pool2d", "the taps of all windows of an element", self.rounds_of_element(), ITERATIONS)?;
        require(2 * self.padding <= self.kernel, "pool2d", "the padding is at most half the window")?;
        let fits = |extent: u32| extent + 2 * self.padding >= self.kernel;
        require(fits(self.height) && fits(self.width), "pool2d", "the window is larger than the padded input")?;
        countable("pool2d", "x", &[self.planes.into(), self.height.into(), self.width.into()])
    }

    /// Height of the output.
    pub fn output_height(&self) -> u32 {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Width of the output.
    pub fn output_width(&self) -> u32 {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    fn plane(&self) -> usize {
        self.height as usize * self.width as usize
    }

    fn out_plane(&self) -> usize {
        self.output_height() as usize * self.output_width() as usize
    }

    fn inputs(&self) -> usize {
        self.planes as usize * self.plane()
    }

    fn outputs(&self) -> usize {
        self.planes as usize * self.out_plane()
    }

    fn words(&self) -> Words {
        let include = matches!(self.kind, PoolKind::Average { count_include_padding: true });
        Words::new()
            .u32(self.planes)
            .u32(self.height)
            .u32(self.width)
            .u32(self.output_height())
            .u32(self.output_width())
            .u32(self.kernel)
            .u32(self.stride)
            .u32(self.padding)
            .u32(include.into())
    }

    /// Rows of a column of the result that an invocation of the shader owns: eight where windows overlap, or touch, and the rounds
    /// of its loops allow it.
    fn own(&self) -> u32 {
        let average = self.kind != PoolKind::Maximum;
        if average && self.stride <= self.kernel && self.rounds_of_strip(8) <= ITERATIONS { 8 } else { 1 }
    }

    /// The most rounds through the loops of an invocation that owns so many rows of a column of averages, or of their gradient.
    fn rounds_of_strip(&self, own: u32) -> u64 {
        let [kernel, stride, own] = [self.kernel, self.stride, own].map(u64::from);
        (own * stride + kernel) * (1 + kernel) + own
    }

    /// The most rounds through the loops of an invocation that owns an element: in the gradient, which visits its windows.
    fn rounds_of_element(&self) -> u64 {
        let kernel = u64::from(self.kernel);
        let reach = kernel.div_ceil(self.stride.into());
        let window = if self.kind == PoolKind::Maximum { kernel + kernel * kernel } else { 0 };
        1 + reach + reach * reach * (1 + window)
    }

    /// Whether two neighbours of a result of this width, of an even and an odd place, are always those of neighbouring invocations:
    /// elements always are, those of strips where a row is even. For packed halves one invocation runs both, in twice the rounds.
    fn stores_pairs(&self, width: u32) -> bool {
        let rounds = match self.kind {
            PoolKind::Maximum => self.rounds_of_element(),
            PoolKind::Average { .. } => self.rounds_of_strip(self.own()),
        };
        (self.own() == 1 || width.is_multiple_of(2)) && 2 * rounds <= ITERATIONS
    }

    fn shader(&self, gradient: bool) -> Shader {
        let gradient = ("GRADIENT", u32::from(gradient));
        match self.kind {
            PoolKind::Maximum => Shader { file: "pool/maximum_pool2d", constants: vec![gradient] },
            PoolKind::Average { .. } => {
                Shader { file: "pool/average_pool2d", constants: vec![("OWN", self.own()), gradient] }
            }
        }
    }

    /// The grid of a pass whose result has planes of this height and width.
    fn grid(&self, [height, width]: [u32; 2]) -> [u32; 3] {
        let strips = height.div_ceil(self.own()) as usize * width as usize;
        linear_grid((self.planes as usize * strips).div_ceil(256))
    }

    fn taps(&self) -> u64 {
        self.outputs() as u64 * u64::from(self.kernel) * u64::from(self.kernel)
    }

    fn planes_of_a_task(&self) -> usize {
        let taps = self.out_plane() * (self.kernel * self.kernel) as usize;
        (TASK / taps.max(1)).max(1)
    }

    /// Calls `visit` with each output of a plane, in order, and its window `(rows, columns)` within the plane.
    #[inline(always)]
    fn windows(&self, mut visit: impl FnMut(usize, std::ops::Range<usize>, std::ops::Range<usize>)) {
        let mut place = 0;
        for row in 0..self.output_height() {
            for column in 0..self.output_width() {
                visit(place, self.window(row, self.height), self.window(column, self.width));
                place += 1;
            }
        }
    }

    /// The window of output `o` along an axis of this extent.
    #[inline(always)]
    fn window(&self, o: u32, extent: u32) -> std::ops::Range<usize> {
        let start = o * self.stride;
        start.saturating_sub(self.padding) as usize..(start + self.kernel - self.padding).min(extent) as usize
    }

    /// The sums behind an average: of the padded input, or, for the gradient, of the output's gradient, spread by the stride.
    fn window_sums(&self, gradient: bool) -> WindowSums {
        let around = if gradient { self.kernel - 1 } else { 2 * self.padding };
        let [rows, pitch] = [self.height, self.width].map(|extent| (extent + around) as usize);
        WindowSums { kernel: self.kernel as usize, rows, pitch }
    }

    /// Elements of scratch memory: none for the maximum; the sums and a factor for each column otherwise.
    fn scratch(&self, gradient: bool) -> usize {
        match self.kind {
            PoolKind::Maximum => 0,
            PoolKind::Average { .. } => self.window_sums(gradient).scratch() + self.output_width() as usize,
        }
    }

    /// One over the elements of a window that count along an axis of this extent, for output `o`.
    fn share(&self, o: u32, extent: u32) -> f32 {
        let window = self.window(o, extent);
        match self.kind {
            PoolKind::Average { count_include_padding: true } => 1.0 / self.kernel as f32,
            _ => 1.0 / window.len() as f32,
        }
    }

    /// The means of the windows of some planes.
    fn average(&self, cpu: &Cpu, x: &[f32], y: &mut [f32]) {
        let [width, padding, stride] = [self.width, self.padding, self.stride].map(|extent| extent as usize);
        let sums = self.window_sums(false);
        cpu.with_scratch(self.scratch(false), |scratch| {
            let (scratch, shares) = scratch.split_at_mut(sums.scratch());
            let mut windows = sums.divide(scratch);
            for (column, share) in shares.iter_mut().enumerate() {
                *share = self.share(column as u32, self.width);
            }
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (x, y) in x.chunks_exact(self.plane()).zip(y.chunks_exact_mut(self.out_plane())) {
                        let rows = windows.plane[padding * sums.pitch..].chunks_mut(sums.pitch);
                        for (x, into) in x.chunks_exact(width).zip(rows) {
                            into[padding..][..width].copy_from_slice(x);
                        }
                        sums.run(&mut windows);
                        for (row, y) in y.chunks_exact_mut(shares.len()).enumerate() {
                            let share = self.share(row as u32, self.height);
                            let sums = &windows.sums[row * stride * sums.pitch..];
                            // A loop of its own where neighbours are neighbours, which becomes vector code.
                            if stride == 1 {
                                for ((y, sum), column) in y.iter_mut().zip(sums).zip(&*shares) {
                                    *y = sum * (share * column);
                                }
                            } else {
                                for ((y, sum), column) in y.iter_mut().zip(sums.iter().step_by(stride)).zip(&*shares) {
                                    *y = sum * (share * column);
                                }
                            }
                        }
                    }
                },
            );
        });
    }

    /// The gradient of [`Self::average`]: each element's windows lie around it as a window's elements do.
    fn average_gradient(&self, cpu: &Cpu, dy: &[f32], dx: &mut [f32]) {
        let [width, stride] = [self.width, self.stride].map(|extent| extent as usize);
        let first = (self.kernel - 1 - self.padding) as usize;
        let sums = self.window_sums(true);
        cpu.with_scratch(self.scratch(true), |scratch| {
            let (scratch, shares) = scratch.split_at_mut(sums.scratch());
            let mut windows = sums.divide(scratch);
            for (column, share) in shares.iter_mut().enumerate() {
                *share = self.share(column as u32, self.width);
            }
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (dx, dy) in dx.chunks_exact_mut(self.plane()).zip(dy.chunks_exact(self.out_plane())) {
                        for (row, dy) in dy.chunks_exact(shares.len()).enumerate() {
                            let share = self.share(row as u32, self.height);
                            let into = &mut windows.plane[(first + row * stride) * sums.pitch + first..];
                            if stride == 1 {
                                for ((into, dy), column) in into.iter_mut().zip(dy).zip(&*shares) {
                                    *into = dy * (share * column);
                                }
                            } else {
                                for ((into, dy), column) in into.iter_mut().step_by(stride).zip(dy).zip(&*shares) {
                                    *into = dy * (share * column);
                                }
                            }
                        }
                        sums.run(&mut windows);
                        for (dx, sums) in dx.chunks_exact_mut(width).zip(windows.sums.chunks(sums.pitch)) {
                            dx.copy_from_slice(&sums[..width]);
                        }
                    }
                },
            );
        });
    }

    /// The place of the first largest element of a window.
    #[inline(always)]
    fn largest(&self, x: &[f32], rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> usize {
        let width = self.width as usize;
        let mut place = rows.start * width + columns.start;
        for row in rows {
            for column in columns.clone() {
                let at = row * width + column;
                if x[at] > x[place] {
                    place = at;
                }
            }
        }
        place
    }
}

/// `x` `[planes, H, W]` -> `y` `[planes, Ho, Wo]`. Slots `x`, `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2dForward(pub Pool2d);

impl Kernel for Pool2dForward {
    fn name(&self) -> &'static str {
        "pool2d"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("x", self.0.inputs()).or_half(),
            Slot::write("y", self.0.outputs()).or_half_where(self.0.stores_pairs(self.0.output_width())),
        ]
    }

    fn shader(&self) -> Shader {
        self.0.shader(false)
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        self.0.grid([self.0.output_height(), self.0.output_width()])
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.0.taps(), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        self.0.scratch(false)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let pool = self.0;
        let (x, y) = (&x.read()[..pool.inputs()], &mut y.write()[..pool.outputs()]);
        let planes = pool.planes_of_a_task();
        let tasks = y.par_chunks_mut(planes * pool.out_plane()).zip(x.par_chunks(planes * pool.plane()));
        tasks.for_each(|(y, x)| {
            if pool.kind != PoolKind::Maximum {
                return pool.average(cpu, x, y);
            }
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (y, x) in y.chunks_exact_mut(pool.out_plane()).zip(x.chunks_exact(pool.plane())) {
                        pool.windows(|place, rows, columns| y[place] = x[pool.largest(x, rows, columns)]);
                    }
                },
            );
        });
    }
}

/// The gradient with respect to `x`. Slots (`x`, for the maximum), `dy`, `dx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2dGradient(pub Pool2d);

impl Pool2dGradient {
    /// Gives each window's gradient to its largest element.
    fn scatter(&self, cpu: &Cpu, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let pool = self.0;
        let planes = dx.par_chunks_mut(pool.plane()).zip(dy.par_chunks(pool.out_plane()));
        let planes = planes.zip(x.par_chunks(pool.plane()));
        planes.with_min_len(pool.planes_of_a_task()).for_each(|((dx, dy), x)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    dx.fill(0.0);
                    pool.windows(|place, rows, columns| dx[pool.largest(x, rows, columns)] += dy[place]);
                },
            );
        });
    }
}

impl Kernel for Pool2dGradient {
    fn name(&self) -> &'static str {
        "pool2d_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![
            Slot::read("dy", self.0.outputs()).or_half(),
            Slot::write("dx", self.0.inputs()).or_half_where(self.0.stores_pairs(self.0.width)),
        ];
        if self.0.kind == PoolKind::Maximum {
            slots.insert(0, Slot::read("x", self.0.inputs()).or_half());
        }
        slots
    }

    fn shader(&self) -> Shader {
        self.0.shader(true)
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        self.0.grid([self.0.height, self.0.width])
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.0.taps(), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        self.0.scratch(true)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let pool = self.0;
        if pool.kind == PoolKind::Maximum {
            let [x, dy, dx] = views.split();
            let [x, dy] = [&x.read()[..pool.inputs()], &dy.read()[..pool.outputs()]];
            self.scatter(cpu, x, dy, &mut dx.write()[..pool.inputs()]);
        } else {
            let [dy, dx] = views.split();
            let (dy, dx) = (&dy.read()[..pool.outputs()], &mut dx.write()[..pool.inputs()]);
            let planes = pool.planes_of_a_task();
            let tasks = dx.par_chunks_mut(planes * pool.plane()).zip(dy.par_chunks(planes * pool.out_plane()));
            tasks.for_each(|(dx, dy)| pool.average_gradient(cpu, dy, dx));
        }
    }
}
