#!/usr/bin/env python3
"""The library runs no code of its own before main: no object has a dynamic initialiser, but for the three files that
include xtensor, whose headers bring in <iostream> and with it the standard library's."""
import subprocess
import sys


XTENSOR = ("_GLOBAL__sub_I_gemm_reference.cpp", "_GLOBAL__sub_I_orthogonal.cpp", "_GLOBAL__sub_I_spectral.cpp")


def main():
    symbols = subprocess.run(["nm", "-C", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    found = [line for line in symbols.splitlines() if "_GLOBAL__sub_I" in line and not line.endswith(XTENSOR)]
    print(f"{len(found)} dynamic initialisers", *found, sep="\n")
    sys.exit(1 if found else 0)


main()
