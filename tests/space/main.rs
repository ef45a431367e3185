//! The four search spaces: encodings, activity by depth, hashes, refusals. The rest in the modules below.

mod counts;
mod tables;
mod text;
mod variation;

use std::collections::BTreeSet;

use parnas::space::{
    Architecture, Gpt, GptConfig, Hat, HatConfig, MobileNetV3, MobileNetV3Config, NasBench201, NasBench201Config,
    SearchSpace, SpaceError,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn published() -> Vec<Box<dyn SearchSpace>> {
    vec![
        Box::new(NasBench201::new()),
        Box::new(MobileNetV3::new(MobileNetV3Config::published()).unwrap()),
        Box::new(Hat::new(HatConfig::space0()).unwrap()),
        Box::new(Gpt::new(GptConfig::small()).unwrap()),
    ]
}

/// The three spaces with depth at a scale where every assignment of choices can be visited.
fn tiny() -> Vec<Box<dyn SearchSpace>> {
    let mobilenet = MobileNetV3Config {
        stages: 2,
        kernel_sizes: vec![3, 5],
        expansions: vec![3, 6],
        depths: vec![1, 2],
        resolutions: vec![128, 132, 136],
    };
    let hat = HatConfig {
        encoder_embeddings: vec![64],
        decoder_embeddings: vec![64, 32],
        encoder_layers: vec![1, 2],
        decoder_layers: vec![2, 1],
        encoder_feed_forward: vec![96, 64],
        decoder_feed_forward: vec![96],
        encoder_heads: vec![4],
        decoder_heads: vec![4, 2],
        cross_heads: vec![2],
        cross_reach: vec![-1, 1, 2],
    };
    let gpt = GptConfig {
        embeddings: vec![8, 16],
        layers: vec![3, 1],
        feed_forward_ratios: vec![2, 4],
        heads: vec![1, 2],
        biases: vec![true, false],
    };
    vec![
        Box::new(NasBench201::new()),
        Box::new(MobileNetV3::new(mobilenet).unwrap()),
        Box::new(Hat::new(hat).unwrap()),
        Box::new(Gpt::new(gpt).unwrap()),
    ]
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Every assignment of choices, inactive decisions included, brought to canonical form.
fn enumerate(space: &dyn SearchSpace) -> BTreeSet<Architecture> {
    let widths: Vec<u16> = space.decisions().iter().map(|decision| decision.choices.len() as u16).collect();
    let mut choices = vec![0; widths.len()];
    let mut networks = BTreeSet::new();
    loop {
        networks.insert(space.canonical(&Architecture::new(choices.clone())));
        let Some(next) = (0..widths.len()).find(|&decision| choices[decision] + 1 < widths[decision]) else {
            return networks;
        };
        choices[..next].fill(0);
        choices[next] += 1;
    }
}

#[test]
fn encodings_have_the_published_widths_and_zero_rows_beyond_depth() {
    let mut rng = rng(1);
    for (space, width) in published().iter().zip([30, 160, 101, 80]) {
        assert_eq!(space.width(), width, "{}", space.name());
        assert_eq!(space.offsets().len(), space.decisions().len() + 1);
        for _ in 0..50 {
            let architecture = space.random(&mut rng);
            let encoding = space.encode(&architecture);
            assert_eq!(encoding.len(), width);
            for decision in 0..space.decisions().len() {
                let row = &encoding[space.offsets()[decision]..space.offsets()[decision + 1]];
                let ones: Vec<usize> = (0..row.len()).filter(|&choice| row[choice] == 1.0).collect();
                let zeros = row.iter().filter(|&&value| value == 0.0).count();
                assert_eq!(ones.len() + zeros, row.len());
                match space.is_active(&architecture, decision) {
                    true => assert_eq!(ones, [usize::from(architecture.choices()[decision])]),
                    false => assert!(ones.is_empty() && architecture.choices()[decision] == 0),
                }
            }
            assert_eq!(space.argmax(&encoding).unwrap(), architecture);
        }
    }
}

#[test]
fn layers_beyond_the_depth_are_inactive() {
    let [_, mobilenet, hat, gpt] = published().try_into().ok().unwrap();
    // Once-for-all: stage 3 at depth 2 has blocks 1 and 2 only; other stages are not touched.
    let mut choices = mobilenet.largest().choices().to_vec();
    choices[41 + 2] = 0;
    let shallow = Architecture::new(choices);
    let inactive: Vec<&str> = (0..mobilenet.decisions().len())
        .filter(|&decision| !mobilenet.is_active(&shallow, decision))
        .map(|decision| mobilenet.decisions()[decision].name.as_str())
        .collect();
    let of_stage3 = ["block3.kernel_size", "block4.kernel_size", "block3.expansion", "block4.expansion"];
    assert_eq!(inactive, of_stage3.map(|name| format!("stage3.{name}")));
    assert_ne!(mobilenet.canonical(&shallow), shallow);
    assert!(!mobilenet.is_active(&shallow, 9999));

    // HAT lists depths from large to small: decoder choice 5 is one layer.
    let shallow = hat.smallest();
    let active = |space: &dyn SearchSpace, architecture| {
        (0..space.decisions().len()).filter(|&decision| space.is_active(architecture, decision)).count()
    };
    assert_eq!(active(&*hat, &shallow), 4 + 2 * 6 + 4);
    assert_eq!(hat.decisions()[3].number(shallow.choices()[3]), Some(1));
    assert_eq!(active(&*gpt, &gpt.smallest()), 3 + 2 * 10);
}

#[test]
fn hashes_tell_spaces_apart() {
    let mut spaces = published();
    spaces.extend(tiny().into_iter().skip(1));
    spaces.push(Box::new(Gpt::new(GptConfig::medium()).unwrap()));
    // The same choices in another order: choice indices mean something else.
    let mut reordered = GptConfig::small();
    reordered.embeddings.reverse();
    spaces.push(Box::new(Gpt::new(reordered).unwrap()));
    let hashes: BTreeSet<String> = spaces.iter().map(|space| space.hash()).collect();
    assert_eq!(hashes.len(), spaces.len());
    assert!(hashes.iter().all(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert_eq!(Gpt::new(GptConfig::small()).unwrap().hash(), spaces[3].hash());
}

#[test]
fn foreign_architectures_and_impossible_spaces_are_refused() {
    let [cell, mobilenet, _, _] = published().try_into().ok().unwrap();
    let foreign = mobilenet.largest();
    assert!(matches!(cell.validate(&foreign), Err(SpaceError::DecisionCount { found: 46, expected: 6, .. })));
    let beyond = Architecture::new(vec![0, 0, 5, 0, 0, 0]);
    let message = cell.validate(&beyond).unwrap_err().to_string();
    assert!(message.contains("edge 2<-1 has no choice 5"), "{message}");
    // Methods without a Result do not panic on it.
    assert_eq!(cell.encode(&foreign).len(), 30);
    assert!(cell.print(&Architecture::new(vec![])).starts_with("|none~0|"));
    assert!(NasBench201Config::published().parameters(&foreign).is_err());

    assert!(matches!(cell.argmax(&[0.0; 29]), Err(SpaceError::LogitCount { found: 29, expected: 30, .. })));
    let mut logits = [0.0; 30];
    assert_eq!(cell.argmax(&logits).unwrap().choices(), [0; 6]);
    logits[12] = f32::NAN;
    let message = cell.argmax(&logits).unwrap_err().to_string();
    assert!(message.contains("logit 12, a choice of edge 2<-1,"), "{message}");

    let broken = [
        GptConfig { heads: vec![], ..GptConfig::small() },
        GptConfig { heads: vec![4, 4], ..GptConfig::small() },
        GptConfig { layers: vec![0, 1], ..GptConfig::small() },
        GptConfig { layers: vec![], ..GptConfig::small() },
        GptConfig { biases: vec![], ..GptConfig::small() },
    ];
    for config in broken {
        assert!(matches!(Gpt::new(config), Err(SpaceError::Definition { .. })));
    }
    let odd = NasBench201Config { height: 30, ..NasBench201Config::published() };
    let message = odd.flops(&cell.largest()).unwrap_err().to_string();
    assert!(message.contains("height is 30, expected a multiple of 4"), "{message}");
    // The greatest network allowed still fits in 64 bits: 18 edges x 256 cells x 9 taps dominate.
    let widest = NasBench201Config {
        channels: 4096,
        cells_per_stage: 256,
        image_channels: 4096,
        height: 4096,
        width: 4096,
        classes: 1 << 20,
    };
    let flops = u128::from(widest.flops(&cell.largest()).unwrap());
    assert!(flops >> 48 >= 18 * 256 * 9 && flops >> 48 < 18 * 257 * 9, "{flops}");
}
