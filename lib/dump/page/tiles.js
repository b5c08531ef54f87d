// Tiles: pictures of parts of a scene too full to be painted every frame. They are painted a few at a time, as long as
// a frame allows; until a tile of the present zoom is there, those of the one before stand in for it.

const TILE = 512; // device pixels
const TILE_BUDGET = 9; // milliseconds of a frame
const MOST_TILES = 96;

class Tiles {
  constructor() {
    this.clear();
  }
  clear() {
    this.now = new Map();
    this.before = null;
    this.zoom = 0;
  }

  /** Draws what there is; true when nothing is missing. `paint(ctx, box)` paints a box of the scene. */
  draw(ctx, camera, ratio, paint) {
    if (this.zoom !== camera.zoom) {
      // While zooming goes on, few tiles of a passing zoom are worth keeping.
      if (this.now.size >= 3 || !this.before) this.before = {tiles: this.now, zoom: this.zoom};
      this.now = new Map();
      this.zoom = camera.zoom;
      this.settled = performance.now() + 90;
    }
    const size = TILE / (camera.zoom * ratio),
      {left, right, top, bottom} = camera.bounds;
    const missing = [];
    for (let ty = Math.floor(top / size); ty * size < bottom; ty++)
      for (let tx = Math.floor(left / size); tx * size < right; tx++)
        if (!this.now.has(tx + "," + ty)) missing.push([tx, ty]);
    const started = performance.now();
    if (missing.length && started > this.settled) {
      const away = ([tx, ty]) => Math.hypot((tx + 0.5) * size - camera.x, (ty + 0.5) * size - camera.y);
      missing.sort((a, b) => away(a) - away(b));
      while (missing.length) {
        this.make(...missing.shift(), size, camera.zoom * ratio, paint);
        if (performance.now() - started > TILE_BUDGET) break;
      }
    }
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    if (missing.length && this.before) this.put(ctx, this.before.tiles, this.before.zoom, camera, ratio);
    if (!missing.length) this.before = null;
    this.put(ctx, this.now, this.zoom, camera, ratio);
    return missing.length === 0;
  }

  make(tx, ty, size, scale, paint) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = TILE;
    const ctx = canvas.getContext("2d", {alpha: false});
    ctx.setTransform(scale, 0, 0, scale, -tx * TILE, -ty * TILE);
    paint(ctx, {left: tx * size, top: ty * size, right: (tx + 1) * size, bottom: (ty + 1) * size});
    if (this.now.size >= MOST_TILES) this.now.delete(this.now.keys().next().value);
    this.now.set(tx + "," + ty, {canvas, tx, ty});
  }

  put(ctx, tiles, zoom, camera, ratio) {
    const size = TILE / (zoom * ratio),
      side = size * camera.zoom * ratio,
      same = zoom === camera.zoom;
    for (const {canvas, tx, ty} of tiles.values()) {
      let x = camera.toScreenX(tx * size) * ratio,
        y = camera.toScreenY(ty * size) * ratio;
      if (x > camera.width * ratio || y > camera.height * ratio || x + side < 0 || y + side < 0) continue;
      if (same) ctx.drawImage(canvas, Math.round(x), Math.round(y));
      else ctx.drawImage(canvas, x, y, side, side);
    }
  }
}
