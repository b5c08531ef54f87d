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
  ["rnn", "--steps", "4"],
];

if (tool)
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
