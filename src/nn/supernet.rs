//! What a weight-sharing network of any space offers to the search.

use std::fmt;

use parnas_kernels::ops::Unselected;

use super::{Normalisation, Shared};
use crate::graph::{Graph, Persistent, Result, Tensor};

/// A network that holds the weights of every architecture of a space and runs many architectures at once.
///
/// It is cut in two so that the part which no decision touches runs once for all architectures: the trunk (of one
/// "architecture"), and the body, whose input is the trunk's output repeated for each.
pub trait Supernet: fmt::Debug + Send + Sync {
    /// The trunk's parameters, in a fixed order.
    fn trunk_parameters(&self) -> Vec<Persistent>;

    /// The body's parameters, in a fixed order.
    fn body_parameters(&self) -> Vec<Persistent>;

    /// The trunk: a batch `[1, N, ...] -> [1, N, ...]`. `shared` holds its parameters shared by 1.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    fn trunk(&self, graph: &mut Graph, shared: &Shared, batch: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor>;

    /// The body: `x` `[A, N, ...]`, architecture weights `[A, total]` `-> [A, N, classes]`. `shared` holds its parameters
    /// shared by `A`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    fn body(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        weights: Tensor,
        unselected: Unselected,
        norm: &mut Normalisation<'_>,
    ) -> Result<Tensor>;
}
