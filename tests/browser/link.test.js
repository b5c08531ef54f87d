"use strict";
const demo = require("./demo.js");
const {check, equal, settle, test} = require("./harness.js");

const shown = (page) =>
  page.evaluate(() => {
    const app = window.unspool,
      {view} = app,
      round = (value) => Number(value.toPrecision(6)); // as the link does
    return {
      view: view.id,
      detail: app.views.unrolled.detail,
      folds: app.views.unrolled.folds.toText(),
      color: app.color,
      params: app.params,
      selected: app.selected,
      query: app.query,
      stage: app.backward.stage,
      theme: document.documentElement.dataset.theme,
      camera: view.scene ? [view.camera.x, view.camera.y, view.camera.zoom].map(round) : null,
      domain: view.domain?.map(round) ?? null,
    };
  });

test("the fragment holds the whole view, and a page opened with it shows the same", async ({open}) => {
  const file = demo.lstm(40),
    page = await open(file);
  await page.evaluate(() => {
    const app = window.unspool;
    app.setDetail("ops");
    app.foldStep(app.facts.placement.cells.findIndex((cell) => cell.step === 38));
    app.setColor("gradnorm");
    app.params = "lane";
    app.setTheme("dark");
    app.setQuery("op=tanh & t=3");
    app.setStage(7);
    app.select(100);
    app.view.camera.zoomAt(1.7, 200, 300);
    app.refresh();
  });
  await settle(page);
  const wanted = await shown(page),
    fragment = new URL(page.url()).hash;
  equal(wanted.query, "op=tanh & t=3", "query");
  const again = await open(file, {fragment});
  equal(await shown(again), wanted, "restored");
});

for (const view of ["folded", "modules", "memory", "gradient", "parameter"])
  test(`a link to the ${view} view opens it`, async ({open}) => {
    const file = demo.lstm(30),
      page = await open(file);
    await page.evaluate((view) => {
      window.unspool.setView(view);
      window.unspool.zoom(2);
    }, view);
    await settle(page);
    const wanted = await shown(page),
      again = await open(file, {fragment: new URL(page.url()).hash});
    equal(await shown(again), wanted, "restored");
  });

test("a fragment that is changed by hand is followed", async ({open}) => {
  const page = await open(demo.rnn(5));
  await page.evaluate(() => {
    location.hash = "#v=memory";
  });
  await settle(page);
  equal((await shown(page)).view, "memory", "view");
});

for (const fragment of [
  "#v=__proto__&color=constructor&s=99999999&b=-5&c=NaN,1,2&f=9-1,5-99999&x=5,1&q=((&o=|&p=77",
  "#c=1e308,1e308,1e308",
  "#%E0%A4%A",
  "#v=gradient&x=0,0&rows=all&theme=<b>",
])
  test(`a fragment that makes no sense is survived: ${fragment.slice(0, 30)}`, async ({open}) => {
    const page = await open(demo.rnn(5), {fragment});
    check((await shown(page)).view.length > 0, "a view");
  });
