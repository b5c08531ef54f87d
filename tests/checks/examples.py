#!/usr/bin/env python3
"""Every example is built, run by tests and by tools/examples, and named on the pages that list them; and what tools/examples is
told wrongly it says before it installs anything."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def text(path):
    return (ROOT / path).read_text()


def main():
    programs = {path.stem for path in EXAMPLES.glob("*.cpp")}
    lists = {
        "docs/examples/meson.build": set(re.findall(r"^  '(\w+)': files", text("docs/examples/meson.build"), re.M)),
        "tests/cli/examples.py": set(re.findall(r'^    "(\w+)": \(', text("tests/cli/examples.py"), re.M)),
        "tools/examples": set(re.search(r'^all="([^"]*)"', text("tools/examples"), re.M).group(1).split()),
        "docs/examples/README.md": set(re.findall(r"\((\w+)\.cpp\)", text("docs/examples/README.md"))),
        "docs/architectures.md": set(re.findall(r"\(examples/(\w+)\.cpp\)", text("docs/architectures.md"))),
    }
    wrong = [f"{name}: lacks {sorted(programs - found)}, has besides {sorted(found - programs)}" for name, found in lists.items() if found != programs]
    for header in sorted(path.name for path in EXAMPLES.glob("*.hpp")):
        if header != "training.hpp" and f"({header})" not in text("docs/examples/README.md"):
            wrong.append(f"docs/examples/README.md: does not name {header}")
    told = subprocess.run([ROOT / "tools" / "examples", "names", "no_such"], capture_output=True, text=True, timeout=20)
    if told.returncode != 2 or "no example 'no_such'" not in told.stderr or "copy_memory" not in told.stderr or told.stdout:
        wrong.append(f"tools/examples no_such: {told}")
    print(f"{len(programs)} examples, {len(wrong)} findings", *wrong, sep="\n")
    sys.exit(1 if wrong else 0)


main()
