// What must hold of a graph file before it is unfolded. Each demand is a sentence that the reader of the page sees.

const MOST_NODES = 4194304;

function demand(holds, what) {
  if (!holds) throw new Error("not a graph file that this page can show: " + what);
}
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isText = (value) => typeof value === "string";
const isListOf = (value, holds) => Array.isArray(value) && value.every(holds);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isReal = (value) => typeof value === "number" || value === "nan" || value === "inf" || value === "-inf";

function validate(json) {
  demand(isObject(json) && json.format === "unspool-graph", "\u201cformat\u201d must be unspool-graph");
  demand(json.version === 2, `version ${json.version}, and this page knows 2`);
  demand(isListOf(json.texts, isText) && json.texts.length, "\u201ctexts\u201d must be a list of texts");
  const isOp = (op) => Array.isArray(op) && isText(op[0]) && isText(op[1]);
  demand(isListOf(json.ops, isOp), "\u201cops\u201d must be names and attributes");
  const isShape = (shape) => isListOf(shape, isCount);
  demand(isListOf(json.shapes, isShape), "\u201cshapes\u201d must be lists of extents");
  demand(
    isListOf(json.slots, isText) && json.slots.at(-1) === "inputs",
    "\u201cslots\u201d must be names, inputs last",
  );
  demand(Array.isArray(json.segments), "\u201csegments\u201d must be a list");
  let count = 0;
  for (const segment of json.segments) count += validateSegment(segment, json.slots.length, MOST_NODES - count);
  demand(count === json.nodes, "segments and \u201cnodes\u201d must agree");
  demand(isListOf(json.parameters, isObject), "\u201cparameters\u201d must be a list");
  json.parameters.forEach((parameter) => validateParameter(parameter, count));
  for (const name of ["columns", "memory", "page"])
    demand(json[name] == null || isObject(json[name]), `\u201c${name}\u201d must be an object`);
  for (const column of Object.values(json.columns ?? {})) validateColumn(column);
}

function validateSegment(segment, width, left) {
  demand(isObject(segment) && isCount(segment.count) && Array.isArray(segment.rows), "a segment is a count and rows");
  demand(segment.count * segment.rows.length <= left, `more than ${MOST_NODES} nodes`);
  for (const row of segment.rows) {
    const arity = Array.isArray(row) ? row[width - 1] : -1;
    demand(isCount(arity) && row.length >= width + arity, "a row has an entry a slot, then its operands");
    const numbers = row.slice(0, width + arity),
      words = row.slice(width + arity);
    const isWord = (word) => Number.isSafeInteger(word) || (isText(word) && /^[0-9a-f]{16}$/.test(word));
    demand(numbers.every(Number.isSafeInteger) && words.every(isWord), "entries are whole numbers");
  }
  const isEntry = (size) => (entry) =>
    isListOf(entry, Number.isSafeInteger) && entry.length === size && entry[0] >= 0 && entry[0] < segment.rows.length;
  demand(isListOf(segment.strides ?? [], isEntry(3)), "a stride is a row, an entry and a number");
  demand(isListOf(segment.exceptions ?? [], isEntry(6)), "an exception is six numbers");
  return segment.count * segment.rows.length;
}

function validateParameter({node, name, gradient_norm: norm, series}, count) {
  demand(isCount(node) && node < count, "a parameter must have a node");
  demand(isText(name) && (norm == null || isReal(norm)), "a parameter has a name and a gradient's norm");
  if (series == null) return;
  const isRun = (run) => isListOf(run, Number.isSafeInteger) && run.length === 3 && run[1] >= 0;
  demand(isObject(series) && isListOf(series.steps, isRun), "a series has steps");
  const steps = series.steps.reduce((sum, run) => sum + run[1], 0);
  demand(steps <= MOST_NODES, `more than ${MOST_NODES} steps`);
  for (const key of ["norm", "dot", "running_norm"])
    if (Array.isArray(series[key]))
      demand(series[key].length === steps && series[key].every(isReal), "a series has numbers");
    else validateColumn(series[key]);
}

function validateColumn(column) {
  demand(isObject(column) && isText(column.encoding) && isText(column.data), "a column has an encoding and data");
  if (column.encoding === "log16")
    demand(Number.isFinite(column.low) && Number.isFinite(column.high), "a column of log16 has its range");
}
