// The parameter view: how the steps add up to a shared parameter's gradient. Three charts over time: each step's share,
// the sum from the last step down to it, and the share's direction against the whole.

class ParameterView extends ChartView {
  constructor(app) {
    super(app);
    this.centred = true;
    this.chosen = 0;
  }
  get frame() {
    return {...super.frame, top: 108};
  }
  get parameter() {
    return this.app.graph.parameters[this.chosen];
  }
  prepare() {
    const {parameters} = this.app.graph;
    this.chosen = clamp(this.chosen, 0, Math.max(0, parameters.length - 1));
    if (!this.asked) this.chosen = recurrentParameter(this.app.facts);
    this.series = this.parameter?.series ?? null;
    this.extent = [0, Math.max(1, this.series?.steps.length ?? 1)];
  }
  choose(p) {
    this.asked = true;
    this.chosen = p;
    this.prepare();
    this.domain = this.extent.slice();
    this.app.redraw();
  }

  heading() {
    const {parameter} = this;
    if (!parameter) return "No parameters";
    const short = isolated(this.app.facts.short[this.chosen], 8);
    return `${isolated(parameter.name, 60)}: what each step adds to \u2202L/\u2202${short}`;
  }

  paint(ctx) {
    if (!this.series)
      return this.message(ctx, [
        "This file does not say what each step added to the gradient.",
        "Capture after backward() on a tape that keeps gradient norms.",
      ]);
    const {top, bottom, left} = this.frame,
      {theme} = this.app,
      gap = 46,
      third = (bottom - top - 2 * gap) / 5;
    const charts = [
      {
        name: "norm of the step\u2019s contribution",
        values: this.series.norm,
        top,
        bottom: top + 2 * third,
        bars: true,
      },
      {
        name: "norm of the sum so far (the walk goes from right to left)",
        values: this.series.running,
        top: top + 2 * third + gap,
        bottom: top + 4 * third + gap,
      },
      {
        name: "cosine of the contribution to the whole gradient",
        values: this.series.cosine,
        top: top + 4 * third + 2 * gap,
        bottom,
        bars: true,
        low: -1,
        high: 1,
      },
    ];
    for (const chart of charts) {
      chart.low ??= 0;
      chart.high ??= (this.greatest(chart.values) || 1) * 1.06;
      drawYAxis(ctx, this, {...chart, label: numberText});
      ctx.textAlign = "left";
      ctx.textBaseline = "alphabetic";
      ctx.font = `600 12.5px ${FONT}`;
      ctx.fillStyle = theme.soft;
      ctx.fillText(chart.name, left, chart.top - 8);
      this.clipped(ctx, () => this.paintChart(ctx, chart));
    }
    drawXAxis(ctx, this, "time step t", (tick) => String(this.series.steps[Math.round(tick)] ?? ""));
  }
  greatest(values) {
    const [a, b] = this.domain;
    let most = 0;
    for (let k = Math.floor(a); k < Math.min(values.length, Math.ceil(b)); k++)
      if (values[k] > most && values[k] < Infinity) most = values[k];
    return most;
  }

  paintChart(ctx, {values, top, bottom, low, high, bars}) {
    const {theme, backward} = this.app,
      [a, b] = this.domain,
      {left, right} = this.frame;
    const y = (value) => bottom - ((clamp(value, low, high) - low) / (high - low)) * (bottom - top),
      zero = y(0);
    const per = Math.max(1, Math.floor((b - a) / (right - left))),
      sum = backward.active ? backward.sumOf(this.chosen) : null;
    ctx.fillStyle = parameterColor(this.chosen);
    ctx.strokeStyle = theme.gradient;
    ctx.lineWidth = 2;
    ctx.beginPath();
    for (let k = Math.floor(a); k < Math.min(values.length, Math.ceil(b)); k += per) {
      let most = 0;
      for (let j = k; j < Math.min(values.length, k + per); j++)
        if (Math.abs(values[j]) >= Math.abs(most)) most = values[j];
      const arrived = !sum || sum.done.has(this.series.steps[k]);
      const x = this.toX(k),
        width = Math.max(1, this.toX(k + per) - x);
      if (!bars) {
        if (arrived) ctx.lineTo(x + width / 2, y(most));
        continue;
      }
      ctx.globalAlpha = (arrived ? 1 : 0.15) * (this.hoverStep === k ? 1 : 0.85);
      ctx.fillRect(
        x + width * 0.1,
        Math.min(zero, y(most)),
        Math.max(0.8, width * 0.8),
        Math.max(1, Math.abs(zero - y(most))),
      );
    }
    ctx.globalAlpha = 1;
    if (!bars) ctx.stroke();
    if (low < 0) {
      ctx.fillStyle = theme.line;
      ctx.fillRect(left, zero, right - left, 1);
    }
  }

  stepAt(sx) {
    const {left, right} = this.frame,
      k = Math.floor(this.fromX(sx));
    return this.series && sx >= left && sx <= right && k >= 0 && k < this.series.steps.length ? k : -1;
  }
  tip(sx) {
    const k = (this.hoverStep = this.stepAt(sx));
    if (k < 0) return null;
    const {steps, norm, running, cosine} = this.series;
    return [
      el("b", {}, `t = ${steps[k]}`),
      el("div", {}, `adds a gradient of norm ${normText(norm[k])}`),
      el("div", {}, `sum down to here ${normText(running[k])}`),
      el("div", {}, `cosine to the whole ${numberText(cosine[k])}`),
    ];
  }
  nodeUnder(sx) {
    const k = this.stepAt(sx),
      {facts} = this.app;
    return k < 0 ? -1 : (facts.uses[this.chosen].find((i) => facts.graph.step[i] === this.series.steps[k]) ?? -1);
  }
}

/** The first matrix with a ledger that is used beside a state of another step, else any with a ledger. */
function recurrentParameter({graph, placement, uses}) {
  const reads = (i) =>
    graph.inputsOf(i).some((input) => {
      const cell = placement.cell[placement.drawnAs[input]];
      return cell < BAR && cell !== placement.cell[i];
    });
  const known = graph.parameters.map((_, p) => p).filter((p) => graph.parameters[p].series);
  return known.find((p) => uses[p].slice(0, 8).some(reads)) ?? known[0] ?? 0;
}
