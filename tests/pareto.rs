//! Preferences, scalarisations, dominance, hypervolume, distance indicators against closed forms and published values.

use parnas::pareto::PointError;
use parnas::pareto::dominance::{crowding_distance, dominates, non_dominated, non_dominated_sort};
use parnas::pareto::hypervolume::hypervolume;
use parnas::pareto::indicators::{gd, gd_plus, igd, igd_plus};
use parnas::pareto::preferences::{
    self, PreferenceError, at_least, das_dennis, das_dennis_count, published_circle, uniform_line,
};
use parnas::pareto::scalarisation::{Scalarisation, ScalarisationError};

#[path = "support/nas_bench_201.rs"]
mod nas_bench_201;

use nas_bench_201::tables;

#[track_caller]
fn close(found: f64, expected: f64) {
    let bound = 1e-12 * expected.abs().max(1.0);
    assert!((found - expected).abs() <= bound, "{found} is not {expected}");
}

/// Reproducible numbers in [0, 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = (self.0.wrapping_mul(1103515245).wrapping_add(12345)) % (1 << 31);
        self.0 as f64 / (1u64 << 31) as f64
    }

    fn points(&mut self, count: usize, objectives: usize) -> Vec<Vec<f64>> {
        (0..count).map(|_| (0..objectives).map(|_| self.next()).collect()).collect()
    }
}

#[test]
fn preferences_cover_the_simplex_ends_included() {
    let line = uniform_line(24);
    assert_eq!(line.len(), 24);
    assert_eq!(line[0], [1.0, 0.0]);
    assert_eq!(line[23], [0.0, 1.0]);
    assert!(line.iter().all(|r| (r[0] + r[1] - 1.0).abs() < 1e-15));
    assert_eq!(uniform_line(1), [[0.5, 0.5]]);
    assert!(uniform_line(0).is_empty());
    assert_eq!(at_least(2, 24), line);
    assert_eq!(das_dennis(2, 23), line);

    let grid = das_dennis(3, 4);
    assert_eq!(grid.len(), 15);
    assert_eq!(grid.len(), das_dennis_count(3, 4));
    let mut distinct: Vec<String> = grid.iter().map(|r| format!("{r:?}")).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 15);
    assert!(grid.iter().all(|r| (r.iter().sum::<f64>() - 1.0).abs() < 1e-15));
    assert_eq!(at_least(3, 24).len(), 28);
    assert_eq!(at_least(5, 24).len(), 35);
    assert_eq!(das_dennis(4, 0), [[0.25; 4]]);
    assert_eq!(at_least(1, 9), [[1.0]]);
    assert_eq!(das_dennis_count(60, 1 << 40), usize::MAX);
}

/// The row of the published embedding table that each of the 24 rays falls on.
#[test]
fn published_circle_gives_the_published_rows() {
    let rows: Vec<u32> = published_circle(24).iter().map(|r| (r[0] * 100.0).round() as u32).collect();
    let published = [100, 100, 99, 98, 96, 94, 92, 89, 85, 82, 78, 73, 68, 63, 58, 52, 46, 40, 33, 27, 20, 14, 7, 0];
    assert_eq!(rows, published);
}

#[test]
fn a_preference_is_read_or_refused_with_the_reason() {
    assert_eq!(preferences::parse(" 0.25, 0.75", 2), Ok(vec![0.25, 0.75]));
    let thirds = preferences::parse("0.333,0.333,0.3335", 3).unwrap();
    close(thirds.iter().sum(), 1.0);
    let refused = |text| preferences::parse(text, 2).unwrap_err();
    assert!(matches!(refused("0.7,x"), PreferenceError::NotANumber { text } if text == "x"));
    assert!(matches!(refused("0.7,"), PreferenceError::NotANumber { .. }));
    assert!(matches!(refused("nan,1"), PreferenceError::NotANumber { .. }));
    assert!(matches!(refused("1.2,-0.2"), PreferenceError::Negative { position: 1, .. }));
    assert!(matches!(refused("1"), PreferenceError::Objectives { found: 1, expected: 2 }));
    let sum = refused("0.7,0.4").to_string();
    assert!(sum.contains("sum to 1.1") && sum.contains("not to 1"), "{sum}");
}

