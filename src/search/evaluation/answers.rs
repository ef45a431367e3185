//! A run's answers for a device, known or not, and the controls that they are to beat: a hypernetwork that was never trained,
//! and architectures drawn uniformly. Nothing here knows the truth.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::graph::{Runtime, Store};
use crate::nn::WeightSharing;
use crate::pareto::subset::best_subset;
use crate::search::SearchError;
use crate::search::candidates::{candidates, distinct_networks};
use crate::search::device::Device;
use crate::search::estimates::Estimates;
use crate::search::session::{Session, Snapshot};
use crate::search::setup;
use crate::search::surrogate::Surrogate;
use crate::space::{Architecture, SearchSpace};

/// The seed of controls, apart from every seed of a search.
const CONTROL_SEED: u64 = 0xc0_4701;

/// Where answers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The run's hypernetwork.
    Hypernetwork,
    /// A hypernetwork of the same form with fresh weights.
    RandomHypernetwork,
    /// Uniform draws from the space.
    Random,
}

/// Architectures that were re-scored, for every device to choose from: what was paid for one device serves all.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Different networks.
    pub architectures: Vec<Architecture>,
    /// What choices go by: the supernet's losses on the upper level's images, made sense of by a [`Surrogate`].
    pub losses: Vec<f64>,
}

impl Pool {
    /// Asks the supernet about every architecture.
    ///
    /// # Errors
    /// Where the device that computes fails, or `progress` says no.
    pub fn score(
        session: &mut Session,
        architectures: Vec<Architecture>,
        estimates: &mut Estimates,
        progress: &mut dyn FnMut(&str, u64, u64) -> bool,
    ) -> Result<Self, SearchError> {
        let raw: Vec<f64> =
            estimates.of(session, &architectures, progress)?.iter().map(|evaluation| evaluation.loss).collect();
        let losses = match Surrogate::fit(&architectures, &raw) {
            Some(fit) => architectures.iter().map(|architecture| fit.value(architecture)).collect(),
            None => raw,
        };
        Ok(Self { architectures, losses })
    }

    /// The `points` architectures that make the best front for a device by these losses and the predictors' costs.
    ///
    /// # Errors
    /// Where the device that computes fails.
    pub fn extract(
        &self,
        session: &mut Session,
        device: &Device,
        points: usize,
    ) -> Result<Vec<Architecture>, SearchError> {
        let costs = session.predict(device, &self.architectures)?;
        let estimated: Vec<Vec<f64>> =
            self.losses.iter().zip(costs).map(|(loss, costs)| [vec![*loss], costs].concat()).collect();
        Ok(best_subset(&estimated, points)?.into_iter().map(|place| self.architectures[place].clone()).collect())
    }
}

/// Weights of a hypernetwork that was never trained.
///
/// # Errors
/// Where the device that computes fails.
pub fn fresh_hypernetwork(session: &Session) -> Result<Snapshot, SearchError> {
    let mut store = Store::new(CONTROL_SEED ^ session.configuration.seed);
    let width = session.devices.first().map_or(0, |device| device.features.len());
    setup::hypernetwork(&mut store, &session.configuration, width, session.space.space.width());
    let mut runtime = Runtime::new(&session.facts, Some(1), &store)?;
    Ok(runtime.snapshot(&store)?)
}

/// Does `body` with other weights of the hypernetwork, and puts the run's own back.
///
/// # Errors
/// Where a weight is missing, the device that computes fails, or `body` does.
pub fn with_hypernetwork<T>(
    session: &mut Session,
    weights: &Snapshot,
    body: impl FnOnce(&mut Session) -> Result<T, SearchError>,
) -> Result<T, SearchError> {
    let parameters = session.hypernetwork.parameters();
    let mut own = Snapshot::new();
    for parameter in &parameters {
        own.insert(parameter.name().to_owned(), (parameter.shape().to_vec(), session.runtime.read(parameter)?));
    }
    for parameter in &parameters {
        session.runtime.restore(parameter, weights)?;
    }
    let result = body(session);
    for parameter in &parameters {
        session.runtime.restore(parameter, &own)?;
    }
    result
}

/// The answers of a hypernetwork, that of the session, at `preferences` for each device, and the different networks of all devices
/// that are to be re-scored.
///
/// # Errors
/// Where the device that computes fails.
pub fn of_hypernetwork(
    session: &mut Session,
    devices: &[&Device],
    preferences: &[Vec<f64>],
    draws: usize,
) -> Result<(Vec<Vec<Architecture>>, Vec<Architecture>), SearchError> {
    let (mut plain, mut all) = (Vec::new(), Vec::new());
    for device in devices {
        plain.push(session.answers(&device.features, preferences)?);
        all.extend(candidates(session, device, preferences, draws)?);
    }
    let distinct = distinct_networks(&session.space.space, all, usize::MAX)?;
    Ok((plain, distinct))
}

/// `points` uniform draws for each device, and `budget` different networks among further ones.
///
/// # Errors
/// None today: draws are architectures of the space.
pub fn of_random(
    session: &Session,
    devices: usize,
    points: usize,
    budget: usize,
) -> Result<(Vec<Vec<Architecture>>, Vec<Architecture>), SearchError> {
    let mut rng = ChaCha8Rng::seed_from_u64(CONTROL_SEED ^ session.configuration.seed);
    let space = &session.space.space;
    let plain = (0..devices).map(|_| (0..points).map(|_| space.random_network(&mut rng)).collect()).collect();
    // A cell simplified may be one that was drawn already, so more are drawn than are kept.
    let drawn: Vec<Architecture> = (0..20 * budget).map(|_| space.random_network(&mut rng)).collect();
    Ok((plain, distinct_networks(space, drawn, budget)?))
}
