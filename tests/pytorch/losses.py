"""Losses, layer normalisation and embedding."""
import itertools

import torch
from torch import nn

from case import Case


def cross_entropy(reduction, weighted, smoothing, ignoring):
    name = f"cross_entropy_{reduction}{'_weighted' * weighted}{'_smoothed' * (smoothing > 0)}{'_ignoring' * ignoring}"
    case = Case(name, "cross_entropy", reduction=reduction, label_smoothing=smoothing)
    x = case.random("x", 9, 5, scale=3)
    case.ids["targets"] = [0, 4, 2, 2, 1, 3, 0, 4, 2]
    options = {"reduction": reduction, "label_smoothing": smoothing}
    if ignoring:
        case.settings["ignore_index"] = options["ignore_index"] = 2
    if weighted:
        case.tensors["class_weight"] = options["weight"] = torch.rand(5) + 0.5
    y = nn.functional.cross_entropy(x, torch.tensor(case.ids["targets"]), **options)
    case.backward({"y": y}, {"x": x})
    return case


def ctc_loss(reduction, blank, zero_infinity, log_probs=False):
    case = Case(f"ctc_loss_{reduction}_blank{blank}{'_zero_infinity' * zero_infinity}{'_of_log_probs' * log_probs}", "ctc_loss", reduction=reduction,
                blank=blank, zero_infinity=int(zero_infinity))
    x = case.random("x", 12, 4, 6, scale=2)
    if log_probs:  # what PyTorch calls their gradient is that of the logits
        case.tensors["x"] = nn.functional.log_softmax(x.detach(), 2)
        x = case.tensors["x"].clone().requires_grad_()
    labels = [c for c in range(6) if c != blank]
    rows = [[labels[i] for i in row] for row in ([0, 0, 3, 1], [4], [], [2, 1, 2, 2, 3])]
    case.ids = {"targets": sum(rows, []), "inputs": [12, 3, 5, 3 if zero_infinity else 9], "outputs": [len(row) for row in rows]}
    probs = x if log_probs else nn.functional.log_softmax(x, 2)
    y = nn.functional.ctc_loss(probs, *(torch.tensor(case.ids[key]) for key in ("targets", "inputs", "outputs")), blank, reduction, zero_infinity)
    case.backward({"y": y}, {"x": x})
    return case


def binary_cross_entropy(reduction):
    case = Case(f"binary_cross_entropy_masked_{reduction}", "binary_cross_entropy", reduction=reduction)
    x = case.random("x", 4, 3, scale=3)
    case.tensors["target"] = torch.rand(4, 3)
    case.ids["mask"] = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1]
    counted = torch.tensor(case.ids["mask"], dtype=torch.bool).reshape(4, 3)
    y = nn.functional.binary_cross_entropy_with_logits(x[counted], case.tensors["target"][counted], reduction=reduction)
    case.backward({"y": y}, {"x": x})
    return case


def crf_loss(lengths):
    """PyTorch has no CRF: its autograd differentiates the sum over all taggings written out."""
    case = Case("crf_loss", "crf_loss")
    steps, rows, tags = max(lengths), len(lengths), 4
    leaves = {"x": case.random("x", steps, rows, tags), "transitions": case.random("transitions", tags, tags),
              "start": case.random("start", tags), "end": case.random("end", tags)}
    wanted = torch.randint(tags, (steps, rows))
    case.ids = {"tags": wanted.flatten().tolist(), "lengths": lengths}

    def score(path, b):
        total = leaves["start"][path[0]] + leaves["end"][path[-1]] + sum(leaves["x"][t, b, k] for t, k in enumerate(path))
        return total + sum(leaves["transitions"][i, j] for i, j in zip(path, path[1:]))

    losses = []
    for b, length in enumerate(lengths):
        paths = torch.stack([score(path, b) for path in itertools.product(range(tags), repeat=length)])
        losses.append(torch.logsumexp(paths, 0) - score(wanted[:length, b].tolist(), b))
    case.backward({"y": torch.stack(losses)}, leaves)
    return case


def layer_norm(shape, eps):
    case = Case(f"layer_norm_{'x'.join(map(str, shape))}_eps{eps:g}", "layer_norm", eps=eps)
    leaves = {"x": case.random("x", *shape), "weight": case.random("weight", shape[-1]), "bias": case.random("bias", shape[-1])}
    case.backward({"y": nn.functional.layer_norm(leaves["x"], shape[-1:], leaves["weight"], leaves["bias"], eps)}, leaves)
    return case


def embedding():
    case = Case("embedding_with_repeated_ids", "embedding")
    table = case.random("table.weight", 7, 3)
    case.ids["ids"] = [5, 0, 5, 6, 1, 5]
    case.backward({"y": nn.functional.embedding(torch.tensor(case.ids["ids"]), table)}, {"table.weight": table})
    return case


def cases():
    for reduction, weighted, smoothing, ignoring in itertools.product(["mean", "sum", "none"], [False, True], [0.0, 0.1], [False, True]):
        yield cross_entropy(reduction, weighted, smoothing, ignoring)
    for reduction, blank in itertools.product(["mean", "sum", "none"], [0, 5]):
        yield ctc_loss(reduction, blank, False)
        yield ctc_loss(reduction, blank, True)
        yield ctc_loss(reduction, blank, False, log_probs=True)
    for reduction in ["mean", "sum"]:
        yield binary_cross_entropy(reduction)
    yield crf_loss([4, 1, 3])
    yield layer_norm((4, 7), 1e-5)
    yield layer_norm((2, 3, 16), 0.1)
    yield embedding()
