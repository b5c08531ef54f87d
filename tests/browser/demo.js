// Graph files for the tests, as unspool writes them: networks recorded op by op, folded into segments with strides.
"use strict";

const SLOTS = [
  "op",
  "shape",
  "step",
  "scope",
  "file",
  "line",
  "flags",
  "value_bytes",
  "saved_bytes",
  "flops",
  "parameter",
  "arena_bytes",
  "gradient_bytes",
  "gradient_born",
  "gradient_freed",
  "scratch_bytes",
  "held_bytes",
  "held_freed",
  "flush_bytes",
  "inputs",
];

class Recorder {
  constructor() {
    this.texts = [""];
    this.ops = [];
    this.shapes = [];
    this.parameters = [];
    this.nodes = [];
    this.step = -1;
    this.scope = "";
  }
  at(list, value, key = (v) => JSON.stringify(v)) {
    const found = list.findIndex((other) => key(other) === key(value));
    return found >= 0 ? found : list.push(value) - 1;
  }
  node(op, inputs, shape, more = {}) {
    const size = shape.reduce((a, b) => a * b, 1);
    const grad = more.parameter !== undefined || inputs.some((i) => this.nodes[i].flags & 2);
    this.nodes.push({
      op: this.at(this.ops, [op, more.declared ?? ""]),
      inputs,
      shape: this.at(this.shapes, shape),
      step: this.step,
      scope: this.at(this.texts, this.scope),
      file: this.at(this.texts, "model.cpp"),
      line: more.line ?? 20 + inputs.length,
      flags: (more.view ? 1 : 0) + (grad ? 2 : 0) + (more.parameter !== undefined ? 4 : 0),
      value_bytes: more.view ? 0 : 4 * size,
      saved_bytes: op === "sigmoid" ? 16 : 0,
      flops: op === "linear" ? 2 * size * size : size,
      parameter: more.parameter ?? -1,
      attrs: more.attrs ?? [],
      size,
    });
    return this.nodes.length - 1;
  }
  parameter(name, shape) {
    const p = this.parameters.push({name, trainable: true}) - 1;
    this.parameters[p].node = this.node("parameter", [], shape, {parameter: p});
    return this.parameters[p].node;
  }
}

/** Gradient norms that decay by `factor` a step back from the loss. */
const decaying = (factor, steps) => (n, i) =>
  n.flags & 2 ? factor ** Math.max(0, steps - 1 - n.step) * (0.6 + 0.4 * Math.sin(i)) : -1;

