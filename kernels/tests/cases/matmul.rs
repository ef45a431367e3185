//! Matrix products.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{Bias, Matmul};

use crate::reference::matmul::matmul;
use crate::support::variants::{Extents, run_each};
use crate::support::{assert_close, devices, numbers, run};

fn operands(kernel: &Matmul) -> Vec<Vec<f32>> {
    kernel.slots().iter().enumerate().map(|(seed, slot)| numbers(seed as u64 + 7, slot.len)).collect()
}

fn check(kernel: &Matmul) {
    kernel.validate().unwrap();
    let mut operands = operands(kernel);
    operands.last_mut().unwrap().fill(f32::NAN);
    let bias = if kernel.bias == Bias::None { &[][..] } else { &operands[2] };
    let exact = matmul(kernel, &operands[0], &operands[1], bias);
    for (name, got) in run_each(kernel.clone(), &operands) {
        assert_close(&name, &got[0], &exact, 2e-6, 1e-6);
    }
}

#[test]
pub(super) fn products_of_any_extents_agree_with_the_reference() {
    let mut extents = Extents(3);
    for _ in 0..24 {
        check(&Matmul {
            batch: extents.next(4),
            m: extents.next(150),
            n: extents.next(150),
            k: extents.next(90),
            transpose_a: extents.flip(),
            transpose_b: extents.flip(),
            broadcast_a: extents.flip(),
            broadcast_b: extents.flip(),
            bias: [Bias::None, Bias::Shared, Bias::PerBatch][extents.next(3) as usize - 1],
            relu: extents.flip(),
        });
    }
}

#[test]
pub(super) fn products_agree_with_the_reference() {
    // Each tile and the row variant, with edges in every direction.
    let extents = [
        (1, 1, 1),
        (1, 65, 127),
        (1, 130, 33),
        (3, 3, 3),
        (3, 127, 41),
        (16, 65, 31),
        (127, 3, 65),
        (33, 41, 31),
        (31, 33, 1),
        (127, 129, 41),
    ];
    for (index, (m, n, k)) in extents.into_iter().enumerate() {
        for transposes in 0..4 {
            let mix = index + transposes;
            check(&Matmul {
                batch: [1, 3, 2][mix % 3],
                m,
                n,
                k,
                transpose_a: transposes & 1 == 1,
                transpose_b: transposes & 2 == 2,
                broadcast_a: mix % 5 == 0,
                broadcast_b: mix % 4 == 0,
                bias: [Bias::None, Bias::Shared, Bias::PerBatch][mix / 2 % 3],
                relu: mix % 2 == 0,
            });
        }
    }
}

#[test]
fn blocks_of_the_cpu_kernel_meet() {
    // More rows, or columns, than one task computes.
    for (m, n, k) in [(300, 70, 40), (65, 130, 50), (5, 1000, 60), (1, 4000, 70)] {
        for transpose_b in [false, true] {
            check(&Matmul {
                batch: 1,
                m,
                n,
                k,
                transpose_a: transpose_b,
                transpose_b,
                broadcast_a: false,
                broadcast_b: true,
                bias: Bias::Shared,
                relu: true,
            });
        }
    }
}

#[test]
fn bits_of_a_product_do_not_depend_on_the_batches_beside_it() {
    for (m, n, k) in [(1, 100, 300), (40, 70, 60), (70, 80, 65)] {
        let many = Matmul {
            batch: 5,
            m,
            n,
            k,
            transpose_a: false,
            transpose_b: false,
            broadcast_a: false,
            broadcast_b: false,
            bias: Bias::None,
            relu: false,
        };
        let one = Matmul { batch: 1, ..many.clone() };
        let [a, b, c] = <[Vec<f32>; 3]>::try_from(operands(&many)).unwrap();
        for facts in devices() {
            let all = run(&facts, many.clone(), &[a.clone(), b.clone(), c.clone()]);
            let [sa, sb, sc] = [m * k, k * n, m * n].map(|step| step as usize);
            let last = run(&facts, one.clone(), &[a[4 * sa..].to_vec(), b[4 * sb..].to_vec(), c[4 * sc..].to_vec()]);
            assert!(all[0][4 * sc..] == last[0], "{many:?} on {}", facts.selector);
        }
    }
}

#[test]
fn impossible_products_are_refused() {
    let kernel = Matmul {
        batch: 1,
        m: 1,
        n: 1,
        k: 0,
        transpose_a: false,
        transpose_b: false,
        broadcast_a: false,
        broadcast_b: false,
        bias: Bias::None,
        relu: false,
    };
    assert!(kernel.validate().is_err());
    assert!(Matmul { k: 4 * 65_535 + 1, ..kernel.clone() }.validate().is_err());
    assert!(Matmul { k: 2, n: 1 << 31, ..kernel }.validate().is_err());
}
