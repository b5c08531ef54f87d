"use strict";
const fs = require("fs");
const {execFileSync} = require("child_process");
const path = require("path");
const demo = require("./demo.js");
const {ROOT, check, equal, settle, test} = require("./harness.js");

test("a page opens from file:// with nothing on its console and no request", async ({open}) => {
  const page = await open(demo.lstm(50));
  equal(await page.evaluate(() => window.unspool.view.id), "unrolled", "first view");
  equal(await page.title(), "LSTM, 2 layers", "title");
  const drawn = await page.evaluate(() => {
    const {ctx, canvas} = window.unspool;
    return new Set(new Uint32Array(ctx.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
  });
  check(drawn > 50, `something must be drawn: ${drawn} colours`);
});

test("every view opens and is drawn", async ({open}) => {
  const page = await open(demo.lstm(20));
  const seen = new Set();
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    equal(await tab.getAttribute("aria-selected"), "true", "chosen tab");
    seen.add(await page.evaluate(() => window.unspool.view.id));
  }
  equal([...seen], ["unrolled", "folded", "modules", "memory", "gradient", "parameter"], "views");
});

test("the policy lets nothing in but the page's own style and scripts", async ({open}) => {
  const page = await open(demo.rnn(4), {expect: /violates the following Content Security Policy/});
  const policy = await page.evaluate(() => document.querySelector("meta[http-equiv]").content);
  check(policy.startsWith("default-src 'none';"), policy);
  check(!policy.includes("unsafe") && !policy.includes("http"), policy);
  const ran = await page.evaluate(
    () =>
      new Promise((done) => {
        const script = document.createElement("script");
        script.textContent = "window.smuggled = true";
        document.addEventListener("securitypolicyviolation", () => done(window.smuggled === true), {once: true});
        document.body.append(script);
      }),
  );
  equal(ran, false, "a script that is not the page's own");
});

test("the page before its data stays below 100 KB", async ({folder}) => {
  const out = path.join(folder, "bundle.html");
  execFileSync("python3", [path.join(ROOT, "lib/dump/page/bundle.py"), "-o", out]);
  const size = fs.statSync(out).size;
  check(size < 100000, `${size} bytes`);
  check(fs.readFileSync(out, "utf8").includes('id="graph">@graph@</script>'), "the marker of the data");
});

for (const [name, text] of Object.entries({
  "another format": {format: "model"},
  "a later version": {...demo.rnn(2), version: 3},
  "broken JSON": '{"format": "unspool-graph",',
  "a node that reads a later one": (() => {
    const file = demo.rnn(2);
    file.segments[0].rows.at(-1)[file.slots.length] = 10000;
    return file;
  })(),
  "a count that does not add up": {...demo.rnn(2), nodes: 7},
  "a claim of a million million nodes": {
    ...demo.rnn(2),
    segments: [{count: 1e12, rows: demo.rnn(2).segments[0].rows}],
    nodes: 1e13,
  },
  "a shape outside its table": {...demo.rnn(2), shapes: []},
}))
  test(`${name} is refused with a sentence`, async ({open}) => {
    const page = await open(text);
    const said = await page.getByRole("alert").textContent();
    check(said.includes("This graph cannot be shown"), said);
  });

test("an empty graph opens", async ({open}) => {
  const page = await open({...demo.rnn(1), segments: [], nodes: 0, parameters: [], columns: {}, loss: null});
  for (const tab of await page.getByRole("tab").all()) await tab.click();
});

test("a graph without steps opens", async ({open}) => {
  const r = new demo.Recorder();
  r.node("exp", [r.node("mul", [r.node("input", [], [3]), r.parameter("scale", [3])], [3])], [3]);
  const page = await open(demo.toFile(r));
  for (const tab of await page.getByRole("tab").all()) await tab.click();
  equal(await page.evaluate(() => window.unspool.facts.steps), 0, "steps");
});

test("a narrow screen opens every view too", async ({open}) => {
  const page = await open(demo.lstm(30));
  await page.setViewportSize({width: 400, height: 780});
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    await settle(page);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  equal(wide, false, "nothing makes the page wider than the screen");
});
