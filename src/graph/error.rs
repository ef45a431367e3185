//! What can be wrong with a graph.

/// Why an operation cannot be part of a graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Shapes that do not fit together.
    #[error("{operation}: {message}; the shapes are {shapes:?}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// What was expected.
        message: String,
        /// The shapes of its tensors, in order.
        shapes: Vec<Vec<usize>>,
    },
    /// A gradient was asked for through an operation that has none.
    #[error("`{label}` ({operation}) has no gradient, but one was asked for through it")]
    NoGradient {
        /// The operation.
        operation: &'static str,
        /// Its label in the graph.
        label: String,
    },
    /// A tensor whose gradient was asked for takes no part in the loss.
    #[error("the loss does not depend on the tensor of shape {shape:?} (number {index} of those asked for)")]
    Unconnected {
        /// Its place in the request.
        index: usize,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A kernel refused.
    #[error(transparent)]
    Kernel(#[from] parnas_kernels::Error),
}
