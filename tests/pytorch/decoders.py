"""Attention and encoder-decoders: the papers' equations over PyTorch's cells, layers and losses. Attention goes through a batch
row by row over the steps that the row has, so nothing here masks."""
import itertools

import torch
from torch import nn

from case import Case
from variants import cell_shapes, cell_step, named, run_steps

SOURCES, SAID = [2, 6, 0, 3, 6], [4, 1, 3, 0, 2]  # lengths on either side
SCORES = ["dot", "general", "additive"]


def attention_shapes(score, query, memory, hidden):
    return {"dot": {}, "general": {"weight": (query, memory)},
            "additive": {"query_weight": (hidden, query), "memory_weight": (hidden, memory), "score_weight": (1, hidden)}}[score]


def scores(score, w, query, values):
    """Of a query [Q] and the steps of a row [S,M]."""
    if score == "dot":
        return values @ query
    if score == "general":
        return values @ (query @ w["weight"])
    return torch.tanh(w["query_weight"] @ query + values @ w["memory_weight"].T) @ w["score_weight"][0]


def attend(score, w, query, memory, lengths):
    """query [B,Q], memory [S,B,M] -> contexts [B,M] and weights [B,S]."""
    contexts, weights = [], []
    for b, length in enumerate(lengths):
        values = memory[:length, b]
        p = torch.softmax(scores(score, w, query[b], values), 0)
        weights.append(nn.functional.pad(p, (0, len(memory) - length)))
        contexts.append(p @ values)
    return torch.stack(contexts), torch.stack(weights)


def attention(score, query=4, memory=4, hidden=3):
    case = Case(f"attention_{score}", "attention", score=score, query=query, memory=memory, attention_hidden=hidden)
    case.ids["sources"] = SOURCES
    leaves = {"query": case.random("query", len(SOURCES), query), "memory": case.random("memory", max(SOURCES), len(SOURCES), memory)}
    leaves |= {f"attend.{name}": case.random(f"attend.{name}", *shape) for name, shape in attention_shapes(score, query, memory, hidden).items()}
    context, weights = attend(score, named(leaves, "attend."), leaves["query"], leaves["memory"], SOURCES)
    case.backward({"context": context, "weights": weights}, leaves)
    return case


class Decoder:
    """What AttentionDecoder computes, and the shapes of its parameters."""

    def __init__(self, cell, order, score, width, hidden, memory, context, conditioning):
        self.cell, self.order, self.score, self.hidden = cell, order, score, hidden
        self.feeds = context > 0 and conditioning != "initial_state"
        self.starts = context > 0 and conditioning != "input"
        self.parts = 2 if cell == "lstm" else 1
        read = width + (hidden if order == "luong" else memory) + (context if self.feeds else 0)
        self.shapes = cell_shapes(cell, read, hidden) | {"output.weight": (hidden, memory + hidden)}
        self.shapes |= {f"attention.{name}": shape for name, shape in attention_shapes(score, hidden, memory, hidden).items()}
        for part in range(self.parts if self.starts else 0):
            self.shapes |= {f"bridge.{part}.weight": (hidden, context), f"bridge.{part}.bias": (hidden,)}

    def run(self, w, xs, said, memory, sources, context):
        look = lambda h: attend(self.score, named(w, "attention."), h, memory, sources)[0]
        zero = torch.zeros(len(said), self.hidden)
        start = [torch.tanh(context @ w[f"bridge.{k}.weight"].T + w[f"bridge.{k}.bias"]) if self.starts else zero for k in range(self.parts)]

        def step(x, state):
            output, *inner = state
            fed = output if self.order == "luong" else look(inner[0])
            read = torch.cat([x, fed, context] if self.feeds else [x, fed], 1)
            inner = cell_step(self.cell, w, read, tuple(inner))
            seen = look(inner[0]) if self.order == "luong" else fed
            output = torch.tanh(torch.cat([seen, inner[0]], 1) @ w["output.weight"].T)
            return output, (output, *inner)

        return run_steps(step, xs, (zero, *start), said)


def decoder(cell, order, score, context=0, conditioning="initial_state", width=3, hidden=4, memory=4):
    case = Case(f"decoder_{cell}_{order}_{score}{f'_told_{conditioning}' if context else ''}", "decoder", cell=cell, order=order, score=score,
                context=context, conditioning=conditioning, input=width, hidden=hidden, memory=memory)
    case.ids |= {"sources": SOURCES, "said": SAID}
    leaves = {"x": case.random("x", max(SAID), len(SAID), width), "memory": case.random("memory", max(SOURCES), len(SOURCES), memory)}
    if context:
        leaves["context"] = case.random("context", len(SAID), context)
    model = Decoder(cell, order, score, width, hidden, memory, context, conditioning)
    leaves |= {f"decoder.{name}": case.random(f"decoder.{name}", *shape, scale=0.7) for name, shape in model.shapes.items()}
    y, last = model.run(named(leaves, "decoder."), leaves["x"], SAID, leaves["memory"], SOURCES, leaves.get("context"))
    case.backward({"y": y, **dict(zip(["output", "h", "c"], last))}, leaves)
    return case


