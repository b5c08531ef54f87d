// The picture of the network: unrolled along time, or one step with the edges that lead back to it.

const DIRECT = 1500; // units; with fewer in sight every frame is painted anew

class GraphView {
  constructor(app, folded) {
    Object.assign(this, {app, folded});
    this.camera = new Camera();
    this.tiles = new Tiles();
    this.folds = new Folds(app.facts.placement);
    this.detail = "cells";
    this.hover = null;
  }
  get facts() {
    return this.app.facts;
  }

  build() {
    const {facts} = this,
      {graph, placement, role} = facts;
    const folds = this.folded ? chooseSteps(facts) : this.folds;
    const detail = this.folded ? this.app.views.unrolled.detail : this.detail;
    this.scene = new Layouter(graph, placement, role, folds, detail).run();
    for (const slot of this.scene.slots) if (slot.fold) slot.steps = describeFold(facts, slot.fold);
    this.scene.foldRoutes = this.folded ? [] : findFoldRoutes(facts, this.scene);
    if (this.folded) addLoops(facts, this.scene);
    this.tiles.clear();
    this.refreshLook();
  }
  refreshLook() {
    const {app} = this;
    if (!this.scene) return;
    this.look = new Look(this.facts, this.scene, app.theme, {
      color: app.color,
      badges: app.params === "badge",
      backward: app.backward.active ? app.backward : null,
    });
    this.look.foldPicture = (ctx, slot, place) => drawFoldChart(ctx, app, slot, place);
    this.tiles.clear();
    app.minimap.stale = true;
  }

  /** Lays out anew and keeps a column where it is on the screen. */
  rebuild(anchorCell = null) {
    const before = anchorCell === null ? null : this.placeOf(anchorCell);
    this.build();
    const after = anchorCell === null ? null : this.placeOf(anchorCell);
    if (before !== null && after !== null) this.camera.moveTo(this.camera.x + after - before);
    else this.fit();
    this.app.redraw();
  }
  placeOf(cell) {
    const slot = this.scene.slots.find((s) => s.cell === cell || (s.fold && s.fold[0] <= cell && cell < s.fold[1]));
    return slot ? slot.left + slot.width / 2 : null;
  }

  get margin() {
    const wide = this.camera.width > 700;
    return {left: 36, right: 36, top: 58, bottom: wide ? 56 : 24};
  }
  fit() {
    const {scene, camera} = this,
      bounds = sceneBounds(scene, this.app, this.folded);
    camera.least = Math.min(0.05, (camera.width * 0.5) / Math.max(1, bounds.right - bounds.left));
    camera.fit(bounds, this.margin);
    // A picture too long to be read from afar is read from its start.
    if (camera.zoom < 0.36 && !this.folded && scene.units.count < 4000) {
      const zoom = Math.min(0.7, (camera.height - 110) / Math.max(1, bounds.bottom - bounds.top));
      if (zoom > camera.zoom) {
        camera.zoom = zoom;
        camera.x = bounds.left + (camera.width / 2 - 30) / zoom;
      }
    }
    if (camera.zoom < 0.5 && this.folded) {
      camera.zoom = 0.62;
      camera.y = bounds.bottom - (camera.height / 2 - 50) / camera.zoom;
    }
    this.app.redraw();
  }

  show() {
    if (this.folded && this.scene && this.scene.detail !== this.app.views.unrolled.detail) this.scene = null;
    if (!this.scene) this.build();
    if (!this.camera.moved) this.fit();
  }

  draw(ctx, ratio) {
    const {camera, scene, app} = this,
      {theme} = app;
    const box = camera.bounds;
    const direct = this.unitsIn(box) <= DIRECT;
    let complete = true;
    if (direct) {
      camera.apply(ctx, ratio);
      new Painter(ctx, theme, camera.zoom, scene.geometry).scene(scene, box, this.look);
    } else {
      complete = this.tiles.draw(ctx, camera, ratio, (tile, part) => {
        tile.fillStyle = theme.paper;
        tile.fillRect(part.left, part.top, part.right - part.left, part.bottom - part.top);
        new Painter(tile, theme, camera.zoom, scene.geometry).scene(scene, part, this.look);
      });
    }
    camera.apply(ctx, ratio);
    if (this.folded) drawLoops(ctx, this, app);
    if (app.params === "lane") drawLane(ctx, this, app);
    drawOverlay(ctx, this, app, box, direct);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawTimeline(ctx, this, app);
    return complete;
  }

