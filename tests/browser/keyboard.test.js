"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

const state = (page) =>
  page.evaluate(() => {
    const {view, selected, graph} = window.unspool;
    return {
      view: view.id,
      step: selected >= 0 ? graph.step[selected] : null,
      op: selected >= 0 ? graph.opName(selected) : null,
      focus: document.activeElement.id,
    };
  });

test("every view and control is reached from the keyboard", async ({open}) => {
  const page = await open(demo.lstm(20)),
    seen = new Set();
  for (let k = 0; k < 40; k++) {
    await page.keyboard.press("Tab");
    seen.add(
      await page.evaluate(
        () =>
          document.activeElement.id ||
          document.activeElement.getAttribute("aria-label") ||
          document.activeElement.classList[0],
      ),
    );
  }
  for (const id of [
    "tab-unrolled",
    "search",
    "theme",
    "help",
    "canvas",
    "play",
    "slider",
    "Show cells (d)",
    "colour",
    "param",
  ])
    check(seen.has(id), `${id} in ${[...seen]}`);
});

test("digits choose views", async ({open}) => {
  const page = await open(demo.rnn(5));
  for (const [key, id] of [
    ["2", "folded"],
    ["3", "modules"],
    ["4", "memory"],
    ["5", "gradient"],
    ["6", "parameter"],
    ["1", "unrolled"],
  ]) {
    await page.keyboard.press(key);
    equal((await state(page)).view, id, key);
  }
});

test("arrows walk through time and along edges, Enter opens a fold", async ({open}) => {
  const page = await open(demo.rnn(12), {fragment: "#d=ops"});
  await page.locator("#canvas").focus();
  await page.keyboard.press("ArrowRight");
  equal((await state(page)).step, 0, "begins at the first step");
  await page.evaluate(() => window.unspool.select(window.unspool.facts.uses[1][0]));
  await page.keyboard.press("ArrowRight");
  equal(await state(page), {view: "unrolled", step: 1, op: "linear", focus: "canvas"}, "one step on");
  await page.keyboard.press("ArrowUp");
  equal((await state(page)).op, "add", "up to its reader");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  check((await page.locator("#live").textContent()).includes("7 folded steps"), "the fold announces itself");
  await page.keyboard.press("Enter");
  await settle(page);
  equal(await page.evaluate(() => window.unspool.view.scene.slots.some((slot) => slot.fold)), false, "unfolded");
});

test("help opens, tells the keys, closes, and gives the focus back", async ({open}) => {
  const page = await open(demo.rnn(3));
  await page.locator("#canvas").focus();
  await page.keyboard.press("?");
  check(await page.getByRole("dialog").isVisible(), "open");
  check((await page.getByRole("dialog").innerText()).includes("play or pause"), "the keys");
  await page.keyboard.press("Escape");
  check(!(await page.getByRole("dialog").isVisible()), "closed");
  equal((await state(page)).focus, "canvas", "focus");
});

test("letters do not act while a search is written", async ({open}) => {
  const page = await open(demo.lstm(20));
  await page.keyboard.press("/");
  await page.keyboard.type("uf5");
  equal(await state(page), {view: "unrolled", step: null, op: null, focus: "search"}, "only text");
  await page.keyboard.press("Escape");
  equal((await state(page)).focus, "canvas", "Escape goes back to the picture");
});

test("brackets move the backward walk, space plays it", async ({open}) => {
  const page = await open(demo.rnn(6)),
    stage = () => page.evaluate(() => window.unspool.backward.stage);
  await page.keyboard.press("]");
  await page.keyboard.press("]");
  await page.keyboard.press("[");
  equal(await stage(), 1, "on, on, back");
  await page.keyboard.press(" ");
  await page.waitForFunction(() => window.unspool.backward.stage >= 3, null, {timeout: 60000});
  await page.keyboard.press(" ");
  equal(await page.evaluate(() => Boolean(window.unspool.player.timer)), false, "paused");
});

test("what is selected is said to a screen reader, and every control has a name", async ({open}) => {
  const page = await open(demo.rnn(4));
  await page.evaluate(() => window.unspool.select(8));
  check(
    /node 8, shape 2 by 3, step 0/.test(await page.locator("#live").textContent()),
    await page.locator("#live").textContent(),
  );
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, canvas:not([aria-hidden])")]
      .filter((e) => e.offsetParent && !e.getAttribute("aria-label") && !e.textContent.trim() && !e.labels?.length)
      .map((e) => e.outerHTML.slice(0, 80)),
  );
  equal(nameless, [], "controls without a name");
});
