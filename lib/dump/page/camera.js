// The camera: which part of the scene the canvas shows. A world point p stands at (p - centre) * zoom + middle.

class Camera {
  constructor() {
    Object.assign(this, {x: 0, y: 0, zoom: 1, width: 1, height: 1});
    this.moved = false; // by hand; else the camera shows what fits, also when its size changes
    this.least = 0.002;
    this.most = 4;
  }
  toScreenX(x) {
    return (x - this.x) * this.zoom + this.width / 2;
  }
  toScreenY(y) {
    return (y - this.y) * this.zoom + this.height / 2;
  }
  toWorldX(x) {
    return (x - this.width / 2) / this.zoom + this.x;
  }
  toWorldY(y) {
    return (y - this.height / 2) / this.zoom + this.y;
  }
  get bounds() {
    return {
      left: this.toWorldX(0),
      right: this.toWorldX(this.width),
      top: this.toWorldY(0),
      bottom: this.toWorldY(this.height),
    };
  }

  moveTo(x, y = this.y) {
    this.moved = true;
    Object.assign(this, {x, y});
  }
  pan(dx, dy) {
    this.moved = true;
    this.x -= dx / this.zoom;
    this.y -= dy / this.zoom;
  }
  /** Zooms about a point of the screen. */
  zoomAt(factor, sx = this.width / 2, sy = this.height / 2) {
    const x = this.toWorldX(sx),
      y = this.toWorldY(sy);
    this.moved = true;
    this.zoom = clamp(this.zoom * factor, this.least, this.most);
    this.x = x - (sx - this.width / 2) / this.zoom;
    this.y = y - (sy - this.height / 2) / this.zoom;
  }
  /** Shows a whole box; `most` limits the zoom. */
  fit({left, top, right, bottom}, margin, most = 1.35) {
    this.moved = false;
    const w = Math.max(1, this.width - margin.left - margin.right),
      h = Math.max(1, this.height - margin.top - margin.bottom);
    this.zoom = clamp(Math.min(w / Math.max(1, right - left), h / Math.max(1, bottom - top)), this.least, most);
    this.x = (left + right) / 2 + (margin.right - margin.left) / 2 / this.zoom;
    this.y = (top + bottom) / 2 + (margin.bottom - margin.top) / 2 / this.zoom;
  }
  apply(ctx, ratio) {
    const k = this.zoom * ratio;
    ctx.setTransform(
      k,
      0,
      0,
      k,
      ratio * (this.width / 2 - this.x * this.zoom),
      ratio * (this.height / 2 - this.y * this.zoom),
    );
  }
}
