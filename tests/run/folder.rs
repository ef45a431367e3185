//! A search to its end leaves a folder whose every file is there and can be read.

use parnas::search::checkpoint::Checkpoint;
use parnas::search::config::Configuration;
use parnas::search::manifest::Manifest;
use parnas::search::output;
use parnas::search::run_folder::RunFiles;
use parnas::space::{NasBench201, SearchSpace};
use roxmltree::{Document, ParsingOptions};

use crate::common::{copy_of_finished, csv, devices, files, json, measurements, numbers, profiles, search, succeed};

#[test]
fn every_file_of_a_run_exists_and_parses() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--steps", "23", "--seed", "7", "--points", "4", "--random-architectures", "3"];
        let root = search(folder.path(), &device, &flags);
        let run = RunFiles::open(&root).unwrap();

        let configuration = Configuration::load(Some(&run.configuration()), &[]).unwrap();
        assert_eq!((configuration.seed, configuration.steps, configuration.points), (7, 23, 4));
        assert_eq!(configuration.to_toml(), std::fs::read_to_string(run.configuration()).unwrap());

        let manifest = Manifest::load(&run.manifest()).unwrap();
        assert_eq!(manifest.parnas_version, env!("CARGO_PKG_VERSION"));
        assert_eq!((manifest.seed, manifest.adapter.selector.as_str()), (7, device.as_str()));
        assert!(!manifest.adapter.driver.is_empty() && !manifest.host.system.is_empty());
        let hashes = [&manifest.space_hash, &manifest.data.sha256, manifest.measurements_sha256.as_ref().unwrap()];
        assert!(hashes.into_iter().chain(manifest.shaders_sha256.values()).all(|hash| hash.len() == 64));

        let metrics = csv(&std::fs::read_to_string(run.metrics()).unwrap());
        assert_eq!(numbers(&metrics, "step"), [5.0, 10.0, 15.0, 20.0, 23.0]);
        for column in &metrics.0 {
            assert!(numbers(&metrics, column).iter().all(|value| value.is_finite()), "{column}");
        }

        assert_eq!(Checkpoint::load(&run.checkpoint()).unwrap().step, 23);
        assert_eq!(std::fs::read(run.measurements()).unwrap(), std::fs::read(measurements()).unwrap());
        let results = output::read(&run).unwrap();
        let names: Vec<&str> = results.devices.iter().map(|device| device.device.as_str()).collect();
        assert_eq!(names, profiles());
        assert!(std::fs::read_to_string(run.log()).unwrap().lines().all(|line| line.starts_with("20")));

        let space = NasBench201::new();
        for result in &results.devices {
            let table = csv(&std::fs::read_to_string(run.front(&result.device)).unwrap());
            let expected = "preference_0,preference_1,architecture,predicted_loss,predicted_latency,measured_loss,\
                            measured_latency,accuracy";
            assert_eq!(table.0.join(","), expected);
            assert_eq!((table.1.len(), result.random.len()), (4, 3));
            for row in &table.1 {
                space.parse(&row[2]).unwrap();
            }
            let above_zero = |column| numbers(&table, column).iter().all(|value| value.is_finite() && *value > 0.0);
            assert!(above_zero("predicted_latency") && above_zero("measured_latency") && above_zero("measured_loss"));
            assert!(numbers(&table, "accuracy").iter().all(|value| (0.0..=1.0).contains(value)));
            let first = numbers(&table, "preference_0").into_iter().zip(numbers(&table, "preference_1"));
            assert!(first.into_iter().all(|(loss, latency)| (loss + latency - 1.0).abs() < 1e-9));
        }

        let page = std::fs::read_to_string(run.report()).unwrap();
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&page, options).unwrap();
        for name in names {
            let section = document.descendants().find(|node| {
                node.tag_name().name() == "section"
                    && node.descendants().any(|inner| inner.tag_name().name() == "h2" && inner.text() == Some(name))
            });
            let section = section.unwrap_or_else(|| panic!("no section for {name}"));
            assert!(section.descendants().any(|node| node.tag_name().name() == "svg"), "no picture for {name}");
        }
    }
}

#[test]
fn a_search_without_a_file_measures_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().to_str().unwrap();
    let flags = ["--preset", "smoke", "--steps", "5", "--measure-cells", "5", "--measure-devices", "cpu"];
    let root = succeed(&[&["search", "--run-dir", runs][..], &flags].concat());
    let file = json(&std::path::Path::new(root.trim_end()).join("measurements.json"));
    assert_eq!(file["profiles"].as_array().unwrap().len(), 1);
}

#[test]
fn a_report_is_made_again_from_the_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = copy_of_finished(folder.path());
    let before = files(&root);
    std::fs::remove_file(root.join("report.html")).unwrap();
    let out = succeed(&["report", root.to_str().unwrap()]);
    assert_eq!(std::path::Path::new(out.trim_end()), root.join("report.html"));
    assert!(before == files(&root), "the report or another file has changed");
}
