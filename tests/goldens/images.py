"""Golden values of what networks for images are made of."""

import torch
import torch.nn.functional as F

from family import EPSILON, Family, folded, normalise, statistics

# (to, from), in decision order.
EDGES = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]


def convolution():
    family = Family("convolution", 2)
    cases = {
        "k3": (3, 6, 3, 1, 1, 1, 1),
        "k5": (3, 4, 5, 1, 2, 1, 1),
        "stride2": (4, 6, 3, 2, 1, 1, 1),
        "dilation2": (3, 4, 3, 1, 2, 2, 1),
        "groups": (4, 6, 3, 1, 1, 1, 2),
        "depthwise": (5, 5, 3, 1, 1, 1, 5),
        "depthwise_k5_stride2": (4, 4, 5, 2, 2, 1, 4),
        "k1": (5, 7, 1, 1, 0, 1, 1),
        "k1_stride2": (4, 6, 1, 2, 0, 1, 1),
    }
    for name, (inputs, outputs, kernel, stride, padding, dilation, groups) in cases.items():
        convolve = folded(lambda x, w: F.conv2d(x, w, None, stride, padding, dilation, groups))
        x = family.normal(2, 2, inputs, 5, 4)
        family.case(name, convolve, x=x, w=family.normal(outputs, inputs // groups, kernel, kernel))
    relu = folded(lambda x, w: F.conv2d(F.relu(x), w, padding=1))
    family.case("relu_input", relu, x=family.normal(2, 2, 4, 5, 4), w=family.normal(4, 4, 3, 3))
    centre = folded(lambda x, w: F.conv2d(F.relu(x), w[:, :, 1:2, 1:2]))
    family.case("centre_tap", centre, x=family.normal(2, 2, 4, 5, 4), w=family.normal(4, 4, 3, 3))
    apart = lambda x, w: torch.stack([F.conv2d(x[a], w[a], padding=1) for a in range(x.shape[0])])
    family.case("apart", apart, x=family.normal(2, 2, 3, 5, 4), w=family.normal(2, 4, 3, 3, 3))
    family.write()


def pooling():
    family = Family("pooling", 3)
    for name, kernel, stride, padding, counted in [
        ("average_k3", 3, 1, 1, False),
        ("average_k3_counted", 3, 1, 1, True),
        ("average_k2_stride2", 2, 2, 0, False),
        ("average_k3_stride2", 3, 2, 1, False),
    ]:
        pool = folded(lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=counted))
        family.case(name, pool, x=family.normal(2, 2, 2, 6, 5))
    for name, kernel, stride, padding in [
        ("maximum_k3", 3, 1, 1),
        ("maximum_k3_stride2", 3, 2, 1),
        ("maximum_k2_stride2", 2, 2, 0),
    ]:
        pool = folded(lambda x: F.max_pool2d(x, kernel, stride, padding))
        family.case(name, pool, x=family.normal(2, 2, 2, 6, 5))
    pool = folded(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1))
    family.case("global_average", pool, x=family.normal(2, 2, 2, 6, 5))
    family.write()


def normalisation():
    family = Family("normalisation", 4)
    x = lambda: family.normal(2, 3, 4, 4, 3, scale=2.0, shift=0.5)
    scale = lambda *shape: family.normal(*shape, scale=0.5, shift=1.0)
    family.case("plain", normalise, x=x())
    relu = lambda x, scale, shift: normalise(x, scale, shift, relu=True)
    family.case("affine", normalise, x=x(), scale=scale(4), shift=family.normal(4))
    family.case("affine_relu", relu, x=x(), scale=scale(4), shift=family.normal(4))
    family.case("affine_apart", normalise, x=x(), scale=scale(2, 4), shift=family.normal(2, 4))

    fixed = torch.stack([family.normal(2, 4), family.uniform(0.5, 2.0, 2, 4)], -1)

    def by_fixed(x, scale, shift):
        return torch.stack([
            F.relu(F.batch_norm(x[a], fixed[a, :, 0], fixed[a, :, 1], scale, shift, training=False, eps=EPSILON))
            for a in range(x.shape[0])
        ])

    family.case("fixed", by_fixed, x=x(), scale=scale(4), shift=family.normal(4))
    family.add("fixed", statistics=fixed)

    data, running = x(), torch.stack([family.normal(2, 4), family.uniform(0.5, 2.0, 2, 4)], -1)
    moved = running.clone()
    for a in range(2):
        mean, variance = moved[a, :, 0].contiguous(), moved[a, :, 1].contiguous()
        F.batch_norm(data[a], mean, variance, training=True, momentum=0.1, eps=EPSILON)
        moved[a] = torch.stack([mean, variance], -1)
    family.add("running", x=data, running=running, statistics=statistics(data), moved=moved)
    family.write()


