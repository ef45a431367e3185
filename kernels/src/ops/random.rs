//! Counter-based random numbers: functions of seed, site, step and index.

use rayon::prelude::*;

use super::draws::{exponential_of, gumbel_of, normals_of, uniform_of};
use super::functions::natural_logarithm;
use super::philox::{philox_key, philox4x32_10};
use super::require::{LONGEST_LOOP, require, require_len};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Elements that one task of the CPU kernel draws; a multiple of four.
const CHUNK: usize = 4096;

/// Tries of the rejection method for a gamma variate; each fails with probability below 0.05.
const TRIES: u32 = 16;

/// What to draw from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Uniform in (0, 1), never 0 or 1.
    Uniform,
    /// Normal of mean 0 and variance 1 (Box and Muller 1958).
    Normal,
    /// Gumbel of location 0 and scale 1.
    Gumbel,
    /// Exponential of rate 1.
    Exponential,
    /// Rows on the simplex, from the symmetric Dirichlet distribution: normalised exponentials at concentration 1,
    /// normalised gammas (Marsaglia and Tsang 2000) at any other.
    Dirichlet {
        /// Elements of a row.
        width: u32,
        /// The concentration of every element, above 0.
        concentration: f32,
    },
}

/// Random numbers `[len]`, a function of (`seed`, `site`, step, index) alone; the step is `clock[0]`, read on the device.
///
/// Slots: `clock` u32 `[2]`, `y` `[len]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Random {
    /// What to draw from.
    pub distribution: Distribution,
    /// Elements; with [`Distribution::Dirichlet`] a multiple of its width.
    pub len: usize,
    /// The run's seed.
    pub seed: u64,
    /// Where in the step the numbers are used; every use has its own.
    pub site: u32,
}

impl Random {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `len` is 0 or too large, or a Dirichlet distribution has no elements, rows
    /// that do not fill `len`, or a concentration that is not a positive number.
    pub fn validate(&self) -> Result<()> {
        require_len(self.len, "random")?;
        if let Distribution::Dirichlet { width, concentration } = self.distribution {
            require(width > 0 && width <= LONGEST_LOOP, "random", "a row has between 1 and 65,535 elements")?;
            require(self.len.is_multiple_of(width as usize), "random", "the rows must fill the tensor")?;
            require(
                concentration > 0.0 && concentration.is_finite(),
                "random",
                "the concentration must be a positive number",
            )?;
        }
        Ok(())
    }

    fn code(&self) -> u32 {
        match self.distribution {
            Distribution::Uniform => 0,
            Distribution::Normal => 1,
            Distribution::Gumbel => 2,
            Distribution::Exponential => 3,
            Distribution::Dirichlet { concentration: 1.0, .. } => 4,
            Distribution::Dirichlet { .. } => 5,
        }
    }

    /// Element `4 * block + k` is the k-th of `draw`'s four.
    #[inline(always)]
    fn fours(&self, cpu: &Cpu, step: u32, y: &mut [f32], draw: impl Fn([u32; 4]) -> [f32; 4] + Sync) {
        let key = philox_key(self.seed);
        y.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, y)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    let first = (chunk * CHUNK / 4) as u32;
                    let at = |block: u32| draw(philox4x32_10([first + block, step, self.site, 0], key));
                    let whole = y.len() / 4;
                    let (fours, rest) = y.as_chunks_mut::<4>();
                    for (block, four) in fours.iter_mut().enumerate() {
                        *four = at(block as u32);
                    }
                    for (rest, value) in rest.iter_mut().zip(at(whole as u32)) {
                        *rest = value;
                    }
                },
            );
        });
    }
}

/// The logarithm of the gamma variate of element `index`.
fn log_gamma(concentration: f32, index: u32, step: u32, site: u32, key: [u32; 2]) -> f32 {
    // Below 1, a gamma of concentration + 1 is scaled by uniform^(1 / concentration).
    let boost = concentration < 1.0;
    let d = concentration + if boost { 1.0 } else { 0.0 } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let mut result = natural_logarithm(d);
    if boost {
        // The fourth word of block 0 serves no try.
        result -= exponential_of(philox4x32_10([index, step, site, 0], key)[3]) / concentration;
    }
    for attempt in 0..TRIES {
        let bits = philox4x32_10([index, step, site, attempt], key);
        let x = normals_of(bits[0], bits[1])[0];
        let root = 1.0 + c * x;
        if root > 0.0 {
            let log_v = 3.0 * natural_logarithm(root);
            let v = root * root * root;
            if -exponential_of(bits[2]) < 0.5 * x * x + d * (1.0 - v + log_v) {
                return result + log_v;
            }
        }
    }
    result
}

impl Kernel for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("clock", 2), Slot::write("y", self.len)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "random/random", constants: vec![("DISTRIBUTION", self.code())] }
    }

    fn parameters(&self) -> Words {
        let (width, concentration) = match self.distribution {
            Distribution::Dirichlet { width, concentration } => (width, concentration),
            _ => (0, 0.0),
        };
        let [low, high] = philox_key(self.seed);
        Words::new().u32(self.len as u32).u32(low).u32(high).u32(self.site).u32(width).f32(concentration)
    }

    fn grid(&self) -> [u32; 3] {
        match self.distribution {
            Distribution::Dirichlet { width, .. } => linear_grid((self.len / width.max(1) as usize).div_ceil(256)),
            _ => linear_grid(self.len.div_ceil(1024)),
        }
    }

    fn cost(&self) -> Cost {
        // About 200 operations a Philox block in halves, and 30 a logarithm.
        let each = if self.code() < 4 { 100 } else { 300 };
        Cost { operations: each * self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [clock, y] = views.split();
        let (step, y) = (clock.read_u32()[0], y.write());
        let y = &mut y[..self.len];
        match self.distribution {
            Distribution::Uniform => self.fours(cpu, step, y, |bits| bits.map(uniform_of)),
            Distribution::Gumbel => self.fours(cpu, step, y, |bits| bits.map(gumbel_of)),
            Distribution::Exponential => self.fours(cpu, step, y, |bits| bits.map(exponential_of)),
            Distribution::Normal => self.fours(cpu, step, y, |bits| {
                let [a, b] = normals_of(bits[0], bits[1]);
                let [c, d] = normals_of(bits[2], bits[3]);
                [a, b, c, d]
            }),
            Distribution::Dirichlet { width, concentration } => {
                let (width, key, site) = (width as usize, philox_key(self.seed), self.site);
                y.par_chunks_mut(width).with_min_len(CHUNK.div_ceil(width)).enumerate().for_each(|(row, y)| {
                    let first = (row * width) as u32;
                    if concentration == 1.0 {
                        for (index, y) in (first..).zip(y.iter_mut()) {
                            *y = exponential_of(philox4x32_10([index, step, site, 0], key)[0]);
                        }
                    } else {
                        let mut largest = f32::MIN;
                        for (index, y) in (first..).zip(y.iter_mut()) {
                            *y = log_gamma(concentration, index, step, site, key);
                            largest = largest.max(*y);
                        }
                        y.iter_mut().for_each(|y| *y = (*y - largest).exp());
                    }
                    let sum: f32 = y.iter().sum();
                    y.iter_mut().for_each(|y| *y /= sum);
                });
            }
        }
    }
}
