"use strict";
const demo = require("./demo.js");
const {check, differing, equal, picture, placeOfNode, settle, test} = require("./harness.js");

test("pointing at a parameter lights every use of it", async ({open}) => {
  const page = await open(demo.rnn(6));
  const before = await picture(page);
  await page.locator(".param").nth(1).hover();
  await settle(page);
  equal(await page.evaluate(() => window.unspool.litParameter), 1, "the parameter");
  const lit = await page.evaluate(() => Array.from(window.unspool.facts.uses[1], (i) => window.unspool.graph.step[i]));
  equal(lit, [0, 1, 2, 3, 4, 5], "a use in every step");
  check(differing(before, await picture(page)) > 1000, "all else must fade");
  await page.mouse.move(5, 400);
  await settle(page);
  equal(await page.evaluate(() => window.unspool.litParameter), null, "let go");
});

test("pointing at a mark on a box lights its parameter and names it", async ({open}) => {
  const page = await open(demo.rnn(4));
  const mark = await page.evaluate(() => {
    const {view, canvas} = window.unspool,
      u = view.scene.units.role.indexOf(5),
      box = canvas.getBoundingClientRect();
    const {x, y, width, height, parameter} = view.marksOf(u)[0];
    return {
      x: box.left + view.camera.toScreenX(x + width / 2),
      y: box.top + view.camera.toScreenY(y + height / 2),
      parameter,
    };
  });
  await page.mouse.move(mark.x, mark.y);
  await settle(page);
  equal(await page.evaluate(() => window.unspool.litParameter), mark.parameter, "lit");
  check((await page.getByRole("tooltip").textContent()).includes("read 4 times"), "the tip");
});

test("a click on a node tells all that is known of it", async ({open}) => {
  const page = await open(demo.lstm(6), {fragment: "#d=ops"});
  const node = await page.evaluate(() =>
    window.unspool.graph.op.findIndex((_, i) => window.unspool.graph.opName(i) === "slice"),
  );
  await page.evaluate((node) => window.unspool.view.reveal(node), node);
  const at = await placeOfNode(page, node);
  await page.mouse.click(at.x, at.y);
  const told = await page.locator("#details").innerText();
  for (const part of [
    "slice",
    `%${node}`,
    "t = 0",
    "encoder/lstm.0",
    "8 × 64",
    "2.05 kB",
    "FLOP",
    "model.cpp:",
    "norm",
    "axis",
    "inputs (1)",
    "read by (1)",
  ])
    check(told.replace(/\u202f/g, " ").includes(part), `"${part}" in ${told}`);
  await page.locator("#details .links button").first().click();
  equal(
    await page.evaluate(() => window.unspool.graph.opName(window.unspool.selected)),
    "add",
    "the link to its input",
  );
});

test("statistics of the values are told where the file has them", async ({open}) => {
  const file = demo.rnn(3),
    base64 = (v) => Buffer.from(Float64Array.from({length: file.nodes}, () => v).buffer).toString("base64");
  for (const [name, value] of [
    ["value_min", -1.5],
    ["value_mean", 0.25],
    ["value_max", 2.5],
  ])
    file.columns[name] = {encoding: "f64", data: base64(value)};
  const page = await open(file, {fragment: "#s=8"});
  check((await page.locator("#details").innerText()).includes("−1.5, 0.25, 2.5"), "least, mean, most");
});

test("dragging pans, the wheel zooms about the pointer", async ({open}) => {
  const page = await open(demo.lstm(20));
  const camera = () =>
    page.evaluate(() => ({...window.unspool.view.camera, under: window.unspool.view.camera.toWorldX(300)}));
  const box = await page.locator("#canvas").boundingBox(),
    before = await camera();
  await page.mouse.move(box.x + 300, box.y + 650);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, box.y + 600, {steps: 4});
  await page.mouse.up();
  const panned = await camera();
  check(
    Math.abs((before.x - panned.x) * before.zoom - 100) < 1 && Math.abs((panned.y - before.y) * before.zoom - 50) < 1,
    "panned by the drag",
  );
  await page.mouse.move(box.x + 300, box.y + 600);
  await page.mouse.wheel(0, -400);
  await settle(page);
  const zoomed = await camera();
  check(zoomed.zoom > panned.zoom * 1.5, "zoomed in");
  check(Math.abs(zoomed.under - panned.under) < 0.01, "the point under the pointer stays");
});

test("two fingers zoom", async ({open, context}) => {
  const page = await open(demo.rnn(6));
  const touch = await context.newCDPSession(page),
    zoom = () => page.evaluate(() => window.unspool.view.camera.zoom);
  const before = await zoom(),
    fingers = (gap) => [
      {x: 400 - gap, y: 400, id: 0},
      {x: 400 + gap, y: 400, id: 1},
    ];
  await touch.send("Input.dispatchTouchEvent", {type: "touchStart", touchPoints: fingers(40)});
  for (const gap of [50, 65, 80])
    await touch.send("Input.dispatchTouchEvent", {type: "touchMove", touchPoints: fingers(gap)});
  await touch.send("Input.dispatchTouchEvent", {type: "touchEnd", touchPoints: []});
  await settle(page);
  const ratio = (await zoom()) / before;
  check(ratio > 1.4 && ratio < 2.2, `zoomed by ${ratio}`);
});

test("the minimap appears when not all is in sight and moves the picture", async ({open}) => {
  const page = await open(demo.lstm(30));
  await page.keyboard.press("u");
  await settle(page);
  const box = await page.locator("#minimap").boundingBox(),
    x = () => page.evaluate(() => window.unspool.view.camera.x);
  const before = await x();
  await page.mouse.click(box.x + box.width * 0.9, box.y + box.height / 2);
  check((await x()) > before + 1000, "moved to the right");
});
