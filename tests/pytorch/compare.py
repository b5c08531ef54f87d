#!/usr/bin/env python3
"""Compares this library with PyTorch in double precision: recurrent layers and their second derivatives, losses, CTC, CRF, layer norm, embedding, optimisers,
schedules.

compare.py DRIVER    DRIVER is the program built from driver.cpp

Prints a line a case with its worst relative error and exits 1 when one is above its tolerance. Without PyTorch it says
so and exits 77, which Meson reports as skipped.
"""
import itertools
import subprocess
import sys

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(77)

VALUES, GRADIENTS = 1e-12, 1e-11
torch.set_default_dtype(torch.float64)


class Case:
    """What the driver is told, and what PyTorch says it must answer."""

    def __init__(self, name, kind, **settings):
        self.name, self.kind, self.settings = name, kind, settings
        self.tensors, self.ids, self.expected = {}, {}, {}

    def random(self, name, *shape, scale=1.0):
        self.tensors[name] = scale * torch.randn(*shape)
        return self.tensors[name].clone().requires_grad_()

    def expect(self, name, value):
        self.expected[name] = torch.as_tensor(value).detach().flatten()

    def backward(self, results, leaves):
        """Sums the results with random weights and expects the gradients of the leaves."""
        loss = 0
        for name, value in results.items():
            self.expect(name, value)
            self.tensors["weight_of_" + name] = torch.randn(value.shape)
            loss = loss + (value * self.tensors["weight_of_" + name]).sum()
        for name, grad in zip(leaves, torch.autograd.grad(loss, list(leaves.values()))):
            self.expect("grad_of_" + name, grad)

    def text(self):
        lines = [f"case {self.name} {self.kind}"]
        lines += [f"set {key} {value}" for key, value in self.settings.items()]
        for name, x in self.tensors.items():
            numbers = [*map(str, x.shape), *(f"{v:.17g}" for v in x.detach().flatten().tolist())]
            lines.append(f"tensor {name} {x.dim()} {' '.join(numbers)}")
        lines += [f"ids {name} {len(ids)} {' '.join(map(str, ids))}" for name, ids in self.ids.items()]
        return "\n".join([*lines, "end", ""])


