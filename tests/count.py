#!/usr/bin/env python3
"""Adds up what the test runners of several build folders counted, and closes with one line. Exit 1 if anything failed."""
import json
import pathlib
import re
import sys


def counts(log):
    passed = failed = skipped = 0
    for line in log.read_text().splitlines():
        test = json.loads(line)
        cases = re.search(r"test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", test.get("stdout", ""))
        if test["result"] == "SKIP":
            skipped += 1
        elif cases:
            passed, failed = passed + int(cases[1]), failed + int(cases[2])
            failed += test["result"] != "OK" and int(cases[2]) == 0
        else:
            passed, failed = passed + (test["result"] == "OK"), failed + (test["result"] != "OK")
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for log in map(pathlib.Path, sys.argv[1:]):
        for i, count in enumerate(counts(log)):
            total[i] += count
    print(f"{total[0]} passed, {total[1]} failed" + (f", {total[2]} skipped" if total[2] else ""))
    sys.exit(1 if total[1] or not total[0] else 0)


main()