#[test]
fn scalarisations_have_their_values_limits_and_gradients() {
    let (r, f, z) = ([0.2, 0.5, 0.3], [1.0, 0.4, 3.0], [0.5, 0.1, 1.0]);
    let smooth = |mu| Scalarisation::SmoothTchebycheff { mu };
    close(Scalarisation::Linear.value(&r, &f, &z).unwrap(), 1.3);
    close(Scalarisation::Tchebycheff.value(&r, &f, &z).unwrap(), 0.6);
    let by_hand = ((0.1f64 / 0.5).exp() + (0.15f64 / 0.5).exp() + (0.6f64 / 0.5).exp()).ln() * 0.5;
    close(smooth(0.5).value(&r, &f, &z).unwrap(), by_hand);
    // An upper bound of Tchebycheff by at most mu ln M, without overflow however small mu is.
    let sharp = smooth(1e-6).value(&r, &f, &z).unwrap();
    assert!((0.6..=0.6 + 1e-6 * 3f64.ln()).contains(&sharp));

    for scalarisation in [Scalarisation::Linear, Scalarisation::Tchebycheff, smooth(0.3)] {
        let gradient = scalarisation.gradient(&r, &f, &z).unwrap();
        for m in 0..3 {
            let at = |step: f64| {
                let mut moved = f;
                moved[m] += step;
                scalarisation.value(&r, &moved, &z).unwrap()
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((gradient[m] - difference).abs() < 1e-8, "{scalarisation} {m}");
        }
        assert_eq!(scalarisation.to_string().parse(), Ok(scalarisation));
    }
    assert!(matches!(
        Scalarisation::Linear.value(&r, &f[..2], &z),
        Err(ScalarisationError::Lengths { objectives: 2, .. })
    ));
    let bad = |text: &str| text.parse::<Scalarisation>().unwrap_err();
    assert!(matches!(bad("smooth-tchebycheff:0"), ScalarisationError::Smoothing(_)));
    assert!(matches!(bad("weighted"), ScalarisationError::Unknown(_)));
}

#[test]
fn dominance_agrees_with_its_definition_on_random_points() {
    assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
    assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]));
    assert!(!dominates(&[0.0, f64::NAN], &[1.0, 2.0]));
    let mut numbers = Numbers(7);
    for objectives in 1..=4 {
        let mut points = numbers.points(150, objectives);
        // Coarse, so that there are ties and duplicates.
        points.iter_mut().flatten().for_each(|v| *v = (*v * 8.0).floor());
        let expected: Vec<usize> = (0..points.len())
            .filter(|&i| !points.iter().any(|p| dominates(p, &points[i])))
            .filter(|&i| !points[..i].contains(&points[i]))
            .collect();
        assert_eq!(non_dominated(&points), expected);

        let layers = non_dominated_sort(&points);
        assert_eq!(layers.iter().map(Vec::len).sum::<usize>(), points.len());
        for (depth, layer) in layers.iter().enumerate() {
            for &i in layer {
                let beaten_by = |layer: &[usize]| layer.iter().any(|&j| dominates(&points[j], &points[i]));
                assert!(!beaten_by(layer));
                assert!(depth == 0 || beaten_by(&layers[depth - 1]));
            }
        }
    }
    let with_nan = [[1.0, f64::NAN], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0]];
    assert_eq!(non_dominated(&with_nan), [1]);
    assert_eq!(non_dominated_sort(&with_nan), [vec![1, 2], vec![3], vec![0]]);
    assert!(non_dominated::<[f64; 2]>(&[]).is_empty());
}

#[test]
fn crowding_distance_is_the_gap_between_neighbours() {
    let layer = [[0.0, 4.0], [1.0, 2.0], [4.0, 0.0], [2.0, 1.5]];
    let distances = crowding_distance(&layer);
    assert_eq!(distances[0], f64::INFINITY);
    assert_eq!(distances[2], f64::INFINITY);
    close(distances[1], 2.0 / 4.0 + 2.5 / 4.0);
    close(distances[3], 3.0 / 4.0 + 2.0 / 4.0);
    assert_eq!(crowding_distance(&[[1.0, 1.0]; 3]), [0.0; 3]);
    assert!(crowding_distance::<[f64; 2]>(&[]).is_empty());
}