def make_module(cell, width, hidden, layers, bidirectional=False, projection=0):
    make = {"tanh": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
    options = {"nonlinearity": cell} if make is nn.RNN else {"proj_size": projection} if make is nn.LSTM else {}
    return make(width, hidden, layers, bidirectional=bidirectional, **options)


def recurrent(cell, layers, initial, fused, steps=5, batch=3, width=4, hidden=6, projection=0):
    name = (f"{cell}_{layers}_layer{'s' * (layers > 1)}{'_initial_state' * initial}{'_fused' if fused else '_composed'}"
            f"_T{steps}_B{batch}_H{hidden}{f'_P{projection}' * (projection > 0)}")
    case = Case(name, "recurrent", cell=cell, layers=layers, input=width, hidden=hidden, fused=int(fused), projection=projection)
    module = make_module(cell, width, hidden, layers, projection=projection)
    leaves = {"x": case.random("x", steps, batch, width)}
    states = {"h0": projection or hidden, "c0": hidden} if cell == "lstm" else {"h0": hidden}
    if initial:
        leaves |= {s: case.random(s, layers, batch, extent) for s, extent in states.items()}
    given = tuple(leaves[s] for s in states) if initial else None
    y, last = module(leaves["x"], given if given is None or cell == "lstm" else given[0])
    for parameter_name, p in module.named_parameters():
        case.tensors["rnn." + parameter_name] = p
        leaves["rnn." + parameter_name] = p
    case.backward({"y": y, **dict(zip("hc", last if cell == "lstm" else [last]))}, leaves)
    return case


def ragged(cell, layers, bidirectional, lengths, initial=True, fused=True, steps=7, width=4, hidden=6, packed=False, projection=0):
    """Lengths unsorted through pack_padded_sequence; PyTorch takes no row without steps, so none has."""
    batch, directions = len(lengths), 1 + bidirectional
    name = (f"ragged_{cell}_{layers}_layer{'s' * (layers > 1)}{'_bidirectional' * bidirectional}{'_initial_state' * initial}"
            f"{'_fused' if fused else '_composed'}{'_packed' * packed}_{'-'.join(map(str, lengths))}{f'_P{projection}' * (projection > 0)}")
    case = Case(name, "recurrent", cell=cell, layers=layers, input=width, hidden=hidden, fused=int(fused), bidirectional=int(bidirectional), projection=projection)
    module = make_module(cell, width, hidden, layers, bidirectional, projection)
    x = case.random("x", steps, batch, width)
    sequence = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    leaves = {"x": x}
    if packed:
        case.ids |= {"batch_sizes": sequence.batch_sizes.tolist(), "sorted_indices": sequence.sorted_indices.tolist()}
        case.tensors["x"] = sequence.data.detach().clone()
        leaves["x"] = sequence.data.detach().clone().requires_grad_()
        sequence = nn.utils.rnn.PackedSequence(leaves["x"], sequence.batch_sizes, sequence.sorted_indices, sequence.unsorted_indices)
    else:
        case.ids["lengths"] = lengths
    states = {"h0": projection or hidden, "c0": hidden} if cell == "lstm" else {"h0": hidden}
    if initial:
        leaves |= {s: case.random(s, layers * directions, batch, extent) for s, extent in states.items()}
    given = tuple(leaves[s] for s in states) if initial else None
    y, last = module(sequence, given if given is None or cell == "lstm" else given[0])
    for parameter_name, p in module.named_parameters():
        case.tensors["rnn." + parameter_name] = p
        leaves["rnn." + parameter_name] = p
    y = y.data if packed else nn.utils.rnn.pad_packed_sequence(y, total_length=steps)[0]
    case.backward({"y": y, **dict(zip("hc", last if cell == "lstm" else [last]))}, leaves)
    return case


def hessian(cell, layers, bidirectional, lengths, fused, steps=5, width=3, hidden=4):
    """A Hessian-vector product by x and all parameters: PyTorch differentiates its own gradient."""
    batch = len(lengths)
    name = f"hessian_{cell}_{layers}_layer{'s' * (layers > 1)}{'_bidirectional' * bidirectional}{'_fused' if fused else '_composed'}"
    case = Case(name, "hessian", cell=cell, layers=layers, input=width, hidden=hidden, fused=int(fused), bidirectional=int(bidirectional))
    module = make_module(cell, width, hidden, layers, bidirectional, 0)
    leaves = {"x": case.random("x", steps, batch, width)}
    case.ids["lengths"] = lengths
    for parameter_name, p in module.named_parameters():
        case.tensors["rnn." + parameter_name] = p
        leaves["rnn." + parameter_name] = p
    sequence = nn.utils.rnn.pack_padded_sequence(leaves["x"], torch.tensor(lengths), enforce_sorted=False)
    y = nn.utils.rnn.pad_packed_sequence(module(sequence)[0], total_length=steps)[0]
    case.tensors["weight_of_y"] = torch.randn(y.shape)
    loss = (y * case.tensors["weight_of_y"]).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()), create_graph=True)
    directions = [torch.randn(leaf.shape) for leaf in leaves.values()]
    products = torch.autograd.grad(gradients, list(leaves.values()), directions)
    case.expect("y", loss)
    for name, direction, gradient, product in zip(leaves, directions, gradients, products):
        case.tensors["direction_of_" + name] = direction
        case.expect("grad_of_" + name, gradient)
        case.expect("product_of_" + name, product)
    return case


