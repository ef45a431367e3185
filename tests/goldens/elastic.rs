//! Weight entanglement: coverage, layers of elastic widths, and depthwise kernels by learned transforms; relaxed, and sampled with
//! the exact gradient of what was not selected and without.

use parnas::graph::{
    BatchNorm, Convolution, CoverageOptions, ElasticLinearOptions, ElasticWidth, Graph, Statistics, Tensor,
};
use parnas::nn::{EPSILON, ElasticConvolution, ElasticDepthwise, Normalisation, Shared, WeightSharing};
use parnas_kernels::ops::{Activation, Gate, Unselected};

use crate::common::{Case, Golden, check};

/// Compares the cases of `name`: relaxed, and one-hot with either gradient.
fn compare(name: &str, build: impl Fn(&mut Case, Unselected)) {
    for (sample, unselected) in [
        ("relaxed", Unselected::Exact),
        ("one_hot", Unselected::Exact),
        ("one_hot_selected", Unselected::Zero),
        ("one_hot_selected", Unselected::Published),
    ] {
        check(&Golden::family("elastic"), &format!("{name}_{sample}"), |case| build(case, unselected));
    }
    // Where no weight is 0, nothing is skipped, and all gradients are exact.
    check(&Golden::family("elastic"), &format!("{name}_relaxed"), |case| build(case, Unselected::Zero));
}

fn coverage(graph: &mut Graph, weights: Tensor, widths: &[u32], unselected: Unselected) -> ElasticWidth {
    graph.coverage(weights, widths, CoverageOptions { unselected, gate: None }).expect("the widths fit")
}

#[test]
fn masks() {
    compare("coverage", |case, unselected| {
        let weights = case.input("weights");
        let width = coverage(&mut case.graph, weights, &[4, 9, 6], unselected);
        case.expect_with_gradients(width.mask, &[("weights", weights)]);
    });
}

#[test]
fn linear_layers() {
    for (name, activation) in [("linear", Activation::None), ("linear_relu", Activation::Relu)] {
        compare(name, |case, unselected| {
            let [x, w, bias, weights_in, weights_out] =
                ["x", "w", "bias", "weights_in", "weights_out"].map(|tensor| case.input(tensor));
            let graph = &mut case.graph;
            let input = coverage(graph, weights_in, &[3, 5, 7], unselected);
            let output = coverage(graph, weights_out, &[2, 9, 4], unselected);
            let masked = graph.mask_channels(x, input.mask, 2).expect("the mask fits");
            let shared = graph.share(w, 2).expect("two share it");
            let options = ElasticLinearOptions {
                bias: Some(graph.share(bias, 2).expect("two share it")),
                input_extents: Some(input.extents),
                output: Some(output),
                activation,
            };
            let y = graph.elastic_linear(masked, shared, options).expect("the shapes fit");
            let inputs = [("x", x), ("w", w), ("bias", bias), ("weights_in", weights_in), ("weights_out", weights_out)];
            case.expect_with_gradients(y, &inputs);
        });
    }
}

#[test]
fn convolutions_into_and_out_of_a_width() {
    compare("blocks", |case, unselected| {
        let names = ["x", "w1", "scale", "shift", "w2", "weights"];
        let tensors = names.map(|tensor| case.input(tensor));
        let [x, w1, scale, shift, w2, weights] = tensors;
        let graph = &mut case.graph;
        let width = coverage(graph, weights, &[2, 6, 4], unselected);
        let [w1, scale, shift, w2] = [w1, scale, shift, w2].map(|tensor| graph.share(tensor, 2).expect("two share it"));
        let into = Convolution { padding: 1, output_extents: Some(width.extents), ..Convolution::default() };
        let z = graph.conv2d(x, w1, into).expect("the shapes fit");
        let affine = Some((scale, shift));
        let options = BatchNorm { epsilon: EPSILON, affine, relu: true, statistics: Statistics::Batch };
        let (z, _) = graph.batch_norm(z, options).expect("the shapes fit");
        let z = graph.mask_channels(z, width.mask, 2).expect("the mask fits");
        let out_of = Convolution { input_extents: Some(width.extents), ..Convolution::default() };
        let y = graph.conv2d(z, w2, out_of).expect("the shapes fit");
        let inputs: Vec<(&str, Tensor)> = names.into_iter().zip(tensors).collect();
        case.expect_with_gradients(y, &inputs);
    });
}

#[test]
fn depthwise_kernels() {
    for stride in [1, 2] {
        compare(&format!("depthwise{stride}"), |case, unselected| {
            let names = ["x", "w", "m5", "m3", "weights"];
            let tensors = names.map(|tensor| case.input(tensor));
            let [x, w, m5, m3, weights] = tensors;
            let graph = &mut case.graph;
            let [w, m5, m3] = [w, m5, m3].map(|tensor| graph.share(tensor, 2).expect("two share it"));
            let kernel = graph.kernel_transform(weights, w, [m5, m3], unselected).expect("the shapes fit");
            let reach = Some(kernel.reach);
            let options = Convolution { stride, padding: 3, groups: 4, reach, ..Convolution::default() };
            let y = graph.conv2d(x, kernel.weight, options).expect("the shapes fit");
            let inputs: Vec<(&str, Tensor)> = names.into_iter().zip(tensors).collect();
            case.expect_with_gradients(y, &inputs);
        });
    }
}

