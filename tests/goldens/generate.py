"""Golden values of the graph's operations, from PyTorch on the CPU in f64.

    python3 tests/goldens/generate.py

writes one `.safetensors` file a family beside itself. A tensor is named `case/tensor`: inputs, upstream gradients
(random, as in the middle of a graph), outputs and gradients `d_<input>`. Inputs are numbers of f32, so that both sides
start from the same; results are rounded to f32 once, at the end. The same PyTorch version writes the same files.

The axis in front of every image is that of the architectures: PyTorch sees it folded into the batch, or sees one
architecture after another where statistics are kept apart.
"""

from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

HERE = Path(__file__).parent
EPSILON = 1e-5
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Family:
    """The cases of one file. Its numbers come from its own seed, so that families do not depend on each other."""

    def __init__(self, name, seed):
        self.name = name
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors = {}

    def normal(self, *shape, scale=1.0, shift=0.0):
        """Normal numbers that f32 holds exactly."""
        numbers = torch.randn(*shape, generator=self.generator, dtype=torch.float32)
        return (numbers * scale + shift).to(torch.float64)

    def uniform(self, low, high, *shape):
        """Uniform numbers that f32 holds exactly."""
        numbers = torch.rand(*shape, generator=self.generator, dtype=torch.float32)
        return (numbers * (high - low) + low).to(torch.float64)

    def whole(self, high, *shape):
        """Whole numbers below `high`."""
        return torch.randint(high, shape, generator=self.generator)

    def add(self, case, **tensors):
        for name, tensor in tensors.items():
            whole = not tensor.is_floating_point()
            array = tensor.detach().numpy().astype(numpy.uint32 if whole else numpy.float32)
            key = f"{case}/{name}"
            assert key not in self.tensors, key
            self.tensors[key] = numpy.ascontiguousarray(array)

    def case(self, case, function, constants=None, **inputs):
        """Adds inputs, the output `y`, its random gradient `g`, and the inputs' gradients."""
        leaves = {name: tensor.clone().requires_grad_(True) for name, tensor in inputs.items()}
        y = function(*leaves.values(), **(constants or {}))
        g = self.normal(*y.shape)
        gradients = torch.autograd.grad(y, list(leaves.values()), g)
        self.add(case, **inputs, **(constants or {}), y=y, g=g)
        self.add(case, **{f"d_{name}": gradient for name, gradient in zip(inputs, gradients)})

    def write(self):
        save_file(self.tensors, HERE / f"{self.name}.safetensors")


def folded(function):
    """Applies a function of `[N, ...]` to `[A, N, ...]`."""

    def apply(x, *rest):
        y = function(x.flatten(0, 1), *rest)
        return y.unflatten(0, x.shape[:2])

    return apply


def normalise(x, scale=None, shift=None, relu=False):
    """Batch normalisation by each architecture's own statistics."""

    def of(a, tensor):
        return None if tensor is None else tensor[a] if tensor.dim() == 2 else tensor

    y = torch.stack([
        F.batch_norm(x[a], None, None, of(a, scale), of(a, shift), training=True, eps=EPSILON)
        for a in range(x.shape[0])
    ])
    return F.relu(y) if relu else y


def statistics(x):
    """Mean and biased variance `[A, C, 2]`."""
    return torch.stack([x.mean((1, 3, 4)), x.var((1, 3, 4), correction=0)], -1)


def matmul():
    family = Family("matmul", 1)
    family.case("plain", torch.matmul, a=family.normal(2, 17, 9), b=family.normal(2, 9, 11))
    layer = lambda x, w, bias: F.relu(x @ w + bias)
    family.case("layer", layer, x=family.normal(2, 11, 33), w=family.normal(33, 13), bias=family.normal(13))
    family.case("transposed_a", lambda a, b: a.mT @ b, a=family.normal(2, 9, 17), b=family.normal(2, 9, 5))
    family.case("transposed_b", lambda a, b: a @ b.mT, a=family.normal(2, 17, 9), b=family.normal(2, 5, 9))
    family.case("transposed_both", lambda a, b: a.mT @ b.mT, a=family.normal(9, 7), b=family.normal(5, 9))
    family.case("broadcast_a", torch.matmul, a=family.normal(7, 9), b=family.normal(4, 9, 6))
    family.write()


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


