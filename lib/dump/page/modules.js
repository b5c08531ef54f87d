// The modules view: scopes inside scopes as a table that folds, with what each holds and costs.

class ModulesView {
  constructor(app) {
    this.app = app;
    this.open = new Set([""]); // paths
  }

  prepare() {
    const {graph, facts} = this.app,
      root = moduleNode("", "whole graph");
    const at = new Map([["", root]]);
    const find = (path) => {
      if (at.has(path)) return at.get(path);
      const cut = path.lastIndexOf("/"),
        parent = find(cut < 0 ? "" : path.slice(0, cut));
      const made = moduleNode(path, path.slice(cut + 1));
      parent.children.push(made);
      at.set(path, made);
      return made;
    };
    const own = graph.texts.map(() => null);
    for (let i = 0; i < graph.count; i++) {
      if (graph.parameter[i] >= 0) continue;
      const scope = graph.scope[i],
        node = (own[scope] ??= find(graph.texts[scope]));
      let op = node.ops.get(graph.op[i]);
      if (!op) node.ops.set(graph.op[i], (op = moduleNode(null, graph.opName(i))));
      for (const sum of [node, op]) {
        sum.nodes++;
        sum.bytes += graph.bytes[i] + graph.saved[i];
        sum.flops += graph.flops[i];
      }
    }
    graph.parameters.forEach((parameter, p) => {
      const use = facts.uses[p][0],
        node = find(use === undefined ? "" : graph.scopeName(use));
      const count = graph.shapeList(parameter.node).reduce((product, extent) => product * extent, 1);
      node.parameters += count;
      const norm = parameter.norm;
      if (norm >= 0) node.gradient = Math.hypot(node.gradient, norm);
    });
    total(root);
    this.root = root;
  }

  show() {
    if (!this.root) this.prepare();
    this.render();
  }

  render() {
    const {root} = this,
      body = el("tbody");
    const columns = [
      ["nodes", "nodes", countText],
      ["parameters", "weights", countText],
      ["bytes", "memory", bytesText],
      ["flops", "cost", flopsText],
      ["gradient", "gradient norm", (value) => (value > 0 ? numberText(value) : "")],
    ];
    const add = (node, depth, path) => {
      const kids = this.childrenOf(node),
        open = this.open.has(path);
      const twist = el(
        "button",
        {class: "twist", type: "button", tabindex: "-1", "aria-hidden": "true"},
        kids.length ? (open ? "\u25be" : "\u25b8") : "",
      );
      const name = el(
        "td",
        {},
        twist,
        node.path === null ? el("code", {}, data(node.name)) : el("b", {}, data(node.name)),
      );
      name.style.paddingLeft = 6 + depth * 22 + "px";
      const row = el(
        "tr",
        {
          role: "row",
          tabindex: "0",
          "aria-level": depth + 1,
          "aria-expanded": kids.length ? String(open) : false,
          click: () => this.toggle(path, kids.length),
          keydown: (event) => this.key(event, path, kids.length, node),
        },
        name,
      );
      for (const [key, , text] of columns) {
        const cell = el("td", {}, node[key] ? text(node[key]) : "");
        if (key === "bytes" || key === "flops") {
          const bar = el("i", {"aria-hidden": "true"});
          bar.style.setProperty("--part", node[key] / Math.max(1, root[key]));
          cell.append(bar);
        }
        row.append(cell);
      }
      row.dataset.path = path;
      body.append(row);
      if (open) for (const kid of kids.slice(0, 500)) add(kid, depth + 1, kid.path ?? path + "\u0000" + kid.name);
    };
    add(root, 0, "");
    const head = el(
      "tr",
      {},
      el("th", {scope: "col"}, "module"),
      ...columns.map(([, title]) => el("th", {scope: "col"}, title)),
    );
    $("tree").replaceChildren(el("table", {role: "treegrid", "aria-label": "Modules"}, el("thead", {}, head), body));
  }

  childrenOf(node) {
    if (node.sorted) return node.sorted;
    const ops = [...node.ops.values()].sort((a, b) => b.bytes - a.bytes || b.nodes - a.nodes);
    return (node.sorted = [...node.children, ...ops]);
  }

  toggle(path, foldable) {
    if (!foldable) return;
    if (!this.open.delete(path)) this.open.add(path);
    this.render();
    [...$("tree").querySelectorAll("tr")].find((row) => row.dataset.path === path)?.focus();
    this.app.remember();
  }

  key(event, path, foldable, node) {
    const rows = [...$("tree").querySelectorAll("tbody tr")],
      at = rows.indexOf(event.currentTarget);
    const open = this.open.has(path);
    const moves = {ArrowDown: 1, ArrowUp: -1};
    if (moves[event.key]) rows[at + moves[event.key]]?.focus();
    else if (event.key === "ArrowRight" && !open) this.toggle(path, foldable);
    else if (event.key === "ArrowLeft" && open) this.toggle(path, foldable);
    else if (event.key === "Enter" || event.key === " ") this.toggle(path, foldable);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  fit() {}
}

const moduleNode = (path, name) => ({
  path,
  name,
  nodes: 0,
  parameters: 0,
  bytes: 0,
  flops: 0,
  gradient: 0,
  children: [],
  ops: new Map(),
});

/** Adds what lies inside to each module, from the innermost out. */
function total(root) {
  const order = [root];
  for (let k = 0; k < order.length; k++) order.push(...order[k].children);
  for (const node of order.reverse())
    for (const kid of node.children) {
      for (const key of ["nodes", "parameters", "bytes", "flops"]) node[key] += kid[key];
      node.gradient = Math.hypot(node.gradient, kid.gradient);
    }
}
