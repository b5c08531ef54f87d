// The panel: all that is known of the selected node, and the shared parameters.

function showDetails(app) {
  const place = $("details");
  place.replaceChildren();
  if (app.selected >= 0) place.append(...nodeDetails(app, app.selected));
  else if (app.view.details) place.append(...app.view.details());
}

const pairs = (list) =>
  el(
    "dl",
    {},
    ...list
      .filter((pair) => pair[1] != null && pair[1] !== "")
      .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );

function nodeDetails(app, i) {
  const {graph, facts} = app,
    stats = graph.statistics;
  const p = graph.parameter[i];
  const out = [
    el(
      "button",
      {class: "close", type: "button", "aria-label": "Close details", click: () => app.select(-1)},
      "\u00d7",
    ),
    el("p", {class: "big"}, data(graph.title(i))),
    el(
      "p",
      {class: "sub"},
      p >= 0 ? "shared parameter" : `%${i}`,
      graph.step[i] >= 0 ? `  \u00b7  t = ${graph.step[i]}` : "",
      graph.scope[i] ? "  \u00b7  " : "",
      graph.scope[i] ? data(graph.scopeName(i)) : "",
    ),
  ];
  const marks = [
    [FLAG.view, "view, no memory of its own"],
    [FLAG.severed, "severed: an op without derivative cuts the gradient"],
  ];
  const source = graph.texts[graph.source[i]];
  out.push(
    pairs([
      ["shape", shapeText(graph.shapeList(i)) + (graph.shapeList(i).length ? "" : " scalar")],
      ["values", `${graph.scalar}, ${graph.has(i, FLAG.view) ? "view" : bytesText(graph.bytes[i])}`],
      ["kept beside", graph.saved[i] > 0 ? bytesText(graph.saved[i]) : ""],
      ["cost", graph.flops[i] > 0 ? flopsText(graph.flops[i]) : ""],
      ["source", graph.line[i] ? data(`${source}:${graph.line[i]}`) : ""],
      [
        "gradient",
        p >= 0 && graph.parameters[p].norm >= 0
          ? `\u2016sum over steps\u2016 = ${normText(graph.parameters[p].norm)}`
          : graph.norm[i] < 0 && !graph.has(i, FLAG.needsGrad)
            ? "none flows here"
            : `norm ${normText(graph.norm[i])}`,
      ],
      [
        "least, mean, most",
        stats && !Number.isNaN(stats.min[i])
          ? [stats.min, stats.mean, stats.max]
              .filter(Boolean)
              .map((column) => numberText(column[i]))
              .join(",  ")
          : "",
      ],
      ["not finite", stats?.nonfinite?.[i] > 0 ? `${stats.nonfinite[i]} elements` : ""],
      [
        "note",
        marks
          .filter(([flag]) => graph.has(i, flag))
          .map(([, text]) => text)
          .join("; "),
      ],
      ...(graph.file?.attributes(i) ?? []).map(([name, value]) => [data(name), data(value)]),
    ]),
  );
  const chart = nodeChart(app, i);
  if (chart) out.push(chart);
  out.push(...links(app, "inputs", Array.from(graph.inputsOf(i))));
  out.push(...links(app, "read by", p >= 0 ? facts.uses[p] : Array.from(graph.readersOf(i))));
  out.push(...insideOf(app, i));
  return out;
}

/** Buttons that lead to nodes; of many the first. */
function links(app, title, nodes, most = 24) {
  if (!nodes.length) return [];
  const {graph} = app;
  const list = el("div", {class: "links"});
  const add = (from, to) => {
    for (const i of nodes.slice(from, to)) {
      const where = graph.step[i] >= 0 ? ` t=${graph.step[i]}` : "";
      list.append(
        el(
          "button",
          {type: "button", click: () => app.select(i, true)},
          data(graph.title(i)),
          graph.parameter[i] >= 0 ? "" : ` %${i}${where}`,
        ),
      );
    }
  };
  add(0, most);
  if (nodes.length > most) list.append(el("span", {class: "more"}, `and ${grouped(nodes.length - most)} more`));
  return [el("h3", {}, `${title} (${grouped(nodes.length)})`), list];
}

/** The ops of a box that stands for several. */
function insideOf(app, i) {
  const view = app.view;
  if (!(view instanceof GraphView) || !view.scene) return [];
  const u = view.unitOf(i),
    members = u >= 0 ? view.scene.units.members[u] : null;
  if (!members || members.length < 2) return [];
  const {graph} = app,
    sum = (column) => members.reduce((total, m) => total + column[m], 0);
  return [
    el(
      "h3",
      {},
      `this box: ${members.length} ops, ` +
        `${bytesText(sum(graph.bytes) + sum(graph.saved))}, ${flopsText(sum(graph.flops))}`,
    ),
    ...links(app, "ops of this box", members).slice(1),
    el("p", {}, el("button", {class: "more", type: "button", click: () => app.setDetail("ops")}, "Show every op (d)")),
  ];
}

