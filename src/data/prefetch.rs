//! Batches made ahead of time on another thread.
//!
//! A fixed set of buffers circulates: the worker fills one, the consumer reads it, and the next call gives it back. In
//! the steady state nothing is allocated, and the number of buffers bounds how far the worker runs ahead. Because a
//! batch is a pure function of its step, the prefetcher has nothing to save: a resumed run starts one at its step.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{BatchLoader, DataError};

/// One batch in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[batch, channels, height, width]`, normalised.
    pub images: Vec<f32>,
    /// `[batch]`.
    pub labels: Vec<u32>,
}

impl Batch {
    /// A buffer of the size that `loader` fills, all zero.
    pub fn of(loader: &BatchLoader) -> Self {
        Self { images: vec![0.0; loader.image_values()], labels: vec![0; loader.batch()] }
    }
}

/// The two batches of a step of bilevel search.
#[derive(Debug, Clone, PartialEq)]
pub struct StepBatches {
    /// The step.
    pub step: u64,
    /// The batch of the lower level (supernet weights).
    pub lower: Batch,
    /// The batch of the upper level (hypernetwork).
    pub upper: Batch,
}

type Filled = Result<StepBatches, DataError>;

/// Yields the batches of step `first`, `first + 1`, ... in order.
#[derive(Debug)]
pub struct Prefetcher {
    // Options, because drop has to close both channels before it joins the thread.
    filled: Option<Receiver<Filled>>,
    used: Option<SyncSender<StepBatches>>,
    current: Option<StepBatches>,
    worker: Option<JoinHandle<()>>,
}

impl Prefetcher {
    /// Starts a thread that fills up to `ahead` steps (at least 1) before they are asked for.
    ///
    /// Host memory: `ahead + 1` times the two batches.
    ///
    /// # Errors
    /// [`DataError::Loader`] where the operating system gives no thread.
    pub fn start(
        lower: Arc<BatchLoader>,
        upper: Arc<BatchLoader>,
        first: u64,
        ahead: usize,
    ) -> Result<Self, DataError> {
        let buffers = ahead.max(1) + 1;
        let (filled_sender, filled) = sync_channel::<Filled>(buffers);
        let (used, used_receiver) = sync_channel::<StepBatches>(buffers);
        for _ in 0..buffers {
            let buffer = StepBatches { step: first, lower: Batch::of(&lower), upper: Batch::of(&upper) };
            // The channel holds all buffers and its receiver is in scope: this neither blocks nor fails.
            if used.send(buffer).is_err() {
                break;
            }
        }
        let work = move || {
            let mut step = first;
            while let Ok(mut buffer) = used_receiver.recv() {
                buffer.step = step;
                let result = fill(&lower, step, &mut buffer.lower)
                    .and_then(|()| fill(&upper, step, &mut buffer.upper))
                    .map(|()| buffer);
                let failed = result.is_err();
                if filled_sender.send(result).is_err() || failed {
                    return;
                }
                step = step.wrapping_add(1);
            }
        };
        let worker = std::thread::Builder::new()
            .name("parnas batches".into())
            .spawn(work)
            .map_err(|error| DataError::Loader(format!("no thread to prefetch on: {error}")))?;
        Ok(Self { filled: Some(filled), used: Some(used), current: None, worker: Some(worker) })
    }

    /// The batches of the next step, waiting for them where they are not ready. They stay valid until the next call.
    ///
    /// # Errors
    /// [`DataError::Loader`] where the worker has stopped.
    pub fn next_step(&mut self) -> Result<&StepBatches, DataError> {
        let stopped = || DataError::Loader("the thread that prefetches batches has stopped".into());
        if let (Some(buffer), Some(used)) = (self.current.take(), &self.used) {
            used.send(buffer).map_err(|_| stopped())?;
        }
        let filled = self.filled.as_ref().ok_or_else(stopped)?;
        let batches = filled.recv().map_err(|_| stopped())??;
        Ok(self.current.insert(batches))
    }
}

impl Drop for Prefetcher {
    fn drop(&mut self) {
        self.filled = None;
        self.used = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker has already been reported, on its own thread and by `next_step`.
            let _ = worker.join();
        }
    }
}

fn fill(loader: &BatchLoader, step: u64, batch: &mut Batch) -> Result<(), DataError> {
    loader.fill(step, &mut batch.images, &mut batch.labels)
}
