#!/usr/bin/env python3
"""The library runs no code before main: no object of the core has a dynamic initialiser."""
import subprocess
import sys


def main():
    symbols = subprocess.run(["nm", "-C", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    found = [line for line in symbols.splitlines() if "_GLOBAL__sub_I" in line]
    print(f"{len(found)} dynamic initialisers", *found, sep="\n")
    sys.exit(1 if found else 0)


main()