def composed(cell, step, shapes, steps=6, batch=3, width=4, hidden=5, output=None, **settings):
    """A cell that PyTorch has no module for, written in its ops. step(w, x, h, c) returns (h, c)."""
    label = "_".join([cell, *(f"{k}{v:g}" for k, v in settings.items())])
    case = Case(f"composed_{label}", "recurrent", cell=cell, layers=1, input=width, hidden=hidden, **settings)
    leaves = {"x": case.random("x", steps, batch, width)}
    states = {"h0": output or hidden, **({"c0": hidden} if cell == "lstm" else {})}
    leaves |= {s: case.random(s, 1, batch, extent) for s, extent in states.items()}
    gates = {"lstm": 4, "gru": 3}.get(cell, 1)
    usual = {"weight_ih": (gates * hidden, width), "weight_hh": (gates * hidden, output or hidden), "bias_ih": (gates * hidden,), "bias_hh": (gates * hidden,)}
    leaves |= {f"rnn.{name}_l0": case.random(f"rnn.{name}_l0", *shape) for name, shape in (usual | shapes).items()}
    w = {name[len("rnn."):-len("_l0")]: leaf for name, leaf in leaves.items() if name.startswith("rnn.")}
    h, c, outputs = leaves["h0"][0], leaves["c0"][0] if "c0" in leaves else None, []
    for x in leaves["x"]:
        h, c = step(w, x, h, c)
        outputs.append(h)
    case.backward({"y": torch.stack(outputs), "h": h[None], **({"c": c[None]} if cell == "lstm" else {})}, leaves)
    return case


def lstm_variant(peephole, normalized, projection, hidden=5):
    """Peepholes of Gers and Schmidhuber in ONNX's order i, o, f; layer normalisation of Ba et al., eq. 20 to 22."""
    def norm(x, w, name):
        return nn.functional.layer_norm(x, x.shape[-1:], w[f"norm_{name}_weight"], w[f"norm_{name}_bias"]) if normalized else x

    def step(w, x, h, c):
        i, f, g, o = (norm(x @ w["weight_ih"].T, w, "ih") + w["bias_ih"] + norm(h @ w["weight_hh"].T, w, "hh") + w["bias_hh"]).chunk(4, 1)
        p_i, p_o, p_f = w["weight_peephole"].chunk(3) if peephole else (0, 0, 0)
        c_next = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        m = torch.sigmoid(o + p_o * c_next) * torch.tanh(norm(c_next, w, "c"))
        return (m @ w["weight_hr"].T if projection else m), c_next

    shapes = {"weight_peephole": (3 * hidden,)} if peephole else {}
    for name, extent in [("ih", 4 * hidden), ("hh", 4 * hidden), ("c", hidden)] if normalized else []:
        shapes |= {f"norm_{name}_weight": (extent,), f"norm_{name}_bias": (extent,)}
    if projection:
        shapes["weight_hr"] = (projection, hidden)
    return composed("lstm", step, shapes, output=projection, peephole=int(peephole), layer_norm=int(normalized), projection=projection)


def gru_reset_before():
    def step(w, x, h, _):
        from_x = x @ w["weight_ih"].T + w["bias_ih"]
        (w_r, w_z, w_n), (b_r, b_z, b_n) = w["weight_hh"].chunk(3), w["bias_hh"].chunk(3)
        x_r, x_z, x_n = from_x.chunk(3, 1)
        r, z = torch.sigmoid(x_r + h @ w_r.T + b_r), torch.sigmoid(x_z + h @ w_z.T + b_z)
        return (1 - z) * torch.tanh(x_n + (r * h) @ w_n.T + b_n) + z * h, None

    return composed("gru", step, {}, reset_before=1)


def leaky(leak, learnt, hidden=5):
    def step(w, x, h, _):
        a = torch.sigmoid(w["leak"]) if learnt else leak
        return (1 - a) * h + a * torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]), None

    return composed("tanh", step, {"leak": (hidden,)} if learnt else {}, leak=leak, learn_leak=int(learnt))


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
    table = case.random("table", 7, 3)
    case.ids["ids"] = [5, 0, 5, 6, 1, 5]
    case.backward({"y": nn.functional.embedding(torch.tensor(case.ids["ids"]), table)}, {"table": table})
    return case


