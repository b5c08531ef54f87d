#!/usr/bin/env python3
"""Layers point one way: a file includes only its own layer and the ones below it."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Rank by folder; folders of one rank do not know each other, but for the exceptions.
RANK = {"base": 0, "tensor": 1, "tape": 2, "ops": 3, "files": 4, "sequence": 5, "train": 5, "dump": 5, "data": 5, "generate": 6, "tools": 7}

# Where each public header lives. A header that is not named here fails the check.
PUBLIC = {
    "base": ["axes", "dual", "error", "error_codes", "export", "ids", "masks", "maths", "random", "reduction", "scalar", "shape", "shared", "warning"],
    "tensor": ["tensor"],
    "tape": ["derivatives", "extend", "gradcheck", "init", "ledger", "loops", "node", "parameter", "per_example", "plan", "recompute", "recording", "sink", "tape", "var"],
    "ops": ["ops"],
    "files": ["safetensors"],
    "sequence": ["attention", "cells", "checkpoint", "crf", "decoder", "feedback", "forward_learning", "gradient_flow", "layers", "live_rows",
                 "onnx", "recurrent", "regularized_cell", "reservoir", "sequence", "sequence_losses", "skip", "state", "state_numbers", "step_walk",
                 "tree", "truncated", "unroll", "unroll_stream", "unroll_within"],
    "train": ["clip", "optim", "parallel", "schedule"],
    "dump": ["chart", "graph", "graph_analysis"],
    "data": ["batches", "text", "vocabulary", "windows"],
    "generate": ["beam", "beam_batch", "ctc", "generate", "sampling", "stream"],
    "tools": ["unspool", "xtensor"],
}
LAYER_OF = {name: layer for layer, names in PUBLIC.items() for name in names}


def layer_of_include(target):
    if target.startswith("unspool/"):
        return LAYER_OF.get(target[len("unspool/"):-len(".hpp")], "?")
    return target.split("/")[0]


def layer_of_file(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "include":
        return LAYER_OF.get(path.stem, "?")
    return "tools" if parts[0] == "tools" else parts[1]


def main():
    wrong = []
    # lib/pch is a list of headers for the compiler's convenience; it is included by nothing.
    files = [p for top in ("include", "lib", "tools") for p in sorted((ROOT / top).rglob("*.[ch]pp")) if p.parent.name != "pch"]
    for path in files:
        own = layer_of_file(path)
        if own not in RANK:
            wrong.append(f"{path.relative_to(ROOT)}: belongs to no layer; name it in tests/checks/layers.py")
            continue
        for target in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            layer = layer_of_include(target)
            if own == "tools" and "/" not in target:
                continue
            if layer not in RANK:
                wrong.append(f"{path.relative_to(ROOT)}: includes {target}, which belongs to no layer")
            elif RANK[layer] > RANK[own] or (RANK[layer] == RANK[own] and layer != own):
                wrong.append(f"{path.relative_to(ROOT)}: layer {own} includes {target} of layer {layer}")
            elif own == "ops" and layer == "ops" and target not in ("ops/op.hpp", "ops/op_rules.hpp", "ops/op_table.hpp", "unspool/ops.hpp") and target.endswith(".cpp"):
                wrong.append(f"{path.relative_to(ROOT)}: an op includes another op's file {target}")
        if own not in ("tensor", "tools") and path.name not in ("xt.hpp",) and re.search(r"#include <xt(ensor|l)", path.read_text()):
            wrong.append(f"{path.relative_to(ROOT)}: includes xtensor; only lib/tensor/xt.hpp and unspool/xtensor.hpp may")
    print(f"{len(files)} files, {len(wrong)} wrong includes", *wrong, sep="\n")
    sys.exit(1 if wrong else 0)


main()
