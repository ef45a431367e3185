//! Every kernel, on both executors, against its reference at odd sizes. One file of cases a family.

mod cases;
mod reference;
mod support;
