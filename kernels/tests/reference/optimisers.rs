//! Steps of SGD and Adam, one element at a time.

use parnas_kernels::ops::{Adam, Schedule, ScheduleKind, Sgd};

pub fn rate(schedule: &Schedule, t: u32) -> f64 {
    let (base, minimum, t) = (f64::from(schedule.base), f64::from(schedule.minimum), f64::from(t));
    let (warmup, total) = (f64::from(schedule.warmup), f64::from(schedule.total));
    if t < warmup {
        base * (t + 1.0) / warmup
    } else if schedule.kind == ScheduleKind::Constant {
        base
    } else {
        let progress = ((t - warmup) / (total - warmup).max(1.0)).min(1.0);
        minimum + 0.5 * (base - minimum) * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}

/// (parameter, velocity) after the step.
pub fn sgd(kernel: &Sgd, t: u32, clip: f64, gradient: f64, p: f64, velocity: f64) -> [f64; 2] {
    let g = clip * gradient + f64::from(kernel.weight_decay) * p;
    let momentum = f64::from(kernel.momentum);
    let v = momentum * velocity + g;
    [p - rate(&kernel.schedule, t) * if kernel.nesterov { g + momentum * v } else { v }, v]
}

/// (parameter, first moment, second moment) after the step.
pub fn adam(kernel: &Adam, t: u32, clip: f64, gradient: f64, p: f64, m: f64, v: f64) -> [f64; 3] {
    let (beta1, beta2) = (f64::from(kernel.beta1), f64::from(kernel.beta2));
    let (decay, rate) = (f64::from(kernel.weight_decay), rate(&kernel.schedule, t));
    let g = clip * gradient + if kernel.decoupled { 0.0 } else { decay * p };
    let p = if kernel.decoupled { p * (1.0 - rate * decay) } else { p };
    let m = beta1 * m + (1.0 - beta1) * g;
    let v = beta2 * v + (1.0 - beta2) * g * g;
    let steps = f64::from(t) + 1.0;
    let (c1, c2) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
    [p - rate * (m / c1) / ((v / c2).sqrt() + f64::from(kernel.epsilon)), m, v]
}
