#!/usr/bin/env python3
"""Runs the benchmark programs in interleaved rounds, checks that they computed the same, and prints one table.

Every run is a process of its own on one thread. A cell of the table is the median over rounds of the run's median time
of one training step, with the spread (largest less smallest, over the median) in brackets. A ratio is the median over
rounds of the ratio in each: a slow spell of the machine is longer than a round of one workload and cancels out.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The rows of workload.hpp in words.
WORKLOADS = {
    "W1": "tanh RNN B=1 T=100 64-128-64",
    "W2": "LSTM B=1 T=100 64-128-64",
    "W3": "LSTM B=32 T=100 128-256-128",
    "W4": "LSTM x2 B=64 T=128 256-512-256",
    "W5": "GRU B=32 T=100 128-256-128",
    "W6": "LSTM B=1 T=1000 8-16-8",
    "W7/1": "10,000 elementwise ops, n=1",
    "W7/8": "10,000 elementwise ops, n=8",
    "W8": "W3, rows of 10 to 100 steps",
}
NETWORKS = ("W1", "W2", "W3", "W4", "W5", "W6")
CHAINS = ("W7/1", "W7/8")


class Program:
    """A column: an executable, the form it is asked for, the workloads it has."""

    def __init__(self, title, executable, form, workloads, package):
        self.title, self.package = title, package
        self.executable, self.form, self.workloads = executable, form, workloads


PROGRAMS = [
    Program("unspool", "bench_unspool", "best", NETWORKS + CHAINS + ("W8",), None),
    Program("unspool-loop", "bench_unspool", "loop", ("W6",), None),
    Program("unspool-padded", "bench_unspool", "padded", ("W8",), None),
    Program("unspool-2", "bench_unspool", "parallel", ("W3", "W4", "W5"), None),
    Program("onednn", "bench_onednn", "best", NETWORKS, "libdnnl-dev"),
    Program("torch", "bench_torch", "best", NETWORKS + CHAINS, "libtorch-dev"),
    Program("torch-loop", "bench_torch", "loop", ("W6",), "libtorch-dev"),
]

# Relative. 10,000 roundings in a row, in whose product each library's error of tanh adds up, agree to fewer digits.
TOLERANCE = {name: 1e-3 if name in CHAINS else 1e-5 for name in WORKLOADS}


def options():
    parser = argparse.ArgumentParser(prog="tools/bench", description="Times training steps of unspool and its peers.")
    parser.add_argument("--workloads", metavar="W1,W3", help="which to run (default: all); W7 is both of its widths")
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="runs of each program, interleaved (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="timed part of a run (default: 1)")
    parser.add_argument("--cpu", action="store_true",
                        help="compare processor time, which others on the machine disturb less")
    parser.add_argument("--json", metavar="FILE", help="also write every run's figures to FILE")
    parser.add_argument("--programs", type=pathlib.Path,
                        default=ROOT / "build-release/tools/benchmark", metavar="FOLDER",
                        help="where the built programs are (default: %(default)s)")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    given.selected = list(WORKLOADS)
    if given.workloads:
        wanted = given.workloads.split(",")
        unknown = [w for w in wanted if w not in {n.split("/")[0] for n in WORKLOADS} | set(WORKLOADS)]
        if unknown:
            parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
        given.selected = [n for n in WORKLOADS if n in wanted or n.split("/")[0] in wanted]
    return given


def find_programs(folder):
    found = [p for p in PROGRAMS if (folder / p.executable).exists()]
    for package in sorted({p.package for p in PROGRAMS if p not in found and p.package}):
        print(f"not compared: {', '.join(p.title for p in PROGRAMS if p.package == package)} "
              f"(install {package} with tools/packages bench, then run tools/bench)")
    if not any(p.executable == "bench_unspool" for p in found):
        sys.exit(f"bench: no bench_unspool in {folder}; run tools/bench, which builds it")
    return found


def run_once(folder, program, workload, seconds):
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    # Debian's OpenBLAS does not know newer processors and then runs kernels for old ones: three times slower, unfairly so.
    if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text():
        environment.setdefault("OPENBLAS_CORETYPE", "SKYLAKEX")
    command = [str(folder / program.executable), workload, program.form, str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed ({run.returncode}):\n{run.stderr}")
    try:
        return json.loads(run.stdout)
    except ValueError:
        sys.exit(f"bench: {' '.join(command)} printed no figures:\n{run.stdout}{run.stderr}")


def run_all(folder, programs, given):
    """Every figure of every run, in rounds, so that a slow spell of the machine hits all alike."""
    runs = []
    for round_ in range(given.rounds):
        for workload in given.selected:
            for program in programs:
                if workload not in program.workloads:
                    continue
                if sys.stderr.isatty():
                    print(f"\rround {round_ + 1} of {given.rounds}: {workload} {program.title:14}", end="",
                          file=sys.stderr)
                runs.append(run_once(folder, program, workload, given.seconds))
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return runs


def disagreements(runs):
    """One line for every run whose loss or gradient norm is not that of the workload's first run."""
    lines = []
    first = {}
    for run in runs:
        reference = first.setdefault(run["workload"], run)
        for key in ("loss", "gradient_norm"):
            error = abs(run[key] - reference[key]) / max(abs(reference[key]), 1e-30)
            if not error <= TOLERANCE[run["workload"]]:
                lines.append(f"{run['workload']} {run['program']}: {key} {run[key]:.9g}, but "
                             f"{reference['program']} has {reference[key]:.9g} (relative {error:.1e})")
    return sorted(set(lines))