def conditioned(cell, conditioning, width=3, hidden=4, context=2):
    """A fixed context as initial state, beside every input, or both."""
    case = Case(f"conditioned_{cell}_{conditioning}", "conditioned", cell=cell, conditioning=conditioning, input=width, hidden=hidden, context=context)
    case.ids["said"] = SAID
    leaves = {"x": case.random("x", max(SAID), len(SAID), width), "context": case.random("context", len(SAID), context)}
    feeds, parts = conditioning != "initial_state", 2 if cell == "lstm" else 1
    shapes = cell_shapes(cell, width + (context if feeds else 0), hidden)
    for part in range(parts if conditioning != "input" else 0):
        shapes |= {f"bridge.{part}.weight": (hidden, context), f"bridge.{part}.bias": (hidden,)}
    leaves |= {f"decoder.{name}": case.random(f"decoder.{name}", *shape) for name, shape in shapes.items()}
    w, told = named(leaves, "decoder."), leaves["context"]
    start = tuple(torch.tanh(told @ w[f"bridge.{k}.weight"].T + w[f"bridge.{k}.bias"]) if conditioning != "input" else torch.zeros(len(SAID), hidden)
                  for k in range(parts))

    def step(x, state):
        after = cell_step(cell, w, torch.cat([x, told], 1) if feeds else x, state)
        return after[0], after

    y, last = run_steps(step, leaves["x"], start, SAID)
    case.backward({"y": y, **dict(zip("hc", last))}, leaves)
    return case


def encoder_decoder(cell, order, score, conditioning, letters=7, sounds=6, width=3, hidden=4):
    """A whole model: embeddings, a bidirectional encoder of two layers, a decoder told its last states, a head, cross-entropy."""
    case = Case(f"encoder_decoder_{cell}_{order}_{score}_{conditioning}", "encoder_decoder", cell=cell, order=order, score=score,
                conditioning=conditioning, letters=letters, sounds=sounds, width=width, hidden=hidden)
    sources, said = [2, 6, 1, 3, 6], [4, 1, 3, 5, 2]  # PyTorch packs no row without steps
    read, given, wanted = torch.randint(letters, (6, 5)), torch.randint(sounds, (5, 5)), torch.randint(sounds, (5, 5))
    case.ids |= {"sources": sources, "said": said, "read": read.flatten().tolist(), "given": given.flatten().tolist(), "wanted": wanted.flatten().tolist()}
    encoder = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}[cell](width, hidden, 2, bidirectional=True)
    model = Decoder(cell, order, score, width, hidden, 2 * hidden, 2 * hidden, conditioning)
    leaves = {f"encoder.{name}": p for name, p in encoder.named_parameters()}
    case.tensors |= {name: p.detach().clone() for name, p in leaves.items()}
    shapes = {"letters.weight": (letters, width), "sounds.weight": (sounds, width), "head.weight": (sounds, hidden), "head.bias": (sounds,),
              **{f"decoder.{name}": shape for name, shape in model.shapes.items()}}
    leaves |= {name: case.random(name, *shape, scale=0.7) for name, shape in shapes.items()}
    packed = nn.utils.rnn.pack_padded_sequence(leaves["letters.weight"][read], torch.tensor(sources), enforce_sorted=False)
    outputs, last = encoder(packed)
    h = last[0] if cell == "lstm" else last
    memory = nn.utils.rnn.pad_packed_sequence(outputs)[0]
    y, _ = model.run(named(leaves, "decoder."), leaves["sounds.weight"][given], said, memory, sources, torch.cat([h[2], h[3]], 1))
    counted = torch.arange(5)[:, None] < torch.tensor(said)
    logits = nn.functional.linear(y[counted], leaves["head.weight"], leaves["head.bias"])
    case.backward({"loss": nn.functional.cross_entropy(logits, wanted[counted])}, leaves)
    return case


def cases():
    for score in SCORES:
        yield attention(score)
    for cell, order, score in itertools.product(["lstm", "gru", "tanh"], ["luong", "bahdanau"], SCORES):
        yield decoder(cell, order, score)
    ways = ["initial_state", "input", "both"]
    for cell, order, conditioning in itertools.product(["lstm", "gru"], ["luong", "bahdanau"], ways):
        yield decoder(cell, order, "general", 2, conditioning)
    for cell, conditioning in itertools.product(["lstm", "gru", "tanh"], ways):
        yield conditioned(cell, conditioning)
    yield encoder_decoder("lstm", "luong", "general", "initial_state")
    yield encoder_decoder("gru", "bahdanau", "additive", "both")
    yield encoder_decoder("tanh", "luong", "additive", "input")
