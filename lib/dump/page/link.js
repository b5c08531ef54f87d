// The view in the URL's fragment: "#v=unrolled&d=ops&c=120,80,0.7&f=3-47&s=12". A link shows what its sender saw.

const number3 = (value) => String(Number(value.toPrecision(6)));

function viewToFragment(app) {
  const {view, backward} = app,
    parts = new URLSearchParams(),
    unrolled = app.views.unrolled;
  parts.set("v", view.id);
  if (unrolled.detail !== "cells") parts.set("d", unrolled.detail);
  if (unrolled.folds.toText() !== app.plainFolds) parts.set("f", unrolled.folds.toText());
  if (view instanceof GraphView) parts.set("c", [view.camera.x, view.camera.y, view.camera.zoom].map(number3).join());
  else if (view.domain && view.domain.join() !== view.extent.join()) parts.set("x", view.domain.map(number3).join());
  if (app.color !== app.hint.color) parts.set("color", app.color);
  if (app.params !== app.hint.params) parts.set("params", app.params);
  if (app.selected >= 0) parts.set("s", app.selected);
  if (app.query || app.hint.query) parts.set("q", app.query);
  if (backward.active || app.hint.backward) parts.set("b", backward.stage);
  if (app.themeChoice) parts.set("theme", app.themeChoice);
  if (view.id === "parameter") parts.set("p", view.chosen);
  if (view.id === "gradient" && view.rowsShown !== "states") parts.set("rows", view.rowsShown);
  if (view.id === "modules") parts.set("o", [...view.open].join("|"));
  return "#" + parts.toString();
}

/** Takes what it understands and leaves out the rest. */
function fragmentToView(app, fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, "")),
    {unrolled} = app.views;
  const numbers = (key) => (parts.get(key) ?? "").split(",").map(Number).filter(Number.isFinite);
  if (["light", "dark"].includes(parts.get("theme"))) app.setTheme(parts.get("theme"));
  unrolled.detail = parts.get("d") === "ops" ? "ops" : "cells";
  if (parts.has("f")) unrolled.folds.restore(parts.get("f"));
  else unrolled.folds.foldAll();
  app.color = Object.hasOwn(COLOR_CHOICES, parts.get("color") ?? "") ? parts.get("color") : app.hint.color;
  app.params = ["badge", "lane", "none"].includes(parts.get("params")) ? parts.get("params") : app.hint.params;
  const selected = Number(parts.get("s") ?? -1);
  app.selected = Number.isInteger(selected) && selected < app.graph.count ? selected : -1;
  const stage = Number(parts.get("b") ?? (app.hint.backward ? app.backward.last : 0));
  app.backward.stage = Number.isInteger(stage) ? clamp(stage, 0, app.backward.last) : 0;
  if (parts.has("p")) app.views.parameter.chosen = Math.trunc(Number(parts.get("p"))) || 0;
  if (parts.has("p")) app.views.parameter.asked = true;
  if (parts.get("rows") === "all") app.views.gradient.rowsShown = "all";
  if (parts.has("o")) app.views.modules.open = new Set(parts.get("o").split("|").concat(""));
  app.setQuery(parts.get("q") ?? app.hint.query);
  unrolled.build();
  app.setView(Object.hasOwn(app.views, parts.get("v") ?? "") ? parts.get("v") : app.hint.view);
  const camera = numbers("c"),
    domain = numbers("x"),
    {view} = app;
  if (camera.length === 3 && view instanceof GraphView) {
    Object.assign(view.camera, {x: camera[0], y: camera[1], zoom: clamp(camera[2], 1e-4, 4), moved: true});
  }
  if (domain.length === 2 && view.extent && domain[0] < domain[1])
    view.domain = [clamp(domain[0], ...view.extent), clamp(domain[1], ...view.extent)];
}

/** "0:8,-4:" as the folds that leave those steps visible; counted in columns, from the end where negative. */
function foldsOfSteps(folds, text) {
  for (const [first, end] of folds.blocks()) {
    folds.hidden.fill(1, first, end);
    const at = (value, otherwise) =>
      value === "" ? otherwise : clamp(Number(value) < 0 ? end + Number(value) : first + Number(value), first, end);
    for (const [, from, to] of text.matchAll(/(-?\d*):(-?\d*)/g)) folds.hidden.fill(0, at(from, first), at(to, end));
  }
}

/** As many steps as have no more nodes than that, more of them at the front than at the end. */
function foldsOfNodes(folds, {placement, steps}, most) {
  let nodes = 0;
  for (const cell of placement.cell) if (cell < BAR && folds.isColumn(cell)) nodes++;
  const fit = Math.max(1, Math.floor(most / Math.max(1, nodes / steps)));
  for (const [first, end] of folds.blocks()) {
    const all = end - first <= fit;
    folds.hidden.fill(1, first, end);
    folds.hidden.fill(0, first, all ? end : first + Math.ceil(fit / 2));
    folds.hidden.fill(0, all ? end : end - Math.floor(fit / 2), end);
  }
}
