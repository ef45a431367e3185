"""The cases of `tools/compare/run` in PyTorch eager on the CPU, f32: one JSON object a line.

    python pytorch.py [--case SUBSTRING] [--rounds N] [--threads N]

Written from the definitions of the operations: NAS-Bench-201 (Dong and Yang, 2020) for the mixed edge and the supernet, MODNAS
(Sukthanker et al., 2024, Algorithm 1) for the step of a search, which runs one architecture after another as the published code
does. Where a choice could be made it is the one that is faster for PyTorch: gradients go to what needs them alone, the memory of
gradients is released rather than zeroed, and an operation whose weight is 0 is not run.
"""

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from timing import Case, arguments, measure

EDGES = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
CHOICES = 5
BATCH, CHANNELS, SIDE, CLASSES = 64, 16, 32, 10


def both(name, forward, inputs, **cost):
    """A case forward, and forward and backward with an upstream gradient of the output's shape."""
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    with torch.no_grad():
        upstream = torch.randn_like(forward(*inputs))

    def only_forward():
        with torch.no_grad():
            forward(*inputs)

    def forward_backward():
        torch.autograd.grad(forward(*inputs), wanted, upstream)

    yield Case(name, "forward", only_forward, **cost)
    if "flops" in cost:
        # Each gradient of a bilinear operation costs as much as the operation.
        cost["flops"] *= 3
    cost.pop("bytes", None)
    yield Case(name, "forward+backward", forward_backward, **cost)


def variable(*shape, deviation=1.0):
    return (deviation * torch.randn(*shape)).requires_grad_()