/// Depths 1 and 2 weigh 1 for the first layer and their own for the second, which this block is.
#[test]
fn bottlenecks_of_elastic_width_kernel_and_depth() {
    compare("bottleneck", |case, unselected| {
        let expand = ElasticConvolution::new(&mut case.store, "expand", 4, 12, 1);
        let depthwise = ElasticDepthwise::new(&mut case.store, "depthwise", 12);
        let project = ElasticConvolution::new(&mut case.store, "project", 12, 4, 1);
        let parameters = [expand.parameters(), depthwise.parameters(), project.parameters()].concat();
        for parameter in &parameters {
            let values = case.values(parameter.name()).data;
            case.writes.push((parameter.clone(), values));
        }
        let [x, weights, sizes, depths] = ["x", "weights", "sizes", "depth"].map(|tensor| case.input(tensor));
        let graph = &mut case.graph;
        let depth = coverage(graph, depths, &[1, 2], unselected);
        let gate = Some((depth.mask, Gate { width: 2, choice: 1 }));
        let options = CoverageOptions { unselected, gate };
        let width = graph.coverage(weights, &[4, 8, 12], options).expect("the widths fit");
        let shared = Shared::new(graph, &parameters, 2).expect("two share them");
        let norm = &mut Normalisation::batch();
        let widths = [None, Some(width)];
        let z = expand.apply(graph, &shared, x, widths, 1, norm, true).expect("the shapes fit");
        let kernel = (sizes, unselected);
        let z = depthwise.apply(graph, &shared, z, Some(width), kernel, 1, norm, true).expect("the shapes fit");
        let widths = [Some(width), None];
        let z = project.apply(graph, &shared, z, widths, 1, norm, false).expect("the shapes fit");
        let z = graph.gate_layer(z, depth, 1).expect("the layer is there");
        let y = graph.add(x, z).expect("the shapes fit");
        let tensors: Vec<Tensor> = parameters.iter().map(|parameter| graph.input(parameter)).collect();
        let mut inputs = vec![("x", x), ("depth", depths)];
        if unselected == Unselected::Exact {
            // Those of the selected width and size alone are nearly 0: the normalisations behind take a common scale out.
            inputs.extend([("weights", weights), ("sizes", sizes)]);
        }
        inputs.extend(parameters.iter().map(|parameter| parameter.name()).zip(tensors));
        case.expect_with_gradients(y, &inputs);
    });
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let mut graph = Graph::new();
    let [x, weights, w] = [vec![2, 3, 7], vec![2, 3], vec![9, 7]].map(|shape| graph.fill(&shape, 1.0));
    let options = CoverageOptions { unselected: Unselected::Zero, gate: None };
    assert!(graph.coverage(weights, &[1, 2], options).is_err(), "three weights of two widths");
    let gate = Some((x, Gate { width: 3, choice: 1 }));
    assert!(graph.coverage(weights, &[1, 2, 3], CoverageOptions { gate, ..options }).is_err(), "a gate of three axes");
    let width = graph.coverage(weights, &[4, 9, 7], options).expect("the widths fit");
    assert!(graph.mask_channels(x, width.mask, 2).is_err(), "a mask of 9 over 7 channels");
    assert!(graph.gate_layer(x, width, 9).is_err(), "the layer after the last");
    let apart = graph.fill(&[2, 9, 7], 1.0);
    assert!(graph.elastic_linear(x, apart, ElasticLinearOptions::default()).is_err(), "a weight that is not shared");
    let shared = graph.share(w, 2).expect("two share it");
    let narrow = coverage(&mut graph, weights, &[4, 8, 7], Unselected::Zero);
    let options = ElasticLinearOptions { output: Some(narrow), ..ElasticLinearOptions::default() };
    assert!(graph.elastic_linear(x, shared, options).is_err(), "a mask of 8 over 9 outputs");
    let options = ElasticLinearOptions { output: Some(width), ..ElasticLinearOptions::default() };
    let y = graph.elastic_linear(x, shared, options).expect("the shapes fit");
    assert_eq!(graph.shape(y), [2, 3, 9]);
    let kernel = graph.fill(&[2, 4, 1, 7, 7], 1.0);
    assert!(graph.kernel_transform(weights, kernel, [x, x], Unselected::Zero).is_err(), "matrices of other sizes");
    let image = graph.fill(&[2, 1, 4, 9, 9], 1.0);
    let bound = Convolution { padding: 3, groups: 4, output_extents: Some(width.mask), ..Convolution::default() };
    assert!(graph.conv2d(image, kernel, bound).is_err(), "extents of two axes");
}
