"use strict";
const demo = require("./demo.js");
const {check, differing, equal, picture, settle, test} = require("./harness.js");

const walk = (page) =>
  page.evaluate(() => {
    const {backward, graph} = window.unspool,
      nodes = Array.from({length: graph.count}, (_, i) => i);
    return {
      steps: [
        ...new Set(nodes.filter((i) => backward.reached(i) && graph.step[i] >= 0).map((i) => graph.step[i])),
      ].sort((a, b) => a - b),
      shares: backward.sumOf(1).steps,
      sum: backward.sumOf(1).norm,
    };
  });

test("the slider walks backward step by step and the shared sum grows", async ({open}) => {
  const steps = 5,
    file = demo.rnn(steps),
    page = await open(file),
    slider = page.getByRole("slider");
  equal(await slider.getAttribute("max"), String(steps), "a stage for every step");
  let last = 0;
  for (let stage = 1; stage <= steps; stage++) {
    await slider.fill(String(stage));
    const {steps: reached, shares, sum} = await walk(page);
    equal(
      reached,
      Array.from({length: stage}, (_, k) => steps - stage + k),
      `steps reached at stage ${stage}`,
    );
    equal(shares, stage, "shares that have arrived");
    equal(sum, file.parameters[1].series.running_norm[steps - stage], "the sum's norm");
    check(sum > last, "it grows");
    last = sum;
  }
  check((await page.locator("#moment").innerText()).includes("t = 0"), "the step is told");
});

test("no gradient is shown on what needs none", async ({open}) => {
  const page = await open(demo.rnn(4), {fragment: "#b=4"});
  const wrong = await page.evaluate(() => {
    const {backward, graph} = window.unspool;
    return Array.from({length: graph.count}, (_, i) => i).filter(
      (i) => backward.reached(i) && ["input", "constant"].includes(graph.opName(i)),
    );
  });
  equal(wrong, [], "inputs and constants");
});

test("play goes to the first step by itself and changes the picture", async ({open}) => {
  const page = await open(demo.rnn(3)),
    before = await picture(page);
  await page.getByRole("button", {name: "Play the backward walk"}).click();
  await page.waitForFunction(() => window.unspool.backward.stage === 1, null, {timeout: 60000});
  check(differing(before, await picture(page)) > 200, "drawn");
  await page.waitForFunction(() => window.unspool.backward.stage === 3 && !window.unspool.player.timer, null, {
    timeout: 60000,
  });
  await page.keyboard.press("Escape");
  await settle(page);
  equal(await page.evaluate(() => window.unspool.backward.stage), 0, "Escape ends it");
});

test("a cell takes the colour of its gradient when the walk reaches it", async ({open}) => {
  const page = await open(demo.rnn(4), {fragment: "#b=2"});
  const fills = await page.evaluate(() => {
    const {view} = window.unspool,
      {scene, look} = view;
    return scene.slots
      .filter((slot) => slot.step >= 0)
      .map((slot) => look.fill(slot.shown.find((u) => scene.units.role[u] === 5)) !== null);
  });
  equal(fills, [false, false, true, true], "coloured by step");
});