def operations(x, conv3, conv1):
    """The five operations of an edge, in choice order, by each architecture's own statistics."""
    convolve = lambda w, padding: normalise(folded(lambda x: F.conv2d(F.relu(x), w, padding=padding))(x))
    average = folded(lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))
    return [torch.zeros_like(x), x, convolve(conv1, 0), convolve(conv3, 1), average(x)]


def relaxed_edge(x, weights, conv3, conv1):
    """The weighted sum of all operations: its gradients are the exact ones, at one-hot weights too."""
    mixed = operations(x, conv3, conv1)
    return sum(weights[:, k].reshape(-1, 1, 1, 1, 1) * mixed[k] for k in range(5))


def published_edge(x, weights, conv3, conv1):
    """The mixed operation of the paper's public code: `w_k op_k(x)` for the selected entry, the bare `w_k`, which is
    zero, for the others, added to every element."""
    mixed = operations(x, conv3, conv1)
    rows = []
    for a in range(x.shape[0]):
        selected = int(weights[a].argmax())
        rows.append(sum(weights[a, k] * mixed[k][a] if k == selected else weights[a, k] for k in range(5)))
    return torch.stack(rows)


def mixed_edge():
    family = Family("mixed_edge", 8)
    architectures, channels = 2, 3
    conv3 = lambda: family.normal(channels, channels, 3, 3, scale=0.3)
    conv1 = lambda: family.normal(channels, channels, 1, 1, scale=0.5)
    tensors = lambda: {"conv3": conv3(), "conv1": conv1()}
    x = lambda count: family.normal(count, 2, channels, 4, 4)
    softmax = lambda: F.softmax(family.normal(architectures, 5), -1).float().double()
    one_hot = torch.eye(5)
    family.case("relaxed", relaxed_edge, x=x(architectures), weights=softmax(), **tensors())
    family.case("one_hot_exact", relaxed_edge, x=x(5), weights=one_hot, **tensors())
    family.case("one_hot_published", published_edge, x=x(5), weights=one_hot, **tensors())
    for name, edge, weights in [
        ("entangled_relaxed", relaxed_edge, softmax()),
        ("entangled_published", published_edge, one_hot),
    ]:
        entangled = lambda x, weights, conv3: edge(x, weights, conv3, conv3[:, :, 1:2, 1:2])
        family.case(name, entangled, x=x(weights.shape[0]), weights=weights, conv3=conv3())
    onto = lambda x, weights, previous, conv3, conv1: previous + relaxed_edge(x, weights, conv3, conv1)
    family.case("onto", onto, x=x(architectures), weights=softmax(), previous=x(architectures), **tensors())
    family.write()


