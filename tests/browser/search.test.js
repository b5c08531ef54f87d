"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

const find = (page, text) =>
  page.evaluate((text) => {
    window.unspool.setQuery(text);
    return window.unspool.found?.nodes ?? null;
  }, text);

test("a query finds what its terms say", async ({open}) => {
  const steps = 10,
    page = await open(demo.lstm(steps));
  const count = async (text) => (await find(page, text))?.length;
  equal(await count("op=tanh"), 4 * steps, "op=tanh");
  equal(await count("op=tanh & t=3"), 4, "op=tanh & t=3");
  equal(await count("op=tanh t=3..5"), 12, "a range");
  equal(await count("op=tanh & !(t>2 | t=0)"), 8, "not and or");
  equal(await count("param=encoder.weight_hh_l0"), steps + 1, "a parameter and its uses");
  equal(await count("param=weight_hh_l0"), steps + 1, "its last part");
  equal(await count("param=*weight_hh*"), 2 * (steps + 1), "a star");
  equal(await count("scope~lstm.1$ & /sig.*d|mul/"), 6 * steps, "patterns");
  equal(await count("head"), steps + 2, "a word");
  equal(await count('"cross_entropy"'), steps, "a quoted word");
  equal(await count("shape=8x256 op!=add"), 4 * steps, "shape and unequal");
  equal(await count("bytes>=8k"), 6 * steps + 4, "a number with a multiple");
  equal(await find(page, "%7"), [7], "an id");
  equal(await find(page, "id<3"), [0, 1, 2], "a limit");
});

test("a query that cannot be read says so and finds nothing", async ({open}) => {
  const page = await open(demo.rnn(3));
  for (const text of ["op=", "(tanh", "tanh)", "colour=red", "t=x", "scope~(", "& tanh", "bytes~3", "!"]) {
    equal(await find(page, text), null, text);
    equal(await page.getByRole("searchbox").getAttribute("aria-invalid"), "true", text);
  }
  check((await find(page, "tanh")).length === 3, "and is forgotten");
  equal(await page.getByRole("searchbox").getAttribute("aria-invalid"), null, "a good one");
});

test("Enter goes from find to find, into folded steps too", async ({open}) => {
  const page = await open(demo.rnn(40));
  await page.getByRole("searchbox").fill("op=tanh & t=20");
  await page.keyboard.press("Enter");
  await settle(page);
  const {selected, inSight} = await page.evaluate(() => {
    const {view, selected} = window.unspool,
      u = view.unitOf(selected),
      x = view.camera.toScreenX(view.scene.x[u]);
    return {selected: window.unspool.graph.step[selected], inSight: u >= 0 && x > 0 && x < view.camera.width};
  });
  equal([selected, inSight], [20, true], "the step");
});
