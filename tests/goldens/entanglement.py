"""Golden values of weight entanglement: widths, kernels and depths that architectures choose."""

import torch
import torch.nn.functional as F

from family import Family, normalise


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
