// Roles: what each node is to the reader of a picture.

const ROLE = {op: 0, input: 1, constant: 2, state: 3, loss: 4, cell: 5, head: 6};

function findRoles(graph, placement) {
  const {drawnAs, cell, carried} = placement;
  const one = Uint8Array.from(graph.shapes, (shape) => (shape.every((extent) => extent === 1) ? 1 : 0));
  const isOne = (i) => one[graph.shape[i]] === 1;
  const role = new Uint8Array(graph.count);
  // A single number made from several, or from such numbers, and read by nothing else.
  for (let i = 0; i < graph.count; i++) {
    if (cell[i] === NOWHERE || !isOne(i)) continue;
    for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
      const input = graph.inputs[e];
      const from = drawnAs[input];
      if (role[from] === ROLE.loss || (graph.parameter[from] < 0 && !isOne(from))) role[i] = ROLE.loss;
    }
  }
  for (let i = graph.count; i-- > 0;)
    if (cell[i] !== NOWHERE && role[i] !== ROLE.loss)
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) role[drawnAs[graph.inputs[e]]] = ROLE.op;
  for (let i = 0; i < graph.count; i++) {
    if (graph.inputStart[i] === graph.inputStart[i + 1])
      role[i] = graph.opName(i) === "constant" ? ROLE.constant : ROLE.input;
    else if (role[i] !== ROLE.loss && carried[i]) role[i] = ROLE.state;
  }
  return role;
}
