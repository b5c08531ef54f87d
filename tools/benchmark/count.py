#!/usr/bin/env python3
"""Counts the instructions of one training step, by part: exact where times are not.

    tools/bench --count W6

Two runs under callgrind, one of more steps than the other; their difference is what the steps cost. Valgrind knows no
AVX-512, so the kernels are those for AVX2: register tiles and gates need about half as many with AVX-512, the rest is
the same.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# What a function belongs to: the first pattern that its name contains.
PARTS = [
    ("register tiles", r"gemm_tile|four_chains"),
    ("packing", r"pack_[ab]|pack_rows|pack_columns|PackedWeights|pack_b"),
    ("gates", r"::(lstm|gru|rnn)_(forward|backward)<"),
    ("softmax and loss", r"CrossEntropy|row_|::sum<|::max<|scale_rows|::log<|unary<|for_each_stretch"),
    ("calls of products", r"kernels::gemm|gemm_packed|multiply|run_row|run_tile|run_strips|gemm_same_left"),
    ("queued gradients", r"Deferred|queue_|add_product|column_sums|::hold"),
    ("walking back", r"::walk|visit|backward|touch|zeroed|give_back|Sink|accumulator"),
    ("recording", r"unspool::"),
    ("copies and zeros", r"mem(cpy|set|move)"),
]
STEPS = {"W1": 100, "W2": 100, "W6": 1000, "W7/1": 10000, "W7/8": 10000}


def count(program, workload, form, training_steps, folder):
    """{function: instructions} of a run."""
    out = os.path.join(folder, f"callgrind.{training_steps}")
    environment = dict(os.environ, UNSPOOL_ISA="avx2", OPENBLAS_NUM_THREADS="1")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, workload, form,
               str(-training_steps)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    listing = subprocess.run(["callgrind_annotate", "--threshold=100", out], check=True, capture_output=True,
                             text=True).stdout
    functions = {}
    for line in listing.splitlines():
        found = re.match(r"\s*([\d,]+) \([^)]*\)\s+(\S.*)", line)
        if found and "PROGRAM TOTALS" not in line:
            name = found[2].split(" [")[0]
            functions[name] = functions.get(name, 0) + int(found[1].replace(",", ""))
    return functions


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    workload, form = (arguments + ["W6", "best"][len(arguments):])[:2]
    if workload not in STEPS:
        sys.exit(f"count: takes {', '.join(STEPS)}, and best or loop")
    if shutil.which("valgrind") is None:
        sys.exit("count: needs valgrind (tools/packages bench)")
    with tempfile.TemporaryDirectory() as folder:
        few, many = (count(program, workload, form, n, folder) for n in (2, 6))
    each = {name: (many[name] - few.get(name, 0)) / 4 / STEPS[workload] for name in many}
    parts = {}
    for name, instructions in each.items():
        part = next((title for title, pattern in PARTS if re.search(pattern, name)), "the rest")
        parts[part] = parts.get(part, 0) + instructions
    whole = sum(parts.values())
    print(f"{workload} {form}: {whole:,.0f} instructions a {'op' if workload.startswith('W7') else 'time step'}, "
          "forward and back")
    for title, instructions in sorted(parts.items(), key=lambda item: -item[1]):
        if instructions >= 0.005 * whole:
            print(f"  {title:20} {instructions:8,.0f}  {instructions / whole:4.0%}")


main()
