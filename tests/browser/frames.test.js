"use strict";
const fs = require("fs");
const demo = require("./demo.js");
const {check, equal, test, writePage} = require("./harness.js");

/** Pans for some frames and gives their durations in milliseconds, sorted. */
const panning = (page) =>
  page.evaluate(async () => {
    const {view} = window.unspool;
    await new Promise((done) => setTimeout(done, 1500));
    const durations = [];
    await new Promise((done) => {
      let last = 0,
        k = 0;
      const frame = (now) => {
        if (last) durations.push(now - last);
        last = now;
        view.camera.pan(k < 60 ? -9 : 9, k % 2 ? 4 : -4);
        window.unspool.redraw();
        if (++k < 120) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    return durations.sort((a, b) => a - b);
  });

test("100,000 visible nodes pan at 30 frames a second", async ({open}) => {
  const page = await open(demo.lstm(150, 42));
  const visible = await page.evaluate(() => {
    window.unspool.setDetail("ops");
    window.unspool.unfoldAll();
    window.unspool.view.fit();
    const {view} = window.unspool;
    return view.unitsIn(view.camera.bounds);
  });
  check(visible >= 100000, `${visible} visible`);
  const durations = await panning(page),
    mean = durations.reduce((a, b) => a + b) / durations.length;
  console.log(
    `        ${visible} visible nodes: ${(1000 / mean).toFixed(0)} frames a second, median ${durations[durations.length >> 1].toFixed(1)} ms`,
  );
  check(1000 / mean >= 30, `${(1000 / mean).toFixed(1)} frames a second`);
});

test("the page of a million nodes stays below 5 MB, opens folded and unfolds", async ({open, folder}) => {
  const file = demo.lstm(27030),
    count = file.nodes;
  const codes = Buffer.from(Uint16Array.from({length: count}, (_, i) => 4 + ((i * 7919) % 60000)).buffer).toString(
    "base64",
  );
  file.columns.gradient_norm = {encoding: "log16", low: -30, high: 2, data: codes};
  for (const parameter of file.parameters) delete parameter.series;
  const html = writePage(folder, "million", file),
    started = Date.now();
  check(count >= 1e6, `${count} nodes`);
  check(fs.statSync(html).size < 5e6, `${fs.statSync(html).size} bytes`);
  const page = await open(null, {html});
  console.log(
    `        ${count} nodes, ${fs.statSync(html).size} bytes: open in ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
  check(Date.now() - started < 60000, "opens");
  equal(
    await page.evaluate(() => window.unspool.view.scene.slots.filter((s) => s.fold).map((s) => s.steps.count)),
    [27025],
    "the fold",
  );
  const boxes = await page.evaluate(() => {
    window.unspool.unfoldAll();
    return window.unspool.view.scene.units.count;
  });
  check(boxes > 27030 * 5, `${boxes} boxes`);
});

test("a chain of a million ops neither recurses nor stalls", async ({open}) => {
  const chain = 1000000;
  const file = {
    format: "unspool-graph",
    version: 2,
    scalar: "float32",
    nodes: chain + 1,
    loss: chain,
    texts: [""],
    ops: [
      ["input", ""],
      ["exp", ""],
    ],
    shapes: [[2]],
    parameters: [],
    slots: ["op", "shape", "step", "inputs"],
    segments: [
      {count: 1, rows: [[0, 0, -1, 0]]},
      {count: chain, rows: [[1, 0, -1, 1, 0]], strides: [[0, 4, 1]]},
    ],
  };
  const page = await open(file);
  equal(await page.evaluate(() => window.unspool.graph.inputs[999999]), 999999, "the last reads the one before");
});
