// What gradient norms over time tell: how fast they shrink or grow, where none can pass, where they stopped being
// finite.

/** The factor by which norms change from a step to the one before it, fitted to their logarithms; null: too few. */
function decayOf(norms) {
  let n = 0,
    sx = 0,
    sy = 0,
    sxx = 0,
    sxy = 0;
  norms.forEach((norm, k) => {
    if (!(norm > 0) || norm === Infinity) return;
    const y = Math.log(norm);
    n++;
    sx += k;
    sy += y;
    sxx += k * k;
    sxy += k * y;
  });
  const spread = n * sxx - sx * sx;
  return n < 4 || spread === 0 ? null : Math.exp(-(n * sxy - sx * sy) / spread);
}

/** Over the whole sequence a factor of more than a thousand either way is worth a word. */
function verdict(row) {
  const over = row.decay ** (row.count - 1);
  return over < 1e-3 ? "vanishing" : over > 1e3 ? "exploding" : "steady";
}

/** Between which columns no gradient can pass, though values do. An initial state that is a constant is no such cut. */
function findCuts({graph, placement, role}, columns) {
  const cuts = [];
  columns.forEach((c, k) => {
    let values = 0,
      gradients = 0;
    for (const i of placement.members.of(c))
      for (const input of graph.inputsOf(i)) {
        const from = placement.drawnAs[input],
          cell = placement.cell[from];
        const carried = cell < BAR && cell !== c && graph.parameter[from] < 0;
        if (!carried || (placement.standsFor[from] !== NOWHERE && role[from] === ROLE.constant)) continue;
        values++;
        if (graph.has(from, FLAG.needsGrad)) gradients++;
      }
    if (values > 0 && gradients === 0) cuts.push(k);
  });
  return cuts;
}

/** The backward walk's first norm that is not finite, else the first value that is not. */
function findFirstNaN(graph) {
  for (let i = graph.count; i-- > 0;)
    if (graph.norm[i] === Infinity || Number.isNaN(graph.norm[i])) return {node: i, what: "gradient"};
  const i = graph.statistics?.nonfinite?.findIndex((n) => n > 0) ?? -1;
  return i >= 0 ? {node: i, what: "value"} : null;
}

/** The same in words, for the panel. */
function describeGradients({app, rows, columns, cuts, firstNaN}) {
  const {graph, facts} = app,
    out = [el("h2", {}, "How gradients travel")];
  const decays = rows.filter((row) => row.decay !== null && /^(h|c|h, c|state)/.test(row.name));
  const telling = (row) => `\u00d7${numberText(row.decay)} a step back: ${verdict(row)}`;
  if (decays.length) out.push(pairs(decays.map((row) => [data(`${lastPart(row.scope)} ${row.name}`), telling(row)])));
  if (cuts.length) {
    const steps = cuts.slice(0, 12).map((k) => "t = " + facts.placement.cells[columns[k]].step);
    out.push(
      el(
        "p",
        {},
        `No gradient passes into the steps before ${steps.join(", ")}: ` +
          "there the state comes in as a plain value (truncation, dashed).",
      ),
    );
  }
  if (firstNaN) {
    out.push(el("h3", {}, `first ${firstNaN.what} that is not finite`), ...links(app, "", [firstNaN.node]).slice(1));
    const finite = Array.from(graph.readersOf(firstNaN.node)).filter(
      (i) => graph.norm[i] >= 0 && graph.norm[i] < Infinity,
    );
    if (firstNaN.what === "gradient" && finite.length)
      out.push(
        el("p", {}, "What reads it still has a finite gradient: the backward rule of one of these made it."),
        ...links(app, "", finite).slice(1),
      );
  }
  return out;
}