def supernet():
    """The whole weight-sharing network of NAS-Bench-201 at a small size, for two architectures."""
    family = Family("supernet", 10)
    channels, classes = 2, 4
    parameters = {}

    def convolution(name, outputs, inputs, kernel):
        scale = (2.0 / (inputs * kernel * kernel)) ** 0.5
        parameters[name] = family.normal(outputs, inputs, kernel, kernel, scale=scale)

    def affine(name, width):
        parameters[f"{name}.scale"] = family.normal(width, scale=0.2, shift=1.0)
        parameters[f"{name}.shift"] = family.normal(width, scale=0.2)

    convolution("stem.convolution", channels, 1, 3)
    affine("stem.normalisation", channels)
    for stage in range(3):
        width = channels << stage
        if stage > 0:
            convolution(f"residual{stage}.first", width, width // 2, 3)
            affine(f"residual{stage}.first_normalisation", width)
            convolution(f"residual{stage}.second", width, width, 3)
            affine(f"residual{stage}.second_normalisation", width)
            convolution(f"residual{stage}.shortcut", width, width // 2, 1)
        for to, source in EDGES:
            for kernel in (3, 1):
                convolution(f"stage{stage}.cell0.edge{to}<-{source}.conv{kernel}x{kernel}", width, width, kernel)
    affine("classifier.normalisation", 4 * channels)
    parameters["classifier.linear.weight"] = family.normal(4 * channels, classes, scale=0.5)
    parameters["classifier.linear.bias"] = family.normal(classes, scale=0.5)

    def forward(p, images, weights):
        def by(name, x, relu=False):
            return normalise(x, p[f"{name}.scale"], p[f"{name}.shift"], relu)

        def convolve(name, x, stride=1, padding=1):
            return folded(lambda x: F.conv2d(x, p[name], None, stride, padding))(x)

        x = by("stem.normalisation", convolve("stem.convolution", images))
        x = x.expand(weights.shape[0], *x.shape[1:])
        for stage in range(3):
            if stage > 0:
                name = f"residual{stage}"
                z = by(f"{name}.first_normalisation", convolve(f"{name}.first", F.relu(x), stride=2))
                z = by(f"{name}.second_normalisation", convolve(f"{name}.second", F.relu(z)))
                pooled = folded(lambda x: F.avg_pool2d(x, 2, 2))(x)
                x = z + convolve(f"{name}.shortcut", pooled, padding=0)
            nodes = [x]
            for node in range(1, 4):
                total = 0.0
                for edge, (to, source) in enumerate(EDGES):
                    if to == node:
                        name = f"stage{stage}.cell0.edge{to}<-{source}"
                        group = weights[:, 5 * edge:5 * edge + 5]
                        total = total + published_edge(nodes[source], group, p[f"{name}.conv3x3"], p[f"{name}.conv1x1"])
                nodes.append(total)
            x = nodes[3]
        pooled = by("classifier.normalisation", x, relu=True).mean((3, 4))
        return pooled @ p["classifier.linear.weight"] + p["classifier.linear.bias"]

    images, labels = family.normal(1, 6, 1, 8, 8), family.whole(classes, 6)
    # Every operation, on more than one edge; the second architecture exercises another path.
    choices = torch.tensor([[3, 4, 2, 1, 0, 3], [2, 1, 3, 4, 3, 0]])
    weights = F.one_hot(choices, 5).flatten(1).double()
    family.add("supernet", images=images, labels=labels, weights=weights, **parameters)
    leaves = {name: tensor.clone().requires_grad_(True) for name, tensor in parameters.items()}
    rows = weights.clone().requires_grad_(True)
    logits = forward(leaves, images, rows)
    losses = torch.stack([F.cross_entropy(logits[a], labels) for a in range(len(rows))])
    g = family.normal(*losses.shape)
    # A parameter of an operation that no architecture selects has the gradient zero.
    gradients = torch.autograd.grad(losses, [rows, *leaves.values()], g, allow_unused=True, materialize_grads=True)
    family.add("supernet", g=g, logits=logits, losses=losses, d_weights=gradients[0])
    family.add("supernet", **{f"d_{name}": gradient for name, gradient in zip(leaves, gradients[1:])})
    family.write()


def squeeze_excitation():
    family = Family("squeeze_excitation", 24)

    def squeeze(x, reduce_weight, reduce_bias, expand_weight, expand_bias):
        hidden = F.relu(x.mean((3, 4)) @ reduce_weight + reduce_bias)
        return x * F.hardsigmoid(hidden @ expand_weight + expand_bias)[..., None, None]

    family.case(
        "layer",
        squeeze,
        x=family.normal(2, 3, 4, 3, 5),
        reduce_weight=family.normal(4, 2),
        reduce_bias=family.normal(2),
        expand_weight=family.normal(2, 4, scale=3.0),
        expand_bias=family.normal(4),
    )
