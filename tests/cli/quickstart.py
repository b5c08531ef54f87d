#!/usr/bin/env python3
"""Runs the quick start's program as a user would: on small files, on bad ones, and with Ctrl-C.

quickstart.py PROGRAM CASE"""
import json
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
SMALL = ["--hidden", "16", "--embedding", "8", "--batch", "4", "--window", "12"]
TEXT = b"the quick brown fox jumps over the lazy dog; \xff\x00 and so on.\n" * 60


def run(folder, *arguments):
    return subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, timeout=120)


def check_results(folder):
    """Weights under PyTorch's names and shapes; pictures that parse; a graph with one cell a step."""
    data = (folder / "out/model.safetensors").read_bytes()
    header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
    metadata = header.pop("__metadata__")
    count = len(metadata["vocabulary"]) // 2
    assert {name: tensor["shape"] for name, tensor in header.items()} == {
        "embedding.weight": [count, 8], "lstm.weight_ih_l0": [64, 8], "lstm.weight_hh_l0": [64, 16], "lstm.bias_ih_l0": [64],
        "lstm.bias_hh_l0": [64], "head.weight": [count, 16], "head.bias": [count]}, header
    for name in ("loss", "gradient", "graph"):
        xml.etree.ElementTree.parse(folder / f"out/{name}.svg")
    json.loads((folder / "out/graph.json").read_text())
    assert (folder / "out/graph.txt").read_text().count("= lstm_step(") == 12
    assert (folder / "out/graph.dot").read_text().startswith("digraph")


def trains_on_any_file(folder):
    """Every byte value is text: NUL and invalid UTF-8 included."""
    (folder / "text").write_bytes(TEXT)
    result = run(folder, "text", "--steps", "30", *SMALL)
    assert result.returncode == 0, result.stderr
    assert re.search(rb"step +30/30  loss \d+\.\d+  \d+\.\d+ bits/char  [\d,]+ chars/s  ETA 0:00", result.stdout), result.stdout
    assert re.search(rb"held-out text: \d+\.\d+ bits per character", result.stdout), result.stdout
    assert b"\r" not in result.stdout and b"\x1b" not in result.stdout, "a bar is for terminals only"
    check_results(folder)


def same_seed_same_bits(folder):
    """Two runs write the same weights to the bit, another seed different ones."""
    (folder / "text").write_bytes(TEXT)
    weights = []
    for seed in ("5", "5", "6"):
        assert run(folder, "text", "--steps", "8", "--seed", seed, "--sample", "0", *SMALL).returncode == 0
        weights.append((folder / "out/model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def interrupt_saves(folder):
    """Ctrl-C ends after the current step, and everything is written."""
    (folder / "text").write_bytes(TEXT)
    process = subprocess.Popen([PROGRAM, "text", "--steps", "10000000", *SMALL], cwd=folder, stdout=subprocess.PIPE)
    while b"training" not in process.stdout.readline():
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, process.returncode
    assert b"saving what was learnt" in output, output
    check_results(folder)


def says_what_is_wrong(folder):
    """Bad input: a message, exit 1 or a usage error, nothing written."""
    (folder / "empty").write_bytes(b"")
    for arguments, words in ((["nowhere"], b"nowhere"), (["."], b"not a file"), (["empty"], b"at least"),
                             (["--hidden", "0"], b"hidden"), (["--no-such-option"], b"no-such-option")):
        result = run(folder, *arguments)
        assert result.returncode not in (0, -6, -11), (arguments, result)
        assert words in result.stderr + result.stdout, (arguments, result)
    assert not (folder / "out").exists()


def unwritable_folder(folder):
    """A folder that cannot be made is found before an hour of training is lost."""
    (folder / "text").write_bytes(TEXT)
    (folder / "out").write_bytes(b"a file is in the way")
    result = run(folder, "text", "--steps", "1000000", *SMALL)
    assert result.returncode == 1 and b"out" in result.stderr, result


CASES = {case.__name__: case for case in (trains_on_any_file, same_seed_same_bits, interrupt_saves, says_what_is_wrong, unwritable_folder)}

with tempfile.TemporaryDirectory() as name:
    CASES[sys.argv[2]](pathlib.Path(name))
