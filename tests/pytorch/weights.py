#!/usr/bin/env python3
"""Weights both ways: a state_dict that PyTorch writes loads here, and one that is written here loads there, strictly; the
same models then give the same numbers.

weights.py DRIVER    DRIVER is the program built from driver.cpp

safetensors is read and written by the lines below, so that two programs must agree on the format. Without PyTorch it says
so and exits 77, which Meson reports as skipped.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(77)

TOLERANCE = 1e-12
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16}
torch.set_default_dtype(torch.float64)


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, x in tensors.items():
        dtype = next(word for word, kind in DTYPES.items() if kind == x.dtype)
        raw = x.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_safetensors(path):
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    tensors = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        begin, end = about["data_offsets"]
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=DTYPES[about["dtype"]]).reshape(about["shape"])
    return tensors


class Tagger(nn.Module):
    def __init__(self, cell, layers, bidirectional, projection, ids=13, width=4, hidden=6, classes=5):
        super().__init__()
        make = {"tanh": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
        options = {"nonlinearity": cell} if make is nn.RNN else {"proj_size": projection} if make is nn.LSTM else {}
        self.table = nn.Embedding(ids, width)
        self.encoder = make(width, hidden, layers, bidirectional=bidirectional, **options)
        self.head = nn.Linear((projection or hidden) * (1 + bidirectional), classes)
        self.settings = {"cell": cell, "layers": layers, "bidirectional": int(bidirectional), "projection": projection,
                         "ids": ids, "width": width, "hidden": hidden, "classes": classes}

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.table(ids), lengths, enforce_sorted=False)
        return self.head(nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], total_length=len(ids))[0])


def ask(driver, name, settings, ids, lengths):
    """What the driver answers: its outputs, or the text of its error."""
    lines = [f"case {name} weights", *(f"set {key} {value}" for key, value in settings.items())]
    lines += [f"ids ids {ids.numel()} {' '.join(map(str, ids.flatten().tolist()))}",
              f"ids lengths {len(lengths)} {' '.join(map(str, lengths.tolist()))}", "end", ""]
    run = subprocess.run([driver], input="\n".join(lines), capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        if line.startswith("error "):
            return line[len("error "):]
        if line.startswith("tensor y "):
            return torch.tensor([float(v) for v in line.split()[3:]])
    return "no answer"


def worst(answer, expected, lengths):
    """The largest difference over the steps that exist; text where the driver has failed."""
    if isinstance(answer, str):
        return answer
    counted = torch.arange(len(expected))[:, None] < lengths
    return (answer.reshape(expected.shape) - expected)[counted].abs().max().item()


def exchanges(driver, folder):
    """(name, difference) of a model there and here with the weights of a file, in both directions."""
    ids, lengths = torch.randint(13, (7, 4)), torch.tensor([3, 7, 1, 5])
    kinds = [("tanh", 0), ("relu", 0), ("lstm", 0), ("lstm", 3), ("gru", 0)]
    for (cell, projection), layers, both in itertools.product(kinds, [1, 2], [False, True]):
        name = f"{cell}{f'_P{projection}' * (projection > 0)}_{layers}{'_bidirectional' * both}"
        model, path = Tagger(cell, layers, both, projection), folder / f"{name}.safetensors"
        for word, dtype in DTYPES.items():
            write_safetensors(path, {key: x.to(dtype) for key, x in model.state_dict().items()})
            model.load_state_dict({key: x.to(dtype).double() for key, x in model.state_dict().items()})
            answer = ask(driver, name, {**model.settings, "load": path}, ids, lengths)
            yield f"{name} {word} from there", worst(answer, model(ids, lengths), lengths)
        answer = ask(driver, name, {**model.settings, "save": path, "seed": 9}, ids, lengths)
        model.load_state_dict(read_safetensors(path), strict=True)
        yield f"{name} to there", worst(answer, model(ids, lengths), lengths)


def mismatch(driver, folder):
    """A file with one tensor missing, two unused and one misshapen: the error names all, with both shapes."""
    model, path = Tagger("lstm", 1, False, 0), folder / "mismatch.safetensors"
    tensors = dict(model.state_dict())
    del tensors["head.bias"]
    tensors |= {"encoder.weight_hr_l0": torch.zeros(2, 6), "extra": torch.zeros(3), "encoder.weight_ih_l0": torch.zeros(24, 5)}
    write_safetensors(path, tensors)
    answer = ask(driver, "mismatch", {**model.settings, "load": path}, torch.zeros(1, 1, dtype=torch.int64), torch.tensor([1]))
    said = ['missing "head.bias" [5]', '"encoder.weight_hr_l0" [2,6]', '"extra" [3]',
            'misshapen "encoder.weight_ih_l0" is [24,5] and must be [24,4]']
    return [text for text in said if not isinstance(answer, str) or text not in answer]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.manual_seed(20240531)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results = list(exchanges(sys.argv[1], folder))
        unsaid = mismatch(sys.argv[1], folder)
    bad = [(name, difference) for name, difference in results if isinstance(difference, str) or not difference <= TOLERANCE]
    for name, difference in bad:
        print(f"FAIL {name}: {difference}")
    for text in unsaid:
        print(f"FAIL mismatch: the error does not say {text}")
    largest = max((d for _, d in results if not isinstance(d, str)), default="none")
    print(f"{len(results)} exchanges, {len(bad)} failed, largest difference {largest}; PyTorch {torch.__version__}")
    sys.exit(1 if bad or unsaid or not results else 0)


main()
