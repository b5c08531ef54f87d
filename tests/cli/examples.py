#!/usr/bin/env python3
"""Runs one of docs/examples on a small slice: what it reports must be better than knowing nothing, and the same with
two threads as with one.

examples.py PROGRAM NAME"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ROOT / "docs" / "examples" / "small"
LISTS = ["--female", SMALL / "female.txt", "--male", SMALL / "male.txt"]

# Arguments, the figure in what is printed, and what it must lie between.
CASES = {
    "adding": (["--length", 10, "--steps", 1200, "--hidden", 16, "--lr", 1e-2, "--seeds", 1, "--fresh", 300], r"worst of 1 seeds: ([\d.]+)", 0, 0.08),
    "bible": (["--data", ROOT / "README.md", "--hidden", 48, "--epochs", 4, "--batch", 4, "--steps", 32, "--lr", 1e-2, "--sample", 60],
              r"held out: ([\d.]+) bits", 1, 5),
    "brown": (["--data", SMALL / "brown", "--hidden", 16, "--epochs", 40, "--tokens", 30, "--lr", 1e-2, "--hold", 0.25], r"held out: ([\d.]+)%", 25, 100),
    "cmudict": (["--data", SMALL / "dict.txt", "--hidden", 24, "--epochs", 60, "--batch", 8, "--lr", 1e-2, "--dropout", 0, "--hold", 0.1],
                r"phoneme error rate ([\d.]+)%", 0, 90),
    "copy_memory": (["--blanks", 3, "--steps", 600, "--hidden", 32, "--batch", 16, "--fresh", 50], r"([\d.]+) of the memoryless", 0, 0.9),
    "long_term": (["--length", 12, "--steps", 150, "--hidden", 16, "--lr", 1e-2, "--fresh", 200], r"LSTM, trained: (\d+) of 200", 190, 200),
    "names": (LISTS + ["--hidden", 16, "--epochs", 20, "--batch", 16, "--lr", 1e-2, "--seeds", 2], r"held out: ([\d.]+)%", 55, 100),
    "names_from_gender": (LISTS + ["--hidden", 24, "--epochs", 10, "--batch", 16, "--lr", 1e-2], r"held out: ([\d.]+) bits per letter", 1, 4.5),
    "plain_network": (["--steps", 3000], r"([\d.]+)% of 10000", 80, 100),
    "reber": (["--steps", 400, "--lr", 2e-2, "--seeds", 1, "--fresh", 200], r"seed 1: (\d+) of 200", 150, 200),
    "temporal_order": (["--length", 20, "--steps", 400, "--seeds", 1, "--fresh", 100], r"seed 1: (\d+) of 100", 90, 100),
}


def run(program, arguments):
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=100, errors="replace")
    assert result.returncode == 0, (result.returncode, result.stdout[-1000:], result.stderr[-1000:])
    return "\n".join(re.sub(r"(after|,) \d+ s\b", "", line) for line in result.stdout.splitlines() if not line.startswith("  step"))


def told(program, arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=20)


def main():
    program, name = sys.argv[1], sys.argv[2]
    arguments, pattern, low, high = CASES[name]
    output = run(program, arguments)
    print(output)
    figure = float(re.search(pattern, output).group(1))
    assert low <= figure <= high, f"{figure} is not in {low}..{high}"
    assert run(program, [*arguments, "--threads", 2]) == output, "two threads gave other numbers than one"
    for words in (["--no-such-option", 1], ["--threads", 0], ["--threads", "two"], ["--threads", 1.5], ["--threads"]):
        wrong = told(program, words)
        assert wrong.returncode == 2 and "--threads" in wrong.stderr, wrong
    files = {"bible": "--data", "brown": "--data", "cmudict": "--data", "names": "--male", "names_from_gender": "--female"}
    if name in files:
        wrong = told(program, [*arguments, files[name], "/nowhere/at/all"])
        assert wrong.returncode == 1 and "/nowhere/at/all" in wrong.stderr and "terminate" not in wrong.stderr, wrong
    listed = told(program, ["--help"])
    assert listed.returncode == 0 and "--threads 1" in listed.stdout, listed


main()
