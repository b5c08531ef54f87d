// The memory view: what a step of training holds, over the forward pass and then the backward walk. One clock runs
// through both, a tick a node; docs/graph-format.md of unspool defines it.

const FORWARD_KINDS = ["values", "saved for backward", "tape"];
const BACKWARD_KINDS = ["gradients", "queued products", "scratch"];
const FORWARD_COLORS = ["#4477aa", "#66aadd", "#99a3ab"];
const SCOPE_COLORS = ["#4477aa", "#66ccee", "#228833", "#99cc55", "#997744", "#8877bb", "#5b8f8f", "#99a3ab"];
const BACKWARD_COLORS = ["#d0437c", "#ee8866", "#ddaa33"];
const BUCKETS = 3000;
const MOST_SCOPES = 8;

class MemoryChart extends ChartView {
  constructor(app) {
    super(app);
    this.by = "scope";
  }

  prepare() {
    const {graph} = this.app,
      {file, count} = graph;
    const has = (name) => file?.slots.has(name);
    this.arena = has("arena_bytes") ? file.slot("arena_bytes") : graph.bytes.map((b, i) => b + graph.saved[i]);
    this.events = Boolean(graph.memory?.events && graph.loss >= 0);
    this.ticks = count + (this.events ? graph.loss + 1 : 0);
    this.extent = [0, Math.max(1, this.ticks)];
    if (this.events) this.readEvents(file, count);
    this.stack(this.by);
  }

  get frame() {
    return {...super.frame, top: 112};
  }

