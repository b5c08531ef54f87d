// What is drawn of a recording. The memory that the steps of a whole-sequence layer share is a part of the edges: a step
// reads its predecessor and no buffer, and what reads the finished buffer reads the steps whose rows it looks at. The
// pictures of the library do the same (lib/dump/drawn.cpp).

const STEP_ATTRIBUTES = "first:int, rows:int, before:int, carried:int";
const MOST_EDGES = 4; // from each step of a buffer, on average; beyond that it is a box of its own

const isStep = ([, attributes]) => attributes.startsWith(STEP_ATTRIBUTES);
const sizeOf = (graph, i) => graph.shapeList(i).reduce((size, extent) => size * extent, 1);

/** The steps and what they fill. A step's operands: xg, buffers, the step before or a buffer, states, weight, bias. */
class Buffers {
  constructor(graph) {
    this.graph = graph;
    this.begin = new Float64Array(graph.count); // of a step: the elements that it fills
    this.end = new Float64Array(graph.count);
    this.last = new Uint8Array(graph.count); // which operand is the step before; 0: no step
    this.fromInitial = new Uint8Array(graph.count); // some rows begin at the initial state
    this.steps = new Map(); // of each buffer: the steps that fill it
    const carried = new Float64Array(graph.count);
    this.readAttributes([this.begin, this.end, , carried]);
    for (let i = 0; i < graph.count; i++) if (isStep(graph.file.json.ops[graph.op[i]])) this.addStep(i, carried[i]);
    this.findDone();
    for (const steps of this.steps.values()) steps.sort((a, b) => this.begin[a] - this.begin[b]);
  }

  /** The attributes of all steps by their place, a column each. */
  readAttributes(columns) {
    const {file} = this.graph,
      {json, width, slots} = file;
    json.segments.forEach(({rows}, s) =>
      rows.forEach((row, r) => {
        if (!isStep(json.ops[row[slots.get("op")]])) return;
        columns.forEach((column, at) =>
          file.entry(s, r, width + row[width - 1] + at, (i, value) => {
            column[i] = value;
          }),
        );
      }),
    );
  }

  // Its attributes are in `begin` and `end`: the first of its rows, and how many.
  addStep(i, carried) {
    const {graph} = this,
      inputs = graph.inputsOf(i),
      [, width] = graph.shapeList(i),
      [first, rows] = [this.begin[i], this.end[i]];
    let last = 2;
    while (last + 2 < inputs.length && inputs[last] !== inputs[1] && !this.last[inputs[last]]) last++;
    if (inputs.length < 5 || last + 2 >= inputs.length || !(first >= 0 && rows >= 0 && width >= 0)) return;
    this.last[i] = last;
    this.fromInitial[i] = carried < rows;
    this.begin[i] = first * width;
    this.end[i] = (first + rows) * width;
    for (const buffer of inputs.subarray(1, last)) {
      if (!this.steps.has(buffer)) this.steps.set(buffer, []);
      this.steps.get(buffer).push(i);
    }
  }

  /** Of each buffer all its rows, once its last step has filled them. */
  findDone() {
    const {graph} = this;
    this.done = new Map();
    for (let i = 0; i < graph.count; i++) {
      const inputs = graph.inputsOf(i);
      if (inputs.length !== 2 || !this.steps.has(inputs[0]) || !this.last[inputs[1]]) continue;
      if (!this.done.has(inputs[0]) && sizeOf(graph, i) === sizeOf(graph, inputs[0])) this.done.set(inputs[0], i);
    }
  }
  isDone(i) {
    return this.done.get(this.graph.inputsOf(i)[0]) === i;
  }

  /** The steps that filled any of these elements, in the order of the rows. */
  fillers({buffer, first, count}) {
    const all = this.steps.get(buffer),
      begin = lowerBound(all, (i) => this.end[i] <= first);
    return all.slice(begin, Math.max(begin, lowerBound(all, (i) => this.begin[i] < first + count)));
  }
}