/** A file of recorded nodes; `first` and `period` say where the part begins that repeats `steps` times. */
function toFile(r, {first = 0, period = 0, steps = 0, norms = null, title = null, series = true} = {}) {
  const row = (n, i) => [
    n.op,
    n.shape,
    n.step,
    n.scope,
    n.file,
    n.line,
    n.flags,
    n.value_bytes,
    n.saved_bytes,
    n.flops,
    n.parameter,
    n.value_bytes + n.saved_bytes + 32,
    n.flags & 2 && n.parameter < 0 ? n.value_bytes : 0,
    n.flags & 2 ? Math.min(r.nodes.length - 1, i + 2) : -1,
    n.flags & 2 ? (i % 5 ? i : Math.max(0, i - 3)) : -1,
    n.flags & 2 ? 64 : 0,
    n.inputs.length === 3 ? 640 : 0,
    n.inputs.length === 3 ? Math.max(0, i - 4) : -1,
    n.inputs.length === 2 ? 100000 : 0,
    n.inputs.length,
    ...n.inputs,
    ...n.attrs,
  ];
  const single = (from, to) => ({count: 1, rows: r.nodes.slice(from, to).map((n, k) => row(n, from + k))});
  const segments = [];
  if (steps > 3) {
    // The first two repetitions and the last are left as they are: their neighbours differ.
    segments.push(single(0, first + 2 * period));
    const rows = r.nodes.slice(first + 2 * period, first + 3 * period).map((n, k) => row(n, first + 2 * period + k));
    const strides = [];
    rows.forEach((a, k) => {
      const b = row(r.nodes[first + 3 * period + k], first + 3 * period + k);
      a.forEach((value, at) => {
        if (b[at] !== value) strides.push([k, at, b[at] - value]);
      });
    });
    segments.push({count: steps - 3, rows, strides}, single(first + (steps - 1) * period, r.nodes.length));
  } else {
    segments.push(single(0, r.nodes.length));
  }
  const values = norms ? r.nodes.map((n, i) => norms(n, i)) : null;
  const file = {
    format: "unspool-graph",
    version: 2,
    scalar: "float32",
    nodes: r.nodes.length,
    loss: r.nodes.length - 1,
    texts: r.texts,
    ops: r.ops,
    shapes: r.shapes,
    slots: SLOTS,
    segments,
    memory: {arena_bytes: 0, gradient_bytes_peak: 0, events: true},
    parameters: r.parameters.map((p) => ({...p, gradient_norm: values ? 0.5 : null})),
  };
  if (values) {
    file.columns = {
      gradient_norm: {encoding: "f64", data: Buffer.from(Float64Array.from(values).buffer).toString("base64")},
    };
    if (series && steps > 0)
      file.parameters.forEach((p, k) => {
        const norm = Array.from(
          {length: steps},
          (_, t) => 0.3 * 0.93 ** (steps - 1 - t) * (1 + 0.3 * Math.sin(t * (k + 1))),
        );
        let sum = 0;
        const running = norm
          .slice()
          .reverse()
          .map((n) => (sum += n * 0.8))
          .reverse();
        p.gradient_norm = running[0];
        p.series = {
          steps: [[0, steps, 1]],
          norm,
          running_norm: running,
          dot: norm.map((n, t) => n * running[0] * Math.cos(t / 9)),
        };
      });
  }
  if (title) file.page = {title};
  return file;
}

/** h_t = tanh(W_x x_t + W_h h_{t-1} + b), a readout and a loss a step: the textbook's figure. */
function rnn(steps, options = {}) {
  const r = new Recorder();
  const h0 = r.node("constant", [], [2, 3]);
  const zero = r.node("constant", [], []);
  const [Wx, Wh, b, Wy] = [
    ["W_x", [3, 4]],
    ["W_h", [3, 3]],
    ["b", [3]],
    ["W_y", [5, 3]],
  ].map((p) => r.parameter(...p));
  const first = r.nodes.length;
  let h = h0,
    loss = zero;
  for (let t = 0; t < steps; t++) {
    r.step = t;
    r.scope = options.scope ?? "rnn";
    const x = r.node("input", [], [2, 4]);
    const a = r.node("linear", [x, Wx, b], [2, 3]);
    const c = r.node("linear", [h, Wh], [2, 3]);
    h = r.node("tanh", [r.node("add", [a, c], [2, 3])], [2, 3]);
    r.scope = "readout";
    const y = r.node("linear", [h, Wy], [2, 5]);
    r.scope = "loss";
    const target = r.node("input", [], [2, 5]);
    loss = r.node("add", [loss, r.node("cross_entropy", [y, target], [])], []);
  }
  return toFile(r, {
    first,
    period: (r.nodes.length - first) / steps,
    steps,
    norms: decaying(0.8, steps),
    title: "A recurrent network",
    ...options,
  });
}

