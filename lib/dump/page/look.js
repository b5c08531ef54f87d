// How units look: their letters, their colour for the chosen measure, their marks.

const COLOR_CHOICES = {
  role: "role",
  op: "operation",
  gradnorm: "gradient norm",
  bytes: "bytes",
  flops: "FLOPs",
  none: "nothing",
};

class Look {
  constructor(facts, scene, theme, {color, badges, backward}) {
    Object.assign(this, {facts, scene, theme, color, backward});
    this.showBadges = badges;
    this.memo = new Map();
    const {graph} = facts;
    if (color === "gradnorm") this.scale = facts.norms;
    if (color === "bytes" || color === "flops") {
      const all = new Float64Array(scene.units.count);
      for (let u = 0; u < all.length; u++) all[u] = this.measure(u);
      this.scale = new LogScale(all);
    }
    if (color === "op") this.kinds = opKinds(graph);
  }

  /** The measure that the colour shows; below zero or NaN: not known. */
  measure(u) {
    const {graph} = this.facts,
      {units} = this.scene;
    if (this.color === "gradnorm") return graph.norm[units.node[u]];
    const of = this.color === "bytes" ? (i) => graph.bytes[i] + graph.saved[i] : (i) => graph.flops[i];
    return (units.members[u] ?? [units.node[u]]).reduce((sum, i) => sum + of(i), 0);
  }

  /** null: the colour of its role. */
  fill(u) {
    if (this.backward) return this.backwardFill(u);
    if (this.color === "role") return null;
    if (this.color === "none") return this.theme.box;
    const {units} = this.scene;
    if (this.color === "op") return this.kinds.color[this.facts.graph.op[units.node[u]]];
    const value = this.measure(u);
    if (Number.isNaN(value)) return this.theme.gradient;
    return value > 0 ? this.scale.color(value) : this.theme.constant;
  }

  // What the walk has reached has the colour of its gradient.
  backwardFill(u) {
    const {graph, norms} = this.facts,
      node = this.scene.units.node[u];
    if (!this.backward.reached(node)) return null;
    const norm = graph.norm[node];
    return Number.isNaN(norm) ? this.theme.gradient : norm > 0 && norms.known ? norms.color(norm) : null;
  }

  /** null: the theme's. */
  ink(u) {
    if (this.backward) {
      const fill = this.backwardFill(u),
        norm = this.facts.graph.norm[this.scene.units.node[u]];
      return fill === null ? null : Number.isNaN(norm) || this.facts.norms.isDark(norm) ? "#fff" : "#102030";
    }
    if (this.color === "role" || this.color === "none") return null;
    if (this.color === "op") return "#14202a";
    const value = this.measure(u);
    return value > 0 ? (this.scale.isDark(value) ? "#fff" : "#102030") : null;
  }

  texts(u) {
    let texts = this.memo.get(u);
    if (!texts) this.memo.set(u, (texts = unitTexts(this.facts, this.scene, u)));
    return texts;
  }
  label(u) {
    return this.texts(u)[0];
  }
  sub(u) {
    return this.texts(u)[1];
  }

  badges(u) {
    if (!this.showBadges) return [];
    const {units} = this.scene,
      found = new Set();
    for (const i of units.members[u] ?? [units.node[u]]) for (const p of this.facts.parametersOf(i)) found.add(p);
    const list = [...found].reverse();
    const marks = list
      .slice(0, 6)
      .map((p) => ({text: isolated(this.facts.short[p], 8), color: parameterColor(p), parameter: p}));
    if (list.length > 6) marks.push({text: "+" + (list.length - 6), color: this.theme.soft});
    return marks;
  }
}

/** Colours for the ten most frequent ops, the last for all others. */
function opKinds(graph) {
  const count = new Float64Array(graph.ops.length);
  for (const op of graph.op) count[op]++;
  const order = graph.ops.map((_, op) => op).filter((op) => graph.ops[op] !== "parameter" && count[op]);
  order.sort((a, b) => count[b] - count[a]);
  const color = [];
  order.forEach((op, k) => {
    color[op] = kindColor(Math.min(k, KIND_COLORS.length - 1));
  });
  return {color, order};
}

/** What a unit is called, and a second line: the textbook's letters where boxes stand for cells, else op and shape. */
function unitTexts(facts, scene, u) {
  const {graph, placement} = facts,
    {units} = scene,
    node = units.node[u];
  const shape = shapeText(graph.shapeList(node)),
    role = units.role[u];
  if (scene.detail !== "cells") return [graph.title(node), shape];
  const inStep = graph.step[node] >= 0 && placement.cell[node] < BAR,
    t = !inStep ? "" : scene.loops ? "\u209c" : subscript(graph.step[node]);
  const scope = graph.scopeName(node);
  if (role === ROLE.cell) {
    const states = units.members[u].filter((i) => facts.role[i] === ROLE.state);
    const two = states.length === 2 || graph.opName(node).startsWith("lstm_cell");
    return [two ? `h${t} c${t}` : `h${t}`, (scope ? lastPart(scope) + "  " : "") + shape];
  }
  if (role === ROLE.head && !scope && units.members[u].length === 1) return [graph.title(node), shape];
  if (role === ROLE.head) return [`o${t}`, (scope ? lastPart(scope) + "  " : graph.opName(node) + "  ") + shape];
  if (role === ROLE.loss && units.members[u]) return [`L${t}`, "loss"];
  if (role === ROLE.input && placement.cells[placement.cell[node]]?.step !== LANE && t) {
    const target = units.readersOf(u).every((to) => units.role[to] === ROLE.loss);
    return [(target && units.readersOf(u).length ? "y" : "x") + t, shape];
  }
  const state = placement.standsFor[node];
  if (state !== NOWHERE) {
    const before = subscript(graph.step[state] - (placement.cell[node] < placement.cell[state] ? 1 : -1));
    if (facts.role[state] === ROLE.loss) return ["L" + before, graph.title(node)];
    return [units.members[u]?.length === 2 ? `h${before} c${before}` : `h${before}`, graph.title(node) + " " + shape];
  }
  return [graph.title(node), shape];
}
