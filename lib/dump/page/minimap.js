// The minimap: the whole scene small, and where the canvas looks.

class Minimap {
  constructor(app) {
    Object.assign(this, {app, canvas: $("minimap"), stale: true, picture: null});
    const jump = (event) => {
      const {view} = app,
        place = this.place;
      if (!place || !(view instanceof GraphView)) return;
      const y = place.tall ? (event.offsetY - place.y) / place.scale + place.top : view.camera.y;
      view.camera.moveTo((event.offsetX - place.x) / place.scale + place.left, y);
      app.redraw();
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      jump(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons && jump(event));
  }

  draw() {
    const {app, canvas} = this,
      {view} = app;
    const shown = view instanceof GraphView && !view.folded && view.scene.units.count > 0;
    const box = shown ? view.camera.bounds : null;
    const all =
      shown &&
      box.left <= 0 &&
      box.right >= view.scene.totalWidth &&
      box.top <= 0 &&
      box.bottom >= view.scene.totalHeight;
    canvas.hidden = !shown || all;
    if (canvas.hidden || !canvas.clientWidth) return; // a narrow page has none
    const ratio = devicePixelRatio || 1,
      width = canvas.clientWidth,
      height = canvas.clientHeight;
    if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      this.stale = true;
    }
    const {scene} = view;
    if (this.stale || this.scene !== scene) this.paint(scene, width, height, ratio);
    const ctx = canvas.getContext("2d"),
      {x, y, left, top, scale} = this.place;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(this.picture, 0, 0);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const a = clamp(x + (box.left - left) * scale, 2, width - 2),
      b = clamp(x + (box.right - left) * scale, 2, width - 2);
    const c = clamp(y + (box.top - top) * scale, 2, height - 2),
      d = clamp(y + (box.bottom - top) * scale, 2, height - 2);
    ctx.strokeStyle = app.theme.select;
    ctx.lineWidth = 1.6;
    ctx.strokeRect(a, c, Math.max(2, b - a), Math.max(2, d - c));
  }

  paint(scene, width, height, ratio) {
    const {app} = this,
      pad = 7;
    this.picture = Object.assign(document.createElement("canvas"), {width: width * ratio, height: height * ratio});
    const top = columnTop(scene),
      worldHeight = columnBottom(scene) - top;
    const scale = Math.min((width - 2 * pad) / Math.max(1, scene.totalWidth), (height - 2 * pad) / worldHeight);
    // A long thin scene is stretched upwards so that there is something to see.
    const tall = scale * worldHeight > height * 0.4;
    this.place = {
      x: (width - scene.totalWidth * scale) / 2,
      y: (height - worldHeight * scale) / 2,
      left: 0,
      top,
      scale,
      tall,
    };
    const ctx = this.picture.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.fillStyle = app.theme.panel;
    ctx.fillRect(0, 0, width, height);
    const {units} = scene,
      seen = new Set(),
      {theme} = app;
    const h = Math.max(1.5, scene.geometry.height * scale);
    for (const slot of scene.slots) {
      const x = this.place.x + slot.left * scale;
      if (slot.fold) {
        ctx.fillStyle = theme.fold;
        ctx.fillRect(x, this.place.y, slot.width * scale, worldHeight * scale);
        continue;
      }
      for (const u of slot.shown) {
        const key = Math.round((this.place.x + scene.x[u] * scale) * 2) * 4096 + Math.round(scene.y[u] * scale * 2);
        if (seen.has(key)) continue;
        seen.add(key);
        ctx.fillStyle = app.view.look?.fill(u) ?? theme.lines[units.role[u]];
        ctx.fillRect(
          this.place.x + (scene.x[u] - scene.width[u] / 2) * scale,
          this.place.y + (scene.y[u] - top) * scale - h / 2,
          Math.max(1, scene.width[u] * scale),
          h,
        );
      }
    }
    this.scene = scene;
    this.stale = false;
  }
}