/** How many of a sorted list come before. */
function lowerBound(list, before) {
  let low = 0,
    high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(list[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What of a finished buffer a node looks at: {buffer, first, count}. What cannot be told looks at all of it. */
function findParts(graph, buffers) {
  const parts = new Map();
  for (let i = 0; i < graph.count; i++) {
    const [from] = graph.inputsOf(i),
      part = parts.get(from);
    if (buffers.isDone(i)) parts.set(i, {buffer: from, first: 0, count: sizeOf(graph, i)});
    else if (part && graph.has(i, FLAG.view)) parts.set(i, partOfView(graph, i, from, part));
  }
  return parts;
}
function partOfView(graph, i, from, part) {
  const words = Object.fromEntries(graph.file.attributes(i)),
    [extent] = graph.shapeList(from);
  const begin = Number(words.begin ?? words.index),
    end = words.end === undefined ? begin + 1 : Number(words.end);
  if (words.axis !== "0" || !(begin >= 0 && begin < end && end <= extent)) return part;
  const row = part.count / extent;
  return {buffer: part.buffer, first: part.first + begin * row, count: (end - begin) * row};
}

/** The graph with the edges that are drawn; all else is shared with it. */
function asDrawn(graph) {
  if (!graph.file.json.ops.some(isStep)) return graph;
  const buffers = new Buffers(graph);
  const parts = findParts(graph, buffers),
    edges = new Map(),
    own = new Set(), // buffers that are boxes
    read = new Uint8Array(graph.count);
  const several = (part) => buffers.fillers(part).length > 1;
  const count = (reader, part) => {
    if (!part || !several(part)) return;
    const {buffer} = part;
    edges.set(buffer, (edges.get(buffer) ?? 0) + buffers.fillers(part).length);
    if (graph.step[reader] >= 0 || edges.get(buffer) > MOST_EDGES * buffers.steps.get(buffer).length) own.add(buffer);
  };
  for (const input of graph.inputs) read[input] = 1;
  for (let i = 0; i < graph.count; i++) {
    if (!parts.has(i)) for (const input of graph.inputsOf(i)) count(i, parts.get(input));
    else if (!read[i] && !buffers.isDone(i)) count(i, parts.get(i)); // a view that nothing reads is drawn
  }
  const sources = (input) => {
    const part = parts.get(input);
    return !part || (own.has(part.buffer) && several(part)) ? [input] : buffers.fillers(part);
  };
  const flags = graph.flags.slice();
  const inputsOf = (i) => {
    const inputs = Array.from(graph.inputsOf(i)),
      last = buffers.last[i],
      part = parts.get(i);
    if (last) {
      // What the first step reads of the initial state later ones read of their predecessor, in the same places. Rows
      // that begin later read the initial state besides.
      const initial = inputs.slice(last + 1, -2),
        first = buffers.steps.has(inputs[last]);
      const state = first ? initial : initial.map(() => inputs[last]),
        besides = !first && buffers.fromInitial[i] ? initial : [];
      return [inputs[0], ...state, ...inputs.slice(-2), ...besides].flatMap(sources);
    }
    if (buffers.steps.has(i) && inputs.length) {
      flags[i] |= FLAG.helper;
      return [inputs[0]];
    }
    if (!part) return inputs.flatMap(sources);
    const steps = buffers.fillers(part),
      box = own.has(part.buffer) && steps.length > 1;
    if (!box && read[i] && steps.length) {
      flags[i] |= FLAG.helper;
      return [steps.at(-1)];
    }
    if (box && !buffers.isDone(i)) return inputs;
    flags[i] &= ~FLAG.view;
    return steps;
  };
  const inputStart = new Uint32Array(graph.count + 1),
    inputs = [];
  for (let i = 0; i < graph.count; i++) {
    for (const input of inputsOf(i)) inputs.push(input);
    inputStart[i + 1] = inputs.length;
  }
  return Object.assign(Object.create(graph), {inputs: Uint32Array.from(inputs), inputStart, flags, readers: null});
}