  /** Stacks what the forward pass keeps by kind, or by scope; what the walk holds comes on top. */
  stack(by) {
    const {graph} = this.app;
    this.by = by;
    if (by === "scope") {
      const sums = new Map();
      for (let i = 0; i < graph.count; i++) sums.set(graph.scope[i], (sums.get(graph.scope[i]) ?? 0) + this.arena[i]);
      const order = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a)),
        kept = order.slice(0, order.length > MOST_SCOPES ? MOST_SCOPES - 1 : MOST_SCOPES);
      const layer = new Map(kept.map((scope, k) => [scope, k]));
      this.layerOf = (i) => layer.get(graph.scope[i]) ?? MOST_SCOPES - 1;
      this.kinds = kept.map((scope) => visible(graph.texts[scope] || "outside scopes"));
      if (order.length > MOST_SCOPES) this.kinds.push("other scopes");
      this.colors = SCOPE_COLORS.slice(0, this.kinds.length);
    } else {
      this.layerOf = null;
      this.kinds = FORWARD_KINDS.slice();
      this.colors = FORWARD_COLORS.slice();
    }
    this.forward = this.kinds.length;
    this.kinds.push(...BACKWARD_KINDS);
    this.colors.push(...BACKWARD_COLORS);
    this.sample(0, this.ticks);
    this.peak = this.samples.peak;
  }

  readEvents(file, count) {
    this.flush = file.slot("flush_bytes");
    this.scratch = file.slot("scratch_bytes");
    this.held = file.slot("held_bytes");
    this.bytes = file.slot("gradient_bytes");
    this.born = file.slot("gradient_born", new Int32Array(count));
    this.freed = file.slot("gradient_freed", new Int32Array(count));
    this.bornAt = new Float64Array(count);
    this.freedAt = new Float64Array(count);
    this.heldFreedAt = new Float64Array(count);
    const heldFreed = file.slot("held_freed", new Int32Array(count));
    for (let i = 0; i < count; i++) {
      if (this.born[i] >= 0) this.bornAt[this.born[i]] += this.bytes[i];
      if (this.freed[i] >= 0 && this.freed[i] !== i) this.freedAt[this.freed[i]] += this.bytes[i];
      if (heldFreed[i] >= 0) this.heldFreedAt[heldFreed[i]] += this.held[i];
    }
  }

  // Walks the clock, as the format's page defines it; of every bucket of ticks keeps the moment at which most was held.
  sample(from, to) {
    const {graph} = this.app,
      {count} = graph,
      first = Math.max(0, Math.floor(from)),
      end = Math.min(this.ticks, Math.ceil(to));
    const per = Math.max(1, Math.ceil((end - first) / BUCKETS));
    const samples = [],
      now = new Float64Array(this.kinds.length),
      peak = {total: -1, tick: 0},
      f = this.forward;
    let bucket = null,
      total = 0;
    const add = (kind, bytes) => {
      now[kind] += bytes;
      total += bytes;
    };
    const note = (tick) => {
      if (total > peak.total) Object.assign(peak, {total, tick, parts: now.slice()});
      if (tick < first || tick >= end) return;
      if (!bucket || tick >= bucket.tick + per) {
        bucket = {tick: first + Math.floor((tick - first) / per) * per, total: -1, at: tick, parts: null};
        samples.push(bucket);
      }
      if (total > bucket.total) Object.assign(bucket, {total, at: tick, parts: now.slice()});
    };
    for (let tick = 0; tick < this.ticks; tick++) {
      const i = this.nodeAt(tick);
      if (tick < count) {
        if (this.layerOf) {
          add(this.layerOf(i), this.arena[i]);
        } else {
          add(0, graph.bytes[i]);
          add(1, graph.saved[i]);
          add(2, this.arena[i] - graph.bytes[i] - graph.saved[i]);
        }
        note(tick);
      } else {
        if (this.flush[i] > 0) {
          add(f + 2, this.flush[i]);
          note(tick);
          add(f + 2, -this.flush[i]);
        }
        add(f, this.bornAt[i] - this.freedAt[i]);
        add(f + 1, this.held[i] - this.heldFreedAt[i]);
        add(f + 2, this.scratch[i]);
        note(tick);
        add(f + 2, -this.scratch[i]);
        if (this.freed[i] === i) add(f, -this.bytes[i]);
      }
    }
    this.samples = {list: samples, per, first, end, peak};
  }
  nodeAt(tick) {
    return tick < this.app.graph.count ? tick : this.app.graph.count + this.app.graph.loss - tick;
  }

  heading() {
    const {peak} = this;
    if (!peak) return "Memory";
    return `Memory: ${bytesText(peak.total)} at the peak, ${this.phraseOf(peak.tick)}`;
  }
  phraseOf(tick) {
    const {graph} = this.app,
      i = this.nodeAt(tick);
    return (
      `${tick < graph.count ? "recording" : "going back through"} ${visible(graph.title(i))} %${i}` +
      (graph.step[i] >= 0 ? `, t = ${graph.step[i]}` : "")
    );
  }

  paint(ctx) {
    const {theme, graph} = this.app,
      {left, right, top, bottom} = this.frame,
      [a, b] = this.domain;
    if (this.samples.first !== Math.floor(a) || this.samples.end !== Math.min(this.ticks, Math.ceil(b)))
      this.sample(a, b);
    const {list, per} = this.samples,
      high = Math.max(1, ...list.map((s) => s.total)) * 1.08;
    const y = (value) => bottom - (value / high) * (bottom - top);
    drawYAxis(ctx, this, {top, bottom, low: 0, high, label: bytesText});
    this.clipped(ctx, () => {
      this.kinds.forEach((_, kind) => {
        ctx.beginPath();
        const edge = (sample, upTo) => sample.parts.subarray(0, upTo).reduce((sum, part) => sum + part, 0);
        for (const s of list) {
          ctx.lineTo(this.toX(s.tick), y(edge(s, kind + 1)));
          ctx.lineTo(this.toX(Math.min(s.tick + per, this.ticks)), y(edge(s, kind + 1)));
        }
        for (const s of list.slice().reverse()) {
          ctx.lineTo(this.toX(Math.min(s.tick + per, this.ticks)), y(edge(s, kind)));
          ctx.lineTo(this.toX(s.tick), y(edge(s, kind)));
        }
        ctx.fillStyle = this.colors[kind];
        ctx.fill();
      });
      this.paintMarks(ctx, top, bottom, y);
    });
    drawXAxis(
      ctx,
      this,
      this.events ? "recording, then going back: one tick a node" : "recording: one tick a node",
      (tick) => {
        const node = this.nodeAt(Math.min(tick, this.ticks - 1));
        return graph.step[node] >= 0 ? `t = ${graph.step[node]}` : `%${grouped(node)}`;
      },
    );
    ctx.textAlign = "center";
    ctx.textBaseline = "alphabetic";
    ctx.fillStyle = theme.soft;
    ctx.font = `600 13px ${FONT}`;
    if (this.events)
      for (const [text, from, to] of [
        ["forward \u2192", 0, graph.count],
        ["\u2190 backward", graph.count, this.ticks],
      ]) {
        const middle = (Math.max(left, this.toX(from)) + Math.min(right, this.toX(to))) / 2;
        if (this.toX(to) > left + 40 && this.toX(from) < right - 40) ctx.fillText(text, middle, top - 12);
      }
  }

  paintMarks(ctx, top, bottom, y) {
    const {theme, graph} = this.app,
      {peak} = this;
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    if (this.events) {
      ctx.moveTo(this.toX(graph.count), top);
      ctx.lineTo(this.toX(graph.count), bottom);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    const x = this.toX(peak.tick + 0.5);
    ctx.fillStyle = theme.ink;
    ctx.beginPath();
    ctx.arc(x, y(peak.total), 4.5, 0, 7);
    ctx.fill();
    if (this.hoverX === null) return;
    ctx.beginPath();
    ctx.moveTo(this.hoverX, top);
    ctx.lineTo(this.hoverX, bottom);
    ctx.stroke();
  }

  sampleAt(sx) {
    const tick = this.fromX(sx),
      {list} = this.samples;
    let low = 0,
      high = list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (list[middle].tick <= tick) low = middle;
      else high = middle - 1;
    }
    return list[low] ?? null;
  }
  tip(sx) {
    const s = this.sampleAt(sx);
    if (!s) return null;
    return [
      el("b", {}, bytesText(s.total)),
      el("div", {}, this.phraseOf(s.at)),
      ...this.kinds
        .map((kind, k) => (s.parts[k] > 0 ? el("div", {}, `${kind}: ${bytesText(s.parts[k])}`) : null))
        .reverse()
        .filter(Boolean),
    ];
  }
  nodeUnder(sx) {
    const s = this.sampleAt(sx);
    return s ? this.nodeAt(s.at) : -1;
  }
  legend() {
    return this.peak
      ? this.kinds.map((kind, k) => [kind, this.colors[k]]).filter((_, k) => this.peak.parts?.[k] > 0)
      : [];
  }

  /** Who is alive at the peak, by op and scope. */
  details() {
    const {graph} = this.app,
      groups = new Map(),
      {tick, total} = this.peak;
    const add = (name, bytes) => {
      if (!(bytes > 0)) return;
      const group = groups.get(name) ?? {bytes: 0, count: 0};
      group.bytes += bytes;
      group.count++;
      groups.set(name, group);
    };
    const nameOf = (i) => graph.opName(i) + (graph.scope[i] ? ` in ${graph.scopeName(i)}` : "");
    for (let i = 0; i < Math.min(graph.count, tick + 1); i++) {
      add(nameOf(i), graph.bytes[i] + graph.saved[i]);
      const visit = (node) => graph.count + graph.loss - node;
      if (
        this.events &&
        this.born[i] >= 0 &&
        visit(this.born[i]) <= tick &&
        (this.freed[i] < 0 || visit(this.freed[i]) >= tick)
      )
        add(`gradient of ${nameOf(i)}`, this.bytes[i]);
    }
    const rows = [...groups].sort((x, z) => z[1].bytes - x[1].bytes).slice(0, 12);
    return [
      el("h2", {}, "Alive at the peak ", el("small", {}, bytesText(total))),
      pairs(
        rows.map(([name, {bytes, count}]) => [
          bytesText(bytes),
          el("span", {}, data(name), ` \u00d7${grouped(count)}`),
        ]),
      ),
    ];
  }
}