def optimizer(kind, max_norm=None, clip_value=None, steps=6, **options):
    told = {key: int(value) if isinstance(value, bool) else value for key, value in options.items() if key != "betas"}
    if "betas" in options:
        told["beta1"], told["beta2"] = options["betas"]
    clipping = {k: v for k, v in {"max_norm": max_norm, "clip_value": clip_value}.items() if v is not None}
    label = "_".join([kind, *(f"{k}={v}" for k, v in {**told, **clipping}.items())])
    case = Case(label, "optimizer", optimizer=kind, steps=steps, **told, **clipping)
    params = {"w": case.random("w", 4, 3), "b": case.random("b", 3)}
    x = case.random("x", 5, 4).detach()
    case.tensors["weight_of_y"] = torch.randn(5, 3)
    torch_optimizer = getattr(torch.optim, kind)(list(params.values()), **options)
    for step in range(steps):
        torch_optimizer.zero_grad()
        (torch.tanh(x @ params["w"] + params["b"]) * case.tensors["weight_of_y"]).sum().backward()
        if max_norm is not None:
            case.expect(f"norm{step}", nn.utils.clip_grad_norm_(params.values(), max_norm))
        if clip_value is not None:
            nn.utils.clip_grad_value_(params.values(), clip_value)
        torch_optimizer.step()
        for name, p in params.items():
            case.expect(f"{name}{step}", p.clone())
    return case


def schedule(kind, lr, steps, **options):
    case = Case(f"{kind}_" + "_".join(f"{k}={v}" for k, v in options.items()), "schedule", schedule=kind, lr=lr, steps=steps, **options)
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    if kind == "OneCycleLR":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=lr, cycle_momentum=False, **options)
    else:
        scheduler = getattr(torch.optim.lr_scheduler, kind)(sgd, **options)
    rates = []
    for _ in range(steps):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if len(rates) < steps:
            scheduler.step()
    case.expect("rates", rates)
    return case