def losses():
    family = Family("losses", 5)
    for name, shape in [("narrow", (4, 7)), ("wide", (2, 300))]:
        family.case(f"softmax_{name}", lambda x: F.softmax(x, -1), x=family.normal(*shape, scale=3.0))
        family.case(f"log_softmax_{name}", lambda x: F.log_softmax(x, -1), x=family.normal(*shape, scale=3.0))
    for name, smoothing in [("plain", 0.0), ("smoothed", 0.1)]:
        # Two architectures share the labels of one batch.
        loss = lambda x, labels: torch.stack([
            F.cross_entropy(x[a], labels, reduction="none", label_smoothing=smoothing) for a in range(x.shape[0])
        ])
        labels = family.whole(10, 6)
        family.case(f"cross_entropy_{name}", loss, constants={"labels": labels}, x=family.normal(2, 6, 10, scale=3.0))
    family.write()


def elementwise():
    family = Family("elementwise", 6)
    any_number = lambda: family.normal(100, scale=2.0)
    positive = lambda: family.uniform(0.1, 6.0, 100)
    for name, function, x in [
        ("affine", lambda x: 1.7 * x - 0.3, any_number()),
        ("relu", F.relu, any_number()),
        ("exp", torch.exp, any_number()),
        ("log", torch.log, positive()),
        ("sqrt", torch.sqrt, positive()),
        ("square", torch.square, any_number()),
        ("reciprocal", torch.reciprocal, positive()),
        ("sin", torch.sin, any_number()),
        ("tanh", torch.tanh, any_number()),
        ("sigmoid", torch.sigmoid, any_number()),
        ("abs", torch.abs, any_number()),
        ("softplus", F.softplus, any_number()),
    ]:
        family.case(name, function, x=x)
    for name, function in [
        ("add", torch.add),
        ("subtract", torch.subtract),
        ("multiply", torch.multiply),
        ("divide", torch.divide),
        ("maximum", torch.maximum),
        ("minimum", torch.minimum),
    ]:
        for shapes, (a, b) in {
            "same": ((5, 7), (5, 7)),
            "row": ((3, 5, 7), (7,)),
            "column": ((5, 1), (5, 7)),
            "both": ((2, 1, 5, 1), (3, 1, 4)),
        }.items():
            second = family.uniform(0.5, 3.0, *b) if name == "divide" else family.normal(*b)
            family.case(f"{name}_{shapes}", function, a=family.normal(*a), b=second)
    for name, function in [
        ("gelu", F.gelu),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("silu", F.silu),
        ("hard_swish", F.hardswish),
        ("hard_sigmoid", F.hardsigmoid),
    ]:
        family.case(name, function, x=any_number())
    family.write()


def reductions():
    family = Family("reductions", 7)
    for axis in range(3):
        family.case(f"sum_{axis}", lambda x: x.sum(axis), x=family.normal(4, 21, 3))
        family.case(f"mean_{axis}", lambda x: x.mean(axis), x=family.normal(4, 21, 3))
    family.case("sum_long", lambda x: x.sum(1), x=family.normal(2, 700))
    x = family.normal(4, 21, 3)
    family.add("extremes", x=x, largest=x.amax(1), smallest=x.amin(1))
    family.case("fold", lambda x: 0.25 * x.sum(0), x=family.normal(5, 4, 6))
    indices = torch.tensor([3, 0, 3, 8, 1, 3])
    gather = lambda table, indices: F.embedding(indices, table)
    family.case("gather", gather, constants={"indices": indices}, table=family.normal(9, 7))
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


