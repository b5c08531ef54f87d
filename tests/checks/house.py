#!/usr/bin/env python3
"""House rules that a script can see: the top level, marks of unfinished work, every source listed in a build file, every
link of a page leading to a file and to a heading."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = {"meson.build", "lib", "include", "tests", "tools", "docs", "README.md", "LICENSE", "meson_options.txt"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def tracked():
    run = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT)
    if run.returncode == 0:
        return [name for name in run.stdout.split("\n") if name and (ROOT / name).exists()]
    return [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and not p.relative_to(ROOT).parts[0].startswith("build")]


def without_code(page):
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.S | re.M)


def headings(page):
    """What links to a page's headings end with, after the #."""
    for title in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def broken_links(name):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if re.match(r"\w+:", target):
            continue
        path, _, heading = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (heading and heading not in headings(there)):
            yield f"{name}: a link leads nowhere: {target}"


def main():
    wrong = []
    files = tracked()
    for name in sorted({f.split("/")[0] for f in files}):
        if name not in TOP and not name.startswith("."):
            wrong.append(f"top level: {name} is outside the agreed layout")
    for name in files:
        if name.endswith((".cpp", ".hpp", ".py", ".build", ".md")) and UNFINISHED.search((ROOT / name).read_text(errors="replace")):
            wrong.append(f"{name}: a mark of unfinished work")
        if name.endswith(".md"):
            wrong += broken_links(name)
    listed = set()
    for name in files:
        if name.endswith("meson.build"):
            folder = (ROOT / name).parent
            listed |= {(folder / source).resolve() for source in re.findall(r"'([^']+\.cpp)'", (ROOT / name).read_text())}
    for name in files:
        if name.endswith(".cpp") and (ROOT / name).resolve() not in listed:
            wrong.append(f"{name}: in no build file")
    print(f"{len(files)} files, {len(wrong)} findings", *wrong, sep="\n")
    sys.exit(1 if wrong else 0)


main()
