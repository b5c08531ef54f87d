// Pointer and wheel: dragging moves, the wheel and two fingers zoom, pointing tells, clicking selects.

function listenToPointer(app) {
  const {canvas} = app,
    pointers = new Map();
  let moved = 0,
    gap = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    moved = 0;
    gap = 0;
    hideTip(app);
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event),
      before = pointers.get(event.pointerId);
    if (!before) {
      point(app, now.x, now.y);
      return;
    }
    pointers.set(event.pointerId, now);
    const dx = now.x - before.x,
      dy = now.y - before.y;
    moved += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()],
        distance = Math.hypot(a.x - b.x, a.y - b.y);
      if (gap > 0) zoomView(app, distance / gap, (a.x + b.x) / 2, (a.y + b.y) / 2);
      gap = distance;
    }
    panView(app, dx / pointers.size, dy / pointers.size);
    canvas.classList.toggle("dragging", moved > 4);
  });
  const release = (event) => {
    const at = place(event);
    if (event.type === "pointerup" && moved <= 4 && pointers.size === 1) click(app, at.x, at.y, event.shiftKey);
    pointers.delete(event.pointerId);
    gap = 0;
    canvas.classList.remove("dragging");
    app.remember();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    point(app, -1e9, -1e9);
    hideTip(app);
  });
  canvas.addEventListener("dblclick", (event) => {
    const {view} = app;
    if (!(view instanceof GraphView)) return;
    const at = place(event),
      hit = view.at(at.x, at.y);
    if (hit?.fold) app.unfold(hit.fold);
    else if (hit?.column && !view.folded) app.foldStep(hit.column.cell);
    else if (hit?.unit >= 0 && view.scene.units.members[hit.unit] && !view.folded) app.setDetail("ops");
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const at = place(event),
        unit = event.deltaMode === 1 ? 20 : 1;
      if (event.shiftKey) panView(app, -(event.deltaX + event.deltaY) * unit, 0);
      else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && !event.ctrlKey) panView(app, -event.deltaX * unit, 0);
      else zoomView(app, Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), at.x, at.y);
      app.remember();
    },
    {passive: false},
  );
}

function panView(app, dx, dy) {
  const {view} = app;
  if (view instanceof GraphView) view.camera.pan(dx, dy);
  else {
    view.pan?.(dx);
    if (view instanceof HeatView) view.scroll -= dy;
  }
  app.redraw();
}
function zoomView(app, factor, x, y) {
  const {view} = app;
  if (view instanceof GraphView) view.camera.zoomAt(factor, x, y);
  else view.zoomAt?.(factor, x);
  app.redraw();
}

function point(app, x, y) {
  const {view} = app;
  if (!(view instanceof GraphView)) {
    const {left, right} = view.frame ?? {left: 0, right: 0};
    view.hoverX = x >= left && x <= right ? x : null;
    showTip(app, x, y, view.hoverX === null ? null : view.tip?.(x, y));
    app.redraw();
    return;
  }
  const hit = x < -1e6 ? null : view.at(x, y);
  const was = view.hover;
  if (hit?.unit !== was?.unit || hit?.fold !== was?.fold || hit?.parameter !== was?.parameter) {
    view.hover = hit;
    app.light(hit?.parameter ?? null);
    app.canvas.classList.toggle("over", Boolean(hit && !hit.column));
    showTip(app, x, y, hit && tipOf(app, view, hit));
    app.redraw();
  } else if (hit) {
    moveTip(app, x, y);
  }
}

/** `part`: of a fold only some steps are wanted, at the side that was clicked. */
function click(app, x, y, part = false) {
  const {view} = app;
  if (!(view instanceof GraphView)) {
    const node = view.nodeUnder?.(x, y) ?? -1;
    if (node >= 0) app.select(node);
    return;
  }
  const hit = view.at(x, y);
  view.focusFold = hit?.fold ?? null;
  if (hit?.parameter != null) app.select(app.graph.parameters[hit.parameter].node);
  else if (hit?.unit >= 0) app.select(view.scene.units.node[hit.unit]);
  else if (hit?.fold)
    app.unfold(hit.fold, part && (view.camera.toWorldX(x) < hit.fold.left + hit.fold.width / 2 ? 1 : -1));
  else app.select(-1);
}

function tipOf(app, view, hit) {
  const {graph} = app;
  if (hit.fold) {
    const {first, last, count, kinds} = hit.fold.steps;
    return [
      el("b", {}, `${count} steps, t = ${first}…${last}`),
      el("div", {}, kinds > 1 ? `of ${kinds} structures` : "all built alike"),
      el("div", {}, "click to unfold, with Shift a few steps of it"),
    ];
  }
  if (hit.parameter != null) {
    const p = graph.parameters[hit.parameter];
    return [
      el("b", {}, data(p.name)),
      el(
        "div",
        {},
        `${shapeText(graph.shapeList(p.node))}, read ${grouped(app.facts.uses[hit.parameter].length)} times`,
      ),
    ];
  }
  if (hit.column) return null;
  const i = view.scene.units.node[hit.unit],
    members = view.scene.units.members[hit.unit];
  return [
    el("b", {}, members && members.length > 1 ? `${members.length} ops` : data(graph.title(i))),
    el("div", {}, `%${i}  ${shapeText(graph.shapeList(i))}`, graph.step[i] >= 0 ? `  t = ${graph.step[i]}` : ""),
    graph.scope[i] ? el("div", {}, data(graph.scopeName(i))) : null,
    graph.norm[i] >= 0 || Number.isNaN(graph.norm[i])
      ? el("div", {}, `gradient norm ${normText(graph.norm[i])}`)
      : null,
    graph.line[i] ? el("div", {}, data(`${graph.texts[graph.source[i]]}:${graph.line[i]}`)) : null,
  ].filter(Boolean);
}

function showTip(app, x, y, content) {
  const tip = $("tip");
  tip.hidden = !content;
  if (!content) return;
  tip.replaceChildren(...content);
  moveTip(app, x, y);
}
function moveTip(app, x, y) {
  const tip = $("tip"),
    width = app.canvas.clientWidth;
  tip.style.left = (x + 18 + tip.offsetWidth > width ? Math.max(4, x - tip.offsetWidth - 14) : x + 18) + "px";
  tip.style.top = Math.min(y + 16, app.canvas.clientHeight - tip.offsetHeight - 6) + "px";
}
const hideTip = () => {
  $("tip").hidden = true;
};
