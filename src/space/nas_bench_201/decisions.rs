//! The decisions of NAS-Bench-201, its cell strings, and what an edge can be.

use crate::space::{Architecture, Decision, DecisionLayout, SearchSpace, SpaceError};

/// The edges of the cell as (to, from), in decision order. Node 0 is the input, node 3 the output.
pub const EDGES: [(usize, usize); 6] = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)];

/// What an edge does, in choice order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// No edge: contributes zero.
    None,
    /// The identity.
    SkipConnect,
    /// ReLU, 1x1 convolution, batch norm.
    Convolution1x1,
    /// ReLU, 3x3 convolution with padding 1, batch norm.
    Convolution3x3,
    /// 3x3 average pooling with padding 1; padding does not count in the mean.
    AveragePool3x3,
}

impl Operation {
    /// All operations; the position of each is its choice index.
    pub const ALL: [Self; 5] =
        [Self::None, Self::SkipConnect, Self::Convolution1x1, Self::Convolution3x3, Self::AveragePool3x3];

    /// The benchmark's name of the operation, as in cell strings.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SkipConnect => "skip_connect",
            Self::Convolution1x1 => "nor_conv_1x1",
            Self::Convolution3x3 => "nor_conv_3x3",
            Self::AveragePool3x3 => "avg_pool_3x3",
        }
    }

    /// The operation of a choice index.
    pub fn from_choice(choice: u16) -> Option<Self> {
        Self::ALL.get(usize::from(choice)).copied()
    }
}

/// The NAS-Bench-201 space.
///
/// Text: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, the incoming edges of nodes 1, 2 and 3, each with the node it comes from.
///
/// The index of a cell in the published tables follows no rule (the cells were shuffled): a table is looked up by string.
/// The smallest network has the identity on every edge: like `none` everywhere it has no parameters and no multiply-adds
/// in its cells, but its output still depends on its input.
#[derive(Clone, Debug)]
pub struct NasBench201 {
    layout: DecisionLayout,
}

impl NasBench201 {
    /// The space; it has no configuration. The network around the cell has: [`super::NasBench201Config`].
    pub fn new() -> Self {
        let names = Operation::ALL.map(Operation::name);
        let (smallest, largest) = (Operation::SkipConnect as u16, Operation::Convolution3x3 as u16);
        let edge = |(to, from)| Decision::over_names(format!("edge {to}<-{from}"), "edge", &names, smallest, largest);
        let layout = DecisionLayout::new("nas_bench_201", EDGES.map(edge).to_vec())
            .expect("six differently named edges over five differently named operations");
        Self { layout }
    }

    /// The operations of a cell, one an edge.
    ///
    /// # Errors
    /// Those of [`SearchSpace::validate`].
    pub fn operations(&self, architecture: &Architecture) -> Result<[Operation; 6], SpaceError> {
        self.layout.validate(architecture)?;
        Ok(std::array::from_fn(|edge| Operation::ALL[usize::from(self.layout.choice(architecture, edge))]))
    }

    /// Whether any path leads from the cell's input to its output. Where none does, the network's answer is a constant.
    ///
    /// # Errors
    /// Those of [`SearchSpace::validate`].
    pub fn is_connected(&self, architecture: &Architecture) -> Result<bool, SpaceError> {
        let mut reached = [true, false, false, false];
        // Edges come in the order of the node they lead to, so one pass is enough.
        for ((to, from), operation) in EDGES.into_iter().zip(self.operations(architecture)?) {
            reached[to] |= reached[from] && operation != Operation::None;
        }
        Ok(reached[3])
    }

    /// Whether each edge carries anything from the cell's input to its output. The others can be any operation: they compute
    /// on zeros, or nobody reads what they compute.
    ///
    /// # Errors
    /// Where the architecture is none of this space.
    pub fn carrying(&self, architecture: &Architecture) -> Result<[bool; 6], SpaceError> {
        let operations = self.operations(architecture)?;
        let mut from_input = [true, false, false, false];
        for ((to, from), operation) in EDGES.into_iter().zip(operations) {
            from_input[to] |= from_input[from] && operation != Operation::None;
        }
        let mut to_output = [false, false, false, true];
        for ((to, from), operation) in EDGES.into_iter().zip(operations).rev() {
            to_output[from] |= to_output[to] && operation != Operation::None;
        }
        Ok(std::array::from_fn(|edge| {
            let (to, from) = EDGES[edge];
            operations[edge] != Operation::None && from_input[from] && to_output[to]
        }))
    }

    /// The same function with `none` on every edge that carries nothing.
    ///
    /// # Errors
    /// Where the architecture is none of this space.
    pub fn simplified(&self, architecture: &Architecture) -> Result<Architecture, SpaceError> {
        let carrying = self.carrying(architecture)?;
        let choices = architecture.choices().iter().zip(carrying);
        Ok(Architecture::new(choices.map(|(choice, carries)| if carries { *choice } else { 0 }).collect::<Vec<u16>>()))
    }

    fn parse_edge(&self, edge: usize, text: &str, position: usize) -> Result<u16, SpaceError> {
        let (to, from) = EDGES[edge];
        let Some(name) = text.strip_suffix(&format!("~{from}")) else {
            let expected = format!("an operation of edge {to}<-{from}, like `skip_connect~{from}`");
            return Err(self.syntax(text, position, expected));
        };
        let decision = &self.layout.decisions()[edge];
        decision.choice_named(name).ok_or_else(|| SpaceError::UnknownChoice {
            space: self.layout.name().to_owned(),
            decision: decision.name.clone(),
            text: name.to_owned(),
            position,
            choices: decision.choices.clone(),
        })
    }

    fn syntax(&self, text: &str, position: usize, expected: impl Into<String>) -> SpaceError {
        let (space, text) = (self.layout.name().to_owned(), text.chars().take(40).collect());
        SpaceError::Syntax { space, text, position, expected: expected.into() }
    }
}

impl Default for NasBench201 {
    fn default() -> Self {
        Self::new()
    }
}

impl SearchSpace for NasBench201 {
    fn layout(&self) -> &DecisionLayout {
        &self.layout
    }

    fn parse(&self, text: &str) -> Result<Architecture, SpaceError> {
        let mut choices = Vec::with_capacity(EDGES.len());
        let mut at = text.len() - text.trim_start().len();
        let end = at + text.trim().len();
        let rest = |at: usize| &text[at..end];
        for (edge, (_, from)) in EDGES.into_iter().enumerate() {
            // The first edge into a node opens its list; every edge closes with the bar that opens the next.
            let opening = match (from, edge) {
                (0, 0) => "|",
                (0, _) => "+|",
                _ => "",
            };
            if !rest(at).starts_with(opening) {
                return Err(self.syntax(rest(at), at, format!("`{opening}`")));
            }
            at += opening.len();
            let length = rest(at).find('|').ok_or_else(|| self.syntax(rest(at), at, "an operation and `|`"))?;
            choices.push(self.parse_edge(edge, &text[at..at + length], at)?);
            at += length + 1;
        }
        if at < end {
            return Err(self.syntax(rest(at), at, "the end of the cell"));
        }
        Ok(Architecture::new(choices))
    }

    fn print(&self, architecture: &Architecture) -> String {
        let mut text = String::new();
        for (edge, (_, from)) in EDGES.into_iter().enumerate() {
            if from == 0 {
                text.push_str(if edge == 0 { "|" } else { "+|" });
            }
            let operation = Operation::ALL[usize::from(self.layout.choice(architecture, edge))];
            text.push_str(&format!("{}~{from}|", operation.name()));
        }
        text
    }
}
