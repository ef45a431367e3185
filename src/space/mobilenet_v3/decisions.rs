//! The decisions of once-for-all MobileNetV3 and its JSON form.

use crate::space::decision::choices_deeper_than;
use crate::space::record::{Extent, Field, RecordFormat};
use crate::space::{Architecture, Decision, DecisionLayout, SearchSpace, SpaceError};

/// What can be chosen, at any scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileNetV3Config {
    /// Number of stages, each with its own depth.
    pub stages: usize,
    /// Kernel sizes of a block's depthwise convolution.
    pub kernel_sizes: Vec<u32>,
    /// Ratios of a block's inner width to its input width.
    pub expansions: Vec<u32>,
    /// Numbers of blocks of a stage; the greatest is the number of blocks that a stage can have.
    pub depths: Vec<u32>,
    /// Side of the square input image, in pixels.
    pub resolutions: Vec<u32>,
}

impl MobileNetV3Config {
    /// The published space `ofa_mbv3_d234_e346_k357` with the 25 resolutions 128, 132, .. 224 (MODNAS, OFA space).
    pub fn published() -> Self {
        Self {
            stages: 5,
            kernel_sizes: vec![3, 5, 7],
            expansions: vec![3, 4, 6],
            depths: vec![2, 3, 4],
            resolutions: (128..=224).step_by(4).collect(),
        }
    }
}

/// The once-for-all space.
///
/// Decision order, that of the published latency predictor's input: kernel size of each block (stage by stage), expansion
/// of each block, resolution, depth of each stage. A block beyond its stage's depth is inactive.
///
/// Text: `{"ks":[..],"e":[..],"d":[..],"r":[..]}`, with all blocks under `ks` and `e`. `"r":224` and a key `wid`, which
/// decides nothing, are read as well.
#[derive(Clone, Debug)]
pub struct MobileNetV3 {
    config: MobileNetV3Config,
    layout: DecisionLayout,
    format: RecordFormat,
}

impl MobileNetV3 {
    /// The space of a configuration.
    ///
    /// # Errors
    /// [`SpaceError::Definition`] where a list of choices is empty or repeats itself, or a depth is 0.
    pub fn new(config: MobileNetV3Config) -> Result<Self, SpaceError> {
        let name = "mobilenet_v3";
        let wide = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect::<Vec<i64>>();
        let depths = wide(&config.depths);
        if config.stages == 0 || depths.contains(&0) {
            let reason = "a network has at least one stage, a stage at least one block".to_owned();
            return Err(SpaceError::Definition { space: name.to_owned(), reason });
        }
        let blocks = depths.iter().copied().max().unwrap_or(0) as usize;
        let all = config.stages * blocks;
        let first_depth = 2 * all + 1;

        let mut decisions = Vec::with_capacity(first_depth + config.stages);
        for (group, numbers) in [("kernel_size", &config.kernel_sizes), ("expansion", &config.expansions)] {
            for (stage, block) in (0..all).map(|index| (index / blocks, index % blocks)) {
                let label = format!("stage{}.block{}.{group}", stage + 1, block + 1);
                let active = choices_deeper_than(&depths, block);
                let decision = Decision::over_numbers(label, group, &wide(numbers));
                decisions.push(decision.active_when(first_depth + stage, active));
            }
        }
        decisions.push(Decision::over_numbers("resolution", "resolution", &wide(&config.resolutions)));
        for stage in 1..=config.stages {
            decisions.push(Decision::over_numbers(format!("stage{stage}.depth"), "depth", &depths));
        }

        let field =
            |key, decisions: std::ops::Range<usize>, extent| Field { key, decisions: decisions.collect(), extent };
        let fields = vec![
            field("ks", 0..all, Extent::All),
            field("e", all..2 * all, Extent::All),
            field("d", first_depth..first_depth + config.stages, Extent::All),
            field("r", 2 * all..2 * all + 1, Extent::ListOfOne),
        ];
        let layout = DecisionLayout::new(name, decisions)?;
        Ok(Self { config, layout, format: RecordFormat { fields, ignored: &["wid"] } })
    }

    /// The configuration that the space was made from.
    pub fn config(&self) -> &MobileNetV3Config {
        &self.config
    }
}

impl SearchSpace for MobileNetV3 {
    fn layout(&self) -> &DecisionLayout {
        &self.layout
    }

    fn parse(&self, text: &str) -> Result<Architecture, SpaceError> {
        self.format.parse(&self.layout, text)
    }

    fn print(&self, architecture: &Architecture) -> String {
        self.format.print_json(&self.layout, architecture)
    }
}
