// The graph file, version 2, unfolded: segments of rows that repeat, their strides and exceptions, and the columns.
// docs/graph-format.md of unspool describes it. What does not keep to it is refused with a sentence, not half shown.

const MISSING = {parameter: -1, gradient_born: -1, gradient_freed: -1, held_freed: -1};

const real = (value) =>
  typeof value === "number" ? value : ({nan: NaN, inf: Infinity, "-inf": -Infinity}[value] ?? -1);

class GraphFile {
  constructor(json) {
    validate(json);
    this.json = json;
    this.slots = new Map(json.slots.map((name, at) => [name, at]));
    this.width = json.slots.length; // the operands' ids come after
    this.firsts = [];
    this.count = 0;
    for (const segment of json.segments) {
      this.firsts.push(this.count);
      this.count += segment.count * segment.rows.length;
    }
  }

  /** Calls put(id, value) for every repetition of an entry. */
  entry(s, r, at, put) {
    const segment = this.json.segments[s],
      rows = segment.rows.length,
      first = this.firsts[s] + r;
    const base = segment.rows[r][at] ?? 0;
    const stride = this.strideOf(s, r).get(at) ?? 0;
    for (let k = 0; k < segment.count; k++) put(first + k * rows, base + k * stride);
    for (const [from, count, value, step] of this.exceptionsOf(s, r).get(at) ?? [])
      for (let k = 0; k < count && from + k < segment.count; k++) put(first + (from + k) * rows, value + k * step);
  }

  strideOf(s, r) {
    this.strides ??= this.json.segments.map((segment) => {
      const rows = segment.rows.map(() => new Map());
      for (const [row, entry, stride] of segment.strides ?? []) rows[row]?.set(entry, stride);
      return rows;
    });
    return this.strides[s][r];
  }
  exceptionsOf(s, r) {
    this.exceptions ??= this.json.segments.map((segment) => {
      const rows = segment.rows.map(() => new Map());
      for (const [row, entry, ...rest] of segment.exceptions ?? []) {
        if (!rows[row]) continue;
        if (!rows[row].has(entry)) rows[row].set(entry, []);
        rows[row].get(entry).push(rest);
      }
      return rows;
    });
    return this.exceptions[s][r];
  }

  /** A slot of every node, in an array that is given or made. */
  slot(name, out = new Float64Array(this.count)) {
    const at = this.slots.get(name);
    if (at === undefined) return out.fill(MISSING[name] ?? 0);
    this.json.segments.forEach((segment, s) =>
      segment.rows.forEach((_, r) =>
        this.entry(s, r, at, (i, value) => {
          out[i] = value;
        }),
      ),
    );
    return out;
  }

  /** A column of every node; null where the file has none. */
  column(name) {
    const column = this.json.columns?.[name];
    if (!column) return null;
    return decodeColumn(name, column, this.count);
  }

  /** Attributes of one node: a list of [name, value]. */
  attributes(i) {
    let s = this.firsts.length - 1;
    while (this.firsts[s] > i) s--;
    const segment = this.json.segments[s],
      r = (i - this.firsts[s]) % segment.rows.length;
    const k = (i - this.firsts[s] - r) / segment.rows.length;
    const row = segment.rows[r],
      words = [];
    for (let at = this.width + row[this.width - 1]; at < row.length; at++) {
      let value = typeof row[at] === "number" ? row[at] + k * (this.strideOf(s, r).get(at) ?? 0) : row[at];
      for (const [from, count, start, step] of this.exceptionsOf(s, r).get(at) ?? [])
        if (k >= from && k < from + count) value = step ? start + (k - from) * step : start;
      words.push(value);
    }
    return nameWords(this.json.ops[row[this.slots.get("op")]][1], words);
  }
}

const ENCODINGS = {f64: Float64Array, f32: Float32Array, u32: Uint32Array, log16: Uint16Array};

/** Numbers of a column. Like every machine that has a browser, the arrays are little-endian. */
function decodeColumn(name, {encoding, data, low, high}, count) {
  const list = ENCODINGS[encoding],
    text = atob(data);
  demand(list && text.length === list.BYTES_PER_ELEMENT * count, `column \u201c${name}\u201d has another length`);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = text.charCodeAt(k);
  const codes = new list(bytes.buffer),
    out = new Float64Array(codes);
  if (encoding !== "log16") return out;
  for (let i = 0; i < count; i++) {
    const code = codes[i];
    out[i] = code < 4 ? [-1, 0, Infinity, NaN][code] : 2 ** (low + ((code - 4) / 65531) * (high - low));
  }
  return out;
}

