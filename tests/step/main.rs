//! The step of the search: what is in its plan, that replaying it creates nothing, that chunks, threads and executors agree.

#[path = "../support/adapter.rs"]
mod adapter;
mod agreement;
mod alone;
mod common;
mod halves;
mod memory;
mod plan;
mod replay;
mod small;