  unitsIn(box) {
    const {slots, totalHeight} = this.scene;
    let sum = 0;
    const part = clamp((Math.min(box.bottom, totalHeight) - Math.max(box.top, 0)) / Math.max(1, totalHeight), 0, 1);
    for (const slot of slotsIn(this.scene, box)) sum += slot.shown ? slot.shown.length * part : 0;
    return slots.length ? sum : 0;
  }

  /** What is at a point of the screen: {unit}, {unit, parameter}, {fold}, {column} or null. */
  at(sx, sy) {
    const {camera, scene} = this,
      x = camera.toWorldX(sx),
      y = camera.toWorldY(sy);
    const box = {left: x, right: x};
    for (const slot of slotsIn(scene, box))
      for (const u of slot.shown ?? []) {
        if (Math.abs(x - scene.x[u]) > scene.width[u] / 2 + 16 || Math.abs(y - scene.y[u]) > scene.geometry.height)
          continue;
        const parameter = camera.zoom >= SMALL ? this.badgeAt(u, x, y) : null;
        if (parameter !== null) return {unit: u, parameter};
      }
    const reach = scene.geometry.height / 2 + 2 / camera.zoom;
    for (const list of [...slotsIn(scene, box).map((slot) => slot.shown ?? []), scene.bars])
      for (const u of list)
        if (Math.abs(x - scene.x[u]) <= scene.width[u] / 2 && Math.abs(y - scene.y[u]) <= reach) return {unit: u};
    for (const slot of slotsIn(scene, box)) {
      if (x < slot.left - 20 || x > slot.left + slot.width + 20 || y < columnTop(scene) || y > columnBottom(scene))
        continue;
      if (slot.fold) return {fold: slot};
      if (slot.step !== LANE) return {column: slot};
    }
    return null;
  }

  /** The parameters' marks on a unit: where they stand in the world. */
  marksOf(u) {
    return placeBadges(this.app.ctx, this.scene, u, this.look);
  }
  badgeAt(u, x, y) {
    const mark = this.marksOf(u).find((m) => x >= m.x && x <= m.x + m.width && y >= m.y && y <= m.y + m.height);
    return mark?.parameter ?? null;
  }

  details() {
    return this.folded ? describeFolding(this.app) : [];
  }

  unitOf(node) {
    const u = this.scene.units.of[this.facts.shown(node)];
    return u === NOWHERE || u === undefined ? -1 : u;
  }

  /** Brings a node into sight, unfolding its step if need be. */
  reveal(node) {
    const cell = this.facts.cellOf(node);
    if (!this.folded && cell < BAR && this.folds.reveal(cell)) {
      const x = this.placeOf(cell);
      this.build();
      if (x !== null) this.camera.moveTo(this.camera.x + (this.placeOf(cell) ?? x) - x);
    }
    const u = this.unitOf(node);
    if (u < 0) return;
    const {camera, scene} = this;
    if (camera.zoom < SMALL) camera.zoom = 0.7;
    const sx = camera.toScreenX(scene.x[u]),
      sy = camera.toScreenY(scene.y[u]);
    if (sx < 90 || sx > camera.width - 90 || sy < 80 || sy > camera.height - 80) {
      camera.moveTo(scene.x[u], scene.y[u]);
    }
    this.app.redraw();
  }
}

/** The part of the world that a scene takes up, lane of parameters included. */
function sceneBounds(scene, app, folded) {
  const lane = app.params === "lane" ? 44 + app.graph.parameters.length * LANE_PITCH : 0;
  const side = folded ? 40 + 26 * (scene.loops?.length ?? 0) : 26;
  return {left: -side, right: scene.totalWidth + side, top: columnTop(scene), bottom: columnBottom(scene) + 26 + lane};
}