def optimisers():
    family = Family("optimisers", 9)
    steps, size = 5, 40
    for name, optimiser, options in [
        ("sgd", torch.optim.SGD, dict(lr=0.1)),
        ("sgd_momentum", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=3e-3)),
        ("sgd_nesterov", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=3e-3, nesterov=True)),
        ("adam", torch.optim.Adam, dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8)),
        ("adam_decay", torch.optim.Adam, dict(lr=0.01, betas=(0.5, 0.999), eps=1e-8, weight_decay=0.09)),
        ("adamw", torch.optim.AdamW, dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
    ]:
        start, gradients = family.normal(size), family.normal(steps, size)
        parameter = torch.nn.Parameter(start.clone())
        stepper = optimiser([parameter], foreach=False, **options)
        course = []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            stepper.step()
            course.append(parameter.detach().clone())
        family.add(name, start=start, gradients=gradients, course=torch.stack(course))
    for name, maximum in [("clip", 5.0), ("clip_not", 500.0)]:
        first, second = family.normal(30), family.normal(7, 11)
        parameters = [torch.nn.Parameter(torch.zeros_like(tensor)) for tensor in (first, second)]
        for parameter, gradient in zip(parameters, (first, second)):
            parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_(parameters, maximum, foreach=False)
        clipped_first, clipped_second = (parameter.grad for parameter in parameters)
        family.add(name, first=first, second=second, clipped_first=clipped_first, clipped_second=clipped_second)
    family.write()


# (to, from), in decision order.
EDGES = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]


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


def covered(x, weights, widths, dim):
    """The sum over widths of their weight times `x` cut to the width along `dim`, for each architecture; no masks."""

    def cut(x, width):
        kept = x.narrow(dim - 1, 0, width)
        rest = torch.zeros_like(x.narrow(dim - 1, width, x.shape[dim - 1] - width))
        return torch.cat([kept, rest], dim - 1)

    rows = [sum(weights[a, k] * cut(x[a], w) for k, w in enumerate(widths)) for a in range(x.shape[0])]
    return torch.stack(rows)


