"""The cases of a family of golden values, and what families share."""

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
