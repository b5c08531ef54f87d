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
  const sign = x[from] < x[to] ? 1 : -1,
    slot = scene.slotOf.get(units.cell[to]);
  const startX = x[from] + (sign * width[from]) / 2,
    endX = x[to] - sign * (width[to] / 2 + ARROW);
  if (slot?.step === LANE && y[to] < y[from] && !isOutermost(scene, to, -sign))
    // an output of the last step: out to the side, then up
    return [startX, y[from], x[to] - sign * 10, y[from], x[to], y[from] - 4, x[to], y[to] + half + ARROW];
  const route = [startX, y[from]];
  if (Math.abs(y[from] - y[to]) < 0.5) {
    straightTo(route, endX, y[to]);
    return route;
  }
  // Level but in the gap between the columns, where nothing stands.
  const out = isOutermost(scene, from, sign) ? sideOf(scene.slotOf.get(units.cell[from]), sign) : startX,
    into = isOutermost(scene, to, -sign) ? sideOf(slot, -sign) - sign * ARROW : endX;
  const bend = (into - out) * (Math.abs(y[from] - y[to]) > geometry.pitch ? 0.9 : 0.6);
  straightTo(route, out, y[from]);
  route.push(out + bend, y[from], into - bend, y[to], into, y[to]);
  straightTo(route, endX, y[to]);
  return route;
}

/** Whether nothing of its slot stands between a unit and the slot's side. */
const isOutermost = (scene, u, side) => (scene.outermost[u] & (side < 0 ? 1 : 2)) !== 0;
const sideOf = (slot, side) => slot.left + (side > 0 ? slot.width : 0);

/** Of each unit of a slot: 1 where it is the leftmost of its row, 2 where it is the rightmost. */
function findOutermost(scene, slots) {
  const outermost = new Uint8Array(scene.units.count);
  for (const {shown} of slots) {
    const ends = new Map(); // of each row
    for (const u of shown ?? []) {
      const [left, right] = ends.get(scene.units.row[u]) ?? [u, u];
      ends.set(scene.units.row[u], [
        scene.x[u] < scene.x[left] ? u : left,
        scene.x[u] > scene.x[right] ? u : right,
      ]);
    }
    for (const [left, right] of ends.values()) {
      outermost[left] |= 1;
      outermost[right] |= 2;
    }
  }
  return outermost;
}
