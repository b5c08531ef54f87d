// The rows of the gradient view: of every layer and direction the states that it hands on and the gates behind them,
// found by structure. Four activations cut from one product are an LSTM's i, f, g, o; two beside one state a GRU's r,
// z.

const ACTIVATIONS = new Set(["sigmoid", "tanh", "relu", "hardsigmoid", "hardtanh", "softsign"]);
const CUTS = new Set(["slice", "select", "chunk", "narrow"]);

/** For the column `c`: a list of {name, scope, node}. */
function namedRows(facts, c) {
  const {graph, placement, role} = facts,
    byScope = new Map();
  const core = new Set();
  const members = placement.members.of(c);
  for (let k = members.length; k-- > 0;) {
    const i = members[k];
    if (role[i] === ROLE.loss) continue;
    if (role[i] === ROLE.state) core.add(i);
    if (core.has(i))
      for (const input of graph.inputsOf(i))
        if (placement.cell[placement.drawnAs[input]] === c) core.add(placement.drawnAs[input]);
  }
  for (const i of members) {
    if (!core.has(i) || !graph.has(i, FLAG.needsGrad)) continue;
    const group = byScope.get(graph.scope[i]) ?? {states: [], gates: []};
    byScope.set(graph.scope[i], group);
    if (role[i] === ROLE.state) group.states.push(i);
    else if (ACTIVATIONS.has(graph.opName(i))) group.gates.push(i);
  }
  const rows = [];
  for (const [scope, {states, gates}] of byScope) {
    const name = graph.texts[scope];
    states
      .slice()
      .reverse()
      .forEach((node, k) => rows.push({name: stateName(graph, states, node, k), scope: name, node}));
    for (const [letter, node] of nameGates(graph, placement, gates, states))
      rows.push({name: letter, scope: name, node});
  }
  return rows;
}

function stateName(graph, states, node, k) {
  if (graph.opName(node).startsWith("lstm_cell")) return "h, c";
  if (states.length <= 2) return k === 0 ? "h" : "c";
  return `state ${states.length - k}`;
}

function nameGates(graph, placement, gates, states) {
  const cutOf = (i) => {
    const from = graph.inputs[graph.inputStart[i]];
    return CUTS.has(graph.opName(from)) ? {source: graph.inputs[graph.inputStart[from]], from} : null;
  };
  const start = ({from}) => {
    const found = (graph.file?.attributes(from) ?? []).find(([name]) => name === "start" || name === "index");
    return found ? Number(found[1]) : from;
  };
  const groups = new Map();
  for (const i of gates) {
    const cut = cutOf(i);
    if (!cut) continue;
    if (!groups.has(cut.source)) groups.set(cut.source, []);
    groups.get(cut.source).push({node: i, at: start(cut)});
  }
  const named = new Map();
  for (const list of groups.values()) {
    list.sort((a, b) => a.at - b.at);
    if (list.length === 4) list.forEach(({node}, k) => named.set(node, "gate " + "ifgo"[k]));
  }
  const sigmoids = gates.filter((i) => graph.opName(i) === "sigmoid" && !named.has(i));
  if (sigmoids.length === 2 && states.length === 1) {
    sigmoids.forEach((node, k) => named.set(node, "gate " + "rz"[k]));
    const candidates = gates.filter((i) => graph.opName(i) === "tanh" && !named.has(i));
    if (candidates.length === 1) named.set(candidates[0], "gate n");
  }
  const order = (name) => "ifgorzn".indexOf(name.at(-1));
  for (const i of gates)
    if (states.includes(placement.drawnAs[graph.inputs[graph.inputStart[i]]]))
      named.set(
        i,
        `${graph.opName(i)}(${stateName(graph, states, placement.drawnAs[graph.inputs[graph.inputStart[i]]], 1)})`,
      );
  return gates
    .map((node) => [named.get(node) ?? graph.opName(node), node])
    .sort((a, b) => (named.has(a[1]) && named.has(b[1]) ? order(a[0]) - order(b[0]) : 0));
}
