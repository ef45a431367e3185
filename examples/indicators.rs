//! Indicators of sets of points, for comparison with other programs: `tools/compare/indicators` feeds it.
//!
//! Each line of standard input is `{"points": [[..], ..], "front": [[..], ..], "reference": [..]}`; each line of standard output
//! has the hypervolume of the points, their distances to the front, their layers, the crowding distances of the first
//! layer, and the seconds that the hypervolume took.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use parnas::pareto::dominance::{crowding_distance, non_dominated, non_dominated_sort};
use parnas::pareto::hypervolume::hypervolume;
use parnas::pareto::indicators::{gd, gd_plus, igd, igd_plus};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Case {
    points: Vec<Vec<f64>>,
    front: Vec<Vec<f64>>,
    reference: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Case { points, front, reference } = serde_json::from_str(&line?)?;
        let begin = Instant::now();
        let volume = hypervolume(&points, &reference)?;
        let seconds = begin.elapsed().as_secs_f64();
        let layers = non_dominated_sort(&points);
        let first: Vec<&Vec<f64>> = layers.first().into_iter().flatten().map(|&i| &points[i]).collect();
        // JSON has no infinity.
        let crowding: Vec<f64> = crowding_distance(&first).into_iter().map(|d| d.min(f64::MAX)).collect();
        let answer = json!({
            "hypervolume": volume,
            "gd": gd(&points, &front)?,
            "gd_plus": gd_plus(&points, &front)?,
            "igd": igd(&points, &front)?,
            "igd_plus": igd_plus(&points, &front)?,
            "non_dominated": non_dominated(&points),
            "layers": layers,
            "crowding": crowding,
            "seconds": seconds,
        });
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
