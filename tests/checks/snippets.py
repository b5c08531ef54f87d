#!/usr/bin/env python3
"""Compiles and runs every C++ block of the README and the docs, linked with the library the build made.

A block with main() is a program. Other blocks of a page are wrapped, each in a scope of its own, in one program that
begins with the page's prelude: the lines of its comments `<!-- prelude ... -->`. Blocks fenced as anything but cpp are
left alone.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CXX = os.environ.get("CXX", "g++").split()


def programs(page):
    text = page.read_text()
    prelude = "\n".join(re.findall(r"<!-- prelude\n(.*?)-->", text, re.S))
    blocks = re.findall(r"^```cpp\n(.*?)^```", text, re.S | re.M)
    whole = [b for b in blocks if "int main(" in b]
    wrapped = [b for b in blocks if "int main(" not in b]
    if wrapped:
        includes = '#include "unspool/unspool.hpp"\n'
        top, _, inside = prelude.partition("// in main\n")
        body = "\n".join("  {\n" + b + "  }" for b in wrapped)
        whole.append(f"{includes}\nnamespace us = unspool;\n{top}\nint main() {{\n{inside}\n{body}\n}}\n")
    return whole


def main():
    library = pathlib.Path(sys.argv[1]).resolve()
    failed, count = [], 0
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            for number, source in enumerate(programs(page)):
                count += 1
                name = f"{page.relative_to(ROOT)} program {number + 1}"
                program = pathlib.Path(folder) / f"snippet{count}"
                program.with_suffix(".cpp").write_text(source)
                build = subprocess.run([*CXX, "-std=c++20", "-O1", f"-I{ROOT}/include", f"{program}.cpp", "-o", str(program),
                                        str(library), f"-Wl,-rpath,{library.parent}"], capture_output=True, text=True)
                if build.returncode != 0:
                    failed.append(f"{name} does not compile:\n{build.stderr[:3000]}")
                    continue
                run = subprocess.run([str(program)], capture_output=True, text=True, cwd=folder, timeout=120)
                if run.returncode != 0:
                    failed.append(f"{name} exits {run.returncode}:\n{run.stdout[-1000:]}{run.stderr[-1000:]}")
    print(f"{count} programs from {len(pages)} pages, {len(failed)} failed", *failed, sep="\n")
    sys.exit(1 if failed or count == 0 else 0)


main()
