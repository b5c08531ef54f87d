// Pages and graph files that unspool-graph writes, where the build has it: UNSPOOL_GRAPH_TOOL names it.
"use strict";
const {execFileSync} = require("child_process");
const fs = require("fs");
const path = require("path");
const {row} = require("./reference.js");
const {check, equal, test} = require("./harness.js");

const tool = process.env.UNSPOOL_GRAPH_TOOL;
const demo = (folder, name, ...options) => {
  const out = path.join(folder, name);
  execFileSync(tool, ["demo", ...options, "-o", out]);
  return out;
};

const networks = [
  ["lstm", "--steps", "50", "--layers", "2", "--hidden", "16"],
  ["lstm", "--composed", "--steps", "30", "--layers", "2", "--hidden", "8", "--loss", "last"],
  ["gru", "--composed", "--steps", "40", "--hidden", "8"],
  ["gru", "--steps", "30", "--layers", "2"],
  ["rnn", "--steps", "4"],
  ["lstm", "--whole", "--steps", "300", "--layers", "2", "--batch", "16"],
  ["gru", "--whole", "--steps", "12", "--loss", "last"],
  ["rnn", "--whole", "--steps", "1"],
];

if (tool) {
  for (const model of ["rnn", "lstm", "gru"])
    test(`whole-sequence layers of demo ${model} are steps and what they hand on`, async ({open, folder}) => {
      const html = demo(folder, "demo.html", model, "--whole", "--steps", "20", "--layers", "2", "--batch", "32"),
        page = await open(null, {html});
      for (const view of ["unrolled", "folded"]) {
        const shown = await page.evaluate((view) => {
          const app = window.unspool;
          app.setDetail("ops");
          app.views.unrolled.folds.unfoldAll();
          app.views.unrolled.build();
          app.setView(view);
          return app.view.scene.units.node.map((i) => app.graph.opName(i));
        }, view);
        check(!shown.includes("step_buffer") && !shown.includes("steps_done"), `${view}: ${[...new Set(shown)]}`);
        equal(shown.filter((op) => op === model + "_step").length, view === "folded" ? 2 : 40, `${view}: steps`);
      }
      const {columns, before} = await page.evaluate(() => {
        const {facts, graph} = window.unspool,
          cell = (i) => facts.placement.cell[i];
        const steps = Array.from({length: graph.count}, (_, i) => i).filter((i) => graph.opName(i).endsWith("_step"));
        return {
          columns: facts.steps,
          before: steps.filter((i) => Array.from(facts.graph.inputsOf(i)).some((from) => cell(from) === cell(i) - 1)),
        };
      });
      equal([columns, before.length], [20, 40], "columns, and steps that read the one before or the initial state");
    });

  test("what each step adds to a parameter is what the graph file says, and adds up", async ({open, folder}) => {
    const page = await open(null, {html: demo(folder, "demo.html", "lstm", "--whole", "--steps", "40")});
    const sums = await page.evaluate(() => {
      const app = window.unspool;
      app.setView("parameter");
      const shared = app.graph.parameters.filter(({name}) => name.startsWith("lstm."));
      return shared.map(({norm, series}) => ({
        steps: series.steps.length,
        norm,
        // the cosines' share of the norm: the projections of the steps add up to the whole
        sum: series.norm.reduce((sum, n, k) => sum + n * series.cosine[k], 0),
        last: series.running[0],
      }));
    });
    equal(sums.length, 4, "parameters of the layer");
    for (const {steps, norm, sum, last} of sums) {
      equal(steps, 40, "steps");
      check(Math.abs(sum - norm) <= 1e-9 * norm, `projections add up to ${sum}, the gradient's norm is ${norm}`);
      check(Math.abs(last - norm) <= 1e-9 * norm, `the running sum ends at ${last}, not at ${norm}`);
    }
  });

  for (const options of networks) {
    const name = options.join(" ");

    test(`the page of demo ${name} opens, shows every view, and its memory peaks at the engine's counters`, async ({
      open,
      folder,
    }) => {
      const page = await open(null, {html: demo(folder, "demo.html", ...options)});
      for (const tab of await page.getByRole("tab").all()) await tab.click();
      const {peak, counted} = await page.evaluate(() => {
        const {views, graph} = window.unspool;
        return {peak: views.memory.peak.total, counted: graph.memory.arena_bytes + graph.memory.gradient_bytes_peak};
      });
      equal(peak, counted, "bytes");
    });

    test(`the file of demo ${name} unfolds to what the format's reference says`, async ({open, folder}) => {
      const file = JSON.parse(fs.readFileSync(demo(folder, "demo.json", ...options), "utf8"));
      const page = await open(file);
      const got = await page.evaluate(() => {
        const {graph} = window.unspool;
        return {
          op: Array.from(graph.op),
          flops: Array.from(graph.flops),
          line: Array.from(graph.line),
          inputs: Array.from({length: graph.count}, (_, i) => Array.from(graph.inputsOf(i))),
          inferred: window.unspool.facts.inferred,
        };
      });
      check(!got.inferred, "its steps are recorded");
      const at = (slot) => file.slots.indexOf(slot);
      for (let i = 0; i < file.nodes; i++) {
        const entries = row(file, i),
          width = file.slots.length;
        for (const slot of ["op", "flops", "line"]) equal(got[slot][i], entries[at(slot)], `${slot} of node ${i}`);
        equal(got.inputs[i], entries.slice(width, width + entries[width - 1]), `inputs of node ${i}`);
      }
    });
  }
}