/// The closed forms of Optuna's tests and the values of BoTorch's, negated.
#[test]
fn hypervolume_has_the_known_values() {
    for n in [1usize, 2, 7, 40] {
        let m = n as f64;
        let staircase: Vec<[f64; 2]> = (0..n).map(|i| [i as f64, (n - 1 - i) as f64]).collect();
        close(hypervolume(&staircase, &[m, m]).unwrap(), m * m - m * (m - 1.0) / 2.0);
    }
    for n in [2usize, 5, 12] {
        let m = n as f64;
        let mut plane = Vec::new();
        for x in 0..n {
            for y in 0..n - x {
                plane.push([x as f64, y as f64, (n - 1 - x - y) as f64]);
            }
        }
        let expected = m.powi(3) - (m - 1.0) * m * (m + 1.0) / 6.0;
        close(hypervolume(&plane, &[m; 3]).unwrap(), expected);
    }
    let mut numbers = Numbers(3);
    for m in 2..=7usize {
        let mut points: Vec<Vec<f64>> =
            (0..m).map(|i| (0..m).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
        points.extend(
            numbers.points(20, m).into_iter().map(|p| p.into_iter().map(|v| 1.0 + (v * 9.0).floor()).collect()),
        );
        close(hypervolume(&points, &vec![10.0; m]).unwrap(), 10f64.powi(m as i32) - 1.0);
    }
    let botorch = [[-8.5, -3.0], [-8.5, -3.5], [-5.0, -5.0], [-9.0, -1.0], [-4.0, -5.0]];
    close(hypervolume(&botorch, &[0.0, 0.0]).unwrap(), 37.75);
    close(hypervolume(&botorch, &[-1.0, -0.5]).unwrap(), 28.75);
    let unit = |m: usize| -> Vec<Vec<f64>> {
        (0..m).map(|i| (0..m).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect()
    };
    close(hypervolume(&unit(3), &[2.1, 2.5, 2.3]).unwrap(), 11.075);
    close(hypervolume(&unit(4), &[2.1, 2.5, 2.3, 2.0]).unwrap(), 23.15);
    // Points of DTLZ2 in five objectives.
    let dtlz2 = [
        [0.42890000759972685, 0.1446377658556118, 0.10335085850913295, 0.49502106785623134, 0.7344368200145969],
        [0.5124511265981003, 0.5332028064973291, 0.36775794432917486, 0.5261970836251835, 0.20238412378158688],
        [0.5960106882406603, 0.32491865590163566, 0.5815435820797972, 0.08375675085018466, 0.44044408882261904],
        [0.6135323874039154, 0.5658986040644925, 0.39684098121151284, 0.3798488823307603, 0.03960860698719982],
        [0.3957157311550265, 0.4045394517331393, 0.07282417302694655, 0.5699496614967537, 0.5912790502720109],
        [0.06392539039575441, 0.17204800894814581, 0.6620860391018546, 0.7241037454151875, 0.06024010111083461],
    ];
    let found = hypervolume(&dtlz2, &[1.1; 5]).unwrap();
    assert!((found - 0.42127855991587).abs() < 1e-13, "{found}");
}

/// Sixty random points, values computed with moocore.
#[test]
fn hypervolume_agrees_with_moocore_from_two_to_six_objectives() {
    let computed =
        [0.9442584925080768, 0.8632467627437383, 0.7201971644885262, 0.5719152481294429, 0.29785255195420457];
    for (objectives, expected) in (2..).zip(computed) {
        let points = Numbers(11).points(60, objectives);
        close(hypervolume(&points, &vec![1.0; objectives]).unwrap(), expected);
    }
}

const A: [[f64; 2]; 5] = [[0.05, 0.95], [0.2, 0.8], [0.3, 0.5], [0.6, 0.3], [0.9, 0.2]];
const FRONT: [[f64; 2]; 6] = [[0.0, 1.0], [0.1, 0.7], [0.25, 0.45], [0.5, 0.2], [0.8, 0.05], [1.0, 0.0]];

/// Values computed with pymoo 0.6.2.
#[test]
fn hypervolume_and_distances_agree_with_pymoo() {
    close(hypervolume(&A, &[1.0, 1.0]).unwrap(), 0.4675);
    let b = [[0.1, 0.9, 0.5], [0.4, 0.4, 0.4], [0.9, 0.1, 0.3], [0.2, 0.6, 0.8], [0.7, 0.3, 0.1], [0.5, 0.5, 0.5]];
    close(hypervolume(&b, &[1.0; 3]).unwrap(), 0.338);
    let c =
        [[0.1, 0.6, 0.4, 0.9], [0.3, 0.3, 0.3, 0.3], [0.8, 0.2, 0.5, 0.1], [0.2, 0.7, 0.1, 0.6], [0.6, 0.1, 0.9, 0.2]];
    close(hypervolume(&c, &[1.1; 4]).unwrap(), 0.5326);
    close(gd(&A, &FRONT).unwrap(), 0.12090832649702561);
    close(gd_plus(&A, &FRONT).unwrap(), 0.11676619087329465);
    close(igd(&A, &FRONT).unwrap(), 0.13802473837251783);
    close(igd_plus(&A, &FRONT).unwrap(), 0.1306384923944122);
    assert!(matches!(gd::<[f64; 2], _>(&[], &FRONT), Err(PointError::Empty(_))));
    assert!(matches!(igd(&A, &[[0.0; 3]]), Err(PointError::Objectives { .. })));
}

#[test]
fn hypervolume_edge_cases() {
    let infinity = f64::INFINITY;
    assert_eq!(hypervolume(&[[0.5, infinity]], &[1.0, infinity]), Ok(infinity));
    assert_eq!(hypervolume(&[[0.5, infinity]], &[1.0, 1.0]), Ok(0.0));
    assert_eq!(hypervolume(&[[1.0, 0.0]], &[1.0, infinity]), Ok(0.0));
    assert_eq!(hypervolume(&[[0.5, -infinity]], &[1.0, 1.0]), Ok(infinity));
    assert_eq!(hypervolume(&[[2.0, 0.0], [1.0, 0.5]], &[1.0, 1.0]), Ok(0.0));
    assert_eq!(hypervolume::<[f64; 2]>(&[], &[1.0, 1.0]), Ok(0.0));
    assert_eq!(hypervolume(&[[0.0, 0.0]], &[1.0, f64::NAN]), Err(PointError::Reference { objective: 1 }));
    assert_eq!(hypervolume(&[[0.0, f64::NAN]], &[1.0, 1.0]), Err(PointError::NotANumber { index: 0, objective: 1 }));
    assert!(matches!(hypervolume(&[[0.0; 3]], &[1.0, 1.0]), Err(PointError::Objectives { found: 3, expected: 2, .. })));
}

/// The true fronts of NAS-Bench-201 on the 19 devices of HELP's tables: hypervolume (computed with pymoo), by the
/// published protocol: cells with an error of 90 % and more dropped, both objectives scaled to 0..1, reference (1, 1).
#[test]
fn true_fronts_of_nas_bench_201_have_the_known_hypervolumes() {
    let Some(tables) = tables() else { return };
    let errors = tables.error();
    for (device, expected) in [
        ("1080ti_1", 0.9458),
        ("1080ti_32", 0.9697),
        ("1080ti_256", 0.9425),
        ("silver_4114", 0.9736),
        ("silver_4210r", 0.9690),
        ("samsung_a50", 0.9925),
        ("pixel3", 0.9840),
        ("essential_ph_1", 0.9813),
        ("samsung_s7", 0.9833),
        ("titanx_1", 0.9568),
        ("titanx_32", 0.9504),
        ("titanx_256", 0.9488),
        ("gold_6240", 0.9727),
        ("titan_rtx_256", 0.9663),
        ("gold_6226", 0.9618),
        ("fpga", 0.9742),
        ("pixel2", 0.9832),
        ("raspi4", 0.9829),
        ("eyeriss", 0.9811),
    ] {
        let rows = errors.iter().zip(tables.latency.column(device));
        let mut points: Vec<[f64; 2]> =
            rows.filter(|(error, _)| **error < 90.0).map(|(&error, &latency)| [error, latency]).collect();
        for m in 0..2 {
            let values = points.iter().map(|p| p[m]);
            let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
            points.iter_mut().for_each(|p| p[m] = (p[m] - low) / (high - low));
        }
        let found = hypervolume(&points, &[1.0, 1.0]).unwrap();
        assert!((found - expected).abs() <= 0.5001e-4, "{device}: {found}");
    }
}
