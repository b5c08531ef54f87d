// The gradient view: a heat map of gradient norms, rows the states and gates of every layer and direction, columns
// time.

class HeatView extends ChartView {
  constructor(app) {
    super(app);
    this.rowsShown = "states";
    this.centred = true;
    this.scroll = 0;
  }
  get gutter() {
    return 190;
  }
  get rightGutter() {
    return 96;
  }
  get frame() {
    const frame = super.frame;
    return {...frame, bottom: Math.min(frame.bottom, frame.top + Math.max(1, this.rows.length) * 34)};
  }

  prepare() {
    const {facts} = this.app,
      {graph, placement} = facts;
    this.columns = [];
    this.rows = [];
    for (const {first, end, representative} of stepKinds(facts)) {
      const at = this.columns.length;
      for (let c = first; c < end; c++) this.columns.push(c);
      const found =
        this.rowsShown === "states"
          ? namedRows(facts, representative)
          : Array.from(placement.members.of(representative))
              .filter((i) => graph.has(i, FLAG.needsGrad))
              .map((node) => ({name: graph.opName(node), scope: graph.scopeName(node), node}));
      for (const row of found) this.rows.push({...row, first: at, count: end - first, column: first});
    }
    this.columnAt = new Map(this.columns.map((c, k) => [c, k]));
    for (const row of this.rows) this.fill(row);
    this.scale = new LogScale(this.rows.flatMap((row) => Array.from(row.norms)));
    this.extent = [0, Math.max(1, this.columns.length)];
    this.cuts = findCuts(this.app.facts, this.columns);
    this.firstNaN = findFirstNaN(this.app.graph);
    this.image = null;
  }

  fill(row) {
    const {facts} = this.app;
    row.nodes = new Int32Array(row.count).fill(-1);
    row.norms = new Float64Array(row.count).fill(-1);
    for (let k = 0; k < row.count; k++) {
      const node = facts.twin(row.node, row.column + k);
      row.nodes[k] = node;
      if (node >= 0) row.norms[k] = facts.graph.norm[node];
    }
    row.decay = decayOf(row.norms);
  }

  heading() {
    return "Gradient norms \u2016\u2202L/\u2202\u00b7\u2016 of states and gates over time";
  }
  get rowHeight() {
    const {top, bottom} = this.frame;
    return clamp((bottom - top) / Math.max(1, this.rows.length), 16, 34);
  }
  rowTop(r) {
    return this.frame.top + r * this.rowHeight - this.scroll;
  }

