// The curves of the edges: a list of numbers, a start and then three points a cubic curve.

const ARROW = 6; // an edge ends this much before its node
const ENTRY_GAP = 14; // between edges that enter a node from below

function straightTo(route, x, y) {
  const [a, b] = route.slice(-2);
  route.push((2 * a + x) / 3, (2 * b + y) / 3, (a + 2 * x) / 3, (b + 2 * y) / 3, x, y);
}

// Leaves and arrives upright.
function upTo(route, x, y) {
  const [a, b] = route.slice(-2);
  if (Math.abs(a - x) < 0.5) return straightTo(route, x, y);
  const bend = Math.max(14, (b - y) / 2);
  route.push(a, b - bend, x, y + bend, x, y);
}

/** The edges inside a column, in its own coordinates of x. Ports of bars are the nodes from `ports` on. */
function riseRoutes(stamp, nodes, ports, geometry, rows) {
  const half = geometry.height / 2,
    y = (row) => (rows - row - 0.5) * geometry.pitch;
  const routes = stamp.edges.map(([from, to]) => {
    const route = [stamp.x[from], y(nodes[from].row) - half];
    for (const way of stamp.ways[from]) {
      if (way.row >= nodes[to].row) break;
      upTo(route, way.x, y(way.row) + half);
      straightTo(route, way.x, y(way.row) - half);
    }
    return route;
  });
  // Edges that enter one node stand side by side, in the order in which they come.
  const entering = nodes.map(() => []);
  stamp.edges.forEach(([, to], k) => entering[to].push(routes[k]));
  entering.forEach((list, to) => {
    const gap = to >= ports ? 0 : Math.min(ENTRY_GAP, (geometry.width - 16) / Math.max(1, list.length));
    list.sort((a, b) => a.at(-2) - b.at(-2));
    list.forEach((route, k) =>
      upTo(route, stamp.x[to] + (k - (list.length - 1) / 2) * gap, y(nodes[to].row) + half + ARROW),
    );
  });
  return routes.map((route) => Float32Array.from(route));
}

/** From column to column, or between a lane and a bar. */
function sidewaysRoute(scene, from, to) {
  const {x, y, width, units, geometry} = scene,
    half = geometry.height / 2;
  if (units.cell[from] === BAR && units.cell[to] === BAR) {
    const middle = clamp(x[to], x[from] - width[from] / 2 + 8, x[from] + width[from] / 2 - 8),
      route = [middle, y[from] - half];
    straightTo(route, middle, y[to] + half + ARROW);
    return route;
  }
  const sign = x[from] < x[to] ? 1 : -1;
  const startX = x[from] + (sign * width[from]) / 2,
    endX = x[to] - sign * (width[to] / 2 + ARROW);
  const lane = scene.slotOf.get(units.cell[to])?.step === LANE;
  if (lane && y[to] < y[from])
    // an output of the last step: out to the side, then up
    return [startX, y[from], x[to] - sign * 10, y[from], x[to], y[from] - 4, x[to], y[to] + half + ARROW];
  const route = [startX, y[from]];
  if (Math.abs(y[from] - y[to]) < 0.5) straightTo(route, endX, y[to]);
  else route.push(startX + sign * 40, y[from], endX - sign * 34, y[to], endX, y[to]);
  return route;
}
