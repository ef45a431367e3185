//! Optimisers: effects on parameters, their learning rate computed on the device from the clock.

use parnas_kernels::ops::{Adam, ClipFactor, Schedule, Sgd, SumOfSquares};

use crate::graph::{Graph, GraphError, Initial, Persistent, Result, Role, Store, Tensor};

/// Stochastic gradient descent with momentum, in PyTorch's form.
#[derive(Debug, Clone)]
pub struct SgdOptions {
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// The momentum.
    pub momentum: f32,
    /// L2 decay.
    pub weight_decay: f32,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
}

/// Adam, or AdamW where the decay is decoupled.
#[derive(Debug, Clone)]
pub struct AdamOptions {
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// The decay of the first and of the second moment.
    pub betas: (f32, f32),
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// The weight decay.
    pub weight_decay: f32,
    /// Whether it is decoupled from the gradient.
    pub decoupled: bool,
}

/// The velocities of parameters under [`Graph::sgd`].
#[derive(Debug, Clone)]
pub struct SgdState {
    velocities: Vec<(Persistent, Persistent)>,
}

impl SgdState {
    /// Zero velocities for `parameters`.
    pub fn new(store: &mut Store, parameters: &[Persistent]) -> Self {
        let mut velocity = |parameter: &Persistent| {
            let name = format!("{}.velocity", parameter.name());
            store.add(name, parameter.shape(), Role::State, Initial::Value(0.0))
        };
        Self { velocities: parameters.iter().map(|parameter| (parameter.clone(), velocity(parameter))).collect() }
    }

    fn of(&self, parameter: &Persistent) -> Result<&Persistent> {
        find(self.velocities.iter().map(|(known, velocity)| (known, velocity)), parameter)
    }
}

/// The moments of parameters under [`Graph::adam`].
#[derive(Debug, Clone)]
pub struct AdamState {
    moments: Vec<(Persistent, [Persistent; 2])>,
}

impl AdamState {
    /// Zero moments for `parameters`, part of a checkpoint.
    pub fn new(store: &mut Store, parameters: &[Persistent]) -> Self {
        Self::with(store, parameters, Role::State)
    }

    /// Zero moments that no checkpoint keeps: for an optimisation that is over before the first.
    pub fn passing(store: &mut Store, parameters: &[Persistent]) -> Self {
        Self::with(store, parameters, Role::Exchange)
    }

    fn with(store: &mut Store, parameters: &[Persistent], role: Role) -> Self {
        let mut moments = |parameter: &Persistent| {
            ["first", "second"].map(|order| {
                let name = format!("{}.{order}_moment", parameter.name());
                store.add(name, parameter.shape(), role, Initial::Value(0.0))
            })
        };
        Self { moments: parameters.iter().map(|parameter| (parameter.clone(), moments(parameter))).collect() }
    }

    fn of(&self, parameter: &Persistent) -> Result<&[Persistent; 2]> {
        find(self.moments.iter().map(|(known, moments)| (known, moments)), parameter)
    }
}

/// What belongs to a parameter.
fn find<'a, T>(mut all: impl Iterator<Item = (&'a Persistent, &'a T)>, parameter: &Persistent) -> Result<&'a T> {
    all.find(|(known, _)| *known == parameter).map(|(_, state)| state).ok_or_else(|| GraphError::Shape {
        operation: "optimiser",
        message: format!("the optimiser's state knows `{}`", parameter.name()),
        shapes: vec![parameter.shape().to_vec()],
    })
}

impl Graph {
    /// The factor that clips gradients to a global norm: `[1]`. A `maximum` of 0 does not clip.
    ///
    /// # Errors
    /// None today.
    pub fn clip_factor(&mut self, gradients: &[Tensor], maximum: f32) -> Result<Tensor> {
        match self.sum_of_squares(gradients).filter(|_| maximum > 0.0) {
            Some(squares) => Ok(self.kernel(ClipFactor { maximum, scaled: false }, &[squares], vec![1])),
            None => Ok(self.fill(&[1], 1.0)),
        }
    }

    /// The sum of the squares of all elements of these tensors: `[1]`.
    pub(super) fn sum_of_squares(&mut self, gradients: &[Tensor]) -> Option<Tensor> {
        let mut squares = None;
        for gradient in gradients {
            let len = self.len(*gradient);
            let kernel = SumOfSquares { len, accumulate: squares.is_some() };
            let inputs: Vec<Tensor> = [*gradient].into_iter().chain(squares).collect();
            squares = Some(self.push("sum_of_squares", &inputs, vec![1], move |plan, label, inputs, outputs| {
                kernel.push(plan, label, inputs[0], inputs.get(1).copied(), outputs[0])
            }));
        }
        squares
    }

    /// Steps parameters against their gradients, each times the `clip` factor `[1]`; one below 0 leaves the step out.
    ///
    /// # Errors
    /// Where a gradient has another size than its parameter, or the state does not know it.
    pub fn sgd(
        &mut self,
        state: &SgdState,
        steps: &[(Persistent, Tensor)],
        clip: Tensor,
        clock: Tensor,
        options: &SgdOptions,
    ) -> Result<()> {
        for (parameter, gradient) in steps {
            let len = self.check_step(parameter, *gradient)?;
            let velocity = state.of(parameter)?;
            let kernel = Sgd {
                len,
                schedule: options.schedule,
                momentum: options.momentum,
                weight_decay: options.weight_decay,
                nesterov: options.nesterov,
            };
            let written = [self.input(parameter), self.input(velocity)];
            self.effect(kernel, &[*gradient, clip, clock], &written);
        }
        Ok(())
    }

    /// [`Graph::sgd`] by Adam.
    ///
    /// # Errors
    /// As there.
    pub fn adam(
        &mut self,
        state: &AdamState,
        steps: &[(Persistent, Tensor)],
        clip: Tensor,
        clock: Tensor,
        options: &AdamOptions,
    ) -> Result<()> {
        for (parameter, gradient) in steps {
            let len = self.check_step(parameter, *gradient)?;
            let [first, second] = state.of(parameter)?;
            let kernel = Adam {
                len,
                schedule: options.schedule,
                beta1: options.betas.0,
                beta2: options.betas.1,
                epsilon: options.epsilon,
                weight_decay: options.weight_decay,
                decoupled: options.decoupled,
            };
            let written = [self.input(parameter), self.input(first), self.input(second)];
            self.effect(kernel, &[*gradient, clip, clock], &written);
        }
        Ok(())
    }

    fn check_step(&mut self, parameter: &Persistent, gradient: Tensor) -> Result<usize> {
        if parameter.elements() == self.len(gradient) {
            return Ok(parameter.elements());
        }
        Err(GraphError::Shape {
            operation: "optimiser",
            message: format!("the gradient of `{}` has its shape", parameter.name()),
            shapes: vec![parameter.shape().to_vec(), self.shape(gradient).to_vec()],
        })
    }
}
