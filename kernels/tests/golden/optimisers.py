"""Prints the values of `cases/optimise.rs`: five steps of PyTorch's optimisers on the loss sum(p^3) / 3."""

import torch

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1),
}
for name, make in OPTIMISERS.items():
    p = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimiser = make([p])
    for _ in range(5):
        optimiser.zero_grad()
        (p**3).sum().div(3).backward()
        torch.nn.utils.clip_grad_norm_([p], 1.5)
        optimiser.step()
    print(name, p.tolist())
