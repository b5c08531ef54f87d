// The entries of node i of a graph file, as docs/graph-format.md defines them: what the page's decoder is compared with.
"use strict";

function row(file, i) {
  let s = 0,
    first = 0;
  while (i >= first + file.segments[s].count * file.segments[s].rows.length)
    first += file.segments[s].count * file.segments[s++].rows.length;
  const g = file.segments[s],
    r = (i - first) % g.rows.length,
    k = (i - first - r) / g.rows.length;
  const entries = g.rows[r].slice();
  for (const [at, entry, stride] of g.strides ?? []) if (at === r) entries[entry] += k * stride;
  for (const [at, entry, from, count, value, stride] of g.exceptions ?? [])
    if (at === r && k >= from && k < from + count) entries[entry] = stride ? value + (k - from) * stride : value;
  return entries;
}

module.exports = {row};
