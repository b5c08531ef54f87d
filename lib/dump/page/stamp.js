// One step's layout, by Sugiyama's method: edges that pass rows get waypoints, barycentres order the rows, and a few
// rounds of moving everything towards its neighbours give the coordinates. Steps of equal structure share one stamp.

const LONGEST_WAY = 48; // rows; a longer edge goes straight
const WAY_WIDTH = 8;

/** nodes: {row, side, width}, edges: [low, high] by index. Gives x of the nodes, the ways and the width. */
function layOutStep(nodes, edges, gap) {
  const items = nodes.map(({row, side, width}, node) => ({row, side, width, node}));
  const links = [];
  // One chain of waypoints a source, as long as its longest edge that takes one.
  const wayEnd = ([low, high]) => {
    const a = nodes[low].row,
      b = nodes[high].row;
    return b > a + 1 && b - a <= LONGEST_WAY ? b : 0;
  };
  const top = new Uint32Array(nodes.length);
  for (const edge of edges) top[edge[0]] = Math.max(top[edge[0]], wayEnd(edge));
  const chain = new Uint32Array(nodes.length);
  nodes.forEach((node, i) => {
    chain[i] = items.length;
    for (let row = node.row + 1; row < top[i]; row++) {
      links.push([row === node.row + 1 ? i : items.length - 1, items.length]);
      items.push({row, side: 0, width: WAY_WIDTH, node: i});
    }
  });
  for (const edge of edges) {
    const passed = wayEnd(edge) === 0 ? 0 : nodes[edge[1]].row - nodes[edge[0]].row - 1;
    links.push([passed === 0 ? edge[0] : chain[edge[0]] + passed - 1, edge[1]]);
  }
  const below = items.map(() => []),
    above = items.map(() => []);
  for (const [low, high] of links) {
    below[high].push(low);
    above[low].push(high);
  }
  const x = arrange(items, makeRows(items), below, above, gap);
  straighten(items, x, gap);
  let least = Infinity,
    most = -Infinity;
  items.forEach((item, i) => {
    least = Math.min(least, x[i] - item.width / 2);
    most = Math.max(most, x[i] + item.width / 2);
  });
  const ways = nodes.map(() => []);
  for (let i = nodes.length; i < items.length; i++)
    ways[items[i].node].push({row: items[i].row, x: Math.round(x[i] - least)});
  return {x: nodes.map((_, i) => Math.round(x[i] - least)), ways, width: nodes.length ? Math.ceil(most - least) : 0};
}

// Layer upon layer, each a little to one side of the one below, would lean: the lean is taken out.
function straighten(items, x, gap) {
  let n = 0,
    sr = 0,
    sx = 0,
    srr = 0,
    srx = 0;
  items.forEach(({row}, i) => {
    n++;
    sr += row;
    sx += x[i];
    srr += row * row;
    srx += row * x[i];
  });
  const lean = (n * srx - sr * sx) / (n * srr - sr * sr || 1),
    rows = items.reduce((most, item) => Math.max(most, item.row), 0);
  if (Math.abs(lean) * rows > 2 * (items[0]?.width ?? 0) + gap)
    items.forEach(({row}, i) => {
      x[i] -= lean * row;
    });
}

function makeRows(items) {
  const rows = new Map();
  for (const side of [-1, 0, 1])
    items.forEach((item, i) => {
      if (item.side !== side) return;
      if (!rows.has(item.row)) rows.set(item.row, []);
      rows.get(item.row).push(i);
    });
  return [...rows.keys()].sort((a, b) => a - b).map((row) => rows.get(row));
}

function arrange(items, rows, below, above, gap) {
  const x = new Float64Array(items.length);
  const mean = (list, otherwise) => (list.length ? list.reduce((sum, n) => sum + x[n], 0) / list.length : otherwise);
  const setPlaces = (row) =>
    row.forEach((i, k) => {
      x[i] = k - (row.length - 1) / 2;
    });
  const order = (row, near) => {
    const key = new Map(row.map((i) => [i, mean(near[i], x[i]) + items[i].side * (below[i].length ? 0.5 : 1000)]));
    row.sort((a, b) => key.get(a) - key.get(b));
    setPlaces(row);
  };
  const apart = (a, b) => (items[a].width + items[b].width) / 2 + gap;
  const pack = (row) => {
    let at = 0;
    row.forEach((i, k) => {
      x[i] = k ? (at += apart(row[k - 1], i)) : 0;
    });
    for (const i of row) x[i] -= at / 2;
  };
  // Halfway between the arrangement that gives way to the right and the one that gives way to the left.
  const move = (row, near) => {
    const right = row.map((i) => mean(near[i], x[i])),
      left = right.slice();
    for (let k = 1; k < row.length; k++) right[k] = Math.max(right[k], right[k - 1] + apart(row[k - 1], row[k]));
    for (let k = row.length - 1; k > 0; k--) left[k - 1] = Math.min(left[k - 1], left[k] - apart(row[k - 1], row[k]));
    row.forEach((i, k) => {
      x[i] = (left[k] + right[k]) / 2;
    });
  };
  rows.forEach(setPlaces);
  const upwards = rows,
    downwards = rows.slice().reverse();
  for (let round = 0; round < 3; round++) {
    for (const row of upwards.slice(1)) order(row, below);
    for (const row of downwards) order(row, above);
  }
  rows.forEach(pack);
  for (let round = 0; round < 3; round++) {
    for (const row of upwards) move(row, below);
    for (const row of downwards) move(row, above);
  }
  return x;
}
