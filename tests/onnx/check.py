#!/usr/bin/env python3
"""The models that driver.cpp writes, before ONNX's own checker and shape inference.

check.py DRIVER    DRIVER is the program built from driver.cpp

Without Python's onnx package it says so and exits 77, which Meson reports as skipped.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import onnx
except ImportError:
    print("skipped: this Python has no onnx")
    sys.exit(77)


def dims(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def findings(path):
    """What is wrong with a model, one text each."""
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    if [(o.domain, o.version) for o in model.opset_import] != [("", 14)] or model.ir_version != 7:
        yield "operator set 14 and IR version 7 expected"
    graph = inferred.graph
    names = [v.name for v in graph.input]
    data = graph.input[0]
    if dims(data)[:2] != ["time", "batch"]:
        yield f"{data.name} is {dims(data)}, not [time, batch, ...]"
    recurrent = [n for n in graph.node if n.op_type in ("RNN", "LSTM", "GRU")]
    if bool(recurrent) != ("sequence_lens" in names):
        yield "sequence_lens is an input where there is a recurrent node"
    for value in [*graph.input, *graph.output]:
        if value.name.endswith(("initial_h", "initial_c", "h_n", "c_n")) and dims(value)[1] != "batch":
            yield f"{value.name} is {dims(value)}"
    for node in recurrent:
        if node.input[4] != "sequence_lens" or not all(node.input):
            yield f"{node.name} does not take lengths and states"
    shapes = {v.name: dims(v) for v in [*graph.value_info, *graph.input, *graph.output]}
    wanted = path.with_suffix(".json")
    for run in json.loads(wanted.read_text()) if wanted.exists() else []:
        given = {**run["inputs"], **run["outputs"]}
        if set(given) != {*names, *(v.name for v in graph.output)}:
            yield f"inputs and outputs are {sorted({*names, *(v.name for v in graph.output)})}, not {sorted(given)}"
        symbols = dict(zip(["time", "batch"], given[data.name]["dims"]))
        for name, tensor in given.items():
            if [symbols.get(d, d) for d in shapes[name]] != tensor["dims"]:
                yield f"{name} is {shapes[name]}, and {tensor['dims']} when it runs"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        for path in sorted(pathlib.Path(folder).glob("*.onnx")):
            count += 1
            try:
                wrong += [f"{path.name}: {text}" for text in findings(path)]
            except Exception as error:  # the checker's own types differ from release to release
                wrong.append(f"{path.name}: {error}")
    print(*wrong, f"{count} models, {len(wrong)} findings; onnx {onnx.__version__}", sep="\n")
    sys.exit(1 if wrong or count == 0 else 0)


main()
