// The folded view: one step stands for all that are built like it; what it reads of other steps comes round its side
// with the delay written on it, and every node shows how its gradient runs over time.

/** Of every block the step that most others are built like, from the middle; silent: nothing else is shown. */
function chooseSteps(facts) {
  const {placement} = facts,
    hidden = new Uint8Array(placement.cells.length).fill(1);
  const kinds = stepKinds(facts);
  for (const {representative} of kinds) hidden[representative] = 0;
  return {hidden, runAt: (c) => [c, c + 1], silent: true, kinds};
}

/** Of every block: its columns by structure, and the representative. */
function stepKinds(facts) {
  return new Folds(facts.placement).blocks().map(([first, end]) => {
    const kinds = new Map();
    for (let c = first; c < end; c++) {
      const key = columnKey(facts.graph, facts.placement, c);
      if (!kinds.has(key)) kinds.set(key, []);
      kinds.get(key).push(c);
    }
    const most = [...kinds.values()].reduce((a, b) => (b.length > a.length ? b : a));
    return {
      first,
      end,
      most,
      representative: most[most.length >> 1],
      others: [...kinds.values()].filter((k) => k !== most),
    };
  });
}

/** The edges that lead back to the step, {from, to, delay, route}. */
function addLoops(facts, scene) {
  const {graph, placement} = facts,
    {units} = scene,
    found = new Map();
  for (const slot of scene.slots) {
    const [first, end] = new Folds(placement).blocks().find(([a, b]) => a <= slot.cell && slot.cell < b) ?? [0, 0];
    slot.caption = `t = ${placement.cells[first].step}\u2026${placement.cells[end - 1]?.step}`;
    slot.repeats = end - first;
    for (const u of slot.shown)
      for (const i of units.members[u] ?? [units.node[u]])
        for (const input of graph.inputsOf(i)) {
          const from = placement.drawnAs[input],
            cell = placement.cell[from];
          if (cell >= BAR || cell === slot.cell || placement.cells[cell].step === LANE) continue;
          const twin = facts.twin(from, slot.cell),
            like = twin < 0 ? NOWHERE : units.of[twin];
          const delay = placement.cells[slot.cell].step - placement.cells[cell].step;
          if (like !== NOWHERE) found.set(`${like}:${u}:${delay}`, {from: like, to: u, delay, slot});
        }
  }
  scene.loops = [...found.values()].sort((a, b) => span(scene, a) - span(scene, b));
  for (const loop of scene.loops) {
    const side = loop.delay > 0 ? 1 : -1,
      {from, to, slot} = loop;
    loop.lane = freeLane(scene, loop, side);
    const lane = slot.left + (side > 0 ? slot.width + 44 : -44) + side * 44 * loop.lane;
    loop.route = loopRoute(scene, from, to, lane, side);
    loop.x = lane;
    loop.y = (scene.y[from] + scene.y[to]) / 2;
  }
}
/** The nearest lane in which no other loop runs at the same height. */
function freeLane(scene, loop, side) {
  const reach = ({from, to}) => [Math.min(scene.y[from], scene.y[to]) - 30, Math.max(scene.y[from], scene.y[to]) + 30];
  const [low, high] = reach(loop),
    taken = new Set();
  for (const other of scene.loops) {
    if (other === loop) break;
    const [a, b] = reach(other);
    if (other.slot === loop.slot && other.delay > 0 === side > 0 && a < high && b > low) taken.add(other.lane);
  }
  let lane = 0;
  while (taken.has(lane)) lane++;
  return lane;
}
const span = (scene, loop) => Math.abs(scene.y[loop.from] - scene.y[loop.to]);

function loopRoute(scene, from, to, lane, side) {
  const a = scene.x[from] + (side * scene.width[from]) / 2,
    b = scene.x[to] + side * (scene.width[to] / 2 + ARROW);
  const apart = from === to ? scene.geometry.height * 0.28 : 0,
    ya = scene.y[from] - apart,
    yb = scene.y[to] + apart,
    r = 16;
  const down = yb > ya ? 1 : -1,
    route = [a, ya];
  straightTo(route, lane - side * r, ya);
  route.push(lane, ya, lane, ya, lane, ya + down * Math.min(r, Math.abs(yb - ya) / 2));
  straightTo(route, lane, yb - down * Math.min(r, Math.abs(yb - ya) / 2));
  route.push(lane, yb, lane, yb, lane - side * r, yb);
  straightTo(route, b, yb);
  return route;
}

function drawLoops(ctx, view, app) {
  const {scene} = view,
    {theme} = app;
  if (!scene.loops) return;
  ctx.strokeStyle = ctx.fillStyle = theme.carry;
  ctx.lineWidth = 2.4;
  ctx.beginPath();
  for (const {route} of scene.loops) trace(ctx, route);
  ctx.stroke();
  ctx.beginPath();
  for (const {route} of scene.loops) head(ctx, route, 1.25);
  ctx.fill();
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.font = `600 13px ${FONT}`;
  for (const {x, y, delay} of scene.loops) {
    ctx.fillStyle = theme.paper;
    fillRound(ctx, x - 20, y - 11, 40, 22, 11);
    ctx.strokeStyle = theme.carry;
    ctx.lineWidth = 1.4;
    ctx.stroke();
    ctx.fillStyle = theme.carry;
    ctx.fillText(delay > 0 ? `t\u2212${delay}` : `t+${-delay}`, x, y + 0.5);
  }
  ctx.fillStyle = theme.ink;
  ctx.font = `650 24px ${FONT}`;
  for (const slot of scene.slots)
    if (slot.repeats) ctx.fillText(`\u00d7${slot.repeats}`, slot.left + slot.width / 2, columnTop(scene) + 30);
  if (view.camera.zoom >= scene.geometry.near) drawGradientCharts(ctx, view, app);
}