def elastic():
    """Weight entanglement: coverage, masked layers, and the kernel transforms of once-for-all. A case `<name>_selected` leaves the
    gradient of weights that are 0 at 0."""
    family = Family("elastic", 12)
    one_hot = lambda *choices: F.one_hot(torch.tensor(choices), 3).double()
    relaxed = torch.softmax(family.normal(2, 3), 1).float().double()

    def both(name, function, weights, **inputs):
        """The exact gradient, and that of the selected entries alone."""
        family.case(name, function, **inputs, **weights)
        if all(((w == 0) | (w == 1)).all() for w in weights.values()):
            drop = lambda t: torch.where(t == 0, t.detach(), t)
            names = list(inputs) + list(weights)
            only = lambda *t: function(*[drop(t) if n in weights else t for n, t in zip(names, t)])
            family.case(f"{name}_selected", only, **inputs, **weights)

    samples = {"relaxed": (relaxed, relaxed.flip(1)), "one_hot": (one_hot(1, 2), one_hot(2, 0))}
    for sample, (first, second) in samples.items():
        ones = lambda weights: covered(torch.ones(2, 9), weights, [4, 9, 6], 1)
        both(f"coverage_{sample}", ones, {"weights": first})

        # Inputs of widths 3, 5, 7, outputs of widths 2, 9, 4, as the layers of the sliced weights.
        def linear(x, w, bias, weights_in, weights_out, relu=False):
            x = covered(x, weights_in, [3, 5, 7], 2)
            full = torch.stack([F.linear(x[a], w, bias) for a in range(2)])
            y = covered(full, weights_out, [2, 9, 4], 2)
            return F.relu(y) if relu else y

        tensors = lambda: {"x": family.normal(2, 5, 7), "w": family.normal(9, 7), "bias": family.normal(9)}
        both(f"linear_{sample}", linear, {"weights_in": first, "weights_out": second}, **tensors())
        relu = lambda *t: linear(*t, relu=True)
        both(f"linear_relu_{sample}", relu, {"weights_in": second, "weights_out": first}, **tensors())

        # Convolution, normalisation, mask: one block into an elastic width, a second one out of it.
        def blocks(x, w1, scale, shift, w2, weights):
            z = torch.stack([F.conv2d(x[a], w1, padding=1) for a in range(2)])
            z = covered(normalise(z, scale, shift, relu=True), weights, [2, 6, 4], 2)
            return torch.stack([F.conv2d(z[a], w2) for a in range(2)])

        both(
            f"blocks_{sample}", blocks, {"weights": first}, x=family.normal(2, 3, 4, 5, 4), w1=family.normal(6, 4, 3, 3),
            scale=family.normal(6), shift=family.normal(6), w2=family.normal(5, 6, 1, 1),
        )

        # The convolutions of the three kernels, each with its own padding.
        def depthwise(x, w, m5, m3, weights, stride=1):
            five = F.linear(w[:, :, 1:6, 1:6].reshape(-1, 25), m5).reshape(-1, 1, 5, 5)
            three = F.linear(five[:, :, 1:4, 1:4].reshape(-1, 9), m3).reshape(-1, 1, 3, 3)
            of = lambda x, kernel: F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2, 1, kernel.shape[0])
            kernels = (three, five, w)
            return torch.stack([sum(weights[a, k] * of(x[a], kernels[k]) for k in range(3)) for a in range(2)])

        for stride in (1, 2):
            strided = lambda *t: depthwise(*t, stride=stride)
            both(
                f"depthwise{stride}_{sample}", strided, {"weights": first}, x=family.normal(2, 2, 4, 9, 8),
                w=family.normal(4, 1, 7, 7, scale=0.3), m5=family.normal(25, 25, scale=0.3), m3=family.normal(9, 9, scale=0.5),
            )
        # An inverted bottleneck of elastic width and kernel, the second layer of a stage of elastic depth.
        def bottleneck(x, *rest):
            p = dict(zip(parameters, rest[:-3]))
            weights, sizes, depth = rest[-3:]

            def by(name, z, width=None, relu=False):
                z = normalise(z, p[f"{name}.normalisation.scale"], p[f"{name}.normalisation.shift"], relu)
                return z if width is None else covered(z, width, [4, 8, 12], 2)

            convolve = lambda x, w: torch.stack([F.conv2d(x[a], w) for a in range(2)])
            z = by("expand", convolve(x, p["expand.weight"]), weights, True)
            transforms = (p["depthwise.transform_7_to_5"], p["depthwise.transform_5_to_3"])
            z = by("depthwise", depthwise(z, p["depthwise.weight"], *transforms, sizes), weights, True)
            z = by("project", convolve(z, p["project.weight"]))
            return x + depth[:, 1].reshape(2, 1, 1, 1, 1) * z

        shapes = {
            "expand.weight": (12, 4, 1, 1), "depthwise.weight": (12, 1, 7, 7), "depthwise.transform_7_to_5": (25, 25),
            "depthwise.transform_5_to_3": (9, 9), "project.weight": (4, 12, 1, 1),
        }
        parameters = {name: family.normal(*shape, scale=0.4) for name, shape in shapes.items()}
        for name, channels in (("expand", 12), ("depthwise", 12), ("project", 4)):
            parameters[f"{name}.normalisation.scale"] = family.uniform(0.5, 1.5, channels)
            parameters[f"{name}.normalisation.shift"] = family.normal(channels)
        depth = family.uniform(0.2, 0.8, 2, 2) if sample == "relaxed" else F.one_hot(torch.tensor([0, 1])).double()
        chosen = {"weights": first, "sizes": second, "depth": depth}
        both(f"bottleneck_{sample}", bottleneck, chosen, x=family.normal(2, 3, 4, 6, 5), **parameters)
