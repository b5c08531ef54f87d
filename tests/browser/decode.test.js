"use strict";
const demo = require("./demo.js");
const {row} = require("./reference.js");
const {check, equal, test} = require("./harness.js");

/** What the page has made of a file, in the shape of the reference. */
const decoded = (page) =>
  page.evaluate(() => {
    const {graph} = window.unspool,
      list = (column) => Array.from(column);
    return {
      op: list(graph.op),
      shape: list(graph.shape),
      step: list(graph.step),
      scope: list(graph.scope),
      line: list(graph.line),
      flags: list(graph.flags),
      value_bytes: list(graph.bytes),
      saved_bytes: list(graph.saved),
      flops: list(graph.flops),
      parameter: list(graph.parameter),
      inputs: Array.from({length: graph.count}, (_, i) => list(graph.inputsOf(i))),
      attrs: Array.from({length: graph.count}, (_, i) => graph.file.attributes(i).map(([, value]) => value)),
    };
  });

function compare(got, file) {
  for (let i = 0; i < file.nodes; i++) {
    const entries = row(file, i),
      width = file.slots.length,
      arity = entries[width - 1];
    for (const slot of [
      "op",
      "shape",
      "step",
      "scope",
      "line",
      "flags",
      "value_bytes",
      "saved_bytes",
      "flops",
      "parameter",
    ])
      equal(got[slot][i], entries[file.slots.indexOf(slot)], `${slot} of node ${i}`);
    equal(got.inputs[i], entries.slice(width, width + arity), `inputs of node ${i}`);
    if (file.ops[entries[0]][1])
      equal(got.attrs[i], entries.slice(width + arity).map(String), `attributes of node ${i}`);
  }
}

test("segments with strides unfold to what the format's reference says", async ({open}) => {
  const file = demo.lstm(12);
  check(
    file.segments.some((segment) => segment.count > 1),
    "the file must repeat something",
  );
  compare(await decoded(await open(file)), file);
});

test("exceptions take the place of strides", async ({open}) => {
  const file = demo.lstm(12),
    segment = file.segments.find(({count}) => count > 1),
    at = (slot) => file.slots.indexOf(slot);
  segment.exceptions = [
    [2, at("line"), 3, 2, 777, 0],
    [3, at("flops"), 1, 3, 10, 5],
    [4, at("value_bytes"), 0, 1, 99, 0],
  ];
  compare(await decoded(await open(file)), file);
});

test("columns have the documented encodings", async ({open}) => {
  const file = demo.rnn(6),
    n = file.nodes,
    low = -12.5,
    high = 3.25;
  const base64 = (array) => Buffer.from(array.buffer).toString("base64");
  const codes = Uint16Array.from({length: n}, (_, i) => (i < 4 ? i : Math.min(65535, 4 + i * 977)));
  const means = Float32Array.from({length: n}, (_, i) => Math.sin(i)),
    bad = Uint32Array.from({length: n}, (_, i) => i * 3);
  const extremes = Float64Array.from({length: n}, (_, i) => (i === 5 ? NaN : i / 7));
  file.columns = {
    gradient_norm: {encoding: "log16", low, high, data: base64(codes)},
    value_mean: {encoding: "f32", data: base64(means)},
    value_min: {encoding: "f64", data: base64(extremes)},
    value_max: {encoding: "f64", data: base64(extremes)},
    nonfinite: {encoding: "u32", data: base64(bad)},
  };
  const page = await open(file);
  const got = await page.evaluate(() => {
    const {norm, statistics} = window.unspool.graph,
      text = (column) => Array.from(column, String);
    return {norm: text(norm), mean: text(statistics.mean), min: text(statistics.min), bad: text(statistics.nonfinite)};
  });
  equal(got.norm.slice(0, 4), ["-1", "0", "Infinity", "NaN"], "codes apart");
  codes.forEach((c, i) => {
    const wanted = 2 ** (low + ((c - 4) / 65531) * (high - low)); // a browser's power may round otherwise
    check(i < 4 || Math.abs(Number(got.norm[i]) / wanted - 1) < 1e-14, `norm ${i}`);
  });
  equal(
    [got.mean, got.min, got.bad],
    [means, extremes, bad].map((column) => Array.from(column, String)),
    "statistics",
  );
});

test("a word beyond 2^53 is a double's bits", async ({open}) => {
  const r = new demo.Recorder();
  r.node("dropout", [r.node("input", [], [2])], [2], {
    declared: "rate:real, train:bool",
    attrs: ["3fd0000000000000", 1],
  });
  const page = await open(demo.toFile(r));
  equal(
    await page.evaluate(() => window.unspool.graph.file.attributes(1)),
    [
      ["rate", "0.25"],
      ["train", "true"],
    ],
    "attributes",
  );
});