  paint(ctx) {
    const {theme} = this.app,
      {left, right, top, bottom} = this.frame;
    if (!this.scale.known && !this.firstNaN)
      return this.message(ctx, [
        "This file holds no gradient norms of its nodes.",
        "Run backward() on a tape with keep_gradient_norms before the capture.",
      ]);
    this.image ??= this.makeImage();
    this.scroll = clamp(this.scroll, 0, Math.max(0, this.rows.length * this.rowHeight - (bottom - top)));
    const [a, b] = this.domain,
      h = this.rowHeight;
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, top - 2, this.camera.width, bottom - top + 4);
    ctx.clip();
    ctx.imageSmoothingEnabled = false;
    const {canvas, per} = this.image;
    this.rows.forEach((row, r) => {
      ctx.drawImage(canvas, a / per, r, (b - a) / per, 1, left, this.rowTop(r), right - left, h - 2);
    });
    this.paintRowNames(ctx);
    this.paintCuts(ctx);
    this.paintNaN(ctx);
    if (this.hoverCell) {
      const {r, k} = this.hoverCell;
      ctx.strokeStyle = theme.ink;
      ctx.lineWidth = 2;
      const x = this.toX(k),
        w = Math.max(3, this.toX(k + 1) - x);
      ctx.strokeRect(x, this.rowTop(r), w, h - 2);
    }
    ctx.restore();
    drawXAxis(ctx, this, "time step t", (tick) => {
      const c = this.columns[Math.round(tick)];
      return c === undefined ? "" : String(this.app.facts.placement.cells[c].step);
    });
    drawNormLines(ctx, this, bottom + 72, this.camera.height - 56);
  }

  // A pixel a step; of very many steps the greatest of several, NaN before all.
  makeImage() {
    const per = Math.max(1, Math.ceil(this.columns.length / 8192)),
      width = Math.max(1, Math.ceil(this.columns.length / per));
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = Math.max(1, this.rows.length);
    const ctx = canvas.getContext("2d"),
      image = ctx.createImageData(canvas.width, canvas.height);
    this.rows.forEach((row, r) => {
      for (let x = 0; x < width; x++) {
        let worst = -1;
        for (let k = x * per - row.first; k < Math.min((x + 1) * per - row.first, row.count); k++) {
          if (k < 0) continue;
          const norm = row.norms[k];
          if (Number.isNaN(norm) || norm === Infinity) worst = NaN;
          else if (norm > worst) worst = norm;
        }
        if (worst < 0) continue;
        const color = Number.isNaN(worst)
          ? [255, 0, 140]
          : worst === 0
            ? [120, 120, 120]
            : SCALE[this.scale.index(worst)];
        image.data.set([...color, 255], 4 * (r * width + x));
      }
    });
    ctx.putImageData(image, 0, 0);
    return {canvas, per};
  }

  paintRowNames(ctx) {
    const {theme} = this.app,
      {left, right} = this.frame,
      h = this.rowHeight;
    ctx.textBaseline = "middle";
    let scope = null;
    this.rows.forEach((row, r) => {
      const y = this.rowTop(r) + h / 2 - 1;
      ctx.textAlign = "right";
      ctx.fillStyle = theme.ink;
      ctx.font = `500 13px ${FONT}`;
      ctx.fillText(isolated(row.name, 14), left - 10, y);
      if (row.scope !== scope) {
        ctx.textAlign = "left";
        ctx.fillStyle = theme.soft;
        ctx.font = `600 12px ${FONT}`;
        ctx.fillText(isolated(row.scope || "network", 15), 14, y);
        if (r > 0) {
          ctx.fillStyle = theme.line;
          ctx.fillRect(14, this.rowTop(r) - 1.5, right - 14, 1);
        }
      }
      scope = row.scope;
      if (row.decay === null) return;
      ctx.textAlign = "left";
      ctx.font = `12px ${FONT}`;
      ctx.fillStyle = theme.soft;
      ctx.fillText(`\u00d7${numberText(row.decay)} / step`, right + 8, y);
    });
  }

  paintCuts(ctx) {
    const {theme} = this.app,
      {top} = this.frame,
      bottom = this.rowTop(this.rows.length);
    ctx.fillStyle = ctx.strokeStyle = theme["loss-line"];
    ctx.lineWidth = 2.5;
    ctx.setLineDash([7, 5]);
    for (const k of this.cuts) {
      const x = this.toX(k);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, bottom);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  paintNaN(ctx) {
    if (!this.firstNaN) return;
    const {facts, theme} = this.app,
      {node} = this.firstNaN,
      k = this.columnAt.get(facts.cellOf(node));
    if (k === undefined) return;
    const r = this.rows.findIndex((row) => row.nodes[k - row.first] === node),
      x = this.toX(k + 0.5);
    const y = r >= 0 ? this.rowTop(r) + this.rowHeight / 2 : this.frame.top + 8;
    ctx.strokeStyle = theme.ink;
    ctx.fillStyle = theme.panel;
    ctx.lineWidth = 2.5;
    ctx.beginPath();
    ctx.arc(x, y, 11, 0, 7);
    ctx.stroke();
  }

  cellAt(sx, sy) {
    const {left, right, top, bottom} = this.frame;
    if (!this.image || sx < left || sx >= right || sy < top || sy > bottom) return null;
    const r = Math.floor((sy - this.rowTop(0)) / this.rowHeight),
      k = Math.floor(this.fromX(sx)),
      row = this.rows[r];
    if (!row || k < row.first || k >= row.first + row.count) return null;
    return {r, k, row, node: row.nodes[k - row.first], norm: row.norms[k - row.first]};
  }
  tip(sx, sy) {
    const cell = (this.hoverCell = this.cellAt(sx, sy));
    if (!cell || cell.node < 0) return null;
    const step = this.app.facts.placement.cells[this.columns[cell.k]].step;
    return [
      el("b", {}, data(cell.row.name), `, t = ${step}: `, normText(cell.norm)),
      el("div", {}, data(cell.row.scope), ` %${cell.node}`),
      cell.norm > 0 && cell.norm < Infinity ? el("div", {}, `log10 ${numberText(Math.log10(cell.norm))}`) : null,
    ].filter(Boolean);
  }
  nodeUnder(sx, sy) {
    return this.cellAt(sx, sy)?.node ?? -1;
  }

  details() {
    return describeGradients(this);
  }
}