def all_cases():
    for cell, layers, initial, fused in itertools.product(["tanh", "relu", "lstm", "gru"], [1, 2], [False, True], [True, False]):
        yield recurrent(cell, layers, initial, fused)
    for cell in ["tanh", "lstm", "gru"]:
        yield recurrent(cell, 2, True, True, steps=40, batch=1, width=3, hidden=33)
        yield recurrent(cell, 1, False, True, steps=1, batch=8, width=1, hidden=1)
    for cell, layers, both, fused in itertools.product(["tanh", "relu", "lstm", "gru"], [1, 2], [False, True], [True, False]):
        yield ragged(cell, layers, both, [3, 7, 1, 5, 3], fused=fused)
    for cell, lengths in itertools.product(["tanh", "lstm", "gru"], [[7, 7, 7], [4, 4], [1], [1, 1, 7], [6, 5, 4, 3, 2, 1], [2, 7, 2, 7, 2]]):
        yield ragged(cell, 2, True, lengths, initial=False)
        yield ragged(cell, 2, True, lengths, packed=True)
    for layers, initial in itertools.product([1, 2], [False, True]):
        yield recurrent("lstm", layers, initial, True, projection=4)
        yield ragged("lstm", layers, initial, [3, 7, 1, 5, 3], initial=initial, projection=3)
        yield ragged("lstm", layers, not initial, [2, 7, 2, 7, 2], packed=True, projection=5)
    for peephole, normalized, projection in itertools.product([False, True], [False, True], [0, 3]):
        yield lstm_variant(peephole, normalized, projection)
    yield gru_reset_before()
    yield leaky(0.3, False)
    yield leaky(0.3, True)
    for cell in ["tanh", "lstm", "gru"]:
        yield ragged(cell, 3, True, [40, 3, 17, 40, 28, 1, 9], steps=40, width=5, hidden=33)
    for cell, layers, both, fused in itertools.product(["tanh", "lstm", "gru"], [1, 2], [False, True], [True, False]):
        yield hessian(cell, layers, both, [3, 5, 1, 4], fused)
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
    yield optimizer("SGD", lr=0.1)
    yield optimizer("SGD", lr=0.1, momentum=0.9)
    yield optimizer("SGD", lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.02)
    yield optimizer("SGD", lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01)
    yield optimizer("SGD", lr=0.1, max_norm=0.5)
    yield optimizer("SGD", lr=0.1, clip_value=0.2)
    yield optimizer("RMSprop")
    yield optimizer("RMSprop", lr=0.02, alpha=0.9, eps=1e-6, weight_decay=0.03)
    yield optimizer("RMSprop", lr=0.02, momentum=0.7, centered=True)
    yield optimizer("RMSprop", lr=0.02, centered=True)
    yield optimizer("Adagrad")
    yield optimizer("Adagrad", lr=0.2, lr_decay=0.1, weight_decay=0.02, initial_accumulator_value=0.4, eps=1e-8)
    yield optimizer("Adam")
    yield optimizer("Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    yield optimizer("Adam", lr=0.05, max_norm=0.1)
    yield optimizer("AdamW")
    yield optimizer("AdamW", lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2)
    yield schedule("StepLR", 0.5, 12, step_size=4, gamma=0.3)
    yield schedule("ExponentialLR", 0.5, 12, gamma=0.9)
    yield schedule("CosineAnnealingLR", 0.5, 13, T_max=12, eta_min=0.05)
    yield schedule("OneCycleLR", 0.5, 20, total_steps=20, pct_start=0.3, div_factor=25.0, final_div_factor=100.0)
    yield schedule("OneCycleLR", 0.5, 10, total_steps=10, pct_start=0.0, div_factor=10.0, final_div_factor=1000.0)


def answers(driver, cases):
    """{case: {tensor: values}}, with {"error": text} for one that failed."""
    run = subprocess.run([driver], input="".join(c.text() for c in cases), capture_output=True, text=True, check=True)
    answered, current = {}, {}
    for line in run.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "case":
            current = answered[rest] = {}
        elif word == "error":
            current["error"] = rest
        elif word == "tensor":
            name, _, *values = rest.split(" ")
            current[name] = torch.tensor([float(v) for v in values])
    return answered


def relative_error(given, expected):
    """The largest difference over the largest magnitude of the tensor."""
    if given.shape != expected.shape:
        return float("inf")
    if expected.numel() == 0:
        return 0.0
    scale = expected.abs().max().item()
    error = (given - expected).abs().max().item() / (scale if scale > 0 else 1)
    return error if error == error else float("inf")


def judge(case, answer):
    """(passed, the line to print)."""
    if "error" in answer or not answer:
        return False, f"FAIL {case.name}: {answer.get('error', 'no answer')}"
    missing = sorted(case.expected.keys() - answer.keys())
    if missing:
        return False, f"FAIL {case.name}: no {', '.join(missing)}"
    worst = {True: (0.0, "-"), False: (0.0, "-")}
    for name, expected in case.expected.items():
        is_gradient = name.startswith(("grad_of_", "product_of_"))
        worst[is_gradient] = max(worst[is_gradient], (relative_error(answer[name], expected), name))
    passed = worst[False][0] <= VALUES and worst[True][0] <= GRADIENTS
    return passed, (f"{'ok  ' if passed else 'FAIL'} {case.name:60} values {worst[False][0]:.1e} ({worst[False][1]})"
                    f"  gradients {worst[True][0]:.1e} ({worst[True][1]})")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.manual_seed(20240531)
    cases = list(all_cases())
    answered = answers(sys.argv[1], cases)
    failures = 0
    for case in cases:
        passed, line = judge(case, answered.get(case.name, {}))
        failures += not passed
        print(line)
    print(f"{len(cases)} cases, {failures} failed; PyTorch {torch.__version__}")
    sys.exit(1 if failures else 0)


main()
