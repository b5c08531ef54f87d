#!/usr/bin/env python3
"""Every public header compiles alone and twice, stays inside its budget of preprocessed lines, and pulls in no heavy
standard header. Lines are counted because they are exact where seconds are not."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CXX = os.environ.get("CXX", "g++").split() + ["-std=c++20", f"-I{ROOT}/include"]
BUDGET = {"ops": 30000}
OTHERS = 34000
UNLIMITED = {"xtensor"}
HEAVY = ("functional", "memory", "iostream", "sstream", "unordered_map")


def preprocessed(source):
    run = subprocess.run([*CXX, "-E", "-P", "-x", "c++", "-"], input=source, capture_output=True, text=True)
    return run.stdout.count("\n") if run.returncode == 0 else -1


def main():
    wrong = []
    for path in sorted((ROOT / "include/unspool").glob("*.hpp")):
        include = f'#include "unspool/{path.name}"\n'
        run = subprocess.run([*CXX, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-"], input=include * 2,
                             capture_output=True, text=True)
        if run.returncode != 0:
            wrong.append(f"{path.name} does not compile alone:\n{run.stderr[:2000]}")
            continue
        if path.stem in UNLIMITED:
            continue
        lines, limit = preprocessed(include), BUDGET.get(path.stem, OTHERS)
        print(f"{path.name:24} {lines:6} of {limit} lines")
        if lines > limit:
            wrong.append(f"{path.name}: {lines} preprocessed lines, the budget is {limit}")
        for heavy in HEAVY:
            if f"#include <{heavy}>" in path.read_text():
                wrong.append(f"{path.name}: includes <{heavy}>")
    print(*wrong, sep="\n")
    sys.exit(1 if wrong else 0)


main()
