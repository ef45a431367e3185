"""Golden values of the operations that every network has, and of optimisers."""

import torch
import torch.nn.functional as F

from family import Family


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
