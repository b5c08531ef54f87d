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

/** Replaces some values of a file by strange ones; the same seed gives the same file. */
function damage(file, seed) {
  let state = seed * 2654435761;
  const random = (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  const strange = [null, -1, 1e9, 2 ** 53, 0.5, "x", [], {}, true, "nan", -(2 ** 31)];
  const copy = JSON.parse(JSON.stringify(file));
  for (let times = 1 + random(3); times > 0; times--) {
    let at = copy;
    for (;;) {
      const keys = Object.keys(at);
      if (!keys.length) break;
      const key = keys[random(keys.length)];
      if (typeof at[key] === "object" && at[key] !== null && random(8)) {
        at = at[key];
      } else {
        if (random(4)) at[key] = strange[random(strange.length)];
        else delete at[key];
        break;
      }
    }
  }
  return copy;
}

const damaged = Number(process.env.DAMAGED ?? 16);
test(`of ${damaged} damaged files each is shown or refused with a sentence, and none breaks the page`, async ({
  open,
}) => {
  const file = demo.lstm(9, 1);
  for (let seed = 1; seed <= damaged; seed++) {
    const page = await open(damage(file, seed));
    const refused = await page.evaluate(() => Boolean(window.unspool.error));
    if (refused) {
      check((await page.getByRole("alert").textContent()).length > 30, `seed ${seed}: a sentence`);
    } else {
      for (const tab of await page.getByRole("tab").all()) await tab.click();
      await page.evaluate(() => {
        for (let i = 0; i < window.unspool.graph.count; i += 7) window.unspool.select(i);
        window.unspool.setStage(3);
      });
    }
    await page.close();
  }
});
