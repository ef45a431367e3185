//! The paper's hypernetwork: a bank of tables over the preference, mixed by attention over the device's features
//! (MODNAS, arXiv 2402.18213, and its public code).

use parnas_kernels::ops::Function;

use super::row_index::RowIndex;
use crate::graph::{Graph, Initial, MatmulOptions, Persistent, Result, Store, Tensor};
use crate::nn::{Shared, WeightSharing};

/// Rows of a table: the weight of the first objective in hundredths.
const ROWS: usize = 101;

/// The size of a [`BankHypernetwork`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankOptions {
    /// Tables; 50 in the paper.
    pub tables: usize,
    /// Device features.
    pub features: usize,
    /// Logits.
    pub total: usize,
    /// Whether attention is the softmax of the sine of the scores, as the published code has it for NAS-Bench-201.
    pub sine: bool,
}

/// `sum_k softmax(E d / sqrt(features))_k table_k[row(r_0)]`, for two objectives: the row sees the first preference alone.
#[derive(Debug, Clone)]
pub struct BankHypernetwork {
    keys: Persistent,
    tables: Persistent,
    options: BankOptions,
}

impl BankHypernetwork {
    /// A fresh bank, normal with deviation 1 as in the published code.
    pub fn new(store: &mut Store, options: BankOptions) -> Self {
        let BankOptions { tables, features, total, .. } = options;
        Self {
            keys: store.parameter("hypernetwork.keys", &[tables, features], Initial::Normal(1.0)),
            tables: store.parameter("hypernetwork.tables", &[ROWS, tables * total], Initial::Normal(1.0)),
            options,
        }
    }

    /// The attention over the tables: features `[A, F] -> [A, 1, tables]`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn attention(&self, graph: &mut Graph, shared: &Shared, features: Tensor) -> Result<Tensor> {
        let rows = graph.shape(features)[0];
        let features = graph.reshape(features, &[rows, 1, self.options.features])?;
        let transposed = MatmulOptions { transpose_b: true, ..MatmulOptions::default() };
        let scores = graph.matmul_with(features, shared.get(&self.keys), transposed)?;
        let mut scores = graph.affine(scores, 1.0 / (self.options.features as f32).sqrt(), 0.0)?;
        if self.options.sine {
            scores = graph.unary(Function::Sin, scores)?;
        }
        graph.softmax(scores, false)
    }

    /// See [`super::Hypernetwork::apply`].
    ///
    /// # Errors
    /// Where the shapes do not fit, or there are not two objectives.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, preferences: Tensor, features: Tensor) -> Result<Tensor> {
        let &[rows, objectives] = graph.shape(preferences) else {
            return Err(graph.shape_error("bank", "the preferences are [A, 2]", &[preferences]));
        };
        if objectives != 2 {
            return Err(graph.shape_error("bank", "the bank of tables serves two objectives", &[preferences]));
        }
        let attention = self.attention(graph, shared, features)?;
        let kernel = RowIndex { rows: rows as u32, stride: objectives as u32, entries: ROWS as u32 };
        let index = graph.kernel(kernel, &[preferences], vec![rows]);
        let picked = graph.gather(shared.get(&self.tables), index)?;
        let picked = graph.reshape(picked, &[rows, self.options.tables, self.options.total])?;
        let mixed = graph.matmul(attention, picked)?;
        graph.reshape(mixed, &[rows, self.options.total])
    }
}

impl WeightSharing for BankHypernetwork {
    fn parameters(&self) -> Vec<Persistent> {
        vec![self.keys.clone(), self.tables.clone()]
    }
}
