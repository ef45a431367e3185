//! The kernels that measure a device's roofline compute what they say, or their times would say nothing.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{PeakCopy, PeakMultiplyAdd};

use crate::reference::peak_multiply_add::peak_multiply_add;
use crate::support::{ODD, assert_close, devices, numbers, run};

#[test]
fn multiply_adds_agree_with_the_reference() {
    for facts in devices() {
        for len in ODD {
            for rounds in [1, 3, 33] {
                // No step is lost without being seen: after n of them a chain still holds 0.99^n of its beginning.
                let kernel = PeakMultiplyAdd { len: len as u32, rounds, factor: -0.99, summand: 0.125 };
                kernel.validate().unwrap();
                let x = numbers(len as u64, len);
                let got = run(&facts, kernel, &[x.clone(), vec![f32::NAN; len]]);
                let what = format!("{kernel:?} on {}", facts.selector);
                // Each step rounds a chain of at most 12 once, and passes on 0.99 of the errors before it.
                assert_close(&what, &got[0], &peak_multiply_add(&kernel, &x), 4e-7, 1e-5);
            }
        }
    }
}

#[test]
fn a_copy_is_the_same_bits() {
    for facts in devices() {
        for quads in [1, 3, 41, 127, 1000, 256 * 300 + 1] {
            let kernel = PeakCopy { quads };
            kernel.validate().unwrap();
            let x = numbers(7, 4 * quads as usize);
            let got = run(&facts, kernel, &[x.clone(), vec![f32::NAN; 4 * quads as usize]]);
            assert_eq!(got[0], x, "{quads} quads on {}", facts.selector);
        }
    }
}

#[test]
fn costs_are_those_of_the_text() {
    let kernel = PeakMultiplyAdd { len: 10, rounds: 5, factor: 0.5, summand: 0.5 };
    // 12 chains of 20 multiply-adds, 12 sums before and 12 after them.
    assert_eq!(kernel.cost().operations, 10 * (12 * 20 * 2 + 24));
    assert_eq!(PeakCopy { quads: 3 }.cost().bytes, 2 * 4 * 12);
}

#[test]
fn what_makes_no_kernel_is_refused() {
    let kernel = PeakMultiplyAdd { len: 1, rounds: 1, factor: 0.5, summand: 0.5 };
    for wrong in [
        PeakMultiplyAdd { len: 0, ..kernel },
        PeakMultiplyAdd { rounds: 0, ..kernel },
        PeakMultiplyAdd { rounds: 65_536, ..kernel },
    ] {
        assert!(wrong.validate().unwrap_err().to_string().contains("peak_multiply_add"), "{wrong:?}");
    }
    for quads in [0, 1 << 30] {
        assert!(PeakCopy { quads }.validate().unwrap_err().to_string().contains("peak_copy"), "{quads}");
    }
}