def layer_norm():
    family = Family("layer_norm", 21)
    width, widths = 12, (4, 8, 12)
    x = lambda: family.normal(2, 5, width, scale=2.0, shift=0.5)
    scale = lambda *shape: family.normal(*shape, scale=0.5, shift=1.0)
    shift = lambda *shape: family.normal(*shape)
    norm = lambda x, scale=None, shift=None: F.layer_norm(x, x.shape[-1:], scale, shift, EPSILON)
    rms = lambda x, scale=None: F.rms_norm(x, x.shape[-1:], scale, EPSILON)
    family.case("plain", norm, x=x())
    family.case("affine", norm, x=x(), scale=scale(width), shift=shift(width))
    apart = lambda x, scale, shift: torch.stack([norm(x[a], scale[a], shift[a]) for a in range(2)])
    family.case("affine_apart", apart, x=x(), scale=scale(2, width), shift=shift(2, width))
    family.case("rms", rms, x=x(), scale=scale(width))

    def elastic(x, weights, scale, shift):
        """The weighted sum of the normalisations of each width, what lies beyond a width being 0."""
        each = [F.pad(norm(x[..., :w], scale[:w], shift[:w]), (0, width - w)) for w in widths]
        return sum(weights[:, k, None, None] * each[k] for k in range(len(widths)))

    def elastic_rms(x, weights, scale):
        each = [F.pad(rms(x[..., :w], scale[:w]), (0, width - w)) for w in widths]
        return sum(weights[:, k, None, None] * each[k] for k in range(len(widths)))

    def selected(x, weights, scale, shift):
        """The same, where a weight of 0 has no gradient."""
        return elastic(x, weights * (weights.detach() != 0.0), scale, shift)

    relaxed = lambda: F.softmax(family.normal(2, 3), -1).float().double()
    one_hot = torch.eye(3)[torch.tensor([1, 0])]
    affine = lambda: {"scale": scale(width), "shift": shift(width)}
    family.case("elastic_relaxed", elastic, x=x(), weights=relaxed(), **affine())
    family.case("elastic_rms", elastic_rms, x=x(), weights=relaxed(), scale=scale(width))
    family.case("elastic_exact", elastic, x=x(), weights=one_hot, **affine())
    family.case("elastic_selected", selected, x=x(), weights=one_hot, **affine())
    family.write()


def rotary():
    family = Family("rotary", 22)
    heads, pairs, start = 3, 2, 5

    def rotate(x):
        """GPT-NeoX: of the first 2 * pairs channels of a head, the halves are the parts of the pairs."""
        x = x.unflatten(-1, (heads, -1))
        positions = torch.arange(start, start + x.shape[2]).to(x)
        angles = positions[:, None] * 10000.0 ** (-torch.arange(0, 2 * pairs, 2).to(x) / (2 * pairs))
        cosine, sine = (angle.repeat(1, 2)[:, None] for angle in (angles.cos(), angles.sin()))
        turned, passed = x[..., : 2 * pairs], x[..., 2 * pairs :]
        crossed = torch.cat((-turned[..., pairs:], turned[..., :pairs]), -1)
        return torch.cat((turned * cosine + crossed * sine, passed), -1).flatten(-2)

    family.case("partial", rotate, x=family.normal(2, 2, 7, heads * 9))
    family.write()