function nameWords(declared, words) {
  if (!declared) return [];
  return declared.split(", ").map((one, at) => {
    const [name, kind] = one.split(":");
    if (kind === "list") return [name, "[" + words.slice(at).join(", ") + "]"];
    if (kind === "bool") return [name, words[at] ? "true" : "false"];
    return [name, String(kind === "real" ? doubleOf(words[at]) : words[at])];
  });
}

/** The double whose bits a word holds: a number, or 16 hexadecimal digits. */
function doubleOf(word) {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, BigInt.asIntN(64, BigInt(typeof word === "string" ? "0x" + word : word)));
  return view.getFloat64(0);
}

function decode(json) {
  const file = new GraphFile(json);
  const graph = new Graph(file.count);
  graph.file = file;
  graph.scalar = String(json.scalar);
  graph.ops = json.ops.map(([name]) => name);
  graph.texts = json.texts;
  graph.shapes = json.shapes;
  for (const [name, array, table] of [
    ["op", graph.op, graph.ops],
    ["shape", graph.shape, graph.shapes],
    ["scope", graph.scope, graph.texts],
    ["file", graph.source, graph.texts],
  ]) {
    file.slot(name, array);
    demand(
      array.every((at) => at < table.length),
      `\u201c${name}\u201d points outside its table`,
    );
  }
  file.slot("step", graph.step);
  file.slot("line", graph.line);
  file.slot("flags", graph.flags);
  file.slot("parameter", graph.parameter);
  file.slot("value_bytes", graph.bytes);
  file.slot("saved_bytes", graph.saved);
  file.slot("flops", graph.flops);
  decodeInputs(file, graph);
  graph.norm = file.column("gradient_norm") ?? graph.norm;
  const [min, max, mean] = ["value_min", "value_max", "value_mean"].map((name) => file.column(name));
  if (min && max) graph.statistics = {min, max, mean, nonfinite: file.column("nonfinite")};
  graph.parameters = json.parameters.map((p) => decodeParameter(p, graph));
  demand(
    graph.parameter.every((at) => at < graph.parameters.length),
    "\u201cparameter\u201d points outside its table",
  );
  graph.loss = isCount(json.loss) && json.loss < file.count ? json.loss : -1;
  graph.memory = json.memory ?? null;
  graph.page = json.page ?? {};
  return graph;
}

function decodeInputs(file, graph) {
  const {json, width} = file;
  const arity = new Uint32Array(file.count);
  json.segments.forEach((segment, s) =>
    segment.rows.forEach((row, r) => {
      for (let k = 0, i = file.firsts[s] + r; k < segment.count; k++, i += segment.rows.length)
        arity[i] = row[width - 1];
    }),
  );
  for (let i = 0; i < file.count; i++) graph.inputStart[i + 1] = graph.inputStart[i] + arity[i];
  graph.inputs = new Uint32Array(graph.inputStart[file.count]);
  let forward = true;
  json.segments.forEach((segment, s) =>
    segment.rows.forEach((row, r) => {
      for (let k = 0; k < row[width - 1]; k++)
        file.entry(s, r, width + k, (i, id) => {
          forward &&= isCount(id) && id < i;
          graph.inputs[graph.inputStart[i] + k] = id;
        });
    }),
  );
  demand(forward, "an operand must be recorded before its reader");
}

function decodeParameter(parameter, graph) {
  const {node, name, trainable, gradient_norm: norm, series} = parameter;
  const out = {node, name, trainable: trainable !== false, norm: norm == null ? -1 : real(norm), series: null};
  if (!series) return out;
  const steps = [];
  for (const [first, count, stride] of series.steps) for (let k = 0; k < count; k++) steps.push(first + k * stride);
  const [norms, dot, running] = ["norm", "dot", "running_norm"].map((key) => decodeReals(series[key], steps.length));
  const cosine = dot.map((d, k) => (norms[k] * out.norm > 0 ? d / (norms[k] * out.norm) : 0));
  out.series = {steps, norm: norms, running, cosine};
  return out;
}

/** Numbers as a list or as a column. */
function decodeReals(values, count) {
  if (Array.isArray(values)) return Float64Array.from(values, real);
  return values ? decodeColumn("series", values, count) : new Float64Array(count).fill(NaN);
}
