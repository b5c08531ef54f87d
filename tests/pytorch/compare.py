#!/usr/bin/env python3
"""Compares this library with PyTorch in double precision: values to 1e-12, gradients to 1e-11.

compare.py DRIVER [WORD]    DRIVER is the program built from driver.cpp; WORD picks the cases with it in their names

Prints a line a case with its worst relative error and exits 1 when one is above its tolerance. Without PyTorch it says
so and exits 77, which Meson reports as skipped.
"""
import itertools
import sys

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(77)

import decoders
import losses
import recurrent
import training
import variants
from case import answers, judge


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(20240531)
    every = itertools.chain(recurrent.cases(), variants.cases(), decoders.cases(), losses.cases(), training.cases())
    cases = [case for case in every if sys.argv[2:] == [] or sys.argv[2] in case.name]
    names = [case.name for case in cases]
    answered = answers(sys.argv[1], cases)
    failures = len(names) - len(set(names))  # answers are told apart by name
    for case in cases:
        passed, line = judge(case, answered.get(case.name, {}))
        failures += not passed
        print(line)
    print(f"{len(cases)} cases, {failures} failed; PyTorch {torch.__version__}")
    sys.exit(1 if failures or not cases else 0)


main()
