//! The cases of `tools/compare/run` in burn on a wgpu device, f32: one JSON object a line.
//!
//!     compare-burn [--device NAME] [--case SUBSTRING] [--rounds N]
//!
//! Each case runs once before any is timed, so that burn's autotune is in no figure but `first_ms`, which is that first run, and
//! `since_start_ms`, the time from the start of the process to its end. Without rounds these are all that is printed.

mod kernels;
mod supernet;
mod timing;

use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::{Device, DeviceKind};
use timing::Case;

/// The devices that cases are made for.
struct Sides {
    /// Without gradients.
    plain: Device,
    /// With gradients.
    autodiff: Device,
}

fn main() -> ExitCode {
    let start = Instant::now();
    let (mut device, mut case, mut rounds) = (String::new(), String::new(), 3);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--device", Some(value)) => device = value,
            ("--case", Some(value)) => case = value,
            ("--rounds", Some(value)) if value.parse::<usize>().is_ok() => rounds = value.parse().unwrap_or(rounds),
            _ => {
                eprintln!("usage: compare-burn [--device NAME] [--case SUBSTRING] [--rounds N]");
                return ExitCode::FAILURE;
            }
        }
    }
    // burn knows kinds of adapters and no names.
    let software = ["llvmpipe", "lavapipe", "swiftshader"].iter().any(|name| device.contains(name));
    let plain = Device::wgpu(if software { DeviceKind::Cpu } else { DeviceKind::DefaultDevice });
    let sides = Sides { autodiff: plain.clone().autodiff(), plain };
    let mut cases: Vec<Case> =
        kernels::cases(&sides).chain(supernet::cases(&sides)).filter(|each| each.name.contains(&case)).collect();
    for case in &mut cases {
        case.first(&sides.plain, start);
    }
    for _ in 0..rounds {
        for case in &mut cases {
            case.round(&sides.plain);
        }
    }
    for case in cases.iter().filter(|_| rounds > 0) {
        println!("{}", case.line());
    }
    ExitCode::SUCCESS
}
