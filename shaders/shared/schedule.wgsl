// The learning rate at a step (`Schedule::rate` of the kernel crate): a linear warm-up, then constant or half a cosine.

#import "shared/functions"

fn schedule_rate(t: u32, base: f32, minimum: f32, warmup: u32, total: u32, cosine: u32) -> f32 {
    if t < warmup {
        return base * (f32(t + 1u) / f32(warmup));
    }
    if cosine == 0u {
        return base;
    }
    let span = max(total, warmup + 1u) - warmup;
    let progress = min(f32(t - warmup) / f32(span), 1.0);
    return minimum + (base - minimum) * (0.5 + 0.5 * cosine_and_sine_of_turns(0.5 * progress).x);
}
