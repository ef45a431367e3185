//! Pooling and its adjoint.

use parnas_kernels::ops::{Pool2d, PoolKind};

use crate::support::Exact;

/// For each output, the places of its window's elements and the factor of each.
fn windows(pool: &Pool2d, x: &[f32]) -> Vec<Vec<(usize, f64)>> {
    let [planes, h, w, k, s, p] =
        [pool.planes, pool.height, pool.width, pool.kernel, pool.stride, pool.padding].map(|extent| extent as i64);
    let mut all = Vec::new();
    for plane in 0..planes {
        for (oy, ox) in
            (0..i64::from(pool.output_height())).flat_map(|y| (0..i64::from(pool.output_width())).map(move |x| (y, x)))
        {
            let mut places = Vec::new();
            for (y, x) in (0..k).flat_map(|ky| (0..k).map(move |kx| (oy * s + ky - p, ox * s + kx - p))) {
                if (0..h).contains(&y) && (0..w).contains(&x) {
                    places.push(((plane * h + y) * w + x) as usize);
                }
            }
            all.push(match pool.kind {
                PoolKind::Maximum => {
                    let best = places.iter().copied().reduce(|a, b| if x[b] > x[a] { b } else { a }).unwrap();
                    vec![(best, 1.0)]
                }
                PoolKind::Average { count_include_padding } => {
                    let count = if count_include_padding { (k * k) as f64 } else { places.len() as f64 };
                    places.into_iter().map(|place| (place, 1.0 / count)).collect()
                }
            });
        }
    }
    all
}

pub fn forward(pool: &Pool2d, x: &[f32]) -> Vec<Exact> {
    let sum = |window: Vec<(usize, f64)>| {
        let mut sum = Exact::default();
        window.into_iter().for_each(|(place, factor)| sum.add(factor * f64::from(x[place])));
        sum
    };
    windows(pool, x).into_iter().map(sum).collect()
}

pub fn gradient(pool: &Pool2d, x: &[f32], dy: &[f32]) -> Vec<Exact> {
    let mut dx = vec![Exact::default(); x.len()];
    for (window, dy) in windows(pool, x).into_iter().zip(dy) {
        window.into_iter().for_each(|(place, factor)| dx[place].add(factor * f64::from(*dy)));
    }
    dx
}
