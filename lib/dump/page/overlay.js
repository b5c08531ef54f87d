// What is laid over a scene: what the pointer lights, the search's finds, the selection, the gradients that arrive.

function drawOverlay(ctx, view, app, box, direct) {
  const lit = litNodes(app);
  if (lit) veil(ctx, view, app, box, lit);
  if (app.backward.active) drawArrivals(ctx, view, app, box, direct);
  const selected = app.selected >= 0 ? view.unitOf(app.selected) : -1;
  if (selected >= 0) {
    drawNeighbours(ctx, view, app, selected);
    ring(ctx, view, selected, app.theme.select, 3);
  }
  if (view.hover?.unit >= 0 && view.hover.unit !== selected && view.hover.unit < view.scene.units.count)
    ring(ctx, view, view.hover.unit, app.theme.select, 1.6);
  const fold = view.focusFold ?? view.hover?.fold;
  if (fold && view.scene.slots.includes(fold)) {
    ctx.strokeStyle = app.theme.select;
    ctx.lineWidth = Math.max(2.4, 1.6 / view.camera.zoom);
    outlineSlot(ctx, view.scene, fold, 6);
    ctx.stroke();
  }
}

/** The nodes that stand out: a parameter's uses before the search's finds. null: all are alike. */
function litNodes(app) {
  const p = app.litParameter;
  if (p !== null) return {nodes: app.facts.uses[p], color: parameterColor(p)};
  return app.found ? {nodes: app.found.nodes, color: app.theme.select} : null;
}

// All fades but the lit.
function veil(ctx, view, app, box, {nodes, color}) {
  const {scene, camera} = view;
  ctx.fillStyle = app.theme.paper;
  ctx.globalAlpha = 0.72;
  ctx.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.globalAlpha = 1;
  const painter = new Painter(ctx, app.theme, camera.zoom, scene.geometry),
    done = new Set(),
    reach = 3 / camera.zoom;
  for (const i of nodes) {
    const u = view.unitOf(i);
    if (u < 0 || done.has(u)) continue;
    done.add(u);
    const w = scene.width[u] / 2;
    if (scene.x[u] + w < box.left || scene.x[u] - w > box.right) continue;
    if (painter.far) {
      ctx.fillStyle = color;
      ctx.fillRect(
        scene.x[u] - w,
        scene.y[u] - scene.geometry.height / 2,
        2 * Math.max(w, painter.dot),
        scene.geometry.height,
      );
      continue;
    }
    ctx.strokeStyle = color;
    ctx.lineWidth = Math.max(3, 1.5 / camera.zoom);
    outline(ctx, scene, u, reach);
    ctx.stroke();
    painter.unit(scene, u, view.look, box);
  }
  markFolds(ctx, view, app, nodes, color);
  const selected = app.selected >= 0 ? view.unitOf(app.selected) : -1;
  if (selected >= 0) painter.unit(scene, selected, view.look, box);
}

