// Axes: what the charts share. A frame of the canvas, a range of x that can be panned and zoomed, and ticks.

class ChartView {
  constructor(app) {
    this.app = app;
    this.domain = null; // [from, to] of x in view
    this.hoverX = null;
    this.camera = {width: 1, height: 1};
  }
  get frame() {
    const {width, height} = this.camera;
    return {left: this.gutter ?? 78, top: 84, right: width - (this.rightGutter ?? 30), bottom: height - 74};
  }
  toX(value) {
    const {left, right} = this.frame,
      [a, b] = this.domain;
    return left + ((value - a) / (b - a)) * (right - left);
  }
  fromX(x) {
    const {left, right} = this.frame,
      [a, b] = this.domain;
    return a + ((x - left) / (right - left)) * (b - a);
  }
  show() {
    if (!this.extent) this.prepare();
    this.domain ??= this.extent.slice();
  }
  fit() {
    this.domain = this.extent.slice();
    this.app.redraw();
  }
  zoomAt(factor, sx) {
    const [a, b] = this.domain,
      [low, high] = this.extent,
      at = this.fromX(sx ?? (this.frame.left + this.frame.right) / 2);
    const width = clamp((b - a) / factor, Math.min(2, high - low), high - low);
    this.moveTo(at - ((at - a) / (b - a)) * width, width);
  }
  moveTo(from, width) {
    const [low, high] = this.extent;
    const start = clamp(from, low, high - width);
    this.domain = [start, start + width];
    this.app.redraw();
  }
  pan(dx) {
    const [a, b] = this.domain,
      {left, right} = this.frame;
    this.moveTo(a - (dx / (right - left)) * (b - a), b - a);
  }
  draw(ctx, ratio) {
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = this.app.theme.ink;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `600 15px ${FONT}`;
    ctx.fillText(this.heading(), this.frame.left, 70);
    this.paint(ctx);
    return true;
  }
  /** Clips to the frame while painting. */
  clipped(ctx, paint) {
    const {left, top, right, bottom} = this.frame;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top - 6, right - left, bottom - top + 12);
    ctx.clip();
    paint();
    ctx.restore();
  }
  at() {
    return null;
  }
  message(ctx, lines) {
    ctx.fillStyle = this.app.theme.soft;
    ctx.font = `15px ${FONT}`;
    lines.forEach((line, k) => ctx.fillText(line, this.frame.left, this.frame.top + 34 + 24 * k));
  }
}

/** Round numbers between two, about `count` of them. */
function ticksBetween(low, high, count) {
  const raw = (high - low) / Math.max(1, count),
    power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const out = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9 && out.length < 200; at += step)
    out.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return out;
}

function drawXAxis(ctx, view, title, label = (value) => String(value), whole = true) {
  const {theme} = view.app,
    {left, right, bottom} = view.frame;
  ctx.strokeStyle = theme.faint;
  ctx.fillStyle = theme.soft;
  ctx.font = `12px ${FONT}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.lineWidth = 1;
  for (const tick of ticksBetween(...view.domain, (right - left) / 90)) {
    if (whole && !Number.isInteger(tick)) continue;
    const x = view.toX(tick + (view.centred ? 0.5 : 0));
    if (x > right + 1) continue;
    ctx.fillText(label(tick), x, bottom + 8);
  }
  ctx.font = `italic 13px ${FONT}`;
  ctx.fillText(title, (left + right) / 2, bottom + 28);
}

function drawYAxis(ctx, view, {top, bottom, low, high, label}) {
  const {theme} = view.app,
    {left, right} = view.frame;
  ctx.font = `12px ${FONT}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.lineWidth = 1;
  for (const tick of ticksBetween(low, high, (bottom - top) / 46)) {
    const y = bottom - ((tick - low) / (high - low)) * (bottom - top);
    ctx.strokeStyle = theme.faint;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    ctx.fillStyle = theme.soft;
    ctx.fillText(label(tick), left - 8, y);
  }
}
