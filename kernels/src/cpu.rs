//! What a kernel sees when it runs on the CPU: the buffers, and the vector instructions of this machine.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::launch::Access;

/// Elements of a line of the cache, to which scratch memory is aligned: a vector that lies across two lines takes two loads.
pub(crate) const ALIGNMENT: usize = 16;

/// The machine a kernel runs on. Parallelism is rayon's: a kernel uses parallel iterators, the executor owns the pool.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    arch: pulp::Arch,
}

impl Default for Cpu {
    fn default() -> Self {
        Self { arch: pulp::Arch::new() }
    }
}

impl Cpu {
    /// Runs `body`, compiled for the widest vector instructions that this machine has (found at run time).
    ///
    /// What `body` calls must be `#[inline(always)]` to profit: plain loops over slices then become vector code.
    #[inline(always)]
    pub fn vectorised<R>(&self, body: impl FnMut() -> R) -> R {
        self.arch.dispatch(Body(body))
    }

    /// Runs `operation` with the vectors of this machine as a type, for register tiles that the compiler would not
    /// find by itself.
    #[inline(always)]
    pub fn with_vectors<O: pulp::WithSimd>(&self, operation: O) -> O::Output {
        self.arch.dispatch(operation)
    }

    /// Gives `body` this thread's scratch memory of `len` elements, aligned to [`ALIGNMENT`], which hold anything. A kernel says in
    /// [`Kernel::scratch`](crate::Kernel::scratch) how much it takes; it must not run parallel work within.
    pub fn with_scratch<R>(&self, len: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
        reserve_scratch(len);
        let mut scratch = SCRATCH.take();
        let start = scratch.as_ptr().align_offset(4 * ALIGNMENT);
        let result = body(&mut scratch[start..][..len]);
        SCRATCH.set(scratch);
        result
    }
}

thread_local! {
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Lets this thread's scratch memory hold `len` elements, so that [`Cpu::with_scratch`] need not allocate.
pub(crate) fn reserve_scratch(len: usize) {
    let mut scratch = SCRATCH.take();
    if scratch.len() < len + ALIGNMENT {
        scratch.resize(len + ALIGNMENT, 0.0);
    }
    SCRATCH.set(scratch);
}

/// A closure that is called by reference. Called by value it would go through a shim of the compiler's that is not
/// always inlined, and a body that is not inlined is compiled without the vector instructions.
struct Body<F>(F);

impl<R, F: FnMut() -> R> pulp::WithSimd for Body<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// A raw buffer of a launch: what the executor resolved a binding to.
#[derive(Debug, Clone, Copy)]
pub struct RawView {
    pub(crate) pointer: *mut f32,
    pub(crate) len: usize,
    pub(crate) access: Access,
}

// SAFETY: a RawView is only an address; it is turned into a slice by `Views` alone, under the rules stated there.
unsafe impl Send for RawView {}
// SAFETY: as above.
unsafe impl Sync for RawView {}

/// The buffers of one launch, in the order of the kernel's slots.
#[derive(Debug)]
pub struct Views<'a> {
    raw: &'a [RawView],
    lifetime: PhantomData<&'a mut f32>,
}

impl<'a> Views<'a> {
    /// # Safety
    /// Every view must point to `len` initialised elements that live for `'a`, and no element of a view with
    /// [`Access::Write`] may be part of another view or be used elsewhere during `'a`.
    pub(crate) unsafe fn new(raw: &'a [RawView]) -> Self {
        Self { raw, lifetime: PhantomData }
    }

    /// The views one by one; `N` is the number of slots.
    ///
    /// # Panics
    /// If `N` is not the number of slots: a mistake in the kernel.
    pub fn split<const N: usize>(self) -> [View<'a>; N] {
        assert_eq!(self.raw.len(), N, "a kernel splits its views into as many as it has slots");
        std::array::from_fn(|index| View { raw: self.raw[index], lifetime: PhantomData })
    }
}

impl<'a> Views<'a> {
    /// The views one after another, for kernels whose slots vary.
    pub fn each(self) -> impl Iterator<Item = View<'a>> {
        self.raw.iter().map(|raw| View { raw: *raw, lifetime: PhantomData })
    }
}

/// One buffer of a launch. Taking a slice consumes it, so that a buffer is never borrowed twice.
#[derive(Debug)]
pub struct View<'a> {
    raw: RawView,
    lifetime: PhantomData<&'a mut f32>,
}

impl<'a> View<'a> {
    /// The elements, read only.
    pub fn read(self) -> &'a [f32] {
        // SAFETY: promised by the caller of `Views::new`; shared access is allowed for either kind.
        unsafe { std::slice::from_raw_parts(self.raw.pointer, self.raw.len) }
    }

    /// The elements as whole numbers, read only.
    pub fn read_u32(self) -> &'a [u32] {
        bytemuck::cast_slice(self.read())
    }

    /// The elements, to be written.
    ///
    /// # Panics
    /// If the slot is read only: a mistake in the kernel.
    pub fn write(self) -> &'a mut [f32] {
        assert_eq!(self.raw.access, Access::Write, "a kernel writes only slots it declared so");
        // SAFETY: promised by the caller of `Views::new`: a written view is unique for `'a`, and `self` is consumed.
        unsafe { std::slice::from_raw_parts_mut(self.raw.pointer, self.raw.len) }
    }

    /// The elements as whole numbers, to be written.
    ///
    /// # Panics
    /// If the slot is read only: a mistake in the kernel.
    pub fn write_u32(self) -> &'a mut [u32] {
        bytemuck::cast_slice_mut(self.write())
    }
}
