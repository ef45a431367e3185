//! Where the batch-norm statistics of a forward pass come from: the batch, or recalibrated ones.

use crate::graph::{BatchNorm, Graph, Initial, Persistent, Result, Role, Statistics, Store, Tensor};

/// Added to the variances.
pub const EPSILON: f32 = 1e-5;

/// Statistics of every normalisation of a network, for some architectures, kept between plans.
#[derive(Debug, Clone, Default)]
pub struct StatisticsStore {
    kept: Vec<Persistent>,
}

enum Mode<'a> {
    Batch,
    Keep(&'a mut StatisticsStore, &'a mut Store),
    Use(&'a StatisticsStore),
    Neutral(&'a mut Store),
}

/// Passed through a forward pass; normalisations ask it in the order in which they run.
pub struct Normalisation<'a> {
    mode: Mode<'a>,
    next: usize,
}

impl<'a> Normalisation<'a> {
    /// Statistics of the batch: training.
    pub fn batch() -> Self {
        Self { mode: Mode::Batch, next: 0 }
    }

    /// Statistics of the batch, each kept: recalibration. `kept` is empty before.
    pub fn keep(kept: &'a mut StatisticsStore, store: &'a mut Store) -> Self {
        Self { mode: Mode::Keep(kept, store), next: 0 }
    }

    /// The statistics that a pass of the same network kept: evaluation. They do not depend on the batch.
    pub fn fixed(kept: &'a StatisticsStore) -> Self {
        Self { mode: Mode::Use(kept), next: 0 }
    }

    /// Mean 0 and variance 1 everywhere: for measuring the time of an inference, which does not depend on their values.
    pub fn neutral(store: &'a mut Store) -> Self {
        Self { mode: Mode::Neutral(store), next: 0 }
    }

    /// Where the next normalisation takes its statistics, of this shape, from.
    pub fn next(&mut self, graph: &mut Graph, shape: &[usize]) -> Statistics {
        let index = self.next;
        self.next += 1;
        match &mut self.mode {
            Mode::Neutral(store) => {
                let pairs: Vec<f32> = (0..shape.iter().product()).map(|place| (place % 2) as f32).collect();
                let name = format!("neutral_statistics.{shape:?}");
                let statistics = store.add(name, shape, Role::Constant, Initial::Data(pairs));
                Statistics::Fixed(graph.input(&statistics))
            }
            Mode::Use(kept) => match kept.kept.get(index) {
                Some(statistics) => Statistics::Fixed(graph.input(statistics)),
                None => Statistics::Batch,
            },
            _ => Statistics::Batch,
        }
    }

    /// Takes the statistics that a normalisation used.
    ///
    /// # Errors
    /// None today.
    pub fn used(&mut self, graph: &mut Graph, statistics: Tensor) -> Result<()> {
        if let Mode::Keep(kept, store) = &mut self.mode {
            let name = format!("statistics.{}", kept.kept.len());
            let shape = graph.shape(statistics).to_vec();
            let tensor = store.add(name, &shape, Role::Exchange, Initial::Value(0.0));
            graph.store(statistics, &tensor)?;
            kept.kept.push(tensor);
        }
        Ok(())
    }

    /// Batch normalisation of `x` `[A, N, C, H, W]` with the statistics that are due.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(
        &mut self,
        graph: &mut Graph,
        x: Tensor,
        affine: Option<(Tensor, Tensor)>,
        relu: bool,
    ) -> Result<Tensor> {
        let statistics = match *graph.shape(x) {
            [a, _, c, _, _] => self.next(graph, &[a, c, 2]),
            _ => Statistics::Batch,
        };
        let (y, statistics) = graph.batch_norm(x, BatchNorm { epsilon: EPSILON, affine, relu, statistics })?;
        self.used(graph, statistics)?;
        Ok(y)
    }
}
