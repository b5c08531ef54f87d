// Facts that follow from a graph and that several views need: where nodes stand, what they are to the reader, who uses
// a parameter, in which order the backward walk visits the steps.

class Facts {
  constructor(graph) {
    this.inferred = inferSteps(graph);
    this.graph = asDrawn(graph);
    this.placement = place(this.graph);
    this.role = findRoles(this.graph, this.placement);
    this.findUses();
    this.steps = this.placement.cells.filter((cell) => cell.step !== LANE).length;
    this.norms = new LogScale(graph.norm);
    this.stages = findStages(this.graph, this.placement);
  }

  cellOf(i) {
    return this.placement.cell[this.placement.drawnAs[i]];
  }
  /** A node, or for a folded view what it looks into. */
  shown(i) {
    return this.placement.drawnAs[i];
  }

  /** Who reads a node, directly or through folded views. */
  drawnReaders(i) {
    const {graph, placement} = this,
      found = [],
      stack = [i];
    while (stack.length)
      for (const reader of graph.readersOf(stack.pop()))
        if (placement.drawnAs[reader] === reader) found.push(reader);
        else stack.push(reader);
    return found;
  }

  // The nodes that read each parameter, themselves or through folded views.
  findUses() {
    const {graph, placement} = this,
      {parameters} = graph;
    const reader = [],
      of = [];
    for (let i = 0; i < graph.count; i++) {
      if (placement.cell[i] === NOWHERE) continue;
      for (let e = graph.inputStart[i]; e < graph.inputStart[i + 1]; e++) {
        const input = graph.inputs[e];
        const p = graph.parameter[placement.drawnAs[input]];
        if (p < 0 || (of.at(-1) === p && reader.at(-1) === i)) continue;
        reader.push(i);
        of.push(p);
      }
    }
    const groups = groupBy(Uint32Array.from(of), parameters.length);
    this.uses = parameters.map((_, p) => groups.of(p).map((k) => reader[k]));
    this.short = parameters.map(({name}) => shortParameter(name));
  }

  parametersOf(i) {
    const {graph, placement} = this,
      found = [];
    for (const input of graph.inputsOf(i)) {
      const p = graph.parameter[placement.drawnAs[input]];
      if (p >= 0 && !found.includes(p)) found.push(p);
    }
    return found;
  }

  /** The node in another column at the same place as this one, or -1. */
  twin(i, column) {
    const {placement, graph} = this,
      own = placement.cell[i];
    if (own >= BAR) return -1;
    if (own === column) return i;
    const here = placement.members.of(own),
      there = placement.members.of(column);
    let low = 0,
      high = here.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (here[middle] < i) low = middle + 1;
      else high = middle;
    }
    return likeAt(graph, there, low, i);
  }

  /** The same place in every column of its block that has it: a list of nodes in the order of the columns. */
  twins(i) {
    const {cells} = this.placement,
      own = this.placement.cell[i],
      found = [];
    if (own >= BAR || cells[own].step === LANE) return found;
    for (let c = 0; c < cells.length; c++) {
      if (cells[c].step === LANE || cells[c].block !== cells[own].block) continue;
      const node = this.twin(i, c);
      if (node >= 0) found.push(node);
    }
    return found;
  }
}

/** A mark of a few letters: weight_ih_l0 becomes W_ih. */
function shortParameter(name) {
  const last = lastPart(visible(name), ".")
    .replace(/^weight(?=$|_)/, "W")
    .replace(/^bias(?=$|_)/, "b");
  const plain = last.replace(/_l\d+(?=$|_)/, "").replace(/_reverse$/, "\u2190");
  const letters = Array.from(plain);
  return letters.length > 7 ? letters.slice(0, 6).join("") + "\u2026" : plain;
}

// The backward walk goes from the loss to the first node. A stage is a stretch of it inside one column or lane:
// {first, end, cell}, its nodes being first..end-1.
function findStages(graph, placement) {
  const stages = [];
  const from = graph.loss >= 0 ? graph.loss : graph.count - 1;
  let current = null;
  for (let i = from; i >= 0; i--) {
    if (!graph.has(i, FLAG.needsGrad) || graph.parameter[i] >= 0) continue;
    const cell = placement.cell[placement.drawnAs[i]];
    if (current && (cell === current.cell || cell === NOWHERE)) {
      current.first = i;
    } else {
      if (current) current.first = i + 1;
      current = {first: i, end: current ? i + 1 : from + 1, cell};
      stages.push(current);
    }
  }
  return stages;
}
