#!/usr/bin/env python3
"""Puts the page together: page.html with its style and its scripts in place, and @graph@ where the graph file goes.

Scripts lose their comments and indentation and are packed (deflate, base64); a loader of a few lines unpacks them. The
content security policy names the hashes of the loader, of the unpacked script and of the style: nothing else can run,
not even a script that a graph file might smuggle in.

    bundle.py -o page.html              the bundle
    bundle.py --graph g.json -o x.html  a page of one graph file
"""
import argparse
import base64
import hashlib
import pathlib
import re
import sys
import zlib

FOLDER = pathlib.Path(__file__).resolve().parent
BUDGET = 100_000  # bytes of the page before its data
SCRIPTS = """
    text model validate decode period drawn placement roles units lanerows folds stamp theme geometry layout
    routes foldedges facts camera paint tiles look backward folded overlay timeline graphview query axes memoryview
    gates gradientfacts normlines heatview parameterview modules details minimap link keys pointer chrome player
    hints app main""".split()
STYLES = "base header stage panel player screens".split()


def squeeze(script):
    """Leaves out what a browser skips: indentation, empty lines, lines that are comments."""
    lines = [line.strip() for line in script.split("\n")]
    comment = re.compile(r"//|/\*.*\*/$")
    return "\n".join(line for line in lines if line and not comment.match(line))


def digest(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def bundle():
    for names, suffix in ((SCRIPTS, "js"), (STYLES, "css")):
        wanted = {FOLDER / f"{name}.{suffix}" for name in names}
        if strange := wanted ^ set(FOLDER.glob(f"*.{suffix}")):
            sys.exit(f"bundle.py: its list and the folder differ in {', '.join(sorted(p.name for p in strange))}")
    parts = [squeeze((FOLDER / f"{name}.js").read_text()) for name in SCRIPTS]
    script = "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(script.encode()) + packer.flush()).decode()
    style = "".join(re.sub(r"/\*.*?\*/\n", "", (FOLDER / f"{name}.css").read_text()) for name in STYLES)
    page = (FOLDER / "page.html").read_text()
    loader = page[page.index("<script>") + len("<script>"):page.rindex("</script>")]
    for mark, text in {"@script-hash@": digest(script), "@loader-hash@": digest(loader), "@style-hash@": digest(style),
                       "@style@": style, "@script@": packed}.items():
        if page.count(mark) != 1:
            sys.exit(f"bundle.py: page.html must hold {mark} once")
        page = page.replace(mark, text)
    size = len(page.encode())
    if size > BUDGET:
        sys.exit(f"bundle.py: the page has {size} bytes before its data; {BUDGET} are allowed")
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--depfile", help="where to say, for the build, what the page is made of")
    parser.add_argument("--graph", help="a graph file, version 2, to embed")
    args = parser.parse_args()
    page = bundle()
    if args.graph:
        page = page.replace("@graph@", pathlib.Path(args.graph).read_text().replace("<", "\\u003c"))
    pathlib.Path(args.output).write_text(page)
    if args.depfile:
        sources = sorted(str(path) for suffix in ("js", "css", "html") for path in FOLDER.glob(f"*.{suffix}"))
        pathlib.Path(args.depfile).write_text(f"{args.output}: {' '.join(sources)}\n")


main()
