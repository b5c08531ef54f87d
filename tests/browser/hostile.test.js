"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

test("nothing from a graph file ever runs, whatever its names hold", async ({open}) => {
  const page = await open(demo.hostile());
  const elements = () =>
    page.evaluate(
      () => document.querySelectorAll("img, iframe, object, embed, a, base, form, link:not([rel=icon])").length,
    );
  const scripts = await page.evaluate(() => document.scripts.length);
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    await settle(page);
    const box = await page.locator("#stage").boundingBox();
    for (let k = 1; k < 8; k++) await page.mouse.move(box.x + (box.width * k) / 8, box.y + box.height / 2);
    equal(await elements(), 0, "elements that no template has");
  }
  await page.evaluate(() => {
    const app = window.unspool;
    app.setDetail("ops");
    for (let i = 0; i < app.graph.count; i++) app.select(i, true);
    app.setQuery("</script>");
    app.nextParameter();
  });
  equal(
    await page.evaluate(() => [window.hacked, document.scripts.length]),
    [undefined ?? null, scripts].map((v) => v),
    "nothing ran, nothing was added",
  );
});

test("marks of direction and control characters are shown and cannot turn a line round", async ({open}) => {
  const page = await open(demo.hostile(), {fragment: "#s=3"});
  const told = await page.locator("#panel").innerText();
  check(told.includes("⟨202E⟩") && told.includes("␊") && told.includes("␀"), told.slice(0, 300));
  // eslint-disable-next-line no-control-regex
  check(!/[\u0000-\u0008\u202a-\u202e\u2066-\u2069]/.test(told), "none is left as it was");
  check(await page.evaluate(() => [...document.querySelectorAll("#panel bdi")].length > 3), "names stand isolated");
  check(!/[\u202a-\u202e]/.test(await page.title()), "nor in the title");
});

test("a label is found by what it holds", async ({open}) => {
  const page = await open(demo.hostile());
  await page.getByRole("searchbox").fill('"window.hacked"');
  await settle(page);
  check((await page.evaluate(() => window.unspool.found.nodes.length)) >= 4, "found");
});
