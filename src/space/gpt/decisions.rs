//! The decisions of HW-GPT-Bench and its JSON form.

use crate::space::decision::choices_deeper_than;
use crate::space::record::{Extent, Field, RecordFormat};
use crate::space::{Architecture, Decision, DecisionLayout, SearchSpace, SpaceError};

/// What can be chosen, at any scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptConfig {
    /// Embedding widths.
    pub embeddings: Vec<u32>,
    /// Numbers of layers.
    pub layers: Vec<u32>,
    /// Ratios of a layer's inner feed-forward width to the embedding width.
    pub feed_forward_ratios: Vec<u32>,
    /// Heads of a layer's attention.
    pub heads: Vec<u32>,
    /// Whether linear layers have a bias.
    pub biases: Vec<bool>,
}

impl GptConfig {
    /// The published scale S.
    pub fn small() -> Self {
        Self::published([192, 384, 768], [10, 11, 12], [4, 8, 12])
    }

    /// The published scale M.
    pub fn medium() -> Self {
        Self::published([256, 512, 1024], [22, 23, 24], [8, 12, 16])
    }

    /// The published scale L.
    pub fn large() -> Self {
        Self::published([320, 640, 1280], [34, 35, 36], [8, 16, 20])
    }

    fn published(embeddings: [u32; 3], layers: [u32; 3], heads: [u32; 3]) -> Self {
        Self {
            embeddings: embeddings.to_vec(),
            layers: layers.to_vec(),
            feed_forward_ratios: vec![2, 3, 4],
            heads: heads.to_vec(),
            biases: vec![true, false],
        }
    }
}

/// The HW-GPT-Bench space.
///
/// Decision order, that of the published surrogates' one-hot input: embedding, layers, feed-forward ratio of each layer,
/// heads of each layer, bias. A layer beyond the chosen number of layers is inactive.
///
/// Text: `{"sample_embed_dim":768,"sample_n_layer":10,"sample_n_head":[..],"sample_mlp_ratio":[..],"sample_bias":true}`
/// with an entry for each existing layer. Lists with an entry for every possible layer and the benchmark's `"True"` are
/// read as well.
#[derive(Clone, Debug)]
pub struct Gpt {
    config: GptConfig,
    layout: DecisionLayout,
    format: RecordFormat,
}

impl Gpt {
    /// The space of a configuration.
    ///
    /// # Errors
    /// [`SpaceError::Definition`] where a list of choices is empty or repeats itself, or a number of layers is 0.
    pub fn new(config: GptConfig) -> Result<Self, SpaceError> {
        let name = "gpt";
        let wide = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect::<Vec<i64>>();
        let layers = wide(&config.layers);
        if layers.contains(&0) {
            let reason = "a network has at least one layer".to_owned();
            return Err(SpaceError::Definition { space: name.to_owned(), reason });
        }
        let deepest = layers.iter().copied().max().unwrap_or(0) as usize;
        let (embedding, depth, first_ratio) = (0, 1, 2);
        let first_head = first_ratio + deepest;
        let bias = first_head + deepest;

        let mut decisions = vec![
            Decision::over_numbers("embedding", "embedding", &wide(&config.embeddings)),
            Decision::over_numbers("layers", "layers", &layers),
        ];
        for (group, numbers) in [("feed_forward_ratio", &config.feed_forward_ratios), ("heads", &config.heads)] {
            for layer in 0..deepest {
                let label = format!("layer{}.{group}", layer + 1);
                let decision = Decision::over_numbers(label, group, &wide(numbers));
                decisions.push(decision.active_when(depth, choices_deeper_than(&layers, layer)));
            }
        }
        let words: Vec<&str> = config.biases.iter().map(|&bias| if bias { "true" } else { "false" }).collect();
        let position = |wanted| config.biases.iter().position(|&bias| bias == wanted).unwrap_or(0) as u16;
        decisions.push(Decision::over_names("bias", "bias", &words, position(false), position(true)));

        let field =
            |key, decisions: std::ops::Range<usize>, extent| Field { key, decisions: decisions.collect(), extent };
        let fields = vec![
            field("sample_embed_dim", embedding..depth, Extent::Value),
            field("sample_n_layer", depth..first_ratio, Extent::Value),
            field("sample_n_head", first_head..bias, Extent::ActiveOnly),
            field("sample_mlp_ratio", first_ratio..first_head, Extent::ActiveOnly),
            field("sample_bias", bias..bias + 1, Extent::Value),
        ];
        let layout = DecisionLayout::new(name, decisions)?;
        Ok(Self { config, layout, format: RecordFormat { fields, ignored: &[] } })
    }

    /// The configuration that the space was made from.
    pub fn config(&self) -> &GptConfig {
        &self.config
    }
}

impl SearchSpace for Gpt {
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
