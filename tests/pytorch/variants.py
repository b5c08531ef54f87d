"""Cells that PyTorch has no module for, against its autograd over the papers' equations: variants of the LSTM and GRU, leaky
units, recurrence from the output, skips through time, trees."""
import torch
from torch import nn

from case import Case

GATES = {"lstm": 4, "gru": 3, "tanh": 1}


def run_steps(step, xs, state, lengths, reverse=False):
    """step(x, state) -> (output, next state, a tuple). A row that has no such step keeps its state and has the output 0."""
    outputs = [None] * len(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        counted = (t < torch.tensor(lengths))[:, None]
        output, after = step(xs[t], state)
        state = tuple(torch.where(counted, new, old) for new, old in zip(after, state))
        outputs[t] = torch.where(counted, output, torch.zeros(()))
    return torch.stack(outputs), state


def cell_step(cell, w, x, state):
    """PyTorch's own step of a plain cell; the next state, a tuple."""
    weights = [w[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if cell == "lstm":
        return torch.lstm_cell(x, state, *weights)
    return ({"gru": torch.gru_cell, "tanh": torch.rnn_tanh_cell}[cell](x, state[0], *weights),)


def cell_shapes(cell, width, hidden):
    rows = GATES[cell] * hidden
    return {"weight_ih": (rows, width), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}


def named(weights, prefix):
    """The weights whose names begin with the prefix, without it."""
    return {name[len(prefix):]: w for name, w in weights.items() if name.startswith(prefix)}


def composed(cell, step, shapes, lengths=None, layers=1, bidirectional=False, width=4, hidden=5, output=None, **settings):
    """A stack of a cell given by step(w, x, h, c) -> (h, c). Without lengths every row has six steps."""
    label = "_".join([cell, *(f"{k}{v:g}" for k, v in settings.items()), f"{layers}{'_bidirectional' * bidirectional}"])
    steps, lengths, ragged = max(lengths or [6]), lengths or [6, 6, 6], lengths is not None
    case = Case(f"variant_{label}{'_ragged' * ragged}", "recurrent", cell=cell, layers=layers, bidirectional=int(bidirectional), input=width,
                hidden=hidden, **settings)
    if ragged:
        case.ids["lengths"] = lengths
    directions = 1 + bidirectional
    leaves = {"x": case.random("x", steps, len(lengths), width)}
    states = {"h0": output or hidden, **({"c0": hidden} if cell == "lstm" else {})}
    leaves |= {s: case.random(s, layers * directions, len(lengths), extent) for s, extent in states.items()}
    xs, last = leaves["x"], []
    for layer in range(layers):
        sides = []
        for direction in range(directions):
            usual = cell_shapes(cell, xs.shape[2], hidden) | {"weight_hh": (GATES[cell] * hidden, output or hidden)}
            names = {name: f"rnn.{name}_l{layer}{'_reverse' * direction}" for name in usual | shapes}
            leaves |= {name: case.random(name, *(usual | shapes)[short]) for short, name in names.items()}
            w = {short: leaves[name] for short, name in names.items()}
            initial = tuple(leaves[s][layer * directions + direction] for s in states)

            def one(x, state, w=w):
                h, c = step(w, x, state[0], state[-1])
                return h, (h, c)[:len(state)]

            ys, end = run_steps(one, xs, initial, lengths, direction == 1)
            sides.append(ys)
            last.append(end)
        xs = torch.cat(sides, 2)
    case.backward({"y": xs, **{name: torch.stack(parts) for name, parts in zip("hc", zip(*last))}}, leaves)
    return case


def lstm_variant(peephole, normalized, projection, hidden=5, **options):
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
    return composed("lstm", step, shapes, output=projection, peephole=int(peephole), layer_norm=int(normalized), projection=projection, **options)


def gru_reset_before(**options):
    def step(w, x, h, _):
        from_x = x @ w["weight_ih"].T + w["bias_ih"]
        (w_r, w_z, w_n), (b_r, b_z, b_n) = w["weight_hh"].chunk(3), w["bias_hh"].chunk(3)
        x_r, x_z, x_n = from_x.chunk(3, 1)
        r, z = torch.sigmoid(x_r + h @ w_r.T + b_r), torch.sigmoid(x_z + h @ w_z.T + b_z)
        return (1 - z) * torch.tanh(x_n + (r * h) @ w_n.T + b_n) + z * h, None

    return composed("gru", step, {}, reset_before=1, **options)


def leaky(leak, learnt, hidden=5, **options):
    def step(w, x, h, _):
        a = torch.sigmoid(w["leak"]) if learnt else leak
        return (1 - a) * h + a * torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]), None

    return composed("tanh", step, {"leak": (hidden,)} if learnt else {}, leak=leak, learn_leak=int(learnt), **options)


LENGTHS = [3, 7, 0, 5, 3]


def jordan(activation, width=4, hidden=5, output=3):
    """The state is the activated output; what a step gives is the output before that."""
    case = Case(f"jordan_{activation}", "jordan", activation=activation, input=width, hidden=hidden, output=output)
    case.ids["lengths"] = LENGTHS
    shapes = {"weight_ih": (hidden, width), "weight_yh": (hidden, output), "bias_ih": (hidden,), "weight_hy": (output, hidden), "bias_hy": (output,)}
    leaves = {"x": case.random("x", max(LENGTHS), len(LENGTHS), width), "h0": case.random("h0", len(LENGTHS), output)}
    leaves |= {f"rnn.{name}": case.random(f"rnn.{name}", *shape) for name, shape in shapes.items()}
    w = named(leaves, "rnn.")
    activate = {"identity": lambda o: o, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softmax": lambda o: torch.softmax(o, 1)}[activation]

    def step(x, state):
        o = torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + state[0] @ w["weight_yh"].T) @ w["weight_hy"].T + w["bias_hy"]
        return o, (activate(o),)

    y, (last,) = run_steps(step, leaves["x"], (leaves["h0"],), LENGTHS)
    case.backward({"y": y, "h": last}, leaves)
    return case


def skip(kind, cell, distance, width=4, hidden=5):
    """Chang et al.: the state of d steps ago in place of the last one; Lin et al.: its h beside the last one."""
    case = Case(f"{kind}_{cell}_{distance}", kind, cell=cell, distance=distance, input=width, hidden=hidden)
    case.ids["lengths"] = LENGTHS
    leaves = {"x": case.random("x", max(LENGTHS), len(LENGTHS), width)}
    shapes = cell_shapes(cell, width, hidden) | ({"weight_sh": (GATES[cell] * hidden, hidden)} if kind == "skip" else {})
    leaves |= {f"rnn.{name}": case.random(f"rnn.{name}", *shape) for name, shape in shapes.items()}
    w = named(leaves, "rnn.")
    zero = torch.zeros(len(LENGTHS), hidden)
    parts = 2 if cell == "lstm" else 1

    def dilated_step(x, past):
        after = cell_step(cell, w, x, past[:parts])
        return after[0], (*past[parts:], *after)

    def skip_step(x, state):  # W_sh h is one more input of all gates
        both = w | {"weight_ih": torch.cat([w["weight_ih"], w["weight_sh"]], 1)}
        after = cell_step(cell, both, torch.cat([x, state[parts]], 1), state[:parts])
        return after[0], (*after, *state[parts + 1:], state[0])

    initial = (zero,) * (parts * distance if kind == "dilated" else parts + distance - 1)
    y, _ = run_steps(dilated_step if kind == "dilated" else skip_step, leaves["x"], initial, LENGTHS)
    case.backward({"y": y}, leaves)
    return case


def tree(children, parents, slots=None, width=4, hidden=3):
    """Tai, Socher and Manning, eq. 2 to 8 (children 0: summed) and 9 to 14, node by node."""
    case = Case(f"tree_lstm_{children or 'child_sum'}", "tree_lstm", input=width, hidden=hidden, children=children)
    case.ids |= {"parents": parents, **({"slots": slots} if slots else {})}
    wide, n = (children or 1) * hidden, len(parents)
    shapes = {"weight_ih": (4 * hidden, width), "weight_hh": (3 * hidden, wide), "weight_fh": (wide, wide), "bias": (4 * hidden,)}
    leaves = {"x": case.random("x", n, width), **{f"tree.{name}": case.random(f"tree.{name}", *shape) for name, shape in shapes.items()}}
    w = named(leaves, "tree.")
    below = [[k for k in range(n) if parents[k] == node] for node in range(n)]
    states, zero = {}, torch.zeros(hidden)

    def visit(node):
        for child in below[node]:
            visit(child)
        i, f, g, o = (w["weight_ih"] @ leaves["x"][node] + w["bias"]).chunk(4)
        placed = {slots[k] if slots else place: states[k] for place, k in enumerate(below[node])}
        if children:
            h = torch.cat([placed[p][0] if p in placed else zero for p in range(children)])
            forget = (w["weight_fh"] @ h).chunk(children)
        else:
            h = sum((h for h, _ in placed.values()), zero)
            forget = {place: w["weight_fh"] @ h_k for place, (h_k, _) in placed.items()}
        u_i, u_g, u_o = (w["weight_hh"] @ h).chunk(3)
        c = torch.sigmoid(i + u_i) * torch.tanh(g + u_g) + sum((torch.sigmoid(f + forget[p]) * c_k for p, (_, c_k) in placed.items()), zero)
        states[node] = torch.sigmoid(o + u_o) * torch.tanh(c), c

    for node in range(n):
        if parents[node] < 0:
            visit(node)
    h, c = zip(*(states[node] for node in range(n)))
    case.backward({"h": torch.stack(h), "c": torch.stack(c)}, leaves)
    return case


def cases():
    stack = {"layers": 2, "bidirectional": True, "lengths": LENGTHS}
    for peephole in [False, True]:
        for normalized in [False, True]:
            for projection in [0, 3]:
                yield lstm_variant(peephole, normalized, projection)
                yield lstm_variant(peephole, normalized, projection, **stack)
    for options in [{}, stack]:
        yield gru_reset_before(**options)
        yield leaky(0.3, False, **options)
        yield leaky(0.3, True, **options)
    for activation in ["identity", "tanh", "sigmoid", "softmax"]:
        yield jordan(activation)
    for cell in GATES:
        for distance in [1, 3]:
            yield skip("dilated", cell, distance)
        for distance in [2, 4]:
            yield skip("skip", cell, distance)
    yield tree(0, [2, 2, 5, 5, 3, -1, -1, 6, 6, 6])
    yield tree(3, [2, 2, 5, 5, 3, -1, -1, 6, 6], [0, 2, 1, 0, 2, 0, 0, 2, 1])