def summarise(runs, time):
    """{(workload, program): median figures}; `time` names the figure that is compared."""
    cells = {}
    for run in runs:
        cells.setdefault((run["workload"], run["program"]), []).append(run)
    out = {}
    for key, group in cells.items():
        ms = [run[time] for run in group]
        middle = statistics.median(ms)
        out[key] = {"ms": middle, "each": ms, "spread": (max(ms) - min(ms)) / middle}
        for name in ("cpu_ms", "rss_mib", "peak_gflops", "product_flops"):
            out[key][name] = statistics.median(run[name] for run in group)
    return out


def ratio(ours, peer):
    return statistics.median(a / b for a, b in zip(ours["each"], peer["each"]))


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(cells, selected):
    titles = [p.title for p in PROGRAMS if any((w, p.title) in cells for w in selected)]
    peers = [t for t in titles if not t.startswith("unspool")]
    rows = [["", "workload"] + [f"{t} ms" for t in titles] + [f"ours/{t}" for t in peers] + ["x floor", "MiB", ""]]
    for workload in selected:
        ours = cells.get((workload, "unspool"))
        row = [workload, WORKLOADS[workload]]
        for title in titles:
            cell = cells.get((workload, title))
            row.append(f"{number(cell['ms'])} ({cell['spread']:.0%})" if cell else "")
        for title in peers:
            peer = cells.get((workload, title))
            # A peer's loop over primitive ops is compared with ours.
            mine = cells.get((workload, "unspool-loop")) if title.endswith("-loop") else ours
            row.append(f"{ratio(mine, peer):.3g}" if peer and mine else "")
        floor = ours["product_flops"] / ours["peak_gflops"] * 1e-6
        row.append(f"{ours['ms'] / floor:.2f}" if floor else "")
        row.append(f"{ours['rss_mib']:.0f}")
        row.append(f"{ours['ms'] * 1e6 / 10000:.0f} ns an op" if workload in CHAINS else "")
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    aligned = [[cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
               for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in aligned)


def main():
    given = options()
    folder = given.programs.resolve()
    programs = find_programs(folder)
    load_before = os.getloadavg()[0]
    runs = run_all(folder, programs, given)
    cells = summarise(runs, "cpu_ms" if given.cpu else "ms")
    load_after = os.getloadavg()[0]

    print(f"one thread; {'processor' if given.cpu else 'elapsed'} time, median of {given.rounds} rounds (spread), ratios within a round; "
          f"load of the machine {load_before:.1f} before, {load_after:.1f} after\n")
    print(table(cells, given.selected))
    peaks = [run["peak_gflops"] for run in runs]
    print("\nx floor: our time over that of the matrix products alone at the measured peak, "
          f"{min(peaks):.0f} to {max(peaks):.0f} GFLOP/s")
    print("MiB: peak resident memory of our process. unspool-loop: an LSTM written with primitive ops; unspool-padded: "
          "rows filled up to the longest;\nunspool-2: data_parallel on two threads. Each is compared with our best form "
          "of the workload:")
    for (workload, title), cell in sorted(cells.items()):
        if title in ("unspool-loop", "unspool-padded", "unspool-2"):
            print(f"  {workload} unspool/{title}: {ratio(cells[workload, 'unspool'], cell):.3g}")
        if title == "onednn" and (workload, "unspool-loop") in cells:
            print(f"  {workload} unspool-loop/onednn: {ratio(cells[workload, 'unspool-loop'], cell):.3g}")
    waited = sorted({f"{w} {p}" for (w, p), cell in cells.items() if cell["ms"] > 1.1 * cell["cpu_ms"]})
    if waited:
        print(f"the processor was shared with others, times are too long (try --cpu): {', '.join(waited)}")
    if given.json:
        figures = {"load": [load_before, load_after], "runs": runs}
        pathlib.Path(given.json).write_text(json.dumps(figures, indent=1) + "\n")

    wrong = disagreements(runs)
    if wrong:
        sys.exit("\nthe programs did not compute the same:\n" + "\n".join(wrong))
    print("losses and gradient norms agree")


main()
