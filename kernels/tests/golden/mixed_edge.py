"""Prints the values of `cases/mixed_edge.rs`: the published mixed edge of NAS-Bench-201 (as in GDAS) in PyTorch.

The selected operation is weighted; the weights of the others are added to the sum as scalars, so that each of them gets the
sum of the upstream gradient. The convolutions are given by their results.
"""

import torch
from torch.nn.functional import avg_pool2d, batch_norm


def numbers(shift, count):
    return torch.tensor([((7 * i + shift) % 11 - 5) / 4 for i in range(count)], dtype=torch.float64)


x, z1, z3, g = (numbers(shift, 24).reshape(2, 1, 3, 4).requires_grad_() for shift in (0, 2, 3, 6))
for selected in range(5):
    weights = torch.eye(5, dtype=torch.float64)[selected].requires_grad_()
    operations = [
        lambda: torch.zeros_like(x),
        lambda: x,
        lambda: batch_norm(z1, None, None, training=True, eps=1e-5),
        lambda: batch_norm(z3, None, None, training=True, eps=1e-5),
        lambda: avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
    ]
    y = sum(w * operations[k]() if k == selected else w for k, w in enumerate(weights))
    y.backward(g.detach())
    inner = {2: z1, 3: z3}.get(selected, x).grad
    inner = torch.zeros(4) if inner is None else inner.flatten()[:4]
    for name, values in (("dw", weights.grad), ("y", y.flatten()[:4]), ("dx or dz", inner)):
        print(selected, name, [round(value, 7) for value in values.tolist()])
    for tensor in (x, z1, z3):
        tensor.grad = None
