//! The hypernetwork as it was at each checkpoint of the search.

use std::path::PathBuf;

use super::answers::with_hypernetwork;
use super::result::{StepScore, mean};
use super::truth::Truth;
use crate::search::SearchError;
use crate::search::checkpoint::Checkpoint;
use crate::search::run_folder::RunFiles;
use crate::search::session::Session;

/// Scores the plain answers of every hypernetwork that the run has kept.
///
/// # Errors
/// Where one cannot be read, or the device that computes fails.
pub(super) fn score(
    session: &mut Session,
    files: &RunFiles,
    truth: &Truth,
    preferences: &[Vec<f64>],
    searched: &[bool],
) -> Result<Vec<StepScore>, SearchError> {
    let mut all = Vec::new();
    for path in kept(files) {
        let checkpoint = Checkpoint::load(&path)?;
        let volumes = with_hypernetwork(session, &checkpoint.tensors, |session| {
            let mut volumes = Vec::new();
            for device in &truth.devices {
                let answers = session.answers(&device.device.features, preferences)?;
                // A set that holds nothing but networks at chance has no volume.
                let scores = device.protocol.score(&truth.rows(&answers));
                volumes.push(scores.map_or(0.0, |scores| scores.hypervolume));
            }
            Ok(volumes)
        })?;
        let of = |wanted: bool| {
            mean(volumes.iter().zip(searched).filter(|(_, own)| **own == wanted).map(|(volume, _)| *volume))
        };
        all.push(StepScore { step: checkpoint.step, searched: of(true).unwrap_or(0.0), unseen: of(false) });
    }
    Ok(all)
}

/// The kept hypernetworks in the order of their steps.
fn kept(files: &RunFiles) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(files.hypernetworks()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    paths.sort();
    paths
}
