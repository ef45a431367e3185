//! Pictures and pages: well-formed, escaped, complete, and never a NaN, whatever the data.

use parnas::report::plots::{
    Band, BandPlot, CellPlot, Curve, CurvesPlot, Estimate, FrontPlot, HypervolumePlot, HypervolumeRow, PredictorPlot,
    PredictorPoint,
};
use parnas::report::scale::{Scale, tick_labels, value_text};
use parnas::report::svg::Element;
use parnas::report::{DeviceSection, Fact, Figure, FrontPoint, Message, Quality, Report, Severity, page, standalone};
use roxmltree::Document;

#[path = "support/markup.rs"]
mod markup;

use markup::{check, front_plot, latency};

const CELL: &str = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|";

fn point(preference: &[f64], architecture: &str, measured: f64, accuracy: f64) -> FrontPoint {
    FrontPoint {
        preference: preference.to_vec(),
        architecture: architecture.into(),
        predicted: vec![measured * 1.05],
        measured: vec![Some(measured)],
        accuracy,
        loss: 1.0 - accuracy,
    }
}

#[test]
fn text_is_escaped_wherever_it_comes_from() {
    let hostile = "<script>alert('x') & \"y\"</script>\u{1}|conv<3~0|";
    let read = hostile.replace('\u{1}', "");
    let front = [point(&[0.5, 0.5], hostile, 2.0, 0.9)];
    let quantities = latency();
    let picture = front_plot(&quantities, &front, &front).draw();
    let report = Report {
        title: hostile.into(),
        summary: hostile.into(),
        facts: vec![Fact::new(hostile, hostile)],
        messages: vec![Message { severity: Severity::Warning, text: hostile.into() }],
        devices: vec![DeviceSection {
            name: hostile.into(),
            facts: vec![],
            quantities,
            front: front.to_vec(),
            figures: vec![Figure { caption: hostile.into(), picture: picture.clone() }],
            messages: vec![],
        }],
        figures: vec![],
        manifest: vec![Fact::new("data", hostile)],
    };
    let html = page::render(&report);
    assert!(!html.contains("<script"));
    check(&html);
    let svg = standalone(&picture);
    check(&svg);
    let document = Document::parse(&svg).unwrap();
    let titles = document.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "title")));
    assert!(titles.filter_map(|n| n.text()).any(|text| text.contains(&read)));
    let attribute = Element::new("a").with("href", "\"<&>'").render();
    assert_eq!(attribute, "<a href=\"&quot;&lt;&amp;&gt;&#39;\"></a>");
}

#[test]
fn ticks_are_round_and_cover_the_range() {
    let linear = Scale::linear([0.13, 0.97]);
    let ticks = linear.ticks(6);
    assert_eq!(tick_labels(&ticks), ["0.2", "0.4", "0.6", "0.8", "1"].map(|t| if t == "1" { "1.0" } else { t }));
    for (low, high) in [(0.0, 1.0), (-3.0, 5.0), (1e-9, 2e-9), (1e6, 5e7), (99.9, 100.1), (-1e300, 1e300)] {
        for wanted in 2..10 {
            let scale = Scale::linear([low, high]);
            let ticks = scale.ticks(wanted);
            assert!((2..=wanted + 2).contains(&ticks.len()), "{low} {high} {wanted} {ticks:?}");
            let step = (ticks[1] - ticks[0]) * 1.001;
            assert!(ticks[0] - scale.low() <= step && scale.high() - ticks[ticks.len() - 1] <= step);
            let labels = tick_labels(&ticks);
            assert!(labels.windows(2).all(|w| w[0] != w[1]), "{labels:?}");
        }
    }
    let logarithmic = Scale::logarithmic([0.02, 300.0, -1.0, f64::NAN]);
    assert_eq!(logarithmic.ticks(6), [0.1, 1.0, 10.0, 100.0]);
    assert_eq!(logarithmic.place(0.0), None);
    assert!(Scale::logarithmic([2.0, 3.0]).ticks(5).len() >= 2);
    assert_eq!(value_text(12.3456), "12.35");
    assert_eq!(value_text(0.5), "0.5");
    assert_eq!(value_text(1234567.0), "1234567");
    assert_eq!(value_text(f64::NAN), "–");
}

