"""Golden values of what networks for sequences are made of."""

import numpy
import torch
import torch.nn.functional as F

from family import EPSILON, Family


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
