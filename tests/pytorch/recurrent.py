"""Recurrent layers that PyTorch has: plain, stacked, in both directions, ragged, packed, projected; and their Hessians."""
import itertools

import torch
from torch import nn

from case import Case


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


def cases():
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
    for cell in ["tanh", "lstm", "gru"]:
        yield ragged(cell, 3, True, [40, 3, 17, 40, 28, 1, 9], steps=40, width=5, hidden=33)
    for cell, layers, both, fused in itertools.product(["tanh", "lstm", "gru"], [1, 2], [False, True], [True, False]):
        yield hessian(cell, layers, both, [3, 5, 1, 4], fused)
