//! Kernels, plans and executors of parnas.
//!
//! A [`Kernel`] is typed parameters that say which WGSL text they need, how large its grid is, what it costs and how
//! the CPU computes the same. A [`Plan`] is a flat list of launches over named buffers, its transient buffers placed by
//! liveness. An [`Executor`] prepares a plan once and replays it: on wgpu (its own device, or the host application's), or
//! on the CPU. Nothing here knows of autograd or networks.

pub mod cpu;
pub mod device;
mod error;
pub mod exec;
pub mod fuse;
pub mod halves;
pub mod launch;
pub mod ops;
pub mod plan;
pub mod tune;

pub use device::{DeviceFacts, DeviceKind};
pub use error::Error;
pub use exec::{Executor, Prepared};
pub use fuse::Fusion;
pub use launch::{Access, Cost, Form, Kernel, Shader, Slot, Tuning, Variant, Words};
pub use plan::{BufferId, Buffers, Operand, Plan, PlanBuilder};
pub use tune::{Record, Tuner};

/// The result of whatever can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