/** How many of the lit are inside each fold. */
function markFolds(ctx, view, app, nodes, color) {
  const {scene, camera} = view;
  if (scene.lit?.nodes !== nodes) {
    const inside = new Map();
    if (!view.folded)
      for (const i of nodes) {
        const cell = app.facts.cellOf(i);
        if (cell < BAR && view.folds.hidden[cell]) inside.set(cell, (inside.get(cell) ?? 0) + 1);
      }
    const count = ([first, end]) => {
      let sum = 0;
      for (let cell = first; cell < end; cell++) sum += inside.get(cell) ?? 0;
      return sum;
    };
    scene.lit = {nodes, folds: scene.slots.filter((slot) => slot.fold).map((slot) => [slot, count(slot.fold)])};
  }
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = Math.max(3, 1.5 / camera.zoom);
  ctx.font = `650 15px ${FONT}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const [slot, count] of scene.lit.folds) {
    if (!count) continue;
    outlineSlot(ctx, scene, slot, 4);
    ctx.stroke();
    if (camera.zoom > 0.2) ctx.fillText(`${grouped(count)} here`, slot.left + slot.width / 2, columnTop(scene) + 60);
  }
}

function outlineSlot(ctx, scene, slot, reach) {
  const top = columnTop(scene),
    height = columnBottom(scene) - top;
  ctx.beginPath();
  ctx.roundRect(slot.left - reach, top - reach, slot.width + 2 * reach, height + 2 * reach, 12);
}

function outline(ctx, scene, u, reach) {
  const w = scene.width[u],
    h = scene.geometry.height,
    role = scene.units.role[u];
  const radius = role === ROLE.input || role === ROLE.constant ? h / 2 : role === ROLE.cell ? 12 : 7;
  ctx.beginPath();
  ctx.roundRect(scene.x[u] - w / 2 - reach, scene.y[u] - h / 2 - reach, w + 2 * reach, h + 2 * reach, radius + reach);
}
function ring(ctx, view, u, color, width) {
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(width, width / view.camera.zoom);
  outline(ctx, view.scene, u, 3 + width / 2);
  ctx.stroke();
}

/** The route of an edge between two units, or null where the picture has none. */
function routeOf(scene, from, to) {
  if (!inOneColumn(scene, from, to)) return sidewaysRoute(scene, from, to);
  const cell = scene.units.cell[to] < BAR ? scene.units.cell[to] : scene.units.cell[from],
    slot = scene.slotOf.get(cell);
  if (!slot) return null;
  const local = (u) => {
    const at = slot.shown.indexOf(u);
    return at >= 0 ? at : slot.shown.length + slot.ports.indexOf(u);
  };
  const a = local(from),
    b = local(to),
    k = slot.stamp.edges.findIndex(([low, high]) => low === a && high === b);
  if (k < 0) return null;
  return slot.stamp.routes[k].map((value, at) => (at % 2 ? value : value + slot.left + slot.indent));
}

function drawNeighbours(ctx, view, app, u) {
  const {scene} = view,
    {units} = scene;
  ctx.strokeStyle = ctx.fillStyle = app.theme.select;
  ctx.lineWidth = Math.max(3, 1.5 / view.camera.zoom);
  const routes = [];
  for (const from of units.inputsOf(u).slice(0, 200)) routes.push(routeOf(scene, from, u));
  for (const to of units.readersOf(u).slice(0, 200)) routes.push(routeOf(scene, u, to));
  ctx.beginPath();
  for (const route of routes) if (route) trace(ctx, route);
  ctx.stroke();
}

/** The backward walk: what has no gradient yet fades; along the edges of the present stage gradients run back. */
function drawArrivals(ctx, view, app, box, direct) {
  const {scene, camera} = view,
    {backward, theme} = app,
    {units} = scene;
  const shown = slotsIn(scene, box),
    now = [],
    gap = scene.geometry.between / 2;
  ctx.fillStyle = theme.paper;
  ctx.globalAlpha = 0.7;
  if (direct) {
    for (const list of [
      ...shown.map((slot) => slot.shown ?? []).filter((list) => list.some((u) => isReached(units, backward, u))),
      scene.bars,
    ])
      for (const u of list) {
        if (!isReached(units, backward, u)) {
          outline(ctx, scene, u, 2);
          ctx.fill();
        } else if (backward.arriving(units.node[u])) {
          now.push(u);
        }
      }
  }
  for (const slot of shown) {
    const waits = slot.fold ? !foldReached(app, slot) : !slot.shown.some((u) => isReached(units, backward, u));
    if (waits)
      ctx.fillRect(slot.left - gap, columnTop(scene), slot.width + 2 * gap, columnBottom(scene) - columnTop(scene));
  }
  ctx.globalAlpha = 1;
  ctx.strokeStyle = ctx.fillStyle = theme.gradient;
  ctx.lineWidth = 3;
  const routes = [];
  for (const u of now) {
    ring(ctx, view, u, theme.gradient, 2.4);
    for (const to of units.readersOf(u)) if (isReached(units, backward, to)) routes.push(routeOf(scene, u, to));
  }
  ctx.beginPath();
  for (const route of routes) if (route) trace(ctx, route);
  ctx.stroke();
  if (camera.zoom >= scene.geometry.near) {
    ctx.beginPath();
    for (const route of routes) if (route) backHead(ctx, route);
    ctx.fill();
  }
  for (const slot of shown) {
    if (slot.fold) drawFoldProgress(ctx, scene, slot, backward, theme);
    if (
      slot.cell === backward.current.cell ||
      (slot.fold && slot.fold[0] <= backward.current.cell && backward.current.cell < slot.fold[1])
    ) {
      ctx.lineWidth = Math.max(2, 2 / camera.zoom);
      ctx.beginPath();
      ctx.roundRect(slot.left - 22, columnTop(scene), slot.width + 44, columnBottom(scene) - columnTop(scene), 12);
      ctx.stroke();
    }
  }
}

/** How far the walk has come through the hidden steps. */
function drawFoldProgress(ctx, scene, slot, backward, theme) {
  const [first, end] = slot.fold,
    {cell} = backward.current;
  if (cell < first || cell >= end) return;
  const x = slot.left + ((cell - first + 0.5) / (end - first)) * slot.width,
    top = columnTop(scene),
    height = columnBottom(scene) - top;
  ctx.fillStyle = theme.gradient;
  ctx.globalAlpha = 0.16;
  ctx.fillRect(x, top, slot.left + slot.width - x, height);
  ctx.globalAlpha = 1;
  ctx.fillRect(x - 1.5, top, 3, height);
}
const isReached = (units, backward, u) => (units.members[u] ?? [units.node[u]]).some((i) => backward.reached(i));
function foldReached(app, slot) {
  const {members} = app.facts.placement;
  return (
    members.of(slot.fold[1] - 1).some((i) => app.backward.reached(i)) ||
    members.of(slot.fold[0]).some((i) => app.backward.reached(i))
  );
}
function backHead(ctx, route) {
  const back = [route[4] ?? route[2], route[5] ?? route[3], route[2], route[3], route[0], route[1]];
  if (Math.hypot(back[2] - back[4], back[3] - back[5]) < 1) back.splice(2, 2, route.at(-2), route.at(-1));
  head(ctx, [0, 0, 0, 0, back[2], back[3], back[4], back[5]], 1.6);
}
