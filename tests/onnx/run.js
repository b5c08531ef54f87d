// The models that driver.cpp writes, run by ONNX Runtime: run.js DRIVER. Every output within 1e-6 of ours, steps beyond a
// row's length aside. Without the package it says so and exits 77, which Meson reports as skipped.
"use strict";
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

let ort;
try {
  ort = require("onnxruntime-node");
} catch {
  console.log("skipped: tools/packages onnx installs onnxruntime-node");
  process.exit(77);
}

const tolerance = 1e-6;
const arrays = {
  float32: (data) => Float32Array.from(data),
  int32: (data) => Int32Array.from(data),
  int64: (data) => BigInt64Array.from(data, BigInt),
};

function feeds(inputs) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, t]) => [name, new ort.Tensor(t.type, arrays[t.type](t.data), t.dims)]));
}

// The largest difference, over the steps that exist where the tensor is [time,batch,width] of steps.
function worst(name, given, expected, lengths) {
  if (String(given.dims) !== String(expected.dims)) return Infinity;
  const [, batch, width] = expected.dims;
  let largest = 0;
  expected.data.forEach((value, i) => {
    const step = Math.floor(i / (batch * width));
    const row = Math.floor(i / width) % batch;
    if (name === "y" && step >= lengths[row]) return;
    const difference = Math.abs(given.data[i] - value);
    largest = difference <= largest ? largest : difference;  // NaN counts as the largest
  });
  return largest;
}

async function main(driver) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "unspool-onnx-"));
  let failures = 0, runs = 0, largest = 0;
  try {
    execFileSync(driver, [folder]);
    for (const file of fs.readdirSync(folder).filter((f) => f.endsWith(".json")).sort()) {
      const base = path.join(folder, path.basename(file, ".json"));
      const session = await ort.InferenceSession.create(`${base}.onnx`, { logSeverityLevel: 3 });
      for (const run of JSON.parse(fs.readFileSync(`${base}.json`, "utf8"))) {
        const outputs = await session.run(feeds(run.inputs));
        ++runs;
        for (const [name, expected] of Object.entries(run.outputs)) {
          const error = worst(name, outputs[name], expected, run.lengths);
          if (error <= tolerance) {
            largest = Math.max(largest, error);
            continue;
          }
          ++failures;
          console.log(`${path.basename(base)}, lengths ${run.lengths}: ${name} differs by ${error}`);
        }
      }
      await session.release();
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  console.log(`${runs} runs, ${failures} outputs differ; the largest difference is ${largest}`);
  process.exit(failures > 0 || runs === 0 ? 1 : 0);
}

main(process.argv[2]);
