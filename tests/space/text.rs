//! Architectures as text, and what is said about text that is none.

use parnas::space::{Architecture, SpaceError};

use crate::{published, rng, tiny};

#[test]
fn print_and_parse_are_inverse_and_canonical() {
    let mut rng = rng(2);
    for space in published().iter().chain(&tiny()) {
        for _ in 0..300 {
            let architecture = space.random(&mut rng);
            let text = space.print(&architecture);
            assert_eq!(space.parse(&text).unwrap(), architecture, "{}: {text}", space.name());
        }
        // Not canonical: every decision at its last choice, whatever the depth.
        let last = space.decisions().iter().map(|decision| decision.choices.len() as u16 - 1).collect();
        let architecture = Architecture::new(last);
        assert_eq!(space.parse(&space.print(&architecture)).unwrap(), space.canonical(&architecture));
        for extreme in [space.smallest(), space.largest()] {
            assert_eq!(space.parse(&space.print(&extreme)).unwrap(), extreme);
        }
    }
}

#[test]
fn text_forms_are_those_of_the_field() {
    let [cell, mobilenet, hat, gpt] = published().try_into().ok().unwrap();

    let text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|";
    let architecture = cell.parse(text).unwrap();
    assert_eq!(architecture.choices(), [3, 3, 4, 1, 2, 0]);
    assert_eq!(cell.print(&architecture), text);

    let smallest = format!(r#"{{"ks":[{0}],"e":[{0}],"d":[2,2,2,2,2],"r":[128]}}"#, ["3"; 20].join(","));
    assert_eq!(mobilenet.print(&mobilenet.smallest()), smallest);
    let with_bare_resolution = smallest.replace("[128]", "224").replace('{', "{ \"wid\": null, ");
    assert_eq!(mobilenet.parse(&with_bare_resolution).unwrap().choices()[40], 24);

    // The layout of HAT's own files, comments included.
    let file = "encoder-embed-dim-subtransformer: 512\ndecoder-embed-dim-subtransformer: 640\n\n\
        encoder-ffn-embed-dim-all-subtransformer: [3072, 2048, 3072, 1024, 3072, 3072]\n\
        decoder-ffn-embed-dim-all-subtransformer: [3072, 1024]\n\n\
        encoder-layer-num-subtransformer: 6\ndecoder-layer-num-subtransformer: 2 # two of six\n\n\
        encoder-self-attention-heads-all-subtransformer: [4, 8, 8, 4, 8, 8]\n\
        decoder-self-attention-heads-all-subtransformer: [8, 4]\n\
        decoder-ende-attention-heads-all-subtransformer:\n- 8\n- 8\n\n\
        # -1 means attending to last one encoder layer\n\
        decoder-arbitrary-ende-attn-all-subtransformer: [-1, 2]\n";
    let architecture = hat.parse(file).unwrap();
    assert_eq!(architecture.choices()[..16], [1, 0, 0, 4, 0, 1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(architecture.choices()[34..], [0, 2, 0, 0, 0, 0]);
    let printed = hat.print(&architecture);
    for line in ["decoder-arbitrary-ende-attn-all-subtransformer: [-1, 2]", "decoder-layer-num-subtransformer: 2"] {
        assert!(printed.lines().any(|printed| printed == line), "{printed}");
    }
    // As a supernet's full configuration: values of layers that do not exist are not looked at.
    let full = file.replace("[-1, 2]", "[-1, 2, 7, 7, 7, 7]");
    assert_eq!(hat.parse(&full).unwrap(), architecture);

    let heads_and_ratios =
        format!(r#""sample_n_head":[{}],"sample_mlp_ratio":[{}]"#, ["4"; 10].join(","), ["2"; 10].join(","));
    let gpt_text = format!(r#"{{"sample_embed_dim":192,"sample_n_layer":10,{heads_and_ratios},"sample_bias":false}}"#);
    assert_eq!(gpt.print(&gpt.smallest()), gpt_text);
    let python = gpt_text.replace('"', "'").replace("false", "'False'");
    assert_eq!(gpt.parse(&python).unwrap(), gpt.smallest());
}

#[test]
fn errors_name_the_text_its_position_and_the_choices() {
    let [cell, mobilenet, hat, gpt] = published().try_into().ok().unwrap();

    let text = "|nor_conv_3x3~0|+|nor_conv_7x7~0|none~1|+|none~0|none~1|none~2|";
    let message = cell.parse(text).unwrap_err().to_string();
    assert_eq!(
        message,
        "nas_bench_201: \"nor_conv_7x7\" at byte 18 is not a choice of edge 2<-0 (choices: none, skip_connect, \
         nor_conv_1x1, nor_conv_3x3, avg_pool_3x3)"
    );
    let complete = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    cell.parse(&format!(" {complete}\n")).unwrap();
    for end in 0..complete.len() {
        assert!(matches!(cell.parse(&complete[..end]), Err(SpaceError::Syntax { .. })), "{}", &complete[..end]);
    }
    for (wrong, at) in [
        (complete.replacen("none~1|+", "none~0|+", 1), 17),
        (format!("{complete}+|none~3|"), complete.len()),
        (complete.replacen('+', "é", 1), 8),
    ] {
        let error = cell.parse(&wrong).unwrap_err();
        assert!(matches!(error, SpaceError::Syntax { position, .. } if position == at), "{error}");
    }

    let good = mobilenet.print(&mobilenet.largest());
    let bad_kernel = good.replacen("7,7", "7,9", 1);
    assert!(matches!(
        mobilenet.parse(&bad_kernel).unwrap_err(),
        SpaceError::UnknownChoice { decision, text, position: 9, choices, .. }
            if decision == "stage1.block2.kernel_size" && text == "9" && choices == ["3", "5", "7"]
    ));
    for (from, to, fragment) in [
        (r#""r":[224]"#, r#""r":[225]"#, r#""225" at byte"#),
        (r#","r":[224]"#, "", r#"key "r" is missing"#),
        (r#""r":[224]"#, r#""r":[224],"r":[224]"#, r#"unexpected key "r""#),
        (r#""r":[224]"#, r#""resolution":[224]"#, r#"unexpected key "resolution""#),
        (r#""d":[4,"#, r#""d":["#, "has 4 values, expected a list of 5"),
        (r#""r":[224]"#, r#""r":[]"#, "has 0 values, expected 1"),
        (r#""r":[224]}"#, r#""r":[224]"#, "expected `,` or `}` at byte"),
        (r#""r":[224]}"#, r#""r":[224]} x"#, "expected the end of the text"),
        (r#""ks":"#, r#""ks" "#, "expected `:` after the key at byte 6"),
        (r#""ks":"#, r#""k\u0073":"#, "expected a name or a number at byte 1"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good);
        let message = mobilenet.parse(&wrong).unwrap_err().to_string();
        assert!(message.contains(fragment), "{message:?} lacks {fragment:?}");
    }

    let short = hat.print(&hat.smallest()).replace("layer-num-subtransformer: 1", "layer-num-subtransformer: 3");
    let message = hat.parse(&short).unwrap_err().to_string();
    assert!(message.contains("has 1 values, expected a list of 3 (the active layers) or 6"), "{message}");
    for text in ["", "{", "[", "a", "a:", "a: -", "- 3", "\"", "{\"sample_bias\": [", "é: ü", "{,}", "#", "---"] {
        for space in [&cell, &mobilenet, &hat, &gpt] {
            assert!(space.parse(text).is_err(), "{}: {text:?}", space.name());
        }
    }
}