def vocabulary():
    family = Family("vocabulary", 23)
    classes, width = 11, 5

    def tied(table, weight, tokens, labels, ignored=-100):
        """A language model of one layer whose table of tokens is that of its outputs too."""
        h = torch.tanh(F.embedding(tokens, table) @ weight)
        logits = h @ table.mT
        return F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1, ignore_index=ignored)[None]

    tensors = lambda: {"table": family.normal(classes, width), "weight": family.normal(width, width)}
    whole = lambda: {"tokens": family.whole(classes, 13), "labels": family.whole(classes, 13)}
    family.case("tied", tied, constants=whole(), **tensors())
    family.case("tied_ignored", lambda *rest, **whole: tied(*rest, **whole, ignored=3), constants=whole(), **tensors())

    def shared(h, table, labels):
        return torch.stack([F.cross_entropy(h[a] @ table.mT, labels, reduction="none") for a in range(2)])

    tables = lambda h, table, labels: torch.stack([shared(h, table[a], labels)[a] for a in range(2)])
    h, labels = lambda: family.normal(2, 7, width), lambda: {"labels": family.whole(classes, 7)}
    family.case("shared", shared, constants=labels(), h=h(), table=family.normal(classes, width))
    family.case("apart", tables, constants=labels(), h=h(), table=family.normal(2, classes, width))
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
def attend(q, k, v, heads, scale=None, causal=False, lengths=None, head_scale=None):
    """Attention with an explicit softmax: heads side by side, `[A, N, T, H D]`. A query that sees no key gets 0."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(-3, -2)
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    queries, keys = scores.shape[-2:]
    seen = torch.ones(queries, keys, dtype=torch.bool)
    if causal:
        seen = seen.tril(keys - queries)
    if lengths is not None:
        seen = seen & (torch.arange(keys) < lengths[:, None])[:, None, None, :]
    seen = seen.expand(scores.shape)
    scores = scores.masked_fill(~seen, -1e300)
    e = torch.exp(scores - scores.detach().amax(-1, keepdim=True)) * seen
    total = e.sum(-1, keepdim=True)
    y = e / torch.where(total > 0.0, total, 1.0) @ v
    if head_scale is not None:
        y = y * head_scale[:, None, :, None, None]
    return y.transpose(-3, -2).flatten(-2)


def attention():
    family = Family("attention", 11)
    tensors = lambda a, n, queries, keys, width: {
        "q": family.normal(a, n, queries, width),
        "k": family.normal(a, n, keys, width),
        "v": family.normal(a, n, keys, width),
    }
    plain = lambda q, k, v: attend(q, k, v, 2)
    family.case("self", plain, **tensors(2, 2, 33, 33, 8))
    built_in = lambda q, k, v: F.scaled_dot_product_attention(
        *(x.unflatten(-1, (2, 12)).transpose(-3, -2) for x in (q, k, v)), is_causal=True
    ).transpose(-3, -2).flatten(-2)
    family.case("causal", built_in, **tensors(1, 1, 41, 41, 24))
    causal = lambda q, k, v: attend(q, k, v, 1, scale=0.3, causal=True)
    family.case("causal_more_keys", causal, **tensors(1, 2, 5, 35, 16))
    family.case("causal_more_queries", causal, **tensors(1, 2, 35, 5, 16))
    padded = lambda q, k, v, lengths: attend(q, k, v, 3, lengths=lengths)
    lengths = torch.tensor([13, 0, 1, 7])
    family.case("cross_padded", padded, constants={"lengths": lengths}, **tensors(1, 4, 3, 13, 12))
    truncated = lambda q, k, v, head_scale: attend(q, k, v, 4, causal=True, head_scale=head_scale)
    relaxed = torch.tensor([[1.0, 1.0, 0.75, 0.25], [1.0, 1.0, 0.5, 0.5]])
    family.case("truncated_relaxed", truncated, **tensors(2, 1, 17, 17, 32), head_scale=relaxed)
    one_hot = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    family.case("truncated_one_hot", truncated, **tensors(2, 1, 17, 17, 32), head_scale=one_hot)
    # What the backward pass gives the heads that the forward pass skipped, where it does not evaluate them.
    tensor = family.tensors["truncated_one_hot/d_head_scale"]
    family.tensors["truncated_one_hot/d_head_scale_selected"] = tensor * (one_hot.numpy() != 0).astype(numpy.float32)

    def partitioned(q, k, v, weights, lengths=None):
        each = [attend(q, k, v, heads, lengths=lengths) for heads in (2, 4)]
        return sum(weights[:, c, None, None, None] * y for c, y in enumerate(each))

    relaxed = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    family.case("partitioned_relaxed", partitioned, **tensors(2, 2, 5, 17, 32), weights=relaxed)
    weights = torch.eye(2)
    constants = {"lengths": torch.tensor([17, 5])}
    family.case("partitioned_one_hot", partitioned, constants, **tensors(2, 2, 5, 17, 32), weights=weights)
    tensor = family.tensors["partitioned_one_hot/d_weights"]
    family.tensors["partitioned_one_hot/d_weights_selected"] = tensor * weights.numpy().astype(numpy.float32)
    family.add("partitioned_one_hot", zero=torch.zeros(1))
    family.write()


if __name__ == "__main__":
    for write in (matmul, convolution, pooling, normalisation, losses, elementwise, reductions):
        write()
    for write in (mixed_edge, optimisers, supernet, elastic):
        write()
    for write in (layer_norm, rotary, vocabulary, squeeze_excitation):
    for write in (mixed_edge, optimisers, supernet, attention):
        write()
