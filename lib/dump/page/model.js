// The graph in memory: a column a property, an entry a node, so that a million nodes stay small and quick to walk.

const NOWHERE = 0xffffffff;
const FLAG = {view: 1, needsGrad: 2, parameter: 4, severed: 8, helper: 16}; // helper: as drawn, a part of an edge

class Graph {
  constructor(count) {
    this.count = count;
    this.scalar = "float32";
    this.ops = []; // names
    this.texts = [""]; // scopes and files
    this.shapes = []; // lists of extents
    this.parameters = []; // {name, node, trainable, norm, ledger}
    this.op = new Uint16Array(count);
    this.inputStart = new Uint32Array(count + 1);
    this.inputs = new Uint32Array(0);
    this.shape = new Uint32Array(count);
    this.step = new Int32Array(count).fill(-1); // -1: outside every step
    this.scope = new Uint32Array(count);
    this.source = new Uint32Array(count); // the file that recorded it
    this.line = new Uint32Array(count);
    this.bytes = new Float64Array(count);
    this.saved = new Float64Array(count);
    this.flops = new Float64Array(count);
    this.norm = new Float64Array(count).fill(-1); // of d(loss)/d(this); below zero: not known
    this.flags = new Uint8Array(count);
    this.parameter = new Int32Array(count).fill(-1);
    this.loss = -1; // the node that backward() started from
    this.statistics = null; // {min, max, mean, nonfinite}: a column each
    this.memory = null; // {arena_bytes, gradient_bytes_peak, events}
    this.page = {}; // what to show first
    this.file = null; // for what is asked of few nodes only
  }

  inputsOf(i) {
    return this.inputs.subarray(this.inputStart[i], this.inputStart[i + 1]);
  }
  opName(i) {
    return this.ops[this.op[i]];
  }
  scopeName(i) {
    return this.texts[this.scope[i]];
  }
  shapeList(i) {
    return this.shapes[this.shape[i]];
  }
  has(i, flag) {
    return (this.flags[i] & flag) !== 0;
  }
  isOne(i) {
    return this.shapeList(i).every((extent) => extent === 1);
  }

  /** Who reads each node, built when first asked for. */
  readersOf(i) {
    this.readers ??= invert(this.inputStart, this.inputs, this.count);
    return this.readers.node.subarray(this.readers.start[i], this.readers.start[i + 1]);
  }

  /** "matmul %12" or a parameter's name. */
  title(i) {
    return this.parameter[i] >= 0 ? this.parameters[this.parameter[i]].name : this.opName(i);
  }
}

/** From "the inputs of each" to "the readers of each". */
function invert(start, list, count) {
  const out = {start: new Uint32Array(count + 1), node: new Uint32Array(list.length)};
  for (const to of list) out.start[to + 1]++;
  for (let i = 0; i < count; i++) out.start[i + 1] += out.start[i];
  const at = out.start.slice(0, count);
  for (let i = 0; i + 1 < start.length; i++) for (let k = start[i]; k < start[i + 1]; k++) out.node[at[list[k]]++] = i;
  return out;
}

/** Members of each group in order; keys of `count` and above belong to none. */
function groupBy(key, count) {
  const out = {start: new Uint32Array(count + 1), node: null};
  for (const k of key) if (k < count) out.start[k + 1]++;
  for (let k = 0; k < count; k++) out.start[k + 1] += out.start[k];
  out.node = new Uint32Array(out.start[count]);
  const at = out.start.slice(0, count);
  for (let i = 0; i < key.length; i++) if (key[i] < count) out.node[at[key[i]]++] = i;
  out.of = (k) => out.node.subarray(out.start[k], out.start[k + 1]);
  return out;
}