/** The gradient at this place of every step. */
function nodeChart(app, i) {
  const {facts, graph} = app,
    twins = facts.twins(facts.shown(i));
  if (twins.length < 2 || !twins.some((n) => graph.norm[n] >= 0)) return null;
  const canvas = el("canvas", {height: 60, role: "img", "aria-label": "Gradient norm of this place over the steps"});
  const width = 284,
    ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = 64 * ratio;
  canvas.style.width = "100%";
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  const scale = new LogScale(twins.map((n) => graph.norm[n]));
  ctx.strokeStyle = app.theme.gradient;
  ctx.lineWidth = 1.6;
  drawSeries(ctx, twins.length, (k) => graph.norm[twins[k]], scale, {
    left: 4,
    width: width - 8,
    bottom: 56,
    height: 48,
  });
  const at = twins.indexOf(facts.shown(i));
  if (graph.norm[i] > 0) {
    ctx.fillStyle = app.theme.gradient;
    ctx.beginPath();
    ctx.arc(
      4 + (at / (twins.length - 1)) * (width - 8),
      56 - clamp((Math.log10(graph.norm[i]) - scale.low) / (scale.high - scale.low), 0, 1) * 48,
      3.5,
      0,
      7,
    );
    ctx.fill();
  }
  const range = `10^${numberText(scale.low)} to 10^${numberText(scale.high)}`.replaceAll(/10\^(\S+)/g, (_, e) =>
    numberText(10 ** Number(e.replace("\u2212", "-"))),
  );
  return el("div", {}, el("h3", {}, `gradient norm over the steps, ${range}`), canvas);
}

/** The list of parameters: pointing at one lights its uses. */
function showParameters(app) {
  const {graph, facts} = app,
    place = $("parameters");
  place.replaceChildren();
  if (!graph.parameters.length) return;
  place.append(el("h2", {}, "Shared parameters ", el("small", {}, "point to see every use")));
  app.parameterRows = graph.parameters.map((parameter, p) => {
    const chip = el("i");
    chip.style.background = parameterColor(p);
    const uses = facts.uses[p].length;
    const row = el(
      "button",
      {
        class: "param",
        type: "button",
        "aria-pressed": "false",
        pointerenter: () => app.light(p),
        pointerleave: () => app.light(null),
        focus: () => app.light(p),
        blur: () => app.light(null),
        click: () => app.chooseParameter(p),
      },
      chip,
      el("b", {}, data(parameter.name)),
      el("span", {}, `\u00d7${grouped(uses)}`),
      el(
        "span",
        {},
        `${shapeText(graph.shapeList(parameter.node))}${parameter.trainable ? "" : ", frozen"}` +
          (parameter.norm >= 0 ? `,  \u2016grad\u2016 ${numberText(parameter.norm)}` : ""),
      ),
    );
    const chart = parameter.series ? el("canvas", {"aria-hidden": "true"}) : null;
    if (chart) row.append(chart);
    place.append(row);
    return {row, chart};
  });
  drawParameterCharts(app);
}

/** Each parameter's share by step; during the backward walk only what has arrived, and the sum so far. */
function drawParameterCharts(app) {
  const {graph, backward} = app;
  app.parameterRows?.forEach(({row, chart}, p) => {
    row.classList.toggle("lit", app.litParameter === p);
    if (!chart) return;
    const {series} = graph.parameters[p],
      width = 240,
      height = 34,
      ratio = devicePixelRatio || 1;
    chart.width = width * ratio;
    chart.height = height * ratio;
    const ctx = chart.getContext("2d");
    ctx.scale(ratio, ratio);
    const sum = backward.active ? backward.sumOf(p) : null,
      count = series.steps.length;
    const most = series.norm.reduce((a, b) => (b > a && b < Infinity ? b : a), 1e-300);
    const top = series.running.reduce((a, b) => (b > a && b < Infinity ? b : a), most);
    const per = Math.max(1, Math.ceil(count / width)),
      step = width / Math.ceil(count / per);
    ctx.fillStyle = parameterColor(p);
    ctx.strokeStyle = app.theme.gradient;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    for (let k = count - 1; k >= 0; k -= per) {
      const arrived = !sum || sum.done.has(series.steps[k]),
        x = (k / count) * width;
      ctx.globalAlpha = arrived ? 0.75 : 0.13;
      const h = Math.max(1, (series.norm[k] / most) * (height - 8));
      ctx.fillRect(x, height - h, Math.max(0.7, step - 1), h);
      if (arrived) ctx.lineTo(x + step / 2, height - 2 - (series.running[k] / top) * (height - 6));
    }
    ctx.globalAlpha = 1;
    if (sum) ctx.stroke();
  });
}
