#!/usr/bin/env python3
"""Writes a C++ file that holds a text: embed.py TEXT.html OUT.cpp NAME"""
import pathlib
import sys

source, target, name = sys.argv[1:]
text = pathlib.Path(source).read_text()
# A compiler need not take a literal of more than 65,536 characters.
parts = [text[at:at + 8000] for at in range(0, len(text), 8000)]
if any(')embed"' in part for part in parts):
    sys.exit(f"embed.py: {source} holds the end of a raw string")
literals = "\n".join(f'R"embed({part})embed"' for part in parts)
pathlib.Path(target).write_text(f"""// Made from {pathlib.Path(source).name} by embed.py.
#include "dump/page_text.hpp"

namespace unspool::detail {{
namespace {{
constexpr char text[] =
{literals};
}}
const std::string_view {name}(text, sizeof text - 1);
}}  // namespace unspool::detail
""")