#[test]
fn degenerate_data_is_drawn_without_panic_and_without_nan() {
    let quantities = latency();
    let nan = f64::NAN;
    let odd_sets: [Vec<FrontPoint>; 6] = [
        vec![],
        vec![point(&[0.5, 0.5], CELL, 2.0, 0.9)],
        vec![point(&[1.0, 0.0], "a", 2.0, 0.9), point(&[0.0, 1.0], "b", 2.0, 0.9)],
        vec![point(&[nan, 1.0], "a", nan, 0.9), point(&[], "b", f64::INFINITY, nan)],
        vec![point(&[0.0, 0.0], "a", 0.0, 0.0), point(&[1.0], "b", -1.0, 1e300)],
        vec![point(&[1.0, 0.0], "a", 1e300, 0.5), point(&[0.0, 1.0], "b", 1e-300, 0.1)],
    ];
    for front in &odd_sets {
        for random in &odd_sets {
            for logarithmic in [false, true] {
                for quality in [Quality::Loss, Quality::Error] {
                    let plot = FrontPlot {
                        logarithmic,
                        logarithmic_quality: logarithmic,
                        quality,
                        ..front_plot(&quantities, front, random)
                    };
                    check(&standalone(&plot.draw()));
                }
            }
        }
        check(&standalone(&FrontPlot { quantity: 5, ..front_plot(&[], front, front) }.draw()));
    }

    let odd_curves: [Vec<(f64, f64)>; 6] = [
        vec![],
        vec![(1.0, 1.0)],
        vec![(1.0, 1.0), (1.0, 1.0)],
        vec![(0.0, 1.0), (1.0, nan), (2.0, f64::INFINITY), (3.0, 0.0), (4.0, -2.0)],
        vec![(nan, nan)],
        (0..5000).map(|i| (i as f64, if i % 7 == 0 { nan } else { i as f64 })).collect(),
    ];
    for points in odd_curves {
        let curves = [Curve { name: "loss".into(), points }];
        for (smoothing, logarithmic) in [(0.0, false), (0.9, true), (nan, true), (1.0, false)] {
            let plot = CurvesPlot { title: "t", x: "step", y: "loss", curves: &curves, smoothing, logarithmic };
            check(&standalone(&plot.draw()));
        }
    }
    check(&standalone(
        &CurvesPlot { title: "t", x: "x", y: "y", curves: &[], smoothing: 0.0, logarithmic: false }.draw(),
    ));

    for values in [vec![], vec![(1.0, 1.0)], vec![(nan, 1.0), (0.0, 0.0), (0.0, 2.0)]] {
        let points: Vec<PredictorPoint> = values
            .into_iter()
            .map(|(predicted, measured)| PredictorPoint { architecture: "a".into(), predicted, measured })
            .collect();
        for logarithmic in [false, true] {
            let plot = PredictorPlot {
                device: "d",
                quantity: &quantities[0],
                points: &points,
                kendall_tau: Some(nan),
                relative_error: None,
                logarithmic,
            };
            check(&standalone(&plot.draw()));
        }
    }

    let estimate = |mean, deviation| Some(Estimate { mean, deviation });
    let rows = [
        HypervolumeRow { device: "a".into(), values: vec![None, None] },
        HypervolumeRow { device: "b".into(), values: vec![estimate(nan, 1.0), estimate(0.5, nan)] },
        HypervolumeRow { device: "c".into(), values: vec![] },
    ];
    for rows in [&rows[..], &rows[..1], &[]] {
        let plot = HypervolumePlot { title: "t", subtitle: "", x: "hypervolume", methods: &["search".into()], rows };
        check(&standalone(&plot.draw()));
    }
    check(&standalone(&CellPlot { title: "t".into(), subtitle: String::new(), edges: vec![] }.draw()));

    let empty = Report {
        title: String::new(),
        summary: String::new(),
        facts: vec![],
        messages: vec![],
        devices: vec![DeviceSection {
            name: String::new(),
            facts: vec![],
            quantities: quantities.clone(),
            front: odd_sets[3].clone(),
            figures: vec![],
            messages: vec![],
        }],
        figures: vec![],
        manifest: vec![],
    };
    check(&page::render(&empty));
}

