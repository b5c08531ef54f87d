// Edges at a fold's border: what a shown step hands to a hidden one, or gets from it. Inside the fold a value stays at
// the height at which its like stands in the shown neighbour.

function findFoldRoutes(facts, scene) {
  const routes = [];
  scene.slots.forEach((slot, k) => {
    if (!slot.fold) return;
    const [first, end] = slot.fold,
      left = scene.slots[k - 1],
      right = scene.slots[k + 1];
    if (left?.shown) passBorder(facts, scene, routes, left, first, slot.left, 1);
    if (right?.shown) passBorder(facts, scene, routes, right, end - 1, slot.left + slot.width, -1);
  });
  return routes;
}

/** `side` is 1 where the fold lies to the right of the shown slot. */
function passBorder(facts, scene, routes, slot, hidden, edge, side) {
  const {graph, placement} = facts,
    {units} = scene;
  const drawn = new Set();
  const put = (key, route) => {
    if (!drawn.has(key)) routes.push(route);
    drawn.add(key);
  };
  const out = (u) => {
    const route = [scene.x[u] + (side * scene.width[u]) / 2, scene.y[u]];
    straightTo(route, edge - side * ARROW, scene.y[u]);
    return route;
  };
  // Level but in the gap between fold and column.
  const into = (y, u) => {
    const toX = scene.x[u] + side * (scene.width[u] / 2 + ARROW),
      toY = scene.y[u],
      turn = isOutermost(scene, u, side) ? sideOf(slot, side) + side * ARROW : toX;
    const route = [edge, y],
      bend = (turn - edge) * 0.8;
    if (Math.abs(y - toY) > 0.5) route.push(edge + bend, y, turn - bend, toY, turn, toY);
    straightTo(route, toX, toY);
    return route;
  };
  for (const u of slot.shown)
    for (const i of units.members[u] ?? [units.node[u]])
      for (const reader of facts.drawnReaders(i))
        if (placement.cell[reader] === hidden) put("out" + u, out(u));
  for (const u of slot.shown)
    for (const i of units.members[u] ?? [units.node[u]])
      for (const input of graph.inputsOf(i)) {
        const from = placement.drawnAs[input];
        if (placement.cell[from] !== hidden) continue;
        const twin = facts.twin(from, slot.cell),
          like = twin >= 0 ? units.of[twin] : NOWHERE;
        const y = like === NOWHERE ? scene.y[u] : scene.y[like];
        put("in" + u + ":" + like, into(y, u));
      }
}

/** What a fold stands for, for its label. */
function describeFold(facts, [first, end]) {
  const {cells} = facts.placement;
  return {
    first: cells[first].step,
    last: cells[end - 1].step,
    count: end - first,
    kinds: structureKinds(facts.graph, facts.placement, [first, end]),
  };
}
