//! Rotary positions.

use parnas_kernels::ops::Rotary;

use crate::reference::rotary::rotary;
use crate::support::{Exact, assert_close, bits, devices, numbers, run};

const BASE: f64 = 10_000.0;

/// Rows, length, heads, channels of a head, pairs, start.
const SIZES: [[u32; 6]; 6] = [
    [1, 1, 1, 2, 1, 0],
    [3, 5, 3, 9, 3, 2],
    [1, 33, 2, 64, 16, 0],
    [2, 1, 5, 31, 15, 100_000],
    [1, 41, 1, 33, 16, 7],
    [2, 3, 6, 8, 4, 0],
];

fn kernel([rows, length, heads, head, half, start]: [u32; 6], read_start: bool, inverse: bool) -> Rotary {
    let positions = start + length + if read_start { 11 } else { 0 };
    Rotary { rows, length, heads, head, half, positions, start, read_start, inverse }
}

fn rotate(facts: &parnas_kernels::DeviceFacts, kernel: &Rotary, read: u32, x: &[f32]) -> Vec<f32> {
    let mut inputs = vec![x.to_vec(), Rotary::table(kernel.positions as usize, kernel.half as usize, BASE)];
    inputs.extend(kernel.read_start.then(|| bits(&[read])));
    inputs.push(vec![f32::NAN; x.len()]);
    run(facts, kernel.clone(), &inputs).remove(0)
}

#[test]
fn rotations_agree_with_the_reference() {
    for (size, (read_start, inverse)) in
        SIZES.into_iter().flat_map(|size| [(false, false), (true, true), (true, false)].map(|options| (size, options)))
    {
        let kernel = kernel(size, read_start, inverse);
        kernel.validate().unwrap();
        let read = if read_start { 11 } else { 0 };
        let x = numbers(1, (size[0] * size[1] * size[2] * size[3]) as usize);
        let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        // The pair's other channel has a part in the error.
        let exact: Vec<Exact> =
            rotary(&kernel, BASE, read, &wide).into_iter().map(|value| Exact { value, magnitude: 1.0 }).collect();
        for facts in devices() {
            let got = rotate(&facts, &kernel, read, &x);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got, &exact, 2e-7, 0.0);
        }
    }
}

/// The rotation is linear: <g, rotate(x)> = <rotate back(g), x>, and by central differences of the f64 forward pass.
#[test]
fn gradients_of_rotations_are_central_differences() {
    let size = SIZES[1];
    let (forward, backward) = (kernel(size, false, false), kernel(size, false, true));
    let (x, g) = (numbers(1, 405), numbers(2, 405));
    let loss = |x: &[f64]| -> f64 { rotary(&forward, BASE, 0, x).iter().zip(&g).map(|(y, g)| y * f64::from(*g)).sum() };
    let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let step = 1e-4;
    let exact: Vec<Exact> = (0..x.len())
        .map(|i| {
            let at = |delta: f64| {
                let mut x = wide.clone();
                x[i] += delta;
                loss(&x)
            };
            Exact::of((at(step) - at(-step)) / (2.0 * step))
        })
        .collect();
    for facts in devices() {
        assert_close(&format!("on {}", facts.selector), &rotate(&facts, &backward, 0, &g), &exact, 1e-6, 1e-6);
    }
}

/// What is known of positions only on the device stays within the table.
#[test]
fn positions_beyond_the_table_take_its_last_row() {
    let kernel = kernel(SIZES[1], true, false);
    let x = numbers(1, 405);
    for facts in devices() {
        let beyond = rotate(&facts, &Rotary { length: 1, rows: 15, ..kernel.clone() }, 5000, &x);
        let last =
            rotate(&facts, &Rotary { length: 1, rows: 15, ..kernel.clone() }, kernel.positions - 1 - kernel.start, &x);
        assert_eq!(beyond, last, "on {}", facts.selector);
    }
}

#[test]
fn impossible_rotations_are_refused() {
    let good = kernel(SIZES[1], false, false);
    assert!(good.validate().is_ok());
    assert!(Rotary { half: 5, ..good.clone() }.validate().is_err());
    assert!(Rotary { half: 0, ..good.clone() }.validate().is_err());
    assert!(Rotary { start: 3, ..good.clone() }.validate().is_err());
    assert!(Rotary { rows: 1 << 30, ..good }.validate().is_err());
}
