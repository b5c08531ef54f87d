#!/usr/bin/env python3
"""Scaffolds an op: new_op.py NAME writes lib/ops/NAME.cpp, which compiles and whose checks say what to fill in."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

TEMPLATE = """// op:    Var {name}(const Var& x)
// shape: y as x
// math:  y = x;  dx = dy
#include "ops/op.hpp"

namespace unspool {{
namespace {{

struct {type} {{
  template <class T>
  static void forward(const ForwardArgs<T>& a) {{
    map(a.x(0), a.y(), [](T x) {{ return x; }});
  }}
  template <class T>
  static void backward(const BackwardArgs<T>& a) {{
    a.dx(0).add(a.dy());
  }}
}};

}}  // namespace

// Without samples the generic tests fail: give a usual shape, one with extent 1 or 0, and stay away from kinks.
constinit const OpRule {name}_rule =
    make_rule<{type}>({{.name = "{name}", .arity = 1, .reads = Reads::neither, .samples = ""}});

Handle detail::{name}(const Handle& x, Where where) {{ return record({name}_rule, {{x}}, where); }}

}}  // namespace unspool
"""


def main():
    if len(sys.argv) != 2 or not re.fullmatch(r"[a-z][a-z0-9_]*", sys.argv[1]):
        sys.exit("usage: tools/dev new-op NAME (lower case, digits, underscores)")
    name = sys.argv[1]
    path = ROOT / "lib/ops" / f"{name}.cpp"
    if path.exists():
        sys.exit(f"{path.relative_to(ROOT)} exists already")
    path.write_text(TEMPLATE.format(name=name, type="".join(p.capitalize() for p in name.split("_"))))
    print(f"wrote {path.relative_to(ROOT)}; fill it in, then: tools/dev gen, tools/dev test --suite ops")


main()
