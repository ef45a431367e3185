//! Limits as a user writes them, and what is answered when none or all are kept.

use parnas::pareto::limits::{Feasibility, Limit, LimitError, choose};
use parnas::pareto::objective::Objective;

#[track_caller]
fn close(found: f64, expected: f64) {
    let bound = 1e-12 * expected.abs().max(1.0);
    assert!((found - expected).abs() <= bound, "{found} is not {expected}");
}

#[test]
fn limits_are_read_in_all_units() {
    let read = |text: &str| text.parse::<Limit>().unwrap();
    let plain = read("latency<=2ms");
    assert_eq!((plain.device.clone(), plain.objective, plain.at_most), (None, Objective::Latency, 2.0));
    let named = read(" rtx.30_wgpu_8.latency <= 500 us ");
    assert_eq!(named.device.as_deref(), Some("rtx.30_wgpu_8"));
    close(named.at_most, 0.5);
    close(read("latency≤1.5s").at_most, 1500.0);
    close(read("latency<=70µs").at_most, 0.07);
    close(read("energy<=0.2J").at_most, 200.0);
    close(read("parameters<=1.2M").at_most, 1.2e6);
    close(read("parameters<=1e5").at_most, 1e5);
    close(read("memory<=2MiB").at_most, 2097152.0);
    for text in ["latency<=2ms", "pixel3.latency<=20ms", "parameters<=1.2M", "loss<=0.35", "latency<=0.000001ms"] {
        assert_eq!(read(text).to_string(), text);
    }
    let refused = |text: &str| text.parse::<Limit>().unwrap_err();
    assert!(matches!(refused("latency<2ms"), LimitError::Form(_)));
    assert!(matches!(refused("latency<="), LimitError::Form(_)));
    assert!(matches!(refused(".latency<=2ms"), LimitError::Device(_)));
    assert!(matches!(refused("speed<=2"), LimitError::Objective(_)));
    assert!(matches!(refused("latency<=-2ms"), LimitError::Value { .. }));
    assert!(matches!(refused("latency<=fast"), LimitError::Value { .. }));
    assert!(matches!(refused("latency<=inf"), LimitError::Value { .. }));
    assert!(matches!(refused("latency<=2mJ"), LimitError::Unit { .. }));
}

#[test]
fn limits_choose_what_is_feasible_or_nearest() {
    let limits: Vec<Limit> = ["a.latency<=10ms", "b.latency<=4ms"].map(|t| t.parse().unwrap()).into();
    let value = |point: &[Option<f64>; 2], limit: &Limit| match limit.device.as_deref() {
        Some("a") => point[0],
        Some("b") => point[1],
        _ => None,
    };
    let points = [[Some(9.0), Some(4.0)], [Some(1.0), Some(9.0)], [Some(2.0), None], [Some(10.0), Some(1.0)]];
    assert_eq!(choose(&points, &limits, value), Ok(Feasibility::Feasible(vec![0, 3])));

    let far = [[Some(5.0), Some(6.0)], [Some(12.0), Some(4.4)], [Some(2.0), None]];
    let Ok(Feasibility::Nearest { index, misses }) = choose(&far, &limits, value) else {
        panic!("nothing here is feasible");
    };
    assert_eq!((index, misses.len()), (1, 2));
    close(misses[0].relative, 0.2);
    assert_eq!(misses[0].to_string(), "a.latency<=10ms is missed by 20.0 % (12ms)");

    let elsewhere = ["c.latency<=1ms".parse().unwrap()];
    assert!(matches!(choose(&points, &elsewhere, value), Err(LimitError::NoValue(_))));
    assert_eq!(choose(&points[..0], &limits, value), Err(LimitError::NoPoints));
}