/** A stack of LSTM layers, composed of small ops. */
function lstm(steps, layers = 2, options = {}) {
  const r = new Recorder();
  const B = 8,
    H = 64;
  const state = Array.from({length: layers}, () => ({
    h: r.node("constant", [], [B, H]),
    c: r.node("constant", [], [B, H]),
  }));
  const weights = state.map((_, l) =>
    ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name, k) =>
      r.parameter(`encoder.${name}_l${l}`, k < 2 ? [4 * H, H] : [4 * H]),
    ),
  );
  const head = [r.parameter("head.weight", [10, H]), r.parameter("head.bias", [10])];
  let loss = r.node("constant", [], []);
  const first = r.nodes.length;
  for (let t = 0; t < steps; t++) {
    r.step = t;
    r.scope = "";
    let x = r.node("input", [], [B, H]);
    weights.forEach(([ih, hh, bi, bh], l) => {
      r.scope = `encoder/lstm.${l}`;
      const sum = r.node(
        "add",
        [r.node("linear", [x, ih, bi], [B, 4 * H]), r.node("linear", [state[l].h, hh, bh], [B, 4 * H])],
        [B, 4 * H],
      );
      const gate = (k, op) =>
        r.node(
          op,
          [r.node("slice", [sum], [B, H], {declared: "axis:int, start:int, end:int", attrs: [-1, k * H, (k + 1) * H]})],
          [B, H],
        );
      const [i, f, g, o] = [gate(0, "sigmoid"), gate(1, "sigmoid"), gate(2, "tanh"), gate(3, "sigmoid")];
      const c = r.node("add", [r.node("mul", [f, state[l].c], [B, H]), r.node("mul", [i, g], [B, H])], [B, H]);
      x = r.node("mul", [o, r.node("tanh", [c], [B, H])], [B, H]);
      state[l] = {h: x, c};
    });
    r.scope = "head";
    const y = r.node("linear", [x, ...head], [B, 10]);
    r.scope = "loss";
    const target = r.node("input", [], [B]);
    loss = r.node("add", [loss, r.node("cross_entropy", [y, target], [])], []);
  }
  return toFile(r, {
    first,
    period: (r.nodes.length - first) / steps,
    steps,
    norms: decaying(0.9, steps),
    title: `LSTM, ${layers} layers`,
    ...options,
  });
}

/** Two directions over one input, and a readout of both. */
function bidirectional(steps, options = {}) {
  const r = new Recorder(),
    step = (t, scope) => {
      r.step = t;
      r.scope = scope;
    };
  const initial = [0, 1].map(() => r.node("constant", [], [2, 4]));
  const weights = ["forward", "backward"].map((name) => r.parameter(name + ".weight", [4, 4]));
  const xs = Array.from({length: steps}, (_, t) => {
    step(t, "");
    return r.node("input", [], [2, 4]);
  });
  const run = (k, name, order) => {
    const states = [];
    let h = initial[k];
    for (const t of order) {
      step(t, name);
      h = states[t] = r.node("rnn_cell", [xs[t], h, weights[k]], [2, 4]);
    }
    return states;
  };
  const times = Array.from({length: steps}, (_, t) => t);
  const forward = run(0, "forward", times),
    backward = run(1, "backward", times.slice().reverse());
  for (const t of times) {
    step(t, "");
    r.node("concat", [forward[t], backward[t]], [2, 8]);
  }
  return toFile(r, {norms: decaying(0.9, steps), ...options});
}

/** A network whose names hold everything that could break out of a page. */
function hostile() {
  const everyByte = Array.from({length: 256}, (_, c) => String.fromCharCode(c)).join("");
  const evil = `"'\\</script><script>window.hacked=1</script><img src=x onerror="window.hacked=2">\u202egnp.exe\u2066\u200f\n\r\u2028\u2029${everyByte}`;
  const r = new Recorder();
  const p = r.parameter(evil + "name", [2, 2]);
  let h = r.node("constant", [], [2, 2]);
  for (let t = 0; t < 4; t++) {
    r.step = t;
    r.scope = evil + "/scope";
    h = r.node(evil + "op", [r.node("input", [], [2, 2]), p, h], [2, 2]);
  }
  const file = toFile(r, {norms: (n, i) => (i === 3 ? NaN : i === 4 ? Infinity : 1), title: evil});
  file.texts = file.texts.map((text) => (text === "model.cpp" ? evil + ".cpp" : text));
  return file;
}

module.exports = {Recorder, toFile, rnn, lstm, bidirectional, hostile, decaying};
