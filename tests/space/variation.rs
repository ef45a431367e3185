//! Sampling, mutation, crossover and neighbours.

use std::collections::{BTreeMap, BTreeSet};

use parnas::space::Architecture;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{enumerate, published, rng, tiny};

#[test]
fn every_change_is_another_network() {
    let mut rng = rng(3);
    for space in published().iter().chain(&tiny()) {
        for probability in [0.0, 0.1, 1.0, f64::NAN] {
            for _ in 0..100 {
                let parent = space.random(&mut rng);
                let child = space.mutate(&parent, probability, &mut rng);
                space.validate(&child).unwrap();
                assert_eq!(space.canonical(&child), child);
                assert_ne!(child, parent, "{}", space.name());
                if probability == 0.0 {
                    // Exactly one active decision moved; depth may have brought others into being.
                    let moved = |&decision: &usize| {
                        let both = space.is_active(&parent, decision) && space.is_active(&child, decision);
                        both && parent.choices()[decision] != child.choices()[decision]
                    };
                    assert_eq!((0..space.decisions().len()).filter(moved).count(), 1);
                }
            }
        }
        let origin = space.random(&mut rng);
        let neighbours = space.neighbours(&origin);
        let expected: usize = (0..space.decisions().len())
            .filter(|&decision| space.is_active(&origin, decision))
            .map(|decision| space.decisions()[decision].choices.len() - 1)
            .sum();
        let distinct: BTreeSet<&Architecture> = neighbours.iter().collect();
        assert_eq!((neighbours.len(), distinct.len()), (expected, expected));
        assert!(!distinct.contains(&origin));
    }
}

#[test]
fn children_take_every_active_choice_from_a_parent_that_has_it() {
    let mut rng = rng(4);
    for space in published().iter().chain(&tiny()) {
        let mut unlike_both = 0;
        for _ in 0..200 {
            let (first, second) = (space.random(&mut rng), space.random(&mut rng));
            let child = space.crossover(&first, &second, &mut rng);
            for decision in (0..space.decisions().len()).filter(|&decision| space.is_active(&child, decision)) {
                let from = |parent: &Architecture| {
                    space.is_active(parent, decision) && parent.choices()[decision] == child.choices()[decision]
                };
                assert!(from(&first) || from(&second), "{}: {}", space.name(), space.decisions()[decision].name);
            }
            unlike_both += usize::from(child != first && child != second);
        }
        assert!(unlike_both > 50, "{}: children must mix their parents", space.name());
    }
}

#[test]
fn layers_brought_into_being_by_a_mutation_are_any_layer() {
    let mut rng = rng(6);
    let gpt = &tiny()[3];
    // From one layer to three: decisions 3 and 4 are the ratios of layers 2 and 3.
    let parent = gpt.smallest();
    let children = (0..2000).map(|_| gpt.mutate(&parent, 0.0, &mut rng));
    let awakened = children.filter(|child| gpt.is_active(child, 3));
    let ratios: BTreeSet<Vec<u16>> = awakened.map(|child| child.choices()[3..5].to_vec()).collect();
    assert_eq!(ratios.len(), 4);
}

/// Pearson's statistic of draws over equally likely outcomes; about normal with mean k - 1 and variance 2 (k - 1).
fn chi_square<T: Ord>(draws: impl Iterator<Item = T>, outcomes: usize) -> f64 {
    let mut seen: BTreeMap<T, f64> = BTreeMap::new();
    draws.for_each(|draw| *seen.entry(draw).or_default() += 1.0);
    let expected = seen.values().sum::<f64>() / outcomes as f64;
    let unseen = (outcomes - seen.len()) as f64 * expected;
    unseen + seen.values().map(|count| (count - expected).powi(2) / expected).sum::<f64>()
}

#[test]
fn sampling_is_uniform_over_decisions_or_over_networks() {
    let mut rng = rng(5);
    let gpt = &tiny()[3];
    let networks = enumerate(&**gpt).len();
    let bound = |outcomes: usize| (outcomes - 1) as f64 + 4.0 * (2.0 * (outcomes - 1) as f64).sqrt();

    let statistic = chi_square((0..networks * 60).map(|_| gpt.random_network(&mut rng)), networks);
    assert!(statistic < bound(networks), "{statistic}");
    // Uniform over decisions: both depths equally often, hence not uniform over networks.
    let draws: Vec<Architecture> = (0..networks * 60).map(|_| gpt.random(&mut rng)).collect();
    assert!(chi_square(draws.iter().map(|draw| draw.choices()[1]), 2) < bound(2));
    assert!(chi_square(draws.iter(), networks) > 10.0 * bound(networks));
    // One seed, one sequence.
    let space = &published()[1];
    let (mut one, mut other) = (ChaCha8Rng::seed_from_u64(9), ChaCha8Rng::seed_from_u64(9));
    assert_eq!(space.random_network(&mut one), space.random_network(&mut other));
    assert_ne!(space.random_network(&mut one), space.random_network(&mut rng));
}