/** On every node: its gradient's norm over the steps, on the logarithmic scale that all share. */
function drawGradientCharts(ctx, view, app) {
  const {facts} = app,
    {norms} = facts,
    {scene} = view;
  if (!norms.known) return;
  const {geometry} = scene,
    width = geometry.width - 24,
    height = geometry.height * 0.3;
  ctx.lineWidth = 1.5;
  for (const slot of scene.slots)
    for (const u of slot.shown) {
      const left = scene.x[u] - width / 2,
        bottom = scene.y[u] + geometry.height * 0.4;
      const twins = memoTwins(scene, facts, u);
      if (!twins.some((i) => facts.graph.norm[i] >= 0)) continue;
      ctx.strokeStyle = app.theme.faint;
      ctx.beginPath();
      ctx.moveTo(left, bottom);
      ctx.lineTo(left + width, bottom);
      ctx.stroke();
      ctx.strokeStyle = app.theme.gradient;
      drawSeries(ctx, twins.length, (k) => facts.graph.norm[twins[k]], norms, {left, width, bottom, height});
    }
}
function memoTwins(scene, facts, u) {
  scene.twins ??= new Map();
  if (!scene.twins.has(u)) scene.twins.set(u, facts.twins(scene.units.node[u]));
  return scene.twins.get(u);
}

/** A line of norms over the steps; of very many steps, the greatest of each pixel. */
function drawSeries(ctx, count, valueAt, scale, {left, width, bottom, height}) {
  const per = Math.max(1, Math.ceil(count / (width * 2)));
  let open = false;
  ctx.beginPath();
  for (let k = 0; k < count; k += per) {
    let most = -1;
    for (let j = k; j < Math.min(count, k + per); j++) most = Math.max(most, valueAt(j));
    if (!(most > 0) || most === Infinity) {
      open = false;
      continue;
    }
    const x = left + (count > 1 ? (k / (count - 1)) * width : width / 2);
    const y = bottom - clamp((Math.log10(most) - scale.low) / (scale.high - scale.low), 0, 1) * height;
    if (open) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
    open = true;
  }
  ctx.stroke();
}

/** In a fold: the gradient that arrives at the states of the hidden steps. */
function drawFoldChart(ctx, app, slot, {x, width, middle}) {
  const {facts, theme} = app,
    {graph, placement, role, norms} = facts;
  slot.stateNorms ??= Array.from({length: slot.fold[1] - slot.fold[0]}, (_, k) => {
    let sum = -1;
    for (const i of placement.members.of(slot.fold[0] + k))
      if (role[i] === ROLE.state && graph.norm[i] >= 0) sum = Math.hypot(Math.max(sum, 0), graph.norm[i]);
    return sum;
  });
  ctx.strokeStyle = theme.gradient;
  ctx.lineWidth = 1.6;
  if (norms.known && slot.stateNorms.some((norm) => norm > 0)) {
    ctx.fillStyle = theme.soft;
    ctx.font = `11px ${FONT}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    drawSeries(ctx, slot.stateNorms.length, (k) => slot.stateNorms[k], norms, {
      left: x,
      width,
      bottom: middle + 26,
      height: 52,
    });
    ctx.fillText("‖∂L/∂h‖", x + width / 2, middle + 40);
  } else {
    ctx.fillStyle = theme.soft;
    for (const k of [-1, 0, 1]) {
      ctx.beginPath();
      ctx.arc(x + width / 2 + k * 14, middle, 3.2, 0, 7);
      ctx.fill();
    }
  }
}

/** In words: what the one step stands for, and which steps are built otherwise. */
function describeFolding(app) {
  const {facts} = app,
    {cells} = facts.placement,
    {graph, placement} = facts;
  const out = [el("h2", {}, "One step for all")];
  for (const {first, end, most, others} of stepKinds(facts)) {
    out.push(
      el(
        "p",
        {},
        `Steps t = ${cells[first].step}\u2026${cells[end - 1].step}: ` +
          `${most.length} of ${end - first} are built like the one shown.`,
      ),
    );
    const rows = [];
    for (const kind of others.slice(0, 12)) {
      const steps =
        kind
          .slice(0, 6)
          .map((c) => cells[c].step)
          .join(", ") + (kind.length > 6 ? `, \u2026 (${kind.length})` : "");
      rows.push([`t = ${steps}`, differenceOf(graph, placement, most[0], kind[0])]);
    }
    if (rows.length) out.push(el("h3", {}, "exceptions"), pairs(rows));
  }
  return out;
}

/** How a column differs from the usual one. */
function differenceOf(graph, placement, usual, other) {
  const a = placement.members.of(usual),
    b = placement.members.of(other);
  if (a.length !== b.length) return `${b.length} ops instead of ${a.length}`;
  const fromOutside = (c, i) =>
    Array.from(graph.inputsOf(i)).filter((input) => {
      const from = placement.drawnAs[input],
        cell = placement.cell[from];
      return cell < BAR && cell !== c && placement.cells[cell].step === LANE && graph.parameter[from] < 0;
    });
  const initial = new Set(Array.from(b).flatMap((i) => fromOutside(other, i)));
  if (initial.size)
    return `reads ${[...initial]
      .map((i) => `${visible(graph.opName(i))} %${i}`)
      .slice(0, 4)
      .join(", ")} in place of an earlier step`;
  for (let k = 0; k < a.length; k++)
    if (graph.op[a[k]] !== graph.op[b[k]])
      return `${visible(graph.opName(b[k]))} in place of ${visible(graph.opName(a[k]))}`;
  return "other shapes or distances";
}