#[test]
fn a_front_shows_each_architecture_once_and_only_the_best_on_the_staircase() {
    let quantities = latency();
    let front = [
        point(&[1.0, 0.0], "best", 4.0, 0.95),
        point(&[0.9, 0.1], "best", 4.0, 0.95),
        point(&[0.5, 0.5], "dominated", 3.0, 0.80),
        point(&[0.2, 0.8], "middle", 2.0, 0.90),
        point(&[0.0, 1.0], "fast", 1.0, 0.70),
        // Without a loss there is nothing to show but what it was asked for.
        point(&[0.1, 0.9], "lost", 1.5, f64::NAN),
    ];
    let svg = standalone(&front_plot(&quantities, &front, &[]).draw());
    let document = Document::parse(&svg).unwrap();
    let marks = |class: &str| document.descendants().filter(|n| n.attribute("class") == Some(class)).count();
    assert_eq!(marks("mark rim"), 3);
    assert_eq!(marks("mark ground"), 1);
    assert_eq!(marks("ray"), 6);
    assert!(svg.contains("6 preferences, 4 distinct architectures, 3 on the front"));
    assert!(svg.contains("preference 1.00, 0.00; 0.90, 0.10"));
    assert!(svg.contains("latency: predicted 2.1 ms, measured 2 ms"));
}

#[test]
fn a_cell_is_read_in_its_published_form_and_drawn_edge_by_edge() {
    let cell = CellPlot::from_architecture("cell", "", CELL).unwrap();
    let found: Vec<(usize, usize, &str)> = cell.edges.iter().map(|e| (e.from, e.to, e.operation.as_str())).collect();
    let expected = [
        (0, 1, "nor_conv_3x3"),
        (0, 2, "none"),
        (1, 2, "avg_pool_3x3"),
        (0, 3, "skip_connect"),
        (1, 3, "nor_conv_1x1"),
        (2, 3, "nor_conv_3x3"),
    ];
    assert_eq!(found, expected);
    let svg = standalone(&cell.draw());
    check(&svg);
    assert_eq!(svg.matches("stroke-dasharray").count(), 1);
    for name in ["conv 3×3", "conv 1×1", "pool 3×3", "skip"] {
        assert!(svg.contains(name), "{name}");
    }
    for text in ["", "|", "{\"ks\": [3]}", "|conv~1|", "|conv|", "|~0|", "conv~0"] {
        assert_eq!(CellPlot::from_architecture("", "", text), None, "{text}");
    }
}

#[test]
fn bands_show_what_can_be_shown() {
    let mut points: Vec<(f64, f64, f64)> = (0..10).map(|i| (2f64.powi(i), 0.5 + 0.04 * f64::from(i), 0.02)).collect();
    points[4].2 = f64::NAN;
    points[6].1 = f64::NAN;
    let bands = [
        Band { name: "nsga2 & <co>".into(), points },
        Band { name: "empty".into(), points: Vec::new() },
        Band { name: "single".into(), points: vec![(0.0, 1.0, 0.1), (1.0, 0.7, f64::INFINITY)] },
    ];
    let plot =
        BandPlot { title: "Hypervolume", subtitle: "one error", x: "evaluations", y: "hypervolume", bands: &bands };
    let markup = standalone(&plot.draw());
    check(&markup);
    for text in ["nsga2 &amp; &lt;co&gt;", "empty", "evaluations", "±"] {
        assert!(markup.contains(text), "{text}");
    }
    check(&standalone(&BandPlot { bands: &[], ..plot }.draw()));
}