def kernels():
    for size in (512, 1024):
        a, b = variable(size, size), variable(size, size)
        yield from both(f"matmul {size}^3", torch.matmul, (a, b), flops=2 * size**3)
    a, b = variable(32, 256, 64), variable(32, 64, 256)
    yield from both("matmul 32x[256x64][64x256]", torch.matmul, (a, b), flops=2 * 32 * 256 * 64 * 256)
    for name, n, c, side, k, groups in (
        ("conv 3x3 N64 C16 32x32", 64, 16, 32, 3, 1),
        ("conv 3x3 N64 C64 8x8", 64, 64, 8, 3, 1),
        ("conv 1x1 N64 C16 32x32", 64, 16, 32, 1, 1),
        ("depthwise 5x5 N32 C96 28x28", 32, 96, 28, 5, 96),
    ):
        x, w = variable(n, c, side, side), variable(c, c // groups, k, k, deviation=0.1)

        def convolution(x, w, padding=k // 2, groups=groups):
            return F.conv2d(x, w, padding=padding, groups=groups)

        yield from both(name, convolution, (x, w), flops=2 * n * c * (c // groups) * side * side * k * k)
    x = variable(64, 16, 32, 32)
    moved = 8 * x.numel()
    pool = lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    yield from both("average pool 3x3 N64 C16 32x32", pool, (x,), bytes=moved)
    scale, shift = variable(16), variable(16)
    normalise = lambda x, scale, shift: F.batch_norm(x, None, None, scale, shift, training=True)
    yield from both("batch norm N64 C16 32x32", normalise, (x, scale, shift), bytes=moved)
    q, k, v = (variable(8, 6, 256, 64) for _ in range(3))
    attend = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    yield from both("attention causal B8 H6 T256 D64", attend, (q, k, v))
    x, scale, shift = variable(2048, 384), variable(384), variable(384)
    normalise = lambda x, scale, shift: F.layer_norm(x, (384,), scale, shift)
    yield from both("layer norm 2048x384", normalise, (x, scale, shift), bytes=8 * x.numel())
    x = variable(2048, 1000)
    yield from both("softmax 2048x1000", lambda x: F.softmax(x, -1), (x,), bytes=8 * x.numel())


class ReluConvolution(nn.Module):
    """ReLU, convolution, normalisation by the batch's statistics without affine parameters."""

    def __init__(self, channels, kernel):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        return F.batch_norm(self.convolution(F.relu(x)), None, None, training=True)


class MixedEdge(nn.Module):
    """The weighted sum of none, skip, convolution 1x1, convolution 3x3 and average pooling 3x3."""

    def __init__(self, channels):
        super().__init__()
        self.one, self.three = ReluConvolution(channels, 1), ReluConvolution(channels, 3)

    def operation(self, choice, x):
        if choice == 0:
            return x.mul(0.0)
        if choice == 1:
            return x
        if choice == 4:
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return (self.one if choice == 2 else self.three)(x)

    def forward(self, x, weights, chosen=None):
        """All operations; or the chosen one alone, the weights of the others added as scalars (GDAS, and MODNAS after it)."""
        if chosen is None:
            return sum(weights[choice] * self.operation(choice, x) for choice in range(CHOICES))
        others = sum(weights[choice] for choice in range(CHOICES) if choice != chosen)
        return weights[chosen] * self.operation(chosen, x) + others


class Residual(nn.Module):
    """The block between stages: it halves the resolution and doubles the channels."""

    def __init__(self, channels, to):
        super().__init__()
        self.first = nn.Conv2d(channels, to, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(to, to, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels, to, 1, bias=False)
        self.normalisations = nn.ModuleList([nn.BatchNorm2d(to, track_running_stats=False) for _ in range(2)])

    def forward(self, x):
        z = self.normalisations[0](self.first(F.relu(x)))
        z = self.normalisations[1](self.second(F.relu(z)))
        return z + self.shortcut(F.avg_pool2d(x, 2))


class Supernet(nn.Module):
    """Stem, three stages of one cell of mixed edges, a residual block between two, classifier."""

    def __init__(self):
        super().__init__()
        widths = [CHANNELS << stage for stage in range(3)]
        self.stem = nn.Conv2d(3, CHANNELS, 3, padding=1, bias=False)
        self.stem_normalisation = nn.BatchNorm2d(CHANNELS, track_running_stats=False)
        self.cells = nn.ModuleList([nn.ModuleList([MixedEdge(width) for _ in EDGES]) for width in widths])
        self.residuals = nn.ModuleList([Residual(width, 2 * width) for width in widths[:2]])
        self.normalisation = nn.BatchNorm2d(widths[2], track_running_stats=False)
        self.linear = nn.Linear(widths[2], CLASSES)

    def forward(self, images, weights, chosen=None):
        x = self.stem_normalisation(self.stem(images))
        for stage, cell in enumerate(self.cells):
            if stage > 0:
                x = self.residuals[stage - 1](x)
            nodes = [x, None, None, None]
            for edge, ((to, origin), mixed) in enumerate(zip(EDGES, cell)):
                y = mixed(nodes[origin], weights[edge], None if chosen is None else chosen[edge])
                nodes[to] = y if nodes[to] is None else nodes[to] + y
            x = nodes[3]
        return self.linear(F.relu(self.normalisation(x)).mean((2, 3)))


def mixed_edge():
    edge, x, logits = MixedEdge(CHANNELS), variable(BATCH, CHANNELS, SIDE, SIDE), variable(CHOICES)
    kernels = [edge.one.convolution.weight, edge.three.convolution.weight]
    forward = lambda x, logits, *_: edge(x, torch.softmax(logits, 0))
    yield from both("mixed edge N64 C16 32x32", forward, (x, logits, *kernels))


def images():
    return torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(0, CLASSES, (BATCH,))


def supernet_step():
    """Relaxed: forward, backward to the weights and to the architecture's logits, one step of SGD for the weights."""
    network, logits, (x, labels) = Supernet(), variable(len(EDGES), CHOICES), images()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def step():
        optimiser.zero_grad(set_to_none=True)
        logits.grad = None
        F.cross_entropy(network(x, torch.softmax(logits, 1)), labels).backward()
        optimiser.step()

    yield Case("supernet step", "forward+backward", step)


DEVICES, FEATURES, TABLES, HIDDEN = 13, 10, 50, 100


class Hypernetwork(nn.Module):
    """A bank of tables over the first preference, mixed by attention over the device's features."""

    def __init__(self):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(TABLES, FEATURES))
        self.tables = nn.Parameter(torch.randn(101, TABLES, len(EDGES) * CHOICES))

    def forward(self, preference, features):
        attention = torch.softmax(torch.sin(self.keys @ features / FEATURES**0.5), 0)
        row = int(round(100 * float(preference[0])))
        return (attention @ self.tables[row]).view(len(EDGES), CHOICES)


class Metapredictor(nn.Module):
    """Four graph convolutions over the cell beside two layers over the device's features, then three layers over both."""

    def __init__(self):
        super().__init__()
        self.adjacency = torch.bernoulli(torch.full((9, 9), 0.4))
        self.graph = nn.ModuleList([nn.Linear(8 if layer == 0 else HIDDEN, HIDDEN) for layer in range(4)])
        self.device = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        wide = 2 * HIDDEN
        self.head = nn.Sequential(
            nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 1)
        )
        self.requires_grad_(False)

    def forward(self, weights, features):
        h = F.pad(weights, (0, 3, 1, 2))
        for layer in self.graph:
            h = F.relu(self.adjacency @ layer(h))
        return self.head(torch.cat([h[-1], self.device(features)]))


def reinmax(logits):
    """A one-hot sample with ReinMax's gradient at temperature 1 (Liu et al., 2023, Algorithm 2), and the choices."""
    p = torch.softmax(logits, 1)
    drawn = torch.multinomial(p.detach(), 1)
    hot = torch.zeros_like(p).scatter_(1, drawn, 1.0)
    middle = (hot + p) / 2
    middle = torch.softmax((torch.log(middle) - logits).detach() + logits, 1)
    soft = 2 * middle - 0.5 * p
    return soft - soft.detach() + hot, drawn[:, 0].tolist()


def frank_wolfe(gram, rounds=250, tolerance=1e-5):
    """The weights of the least-norm point in the convex hull of gradients with this Gram matrix (Sener and Koltun, 2018)."""
    weights = numpy.full(len(gram), 1.0 / len(gram))
    for _ in range(rounds):
        along = gram @ weights
        corner = int(numpy.argmin(along))
        here, between, there = weights @ along, along[corner], gram[corner, corner]
        if between >= here:
            return weights
        share = 1.0 if between >= there else (here - between) / (here + there - 2 * between)
        new = (1 - share) * weights
        new[corner] += share
        if numpy.abs(new - weights).sum() < tolerance:
            return new
        weights = new
    return weights


def modnas_step():
    """13 devices one after another: the hypernetwork's gradient of each, their least-norm combination, then the weights."""
    network, hypernetwork, predictor = Supernet(), Hypernetwork(), Metapredictor()
    features = torch.randn(DEVICES, FEATURES)
    (upper, upper_labels), (lower, lower_labels) = images(), images()
    parameters = list(hypernetwork.parameters())
    adam = torch.optim.Adam(parameters, lr=1e-12)
    sgd = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=3e-4)
    dirichlet = torch.distributions.Dirichlet(torch.ones(2))

    def step():
        gradients = []
        network.requires_grad_(False)
        for device in range(DEVICES):
            preference = dirichlet.sample()
            weights, chosen = reinmax(hypernetwork(preference, features[device]))
            loss = F.cross_entropy(network(upper, weights, chosen), upper_labels)
            latency = torch.exp(predictor(weights, features[device]))[0]
            total = preference[0] * loss + preference[1] * latency
            gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(total, parameters)]))
        network.requires_grad_(True)
        matrix = F.normalize(torch.stack(gradients))
        shares = torch.from_numpy(frank_wolfe((matrix @ matrix.T).double().numpy())).float()
        combined, start = shares @ torch.stack(gradients), 0
        for parameter in parameters:
            parameter.grad = combined[start : start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
        adam.step()
        sgd.zero_grad(set_to_none=True)
        for device in range(DEVICES):
            with torch.no_grad():
                weights, chosen = reinmax(hypernetwork(dirichlet.sample(), features[device]))
            (F.cross_entropy(network(lower, weights, chosen), lower_labels) / DEVICES).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        sgd.step()

    yield Case("modnas step A13", "forward+backward", step)


def main():
    options = arguments(__doc__)
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    cases = (kernels, mixed_edge, supernet_step, modnas_step)
    measure("pytorch", options, (case for make in cases for case in make()))


if __name__ == "__main__":
    main()
