//! Exact counts: of networks in a space, of parameters and multiply-adds in a network.

use std::collections::BTreeSet;

use num_bigint::BigUint;
use parnas::space::{Architecture, NasBench201, NasBench201Config, SearchSpace};

use crate::{enumerate, published, tiny};

#[test]
fn counts_are_the_closed_forms() {
    let power = |base: u32, exponent: u32| BigUint::from(base).pow(exponent);
    let expected = [
        BigUint::from(15_625_u32),
        (power(9, 2) + power(9, 3) + power(9, 4)).pow(5) * 25_u32,
        power(6, 6) * 4_u32 * (1..=6).map(|depth| power(36, depth)).sum::<BigUint>(),
        (power(9, 10) + power(9, 11) + power(9, 12)) * 6_u32,
    ];
    for (space, expected) in published().iter().zip(expected) {
        assert_eq!(space.count(), expected, "{}", space.name());
    }
}

#[test]
fn counts_and_numbers_agree_with_enumeration() {
    for space in tiny() {
        let networks = enumerate(&*space);
        let count = space.count();
        assert_eq!(count, BigUint::from(networks.len()), "{}", space.name());
        let numbered: BTreeSet<Architecture> =
            (0..networks.len()).map(|number| space.numbered(&BigUint::from(number)).unwrap()).collect();
        assert_eq!(numbered, networks, "{}", space.name());
        assert_eq!(space.numbered(&count), None);
    }
}

#[test]
fn extremes_are_the_extremes() {
    let [cell, mobilenet, hat, gpt] = published().try_into().ok().unwrap();
    let network = NasBench201Config::published();
    let counts =
        |architecture: &Architecture| (network.parameters(architecture).unwrap(), network.flops(architecture).unwrap());
    let all: Vec<_> = enumerate(&*cell).iter().map(counts).collect();
    assert_eq!(counts(&cell.smallest()), *all.iter().min().unwrap());
    assert_eq!(counts(&cell.largest()), *all.iter().max().unwrap());
    assert_eq!(mobilenet.largest().choices()[40..], [24, 2, 2, 2, 2, 2]);
    // HAT lists its choices from large to small, but for the reach of the cross-attention.
    assert!(hat.largest().choices()[..34].iter().all(|&choice| choice == 0));
    assert!(hat.largest().choices()[34..].iter().all(|&choice| choice == 2));
    assert!(
        gpt.print(&gpt.largest()).starts_with(r#"{"sample_embed_dim":768,"sample_n_layer":12,"sample_n_head":[12,"#)
    );
}

#[test]
fn connection_follows_paths() {
    let space = NasBench201::new();
    for (text, connected) in [
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", false),
        ("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", true),
        ("|none~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|", false),
        ("|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|avg_pool_3x3~2|", true),
        ("|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|none~2|", false),
    ] {
        assert_eq!(space.is_connected(&space.parse(text).unwrap()).unwrap(), connected, "{text}");
    }
}

#[test]
fn parameters_and_flops_are_those_of_the_benchmark() {
    // NATS-Bench prints millions: 0.129306 parameters and 15.64737 FLOPs for the first cell of its table.
    let (space, network) = (NasBench201::new(), NasBench201Config::published());
    let first = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|";
    for (architecture, parameters, flops) in [
        (space.parse(first).unwrap(), 129_306, 15_647_370),
        (space.smallest(), 73_306, 7_783_050),
        (space.largest(), 1_531_546, 220_119_690),
    ] {
        assert_eq!(network.parameters(&architecture).unwrap(), parameters);
        assert_eq!(network.flops(&architecture).unwrap(), flops);
    }
}
