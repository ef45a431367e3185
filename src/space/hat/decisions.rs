//! The decisions of HAT and its YAML form.

use crate::space::decision::choices_deeper_than;
use crate::space::record::{Extent, Field, RecordFormat};
use crate::space::{Architecture, Decision, DecisionLayout, SearchSpace, SpaceError};

/// What can be chosen, at any scale. HAT lists choices from large to small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HatConfig {
    /// Embedding widths of the encoder.
    pub encoder_embeddings: Vec<u32>,
    /// Embedding widths of the decoder.
    pub decoder_embeddings: Vec<u32>,
    /// Numbers of encoder layers.
    pub encoder_layers: Vec<u32>,
    /// Numbers of decoder layers.
    pub decoder_layers: Vec<u32>,
    /// Inner widths of an encoder layer's feed-forward network.
    pub encoder_feed_forward: Vec<u32>,
    /// Inner widths of a decoder layer's feed-forward network.
    pub decoder_feed_forward: Vec<u32>,
    /// Heads of an encoder layer's self-attention.
    pub encoder_heads: Vec<u32>,
    /// Heads of a decoder layer's self-attention.
    pub decoder_heads: Vec<u32>,
    /// Heads of a decoder layer's attention to the encoder.
    pub cross_heads: Vec<u32>,
    /// Encoder layers that a decoder layer attends to, in HAT's code: -1 the last one, 1 the last two, 2 the last three.
    pub cross_reach: Vec<i32>,
}

impl HatConfig {
    /// The published space 0 of WMT'14 (HAT, `configs/wmt14.en-de/supertransformer/space0.yml`; MODNAS, HAT space).
    pub fn space0() -> Self {
        Self {
            encoder_embeddings: vec![640, 512],
            decoder_embeddings: vec![640, 512],
            encoder_layers: vec![6],
            decoder_layers: vec![6, 5, 4, 3, 2, 1],
            encoder_feed_forward: vec![3072, 2048, 1024],
            decoder_feed_forward: vec![3072, 2048, 1024],
            encoder_heads: vec![8, 4],
            decoder_heads: vec![8, 4],
            cross_heads: vec![8, 4],
            cross_reach: vec![-1, 1, 2],
        }
    }
}

/// The HAT space.
///
/// Decision order, that of the published latency predictor's input: encoder and decoder embedding, encoder and decoder
/// layers, then for each layer encoder and decoder feed-forward width, encoder, decoder and cross-attention heads, and
/// reach of the cross-attention. A layer beyond the chosen number of layers is inactive.
///
/// Text: the keys of a HAT `subtransformer` file, one a line; lists have an entry for each existing layer. Lists with an
/// entry for every possible layer, dashes, comments and braces are read as well.
#[derive(Clone, Debug)]
pub struct Hat {
    config: HatConfig,
    layout: DecisionLayout,
    format: RecordFormat,
}

impl Hat {
    /// The space of a configuration.
    ///
    /// # Errors
    /// [`SpaceError::Definition`] where a list of choices is empty or repeats itself, or a number of layers is 0.
    pub fn new(config: HatConfig) -> Result<Self, SpaceError> {
        let name = "hat";
        let wide = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect::<Vec<i64>>();
        let layers = [wide(&config.encoder_layers), wide(&config.decoder_layers)];
        if layers.iter().any(|layers| layers.contains(&0)) {
            let reason = "an encoder and a decoder have at least one layer".to_owned();
            return Err(SpaceError::Definition { space: name.to_owned(), reason });
        }

        let mut decisions = Vec::new();
        let mut fields = Vec::new();
        let mut single = |key, label: &str, group: &str, numbers: &[i64]| {
            fields.push(Field { key, decisions: vec![decisions.len()], extent: Extent::Value });
            decisions.push(Decision::over_numbers(label, group, numbers));
        };
        let embeddings = [wide(&config.encoder_embeddings), wide(&config.decoder_embeddings)];
        single("encoder-embed-dim-subtransformer", "encoder.embedding", "encoder_embedding", &embeddings[0]);
        single("decoder-embed-dim-subtransformer", "decoder.embedding", "decoder_embedding", &embeddings[1]);
        let first_layers = 2;
        single("encoder-layer-num-subtransformer", "encoder.layers", "encoder_layers", &layers[0]);
        single("decoder-layer-num-subtransformer", "decoder.layers", "decoder_layers", &layers[1]);

        let reach: Vec<i64> = config.cross_reach.iter().map(|&reach| i64::from(reach)).collect();
        let (encoder, decoder) = (0, 1);
        for (key, side, what, numbers) in [
            ("encoder-ffn-embed-dim-all-subtransformer", encoder, "feed_forward", wide(&config.encoder_feed_forward)),
            ("decoder-ffn-embed-dim-all-subtransformer", decoder, "feed_forward", wide(&config.decoder_feed_forward)),
            ("encoder-self-attention-heads-all-subtransformer", encoder, "heads", wide(&config.encoder_heads)),
            ("decoder-self-attention-heads-all-subtransformer", decoder, "heads", wide(&config.decoder_heads)),
            ("decoder-ende-attention-heads-all-subtransformer", decoder, "cross_heads", wide(&config.cross_heads)),
            ("decoder-arbitrary-ende-attn-all-subtransformer", decoder, "cross_reach", reach),
        ] {
            let stack = ["encoder", "decoder"][side];
            let start = decisions.len();
            for layer in 0..layers[side].iter().copied().max().unwrap_or(0) as usize {
                let label = format!("{stack}.layer{}.{what}", layer + 1);
                let decision = Decision::over_numbers(label, &format!("{stack}_{what}"), &numbers);
                let active = choices_deeper_than(&layers[side], layer);
                decisions.push(decision.active_when(first_layers + side, active));
            }
            fields.push(Field { key, decisions: (start..decisions.len()).collect(), extent: Extent::ActiveOnly });
        }
        let layout = DecisionLayout::new(name, decisions)?;
        Ok(Self { config, layout, format: RecordFormat { fields, ignored: &[] } })
    }

    /// The configuration that the space was made from.
    pub fn config(&self) -> &HatConfig {
        &self.config
    }
}

impl SearchSpace for Hat {
    fn layout(&self) -> &DecisionLayout {
        &self.layout
    }

    fn parse(&self, text: &str) -> Result<Architecture, SpaceError> {
        self.format.parse(&self.layout, text)
    }

    fn print(&self, architecture: &Architecture) -> String {
        self.format.print_yaml(&self.layout, architecture)
    }
}
